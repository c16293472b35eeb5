"""From a drawn piece to a shop's photograph: background, arrangement, shadow, light and camera."""

import io
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from camenn.simulation.pictures.canvas import Brush, Colour, Look
from camenn.simulation.products import Product, Variety
from camenn.simulation.stores import Camera

SIDE = 144
"""Width and height of a finished picture, in pixels."""
_SCENE = SIDE * 3 // 2
_PIECE = 256
_WALL = 320

_ARRANGEMENTS: dict[int, tuple[float, tuple[tuple[float, float], ...]]] = {
    1: (0.85, ((0.5, 0.5),)),
    2: (0.60, ((0.29, 0.46), (0.70, 0.56))),
    3: (0.54, ((0.30, 0.32), (0.70, 0.36), (0.48, 0.70))),
    4: (0.50, ((0.28, 0.30), (0.70, 0.27), (0.31, 0.71), (0.73, 0.69))),
    5: (0.45, ((0.24, 0.27), (0.60, 0.24), (0.80, 0.55), (0.42, 0.56), (0.60, 0.82))),
    6: (0.41, ((0.22, 0.28), (0.52, 0.24), (0.80, 0.32), (0.25, 0.70), (0.54, 0.64), (0.80, 0.74))),
    7: (0.39, ((0.22, 0.24), (0.52, 0.20), (0.80, 0.28), (0.36, 0.52), (0.66, 0.55), (0.24, 0.80), (0.74, 0.83))),
}
"""By number of pieces: the size of one against the picture, and where they lie."""


def photograph(
    product: Product,
    variety: Variety,
    camera: Camera,
    *,
    freshness: float,
    perishable: bool,
    rng: np.random.Generator,
) -> bytes:
    """A JPEG, SIDE x SIDE pixels, of a few pieces of the product as this shop would take it."""
    brush = Brush(_PIECE, rng)
    product.drawing(brush, Look(_tinted(variety.look.colour, rng), _tinted(variety.look.accent, rng)))
    age = 1 - freshness
    piece = _aged(brush.image, age, rng) if perishable else _scuffed(brush.image, age, rng)
    scene = _background(camera, rng)
    _arrange(scene, piece, product, camera, rng)
    return _developed(scene, camera, rng)


def blurred(jpeg: bytes) -> bytes:
    """The same picture hopelessly out of focus."""
    picture = Image.open(io.BytesIO(jpeg)).filter(ImageFilter.GaussianBlur(SIDE / 13))
    return _encoded(picture, 80)


def _tinted(colour: Colour, rng: np.random.Generator) -> Colour:
    """No two deliveries have quite the same colour."""
    red, green, blue = np.clip(np.array(colour) + rng.normal(0, 7, 3), 0, 255).round().astype(int).tolist()
    return red, green, blue


def _patches(rng: np.random.Generator, cells: int, floor: float, strength: float) -> Image.Image:
    """Soft random patches over the whole piece, as a mask."""
    noise = (rng.random((cells, cells)) - floor).clip(0) / (1 - floor)
    patches = Image.fromarray((noise * 255 * strength).clip(0, 255).astype(np.uint8))
    return patches.resize((_PIECE, _PIECE), Image.Resampling.BICUBIC)


def _aged(piece: Image.Image, age: float, rng: np.random.Generator) -> Image.Image:
    """Fresh goods lose colour and brightness and turn brown in spots."""
    alpha = piece.getchannel("A")
    faded = ImageEnhance.Color(piece.convert("RGB")).enhance(1.1 - 0.5 * age)
    faded = ImageChops.multiply(faded, Image.new("RGB", piece.size, _grey(255 - 60 * age)))
    faded.paste((96, 66, 36), (0, 0), _patches(rng, 9, 0.9 - 0.5 * age, 1.1 * age))
    faded.putalpha(alpha)
    return faded


def _scuffed(piece: Image.Image, age: float, rng: np.random.Generator) -> Image.Image:
    """Packages fade and are rubbed pale in places."""
    alpha = piece.getchannel("A")
    faded = ImageEnhance.Color(piece.convert("RGB")).enhance(1.08 - 0.75 * age)
    faded = Image.blend(faded, Image.new("RGB", piece.size, (188, 182, 170)), 0.38 * age)
    faded.paste((216, 210, 200), (0, 0), _patches(rng, 24, 0.92 - 0.35 * age, 0.9 * age))
    faded.putalpha(alpha)
    return faded


