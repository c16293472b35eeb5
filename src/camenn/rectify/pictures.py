"""Pictures that show nothing: blurred, dark, tiny, empty. Judged as listings are, by defects made on purpose.

No threshold on sharpness holds for every shop: a cabbage is busier than a bottle of milk. What is normal in this shop
is what its own pictures are, and what a defect does to them can be tried.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from camenn.embeddings.patches import PictureError, load_picture
from camenn.errors import DataError
from camenn.rectify.contrast import ROUNDS, Contrast, Ints, Planted, Signals

SIDE = 256
"""Pictures are looked at with their longer side this long, but never enlarged."""
SAMPLE = 400
"""Pictures that defects are made in."""
FEWEST = 20
_BLUR = (0.006, 0.06)
"""Standard deviation of a blur that is made, as a share of the shorter side. CHOICE."""
_FREEDOM = 10.0
"""Of the weights: measures tell defects apart more sharply than signals tell faults. CHOICE."""
_SPOILED_SIDE = 1024
_TILES = 4
_AHEAD = 64
_Grey = NDArray[np.floating[Any]]


class Defect(IntEnum):
    """What a picture can suffer from; the classes of a contrast."""

    NONE = 0
    BLURRED = 1
    DARK = 2
    TINY = 3
    EMPTY = 4


MEASURES = (
    "shorter side",
    "fine detail",
    "coarse detail",
    "fine over coarse detail",
    "detail lost by a slight blur",
    "detail where it is sharpest",
    "brightness",
    "contrast",
    "darkest",
    "brightest",
    "colour",
    "even area",
)


def measures(picture: Image.Image) -> NDArray[np.float64]:
    """(len(MEASURES),) of an RGB picture, SIDE long at most."""
    light = picture.convert("L")
    grey = _values(light)
    edges, floor = _laplacian(grey), _spread(np.zeros(1, np.float32))
    fine, coarse = _spread(edges), _spread(_laplacian(_values(light.reduce(2))))
    soft = _spread(_laplacian(_values(light.filter(ImageFilter.GaussianBlur(1.5)))))
    tiles = [_spread(tile) for row in np.array_split(edges, _TILES) for tile in np.array_split(row, _TILES, axis=1)]
    red, green, blue = (np.asarray(band) for band in picture.split())
    colour = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    dark, bright = np.quantile(grey, [0.05, 0.95])
    return np.array(
        [
            np.log(min(picture.size)),
            fine,
            coarse,
            fine - coarse,
            soft - fine,
            max(tiles),
            grey.mean(),
            grey.std(),
            dark,
            bright,
            colour.mean() / 255,
            np.mean([tile < floor + 0.5 for tile in tiles]),
        ]
    )


def _values(picture: Image.Image) -> _Grey:
    return np.asarray(picture, np.float32) / np.float32(255)


def _laplacian(grey: _Grey) -> _Grey:
    """How far each inner pixel is from its four neighbours."""
    return grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]


def _spread(edges: _Grey) -> float:
    """Logarithm of the variance; that of nothing where there are no pixels."""
    return float(np.log((edges.var() if edges.size else 0.0) + 1e-6))


def with_defect(picture: Image.Image, defect: Defect, rng: np.random.Generator) -> Image.Image:
    """The same picture, spoiled: none of it so slightly that a shopper would not mind."""
    side = min(picture.size)
    if defect is Defect.BLURRED:
        return picture.filter(ImageFilter.GaussianBlur(side * float(np.exp(rng.uniform(*np.log(_BLUR))))))
    if defect is Defect.DARK:
        light = rng.uniform(0.05, 0.25)
        return picture.point(lambda value: round(value * light))
    if defect is Defect.TINY:
        scale = rng.uniform(12, 48) / side
        return picture.resize([max(1, round(length * min(scale, 0.5))) for length in picture.size])
    red, green, blue = (int(rng.integers(256) if rng.random() < 0.5 else rng.choice([0, 255])) for _ in range(3))
    left = rng.uniform(0.0, 0.02) if rng.random() < 0.5 else 0.0  # a plain area, or hardly anything on it
    return Image.blend(Image.new("RGB", picture.size, (red, green, blue)), picture, left)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a shop's pictures."""

    signals: Signals
    """(items, MEASURES): nan where there is no picture, or none that can be read."""
    absent: NDArray[np.bool_]
    """(items,): there is no picture."""
    unreadable: NDArray[np.bool_]
    """(items,): a picture that cannot be read stands there."""


