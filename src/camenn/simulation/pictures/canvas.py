"""Drawing in unit coordinates: outlines, and a brush that fills them with light from the upper left."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFont
from scipy.ndimage import distance_transform_edt, gaussian_filter

Colour = tuple[int, int, int]
Outline = NDArray[np.float64]
"""Corners of a closed shape, (num_corners, 2) as x, y in 0..1 with y downwards."""

WHITE: Colour = (250, 249, 244)
LEAF: Colour = (84, 142, 52)
_TOWARDS_LIGHT = np.array([-0.45, -0.60, 0.66])
_HALFWAY = np.array([-0.247, -0.329, 0.911])
_RELIEF_SIDES = (14, 40)
"""Relief is computed on a thumbnail and enlarged: shading has no fine detail."""


@dataclass(frozen=True, slots=True)
class Look:
    """The two colours that tell one variety of a product from another."""

    colour: Colour
    """Main colour of the variety."""
    accent: Colour
    """Second colour: a label, a cap, a filling."""


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of `second` in `first`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float = 0.35) -> Colour:
    return mix(colour, (24, 14, 20), share)


def lighter(colour: Colour, share: float = 0.35) -> Colour:
    return mix(colour, (255, 253, 240), share)


def ellipse(x: float, y: float, across: float, down: float | None = None, turn: float = 0.0) -> Outline:
    """Half axes `across` and `down` (a circle without it), turned by `turn` degrees."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    points = np.stack([across * np.cos(angles), (across if down is None else down) * np.sin(angles)], axis=1)
    return moved(turned(points, turn), x, y)


def moved(points: Outline, x: float, y: float) -> Outline:
    """Every point shifted by (x, y)."""
    return np.asarray(points + np.array([x, y]))


def turned(points: Outline, turn: float) -> Outline:
    """About the origin, clockwise on screen, in degrees."""
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return np.asarray(points @ np.array([[cosine, sine], [-sine, cosine]]))


def polygon(*corners: tuple[float, float]) -> Outline:
    return np.array(corners, dtype=np.float64)


def box(left: float, top: float, right: float, bottom: float, rounding: float = 0.0) -> Outline:
    if rounding == 0.0:
        return polygon((left, top), (right, top), (right, bottom), (left, bottom))
    arc = np.linspace(0, np.pi / 2, 6)
    quarter = np.stack([1 - np.cos(arc), 1 - np.sin(arc)], axis=1) * rounding
    first = moved(quarter, left, top)
    second = moved((quarter * (-1, 1))[::-1], right, top)
    third = moved(quarter * (-1, -1), right, bottom)
    fourth = moved((quarter * (1, -1))[::-1], left, bottom)
    return np.concatenate([first[::1], second, third, fourth])


def curve(*points: tuple[float, float], closed: bool = True) -> Outline:
    """A smooth line through all points (Catmull-Rom), closed into a shape unless told otherwise."""
    knots = np.array(points, dtype=np.float64)
    if closed:
        before, start, end, after = np.roll(knots, 1, 0), knots, np.roll(knots, -1, 0), np.roll(knots, -2, 0)
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
        before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0, 1, 8, endpoint=False)[None, :, None]
    before, start, end, after = (part[:, None, :] for part in (before, start, end, after))
    line = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    line = line.reshape(-1, 2)
    return line if closed else np.concatenate([line, knots[-1:]])


def mirrored(*half: tuple[float, float]) -> Outline:
    """A smooth shape with x = 0.5 as its axis, from the points of its right half, top to bottom."""
    return curve(*half, *((1 - x, y) for x, y in reversed(half) if abs(x - 0.5) > 1e-6))