def _grey(level: float) -> Colour:
    return round(level), round(level), round(level)


def _arrange(
    scene: Image.Image, piece: Image.Image, product: Product, camera: Camera, rng: np.random.Generator
) -> None:
    """Lay the pieces out, each with its shadow."""
    fewest, most = product.pieces
    crowd = np.clip(camera.crowd + rng.normal(0, 0.25), 0, 1)
    num_pieces = round(fewest + (most - fewest) * float(crowd))
    size, places = _ARRANGEMENTS[num_pieces]
    for x, y in places:
        scale = size * camera.scale * float(rng.uniform(0.93, 1.04))
        turn = camera.tilt * min(1.0, product.turn / 20) + float(rng.uniform(-1, 1)) * product.turn
        squash = camera.foreshortening if product.turn > 20 else 1.0
        placed = _placed(piece, scale * _SCENE, turn, squash, flip=product.turn > 20 and rng.random() < 0.5)
        spread = 0.025 if num_pieces > 1 else 0.04
        centre = (np.array([x, y]) + rng.uniform(-spread, spread, 2)) * _SCENE
        corner = round(centre[0] - placed.width / 2), round(centre[1] - placed.height / 2)
        _shadow(scene, placed, corner)
        scene.paste(placed, corner, placed)


def _placed(piece: Image.Image, size: float, turn: float, squash: float, *, flip: bool) -> Image.Image:
    """The piece turned and scaled to `size` pixels, on a tile wide enough for any turn."""
    source = piece.reduce(2) if size < 0.55 * _PIECE else piece
    tile = math.ceil(size * 1.36)
    scale = source.width / size
    cosine, sine = math.cos(math.radians(turn)) * scale, math.sin(math.radians(turn)) * scale
    mirror = -1.0 if flip else 1.0
    matrix = np.array([[cosine, sine / squash], [-sine, cosine / squash]]) * [[mirror], [1.0]]
    shift = source.width / 2 - matrix @ np.array([tile / 2, tile / 2])
    affine = (matrix[0, 0], matrix[0, 1], shift[0], matrix[1, 0], matrix[1, 1], shift[1])
    return source.transform((tile, tile), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)


