"""The picture encoder that needs no download: colour, texture and shape of each patch, 128 numbers.

The picture is brought to 96 x 96, so that a patch is 32 x 32. Colours are in Oklab, a space in which equal steps
look equally large (Ottosson 2020). Every group of numbers is shifted and scaled by a constant to about zero mean and
unit spread over photographs, and none depends on any other picture.

DEVIATION: no download.
"""

import hashlib
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from camenn.embeddings.patches import GRID, NUM_PATCHES

_SIDE = 32  # pixels of a patch
_WHOLE = GRID * _SIDE
_DIRECTIONS = 8
_EDGE = 0.02  # lightness a pixel, above which a pixel counts as edge
_RING = 4  # outermost pixels taken for the background

Pixels = NDArray[np.floating]

# sRGB to linear light; linear light to cone responses; their cube roots to lightness, green-red, blue-yellow.
_LIGHT = np.arange(256, dtype=np.float32) / 255
_LINEAR = np.where(_LIGHT <= 0.04045, _LIGHT / 12.92, ((_LIGHT + 0.055) / 1.055) ** 2.4).astype(np.float32)
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_LAB_MIDDLE = np.array([0.5, 0.0, 0.04], np.float32)
_LAB_SPREAD = np.array([0.25, 0.06, 0.06], np.float32)


class BuiltinImage:
    """Colour, texture and shape of each patch; deterministic."""

    spec: ClassVar[str] = "builtin"
    width: ClassVar[int] = 128
    input_size: ClassVar[int] = _SIDE

    @property
    def digest(self) -> str:
        """Identity of what is computed; the number rises when the arithmetic changes."""
        return hashlib.blake2b(b"camenn builtin image 1", digest_size=8).hexdigest()

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """Give (9, 128): all the work is done here, where the decoding workers share it."""
        pixels = np.asarray(image.resize((_WHOLE, _WHOLE), Image.Resampling.BILINEAR))
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        lab = _oklab(planes)
        cells = _by_cell(lab)
        parts = (
            *_colour(cells),
            _colour_histogram(planes),
            *_texture(lab[0]),
            _object(lab, cells),
        )
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def encode(self, prepared: NDArray[np.generic]) -> NDArray[np.float32]:
        """Give (pictures, 9, 128): what `prepare` gave."""
        return prepared.astype(np.float32, copy=False)


def _oklab(planes: NDArray[np.uint8]) -> Pixels:
    """Give lightness, green-red and blue-yellow of red, green and blue, (3, ...)."""
    linear = _LINEAR[planes].reshape(3, -1)
    lab: Pixels = _TO_LAB @ np.cbrt(_TO_CONES @ linear)
    return lab.reshape(planes.shape)