def thick(line: Outline, start: float, end: float | None = None, *, belly: float = 0.0) -> Outline:
    """A band along an open line, `start` wide at its first point and `end` at its last; `belly` is added midway."""
    along = np.gradient(line, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    share = np.linspace(0, 1, len(line))
    width = start + ((start if end is None else end) - start) * share + belly * np.sin(np.pi * share)
    half = normal * width[:, None] / 2
    return np.concatenate([line + half, (line - half)[::-1]])


def lobed(
    x: float, y: float, radius: float, *, lobes: int, depth: float, squash: float = 1.0, turn: float = 0.0
) -> Outline:
    """A wavy disc: `lobes` bumps that go `depth` of the radius in and out."""
    angles = np.linspace(0, 2 * np.pi, 8 * lobes, endpoint=False)
    length = radius * (1 + depth * np.cos(lobes * angles))
    points = np.stack([length * np.cos(angles), length * np.sin(angles) * squash], axis=1)
    return moved(turned(points, turn), x, y)


def leaf_outline(x: float, y: float, length: float, width: float, turn: float) -> Outline:
    """A pointed leaf that starts at (x, y) and runs in direction `turn`."""
    share = np.linspace(0, 1, 14)
    edge = width / 2 * np.sin(np.pi * share**0.8)
    upper = np.stack([share * length, -edge], axis=1)
    lower = np.stack([share * length, edge], axis=1)[::-1]
    return moved(turned(np.concatenate([upper, lower]), turn), x, y)


@lru_cache(maxsize=64)
def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(pixels)


@lru_cache(maxsize=1)
def _tube_light() -> Image.Image:
    """Light across an upright cylinder: a bright stripe left of the middle, dark at both rims."""
    x = np.linspace(-1, 1, 64)
    height = np.sqrt(np.maximum(1 - x**2, 0))
    facing = 0.8 * height - 0.55 * x
    light = 0.16 + 0.46 * facing + 0.30 * np.exp(-(((x + 0.45) / 0.13) ** 2))
    return Image.fromarray((np.clip(light, 0, 1) * 255).astype(np.uint8)[None, :])


def _relief(mask: Image.Image, *, depth: float, gloss: float) -> Image.Image:
    """Light on the shape as if it were inflated: 128 where it faces the viewer."""
    width, height = mask.size
    scale = float(np.clip(max(width, height) / 4, *_RELIEF_SIDES)) / max(width, height)
    size = max(3, round(width * scale)), max(3, round(height * scale))
    inside = np.zeros((size[1] + 2, size[0] + 2), dtype=bool)
    inside[1:-1, 1:-1] = np.asarray(mask.resize(size, Image.Resampling.BOX)) > 100
    distance = distance_transform_edt(inside)
    thickest = max(float(distance.max()), 1.0)
    dome = np.sqrt(np.maximum(1 - (1 - distance / thickest) ** 2, 0)) * thickest * depth
    slope_y, slope_x = np.gradient(gaussian_filter(dome, 1.0 + thickest / 12))
    norm = np.sqrt(1 + slope_x**2 + slope_y**2)
    facing = (-slope_x * _TOWARDS_LIGHT[0] - slope_y * _TOWARDS_LIGHT[1] + _TOWARDS_LIGHT[2]) / norm
    shine = ((-slope_x * _HALFWAY[0] - slope_y * _HALFWAY[1] + _HALFWAY[2]) / norm).clip(0) ** 60
    light = 0.5 + 0.42 * (facing - _TOWARDS_LIGHT[2]) / 0.66 * np.where(facing > 0.66, 1.0, 0.9) + gloss * shine
    picture = Image.fromarray((np.clip(light, 0, 1) * 255).astype(np.uint8)[1:-1, 1:-1])
    return picture.resize(mask.size, Image.Resampling.BICUBIC)


@lru_cache(maxsize=512)
def _ramp(colour: Colour) -> NDArray[np.uint8]:
    """Colours from shade over `colour` to shine, by light 0..255: (256, 3)."""
    stops = np.array([darker(colour, 0.72), colour, lighter(colour, 0.85)], dtype=np.float64)
    levels = np.arange(256)
    return np.stack([np.interp(levels, (0, 128, 255), stop) for stop in stops.T], axis=1).round().astype(np.uint8)


@lru_cache(maxsize=16)
def _ball(gloss: float) -> tuple[Image.Image, Image.Image]:
    """Mask and light of a sphere, to be resized."""
    mask = Image.new("L", (96, 96), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, 95, 95), fill=255)
    return mask, _relief(mask, depth=1.0, gloss=gloss)