def _shadow(scene: Image.Image, placed: Image.Image, corner: tuple[int, int]) -> None:
    """A soft shadow to the lower right, away from the light."""
    border = 8
    small = placed.getchannel("A").reduce(4)
    wide = Image.new("L", (small.width + 2 * border // 4, small.height + 2 * border // 4), 0)
    wide.paste(small, (border // 4, border // 4))
    soft = wide.filter(ImageFilter.GaussianBlur(1.6)).point(lambda value: value * 0.45)
    shadow = soft.resize((placed.width + 2 * border, placed.height + 2 * border), Image.Resampling.BILINEAR)
    scene.paste((20, 12, 10), (corner[0] - border + 6, corner[1] - border + 8), shadow)


def _developed(scene: Image.Image, camera: Camera, rng: np.random.Generator) -> bytes:
    """Reduced to the finished size, under the shop's light, through its lens and sensor."""
    picture = scene.resize((SIDE, SIDE), Image.Resampling.BOX)
    blur = camera.blur * float(rng.uniform(0.7, 1.4))
    picture = picture.filter(ImageFilter.GaussianBlur(blur))
    light = camera.brightness * float(rng.uniform(0.92, 1.07))
    warmth = camera.warmth + float(rng.normal(0, 0.02))
    gains = np.array([light * (1 + warmth), light, light * (1 - warmth)], dtype=np.float32)
    pixels = np.asarray(picture, dtype=np.float32) * gains * _vignette(camera.vignette)[:, :, None]
    pixels += rng.standard_normal((SIDE, SIDE, 1), dtype=np.float32) * camera.noise
    return _encoded(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), camera.jpeg_quality)


def _encoded(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@lru_cache(maxsize=16)
def _vignette(strength: float) -> NDArray[np.float32]:
    across = np.linspace(-1, 1, SIDE, dtype=np.float32)
    return (1 - strength * (across[None, :] ** 2 + across[:, None] ** 2) / 2).astype(np.float32)


def _background(camera: Camera, rng: np.random.Generator) -> Image.Image:
    """A random cut of the shop's table."""
    left, top = rng.integers(0, _WALL - _SCENE, 2).tolist()
    cut = _wall(camera.background).crop((left, top, left + _SCENE, top + _SCENE))
    return cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else cut


@lru_cache(maxsize=16)
def _wall(background: str) -> Image.Image:
    # A shop has one table: its grain is the same in every simulated town.
    return BACKGROUNDS[background](np.random.default_rng(7))


def _textured(colour: Colour, rng: np.random.Generator, cells: tuple[int, int], strength: float) -> Image.Image:
    """One colour under smooth noise of `cells` across and down, `strength` levels either way."""
    noise = rng.normal(0, strength, (cells[1], cells[0])).clip(-127, 127)
    smooth = Image.fromarray((noise + 128).astype(np.uint8)).resize((_WALL, _WALL), Image.Resampling.BICUBIC)
    levels = np.asarray(smooth, dtype=np.float32)[:, :, None] - 128
    return Image.fromarray((np.array(colour, dtype=np.float32) + levels).clip(0, 255).astype(np.uint8))


def _wood(rng: np.random.Generator) -> Image.Image:
    wall = _textured((168, 120, 76), rng, (90, 5), 11)
    draw = ImageDraw.Draw(wall, "RGBA")
    for left in range(0, _WALL, 60):
        draw.rectangle((left, 0, left + 60, _WALL), fill=(60, 30, 10, int(rng.integers(0, 46))))
        draw.line((left, 0, left, _WALL), fill=(52, 32, 18, 230), width=3)
        knot_x, knot_y = left + int(rng.integers(12, 48)), int(rng.integers(20, _WALL - 20))
        for ring in (7, 4, 2):
            draw.ellipse(
                (knot_x - ring * 0.7, knot_y - ring, knot_x + ring * 0.7, knot_y + ring), outline=(70, 40, 20, 150)
            )
    return wall


def _white(rng: np.random.Generator) -> Image.Image:
    return _textured((236, 238, 240), rng, (4, 4), 3)


def _tiles(rng: np.random.Generator) -> Image.Image:
    wall = _textured((206, 142, 104), rng, (40, 40), 7)
    draw = ImageDraw.Draw(wall, "RGBA")
    for left in range(0, _WALL, 80):
        for top in range(0, _WALL, 80):
            draw.rectangle((left, top, left + 80, top + 80), fill=(250, 214, 160, int(rng.integers(0, 70))))
            draw.rectangle((left, top, left + 80, top + 80), outline=(226, 206, 182, 255), width=3)
    return wall


def _steel(rng: np.random.Generator) -> Image.Image:
    wall = _textured((166, 170, 174), rng, (4, 200), 7)
    draw = ImageDraw.Draw(wall, "RGBA")
    for x in range(18, _WALL, 36):
        for y in range(18, _WALL, 36):
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(70, 74, 78, 200))
    return wall


def _cloth(rng: np.random.Generator) -> Image.Image:
    wall = _textured((226, 232, 240), rng, (160, 160), 5)
    draw = ImageDraw.Draw(wall, "RGBA")
    for left in range(0, _WALL, 40):
        draw.rectangle((left, 0, left + 19, _WALL), fill=(52, 96, 170, 120))
        draw.rectangle((0, left, _WALL, left + 19), fill=(52, 96, 170, 120))
    return wall


def _slate(rng: np.random.Generator) -> Image.Image:
    fine = _textured((84, 90, 98), rng, (140, 140), 5)
    return Image.blend(fine, _textured((84, 90, 98), rng, (9, 22), 16), 0.5)


BACKGROUNDS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "wood": _wood,
    "white": _white,
    "tiles": _tiles,
    "steel": _steel,
    "cloth": _cloth,
    "slate": _slate,
}