Pictures = Callable[[int, int], "list[bytes | Path | None]"]
"""Pictures of the lines start to stop, as a catalogue gives them."""


def measure_all(pictures: Pictures, num_items: int, *, tell: Callable[[int], None]) -> Measured:
    """Look at every picture, in threads. `tell` is called with how many were looked at."""
    signals = np.full((num_items, len(MEASURES)), np.nan)
    absent, unreadable = np.zeros(num_items, dtype=bool), np.zeros(num_items, dtype=bool)
    for line, found in enumerate(_in_order(pictures, num_items, measures)):
        if found is None:
            absent[line] = True
        elif isinstance(found, PictureError):
            unreadable[line] = True
        else:
            signals[line] = found
        tell(line + 1)
    return Measured(signals, absent, unreadable)


def judge_pictures(measured: Measured, fold: Ints, pictures: Pictures, *, seed: int) -> NDArray[np.float64]:
    """(items, defects) probabilities, zero where there is no picture or too few different ones to judge by."""
    probability = np.zeros((len(fold), len(Defect)))
    seen = np.flatnonzero(~np.isnan(measured.signals[:, 0]))
    if len(seen) >= FEWEST:
        with suppress(DataError):  # all show the same: nobody can say what is normal here
            probability[seen] = _judged(seen, measured.signals, fold, pictures, np.random.default_rng([seed, 2]))
    return probability


def _judged(
    seen: Ints, signals: Signals, fold: Ints, pictures: Pictures, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(seen, defects)"""
    sample = np.sort(rng.choice(seen, min(SAMPLE, len(seen)), replace=False))
    spoiled = {line: _spoiled(pictures, line, rng) for line in sample.tolist()}
    right = seen
    for number in range(ROUNDS):
        base = sample[np.isin(sample, right)].tolist()
        contrast = Contrast.learn(
            Planted(
                np.concatenate([signals[right], *(spoiled[line] for line in base)]),
                np.concatenate([np.zeros(len(right), np.int64), np.tile(np.arange(1, len(Defect)), len(base))]),
                np.concatenate([fold[right], np.repeat(fold[base], len(Defect) - 1)]),
            ),
            len(Defect),
            freedom=_FREEDOM,
        )
        right = seen[contrast.trusted(signals[seen], fold[seen], at_first=number == 0)]
    found = contrast.with_frequencies_of(signals[seen], fold[seen])
    return found.probabilities(signals[seen], fold[seen])


def _spoiled(pictures: Pictures, line: int, rng: np.random.Generator) -> Signals:
    """(defects but none, MEASURES): spoiled large and saved again, as a real one is, then looked at.

    One in two is saved without loss: else what a JPEG takes away would tell what was made from what is real.
    """
    source = pictures(line, line + 1)[0]
    picture = load_picture(_content(source), at_least=_SPOILED_SIDE)
    picture.thumbnail((_SPOILED_SIDE, _SPOILED_SIDE), Image.Resampling.BOX)
    found = []
    for defect in list(Defect)[1:]:
        content = io.BytesIO()
        format_, quality = ("JPEG" if rng.random() < 0.5 else "PNG"), int(rng.integers(75, 96))
        with_defect(picture, defect, rng).save(content, format_, quality=quality)
        found.append(measures(_loaded(content.getvalue())))
    return np.stack(found)


def _content(source: bytes | Path | None) -> bytes:
    assert source is not None
    try:
        return source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise PictureError(error.strerror or str(error)) from error


def _loaded(source: bytes | Path) -> Image.Image:
    picture = load_picture(_content(source), at_least=SIDE)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return picture


def _in_order(
    pictures: Pictures, num_items: int, look: Callable[[Image.Image], NDArray[np.float64]]
) -> Iterator[NDArray[np.float64] | PictureError | None]:
    def one(source: bytes | Path | None) -> NDArray[np.float64] | PictureError | None:
        try:
            return None if source is None else look(_loaded(source))
        except PictureError as error:
            return error

    sources = (source for start in range(0, num_items, _AHEAD) for source in pictures(start, start + _AHEAD))
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count() or 1, "measure") as pool:
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        while chunk := list(islice(sources, _AHEAD)):
            yield from pool.map(one, chunk)