class Brush:
    """Paints onto a transparent square; every later stroke lies over the earlier ones."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
        self.rng = rng
        self._size = size

    def fill(
        self,
        outline: Outline,
        colour: Colour,
        *,
        depth: float = 1.0,
        gloss: float = 0.35,
        tube: bool = False,
        within: Outline | None = None,
        opacity: float = 1.0,
    ) -> None:
        """Fill a shape: inflated by `depth` (0 is flat) or lit as an upright `tube`; cut to `within`."""
        placed = self._mask(outline, within)
        if placed is None:
            return
        mask, corner = placed
        if tube:
            light: Image.Image | None = _tube_light().resize(mask.size, Image.Resampling.BILINEAR)
        else:
            light = _relief(mask, depth=depth, gloss=gloss) if depth > 0 else None
        if opacity < 1:
            mask = mask.point(lambda value: value * opacity)
        if light is None:
            self.image.paste((*colour, 255), corner, mask)
        else:
            self.image.paste(self._coloured(light, colour), corner, mask)

    def ball(self, x: float, y: float, across: float, down: float, colour: Colour, *, gloss: float = 0.35) -> None:
        """An upright shaded ellipse; much quicker than `fill`, for the many grapes of a bunch."""
        mask, light = _ball(gloss)
        size = max(2, round(2 * across * self._size)), max(2, round(2 * down * self._size))
        corner = round((x - across) * self._size), round((y - down) * self._size)
        body = self._coloured(light.resize(size, Image.Resampling.BILINEAR), colour)
        self.image.paste(body, corner, mask.resize(size, Image.Resampling.BILINEAR))

    def mottle(
        self,
        outline: Outline,
        colour: Colour,
        *,
        grain: int = 14,
        amount: float = 0.6,
        floor: float = 0.45,
        stretch: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        """Uneven patches of a colour inside a shape: `grain` patches across, only where noise exceeds `floor`."""
        placed = self._mask(outline, None)
        if placed is None:
            return
        mask, corner = placed
        cells = max(2, round(grain * stretch[0])), max(2, round(grain * stretch[1]))
        noise = (self.rng.random((cells[1], cells[0])) - floor).clip(0) / (1 - floor) * amount
        patches = Image.fromarray((noise * 255).astype(np.uint8)).resize(mask.size, Image.Resampling.BICUBIC)
        self.image.paste((*colour, 255), corner, ImageChops.multiply(mask, patches))

    def erase(self, outline: Outline) -> None:
        """Make a hole: what was painted there becomes transparent."""
        placed = self._mask(outline, None)
        if placed is not None:
            self.image.paste((0, 0, 0, 0), placed[1], placed[0])

    def dots(self, centres: Outline, radius: float, colour: Colour, *, tall: float = 1.0) -> None:
        """Small flat specks, `tall` times as high as wide."""
        draw = ImageDraw.Draw(self.image)
        for x, y in centres * self._size:
            across, down = radius * self._size, radius * self._size * tall
            draw.ellipse((x - across, y - down, x + across, y + down), fill=colour)

    def line(self, points: Outline, width: float, colour: Colour) -> None:
        """A thin flat line along the points."""
        corners = [(float(x), float(y)) for x, y in points * self._size]
        ImageDraw.Draw(self.image).line(corners, fill=colour, width=max(1, round(width * self._size)), joint="curve")

    def text(self, x: float, y: float, words: str, height: float, colour: Colour, *, upright: bool = False) -> None:
        """Printed words centred on (x, y), `height` tall; `upright` runs them from bottom to top."""
        font = _font(max(6, round(height * self._size)))
        left, top, right, bottom = font.getbbox(words)
        ink = Image.new("L", (math.ceil(right - left) + 4, math.ceil(bottom - top) + 4), 0)
        ImageDraw.Draw(ink).text((2 - left, 2 - top), words, fill=255, font=font, stroke_width=1)
        if upright:
            ink = ink.transpose(Image.Transpose.ROTATE_90)
        corner = round(x * self._size - ink.width / 2), round(y * self._size - ink.height / 2)
        self.image.paste((*colour, 255), corner, ink)

    def scattered(self, outline: Outline, count: int, *, inset: float = 0.9) -> Outline:
        """About `count` random points inside a shape, which is first shrunk about its middle: (at most count, 2)."""
        middle = outline.mean(axis=0)
        shape = (outline - middle) * inset + middle
        low, high = shape.min(axis=0), shape.max(axis=0)
        points = self.rng.uniform(low, high, (3 * count, 2))
        start, end = shape[None], np.roll(shape, -1, axis=0)[None]
        x, y = points[:, :1], points[:, 1:]
        straddles = (start[..., 1] > y) != (end[..., 1] > y)
        rise = np.where(straddles, end[..., 1] - start[..., 1], 1.0)
        crossing = start[..., 0] + (y - start[..., 1]) / rise * (end[..., 0] - start[..., 0])
        inside = (straddles & (x < crossing)).sum(axis=1) % 2 == 1
        return np.asarray(points[inside][:count])

    def leaf(
        self, x: float, y: float, length: float, width: float, turn: float, colour: Colour = LEAF, *, rib: bool = True
    ) -> None:
        """A leaf with a midrib, from (x, y) in direction `turn` (0 is right, 90 down)."""
        self.fill(leaf_outline(x, y, length, width, turn), colour, depth=0.7, gloss=0.15)
        if rib:
            ends = moved(turned(polygon((0.0, 0.0), (length * 0.9, 0.0)), turn), x, y)
            self.line(ends, 0.008, lighter(colour, 0.4))

    def _coloured(self, light: Image.Image, colour: Colour) -> Image.Image:
        return Image.fromarray(_ramp(colour)[np.asarray(light)])

    def _mask(self, outline: Outline, within: Outline | None) -> tuple[Image.Image, tuple[int, int]] | None:
        """The shape's mask cut to its bounds, and the corner where it belongs; None when nothing is on canvas."""
        points = outline * self._size
        low = np.maximum(np.floor(points.min(axis=0)), 0).astype(int)
        high = np.minimum(np.ceil(points.max(axis=0)) + 1, self._size).astype(int)
        if (high <= low).any():
            return None
        size = int(high[0] - low[0]), int(high[1] - low[1])
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in points - low], fill=255)
        if within is not None:
            frame = Image.new("L", size, 0)
            ImageDraw.Draw(frame).polygon([(float(x), float(y)) for x, y in within * self._size - low], fill=255)
            mask = ImageChops.multiply(mask, frame)
        return mask, (int(low[0]), int(low[1]))
