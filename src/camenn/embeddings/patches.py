"""Pictures read safely, and cut into the 3 x 3 patches that stand as picture tokens (paper, section 3.1)."""

import io
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

GRID = 3
NUM_PATCHES = GRID * GRID
"""The paper's maximum patch sequence length: 9 (3 * 3 patches)."""

# Named one by one, since Pillow also opens formats that start other programs (EPS). Not every build has all.
Image.init()
_FORMATS = tuple(
    name for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF") if name in Image.OPEN
)


class PictureError(Exception):
    """One picture cannot be used; costs that picture, never the run."""


def load_picture(content: bytes, *, at_least: int) -> Image.Image:
    """Decode a picture file to upright 8-bit RGB, transparency laid on white.

    A JPEG much larger than needed is decoded at 1/2, 1/4 or 1/8 of its size, as long as both sides stay
    `at_least` pixels. Raises PictureError with the reason in words.
    """
    if not content:
        raise PictureError("the file is empty")
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=_FORMATS)
        _refuse_huge(image)
        image.draft(None, (at_least, at_least))
        image.load()
        with suppress(Exception):  # a broken EXIF block is no reason to lose the picture
            ImageOps.exif_transpose(image, in_place=True)
        return _to_rgb(image)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError("not a picture that can be read (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF)") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(f"more than {Image.MAX_IMAGE_PIXELS:,} pixels: refused unread") from None
    except Exception as error:  # codecs raise nearly anything on damaged data
        raise PictureError(f"{type(error).__name__}: {error}") from error


def cut_patches(image: Image.Image, *, size: int, resample: Image.Resampling) -> NDArray[np.uint8]:
    """Cut an RGB picture into 3 x 3 equal patches, each resized to `size` pixels square.

    Returns (9, size, size, 3) in natural order: left to right, then top to bottom. No patch reads a pixel of
    its neighbour, save where a picture is less than three pixels across.
    """
    patches = np.empty((NUM_PATCHES, size, size, 3), np.uint8)
    for patch in range(NUM_PATCHES):
        row, column = divmod(patch, GRID)
        left, right = _third(image.width, column)
        top, bottom = _third(image.height, row)
        # Cropped first: a box given to resize lets the filter look over its edge.
        patches[patch] = np.asarray(image.crop((left, top, right, bottom)).resize((size, size), resample))
    return patches


def _third(length: int, number: int) -> tuple[int, int]:
    start = length * number // GRID
    return start, max(length * (number + 1) // GRID, start + 1)


def _refuse_huge(image: Image.Image) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise PictureError(f"{image.width} x {image.height} pixels, more than {limit:,}: refused unread")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _to_eight_bits(image)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(white, over).convert("RGB")
    return image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and floating grey to 0..255 by the smallest usual range that holds it."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0).clip(min=0.0)
    peak = float(values.max())
    sixteen = image.mode.startswith("I;16")
    full = 65535.0 if sixteen else next((top for top in (1.0, 255.0, 65535.0) if peak <= top), peak)
    return Image.fromarray((values * (255.0 / full)).round().astype(np.uint8))