def _by_cell(values: Pixels) -> Pixels:
    """Rearrange (..., side, side) into (..., 9 patches, 4 quarters, pixels), both in natural order."""
    *rest, height, width = values.shape
    quarter = height // (2 * GRID)
    split = values.reshape(*rest, GRID, 2, quarter, GRID, 2, width // (2 * GRID))
    order = (*range(len(rest)), *(len(rest) + axis for axis in (0, 3, 1, 4, 2, 5)))
    return split.transpose(order).reshape(*rest, NUM_PATCHES, 4, quarter * quarter)


def _colour(cells: Pixels) -> tuple[Pixels, Pixels]:
    """Mean, deviation and skewness of each axis, (9, 9); each quarter's mean against the patch's, (9, 12)."""
    quarters = cells.mean(-1)
    mean = quarters.mean(-1)
    centred = cells - mean[..., None, None]
    square = centred * centred
    deviation = np.sqrt(square.mean((-1, -2)))
    square *= centred
    skewness = np.cbrt(square.mean((-1, -2)))
    middle, spread = _LAB_MIDDLE[:, None], _LAB_SPREAD[:, None]
    moments = [(mean - middle) / spread * 1.6, deviation / (spread * 0.25) - 1.6, skewness / (spread * 0.45)]
    layout = (quarters - mean[..., None]) / (spread[..., None] * 0.27)
    return np.concatenate(moments).T, layout.transpose(1, 2, 0).reshape(NUM_PATCHES, -1)


@cache
def _colour_shares() -> Pixels:
    """How much each of 16 x 16 x 16 colours belongs to each of 52 reference colours: (4096, 52)."""
    levels = np.arange(8, 256, 16, dtype=np.uint8)
    colours = _oklab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij")).reshape(3, -1))
    hues = [
        (lightness, chroma * np.cos(angle), chroma * np.sin(angle))
        for lightness in (0.45, 0.75)
        for chroma in (0.06, 0.15)
        for angle in np.arange(12) * (2 * np.pi / 12)
    ]
    greys = [(lightness, 0.0, 0.0) for lightness in (0.15, 0.4, 0.65, 0.95)]
    references = np.array(hues + greys, np.float32)
    # Lightness counts half: a product in shade keeps its colour.
    away = (colours.T[:, None] - references) * np.array([0.5, 1.0, 1.0], np.float32)
    likeness = np.exp(-(away**2).sum(-1) / (2 * 0.035**2))
    shares: Pixels = (likeness / likeness.sum(1, keepdims=True)).astype(np.float32)
    return shares


def _colour_histogram(planes: NDArray[np.uint8]) -> Pixels:
    """Root of the share of each reference colour: (9, 52)."""
    coarse = (planes >> 4).astype(np.int32)
    colour = (coarse[0] << 8) | (coarse[1] << 4) | coarse[2]
    patch = np.arange(NUM_PATCHES, dtype=np.int32).reshape(GRID, 1, GRID, 1) * 4096
    index = (colour.reshape(GRID, _SIDE, GRID, _SIDE) + patch).ravel()
    counts = np.bincount(index, minlength=NUM_PATCHES * 4096)
    # Only the colours that occur, and no matrix product: its threads would fight those that decode pictures.
    there = np.flatnonzero(counts)
    weighed = _colour_shares()[there % 4096] * (counts[there, None] / np.float32(_SIDE * _SIDE))
    shares = np.add.reduceat(weighed, np.searchsorted(there, np.arange(NUM_PATCHES) * 4096))
    histogram: Pixels = (np.sqrt(shares) - 0.11) * 9
    return histogram


def _texture(lightness: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Oriented gradients at two scales, (9, 32) and (9, 8), and what the edges look like, (9, 9)."""
    half = lightness.reshape(_WHOLE // 2, 2, _WHOLE // 2, 2).mean((1, 3))
    fine, strength = _directions(lightness)
    coarse, strength_half = _directions(half)
    mean = strength.mean((1, 2)) + 1e-3
    sharpness = _by_cell(np.abs(_laplacian(lightness))).mean((1, 2)) + 1e-3
    centre, spread = _place(strength)
    edges = (
        (np.log(mean) + 3.2) * 2.5,
        (np.log(strength_half.mean((1, 2)) + 1e-3) + 2.8) * 2.5,
        (np.log(sharpness) + 4.0) * 2.5,
        (np.log(sharpness / mean) + 1.0) * 6,
        ((strength > _EDGE).mean((1, 2)) - 0.7) * 6,
        *(centre * 20),
        *((spread - 0.28) * 35),
    )
    return _shares(fine), _shares(coarse.reshape(NUM_PATCHES, 4, -1).sum(1)), np.stack(edges, axis=1)


def _directions(lightness: Pixels) -> tuple[Pixels, Pixels]:
    """Sum of edge strength by direction in each quarter, (9, 32), and the strengths, (9, 4, pixels)."""
    down, right = _by_cell(np.stack(_slopes(lightness)))
    strength = np.sqrt(down * down + right * right)
    # A line has no sense: opposite slopes are one direction. Each counts for the two directions it lies between.
    turn = np.arctan2(down, right) * np.float32(_DIRECTIONS / np.pi) + np.float32(_DIRECTIONS)
    below = turn.astype(np.int32)
    above_share = (turn - below) * strength
    quarter = np.arange(NUM_PATCHES * 4, dtype=np.int32).reshape(NUM_PATCHES, 4, 1) * _DIRECTIONS
    index = np.stack([quarter + below % _DIRECTIONS, quarter + (below + 1) % _DIRECTIONS])
    weights = np.stack([strength - above_share, above_share])
    sums = np.bincount(index.ravel(), weights.ravel(), minlength=NUM_PATCHES * 4 * _DIRECTIONS)
    return sums.astype(np.float32).reshape(NUM_PATCHES, -1) / down.shape[-1], strength


def _shares(sums: Pixels) -> Pixels:
    """Roots of shares, so that a faint edge is seen and a strong one does not drown the rest."""
    even = np.sqrt(np.float32(1 / sums.shape[1]))
    share = sums / (sums.sum(1, keepdims=True) + np.float32(0.01))
    result: Pixels = (np.sqrt(share) - 0.9 * even) / (0.35 * even)
    return result


def _slopes(values: Pixels) -> tuple[Pixels, Pixels]:
    """Half the difference of the neighbours, down and right; at the border, of the pixel and its neighbour."""
    down, right = np.empty_like(values), np.empty_like(values)
    np.subtract(values[2:], values[:-2], out=down[1:-1])
    np.subtract(values[:, 2:], values[:, :-2], out=right[:, 1:-1])
    down[0], down[-1] = values[1] - values[0], values[-1] - values[-2]
    right[:, 0], right[:, -1] = values[:, 1] - values[:, 0], values[:, -1] - values[:, -2]
    return down / 2, right / 2


def _laplacian(values: Pixels) -> Pixels:
    """A pixel's difference from its four neighbours; nothing at the border."""
    result = np.zeros_like(values)
    around = values[2:, 1:-1] + values[:-2, 1:-1] + values[1:-1, 2:] + values[1:-1, :-2]
    result[1:-1, 1:-1] = around / 4 - values[1:-1, 1:-1]
    return result


@cache
def _places() -> Pixels:
    """Each pixel's place down and right within -0.5..0.5, and their squares, as _by_cell orders them: (1024, 4)."""
    place = (np.arange(_SIDE, dtype=np.float32) + 0.5) / _SIDE - 0.5
    down, right = (
        np.tile(place, GRID)[:, None].repeat(_WHOLE, 1),
        np.tile(place, GRID)[None].repeat(_WHOLE, 0),
    )
    one_patch = _by_cell(np.stack([down, right]))[:, 0].reshape(2, -1)
    return np.concatenate([one_patch, one_patch**2]).T.copy()


def _place(weight: Pixels) -> tuple[Pixels, Pixels]:
    """Centre (down, right) and spread of a weight over each patch's pixels: (2, 9) each."""
    flat = weight.reshape(NUM_PATCHES, -1) + np.float32(1e-6)
    mean = (flat @ _places()) / flat.sum(1, keepdims=True)
    centre, square = mean[:, :2].T, mean[:, 2:].T
    return centre, np.sqrt(np.maximum(square - centre * centre, 0))


def _object(lab: Pixels, cells: Pixels) -> Pixels:
    """What stands out from the picture's border: (9, 6) difference, share and centre."""
    strips = (lab[:, :_RING], lab[:, -_RING:], lab[:, :, :_RING], lab[:, :, -_RING:])
    border = np.concatenate([strip.reshape(3, -1) for strip in strips], axis=1)
    middle = border.shape[1] // 2
    background = np.partition(border, middle, axis=1)[:, middle]
    away = cells - background[:, None, None, None]
    distance = np.sqrt((away * away).sum(0))
    standing = distance / (distance + np.float32(0.1))
    centre, _ = _place(standing)
    difference = away.mean((-1, -2)) / (_LAB_SPREAD[:, None] * 0.5)
    return np.stack([*difference, (standing.mean((1, 2)) - 0.5) * 5, *(centre * 20)], axis=1)
