"""Pictures of the shop's items: by line, never by a path from outside, and never what a browser could run."""

import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from camenn.embeddings.patches import PictureError, load_picture
from camenn.tables.catalogue import Catalogue

SMALL_SIDE = 192
MOST_PIXELS = 50_000_000
"""Beyond it a picture is not sent: neither this server nor the browser has to unpack it."""
_KEPT = 4096
_SHOWN = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
}
"""What browsers show as it lies."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is sent."""

    content: bytes
    media_type: str


class Pictures:
    """The pictures of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        # A page of the queue asks for fifty at once, and for many of them again on the next page.
        self._small = lru_cache(maxsize=_KEPT)(self._make_small)

    def whole(self, line: int) -> Picture | None:
        """The picture of an item as the shop has it, None where there is none. Raises PictureError if unusable."""
        content = self._read(line)
        if content is None:
            return None
        media_type = _media_type(content)
        if media_type is not None:
            return Picture(content, media_type)
        return _jpeg(load_picture(content, at_least=4 * SMALL_SIDE))

    def small(self, line: int) -> Picture | None:
        """The same, `SMALL_SIDE` pixels a side at most."""
        return self._small(line)

    def _make_small(self, line: int) -> Picture | None:
        content = self._read(line)
        if content is None:
            return None
        _media_type(content)
        picture = load_picture(content, at_least=SMALL_SIDE)
        picture.thumbnail((SMALL_SIDE, SMALL_SIDE))
        return _jpeg(picture)

    def _read(self, line: int) -> bytes | None:
        source = self._catalogue.images(line, line + 1)[0]
        return source.read_bytes() if isinstance(source, Path) else source


def tag(picture: Picture) -> str:
    """What changes with the picture, for the browser's cache."""
    return f'"{hashlib.blake2b(picture.content, digest_size=12).hexdigest()}"'


def _media_type(content: bytes) -> str | None:
    """By the content's first bytes, nothing unpacked; None for a picture that browsers do not show as it is.

    Raises PictureError for one that is too large.
    """
    try:
        with Image.open(io.BytesIO(content), formats=tuple(name for name in _SHOWN if name in Image.OPEN)) as image:
            pixels = image.width * image.height
            kind = image.format
    except UnidentifiedImageError:
        return None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError("too large to be shown") from None
    except Exception as error:  # readers of headers raise nearly anything on damaged data
        raise PictureError(f"{type(error).__name__}: {error}") from error
    if pixels > MOST_PIXELS:
        raise PictureError(f"{pixels:,} pixels, more than {MOST_PIXELS:,}")
    return _SHOWN[str(kind)]


def _jpeg(picture: Image.Image) -> Picture:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return Picture(buffer.getvalue(), "image/jpeg")
