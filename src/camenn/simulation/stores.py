"""The shops of the platform: each has its own background, light, camera and way of writing names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Camera:
    """How a shop photographs."""

    background: str
    """A key of `photographs.BACKGROUNDS`."""
    brightness: float
    warmth: float
    """Red gained and blue lost; negative is cold."""
    vignette: float
    """Light lost in the corners, as a share."""
    blur: float
    """Standard deviation, in pixels of the finished picture."""
    noise: float
    """Standard deviation, of 255 levels."""
    jpeg_quality: int
    tilt: float
    """Usual turn of the camera, in degrees."""
    foreshortening: float
    """Height over width of what lies flat."""
    scale: float
    """Size of the pieces against the other shops'."""
    crowd: float
    """How near to the most pieces a product allows, 0..1."""


@dataclass(frozen=True, slots=True)
class Hand:
    """How a shop writes."""

    style: str
    """A key of `wording.STYLES`."""
    language: str
    """`swedish`, `spanish`, or `english`: the language of some nouns."""
    foreign: float
    """Share of nouns written in `language`."""
    tells_variety: float
    tells_size: float
    tells_brand: float
    describes: float
    """Share of items with a description."""


@dataclass(frozen=True, slots=True)
class Store:
    """One shop of the platform."""

    name: str
    place: tuple[float, float]
    """On the map of the town, whose sides are 1 long."""
    price_level: float
    camera: Camera
    hand: Hand


STORES = (
    Store(
        "Hillside Farm Shop",
        (0.15, 0.25),
        1.12,
        Camera("wood", 1.02, 0.07, 0.25, 0.3, 2.0, 88, -3.0, 0.96, 1.0, 0.6),
        Hand("plain", "english", 0.0, 0.8, 0.9, 0.4, 0.95),
    ),
    Store(
        "Nordlivs",
        (0.75, 0.15),
        1.05,
        Camera("white", 1.08, -0.05, 0.06, 0.2, 1.0, 92, 0.0, 1.0, 1.08, 0.1),
        Hand("noun_first", "swedish", 0.35, 0.6, 0.8, 0.6, 0.9),
    ),
    Store(
        "Mercado Sol",
        (0.6, 0.8),
        0.94,
        Camera("tiles", 1.05, 0.10, 0.18, 0.5, 4.0, 80, 5.0, 0.93, 0.95, 0.7),
        Hand("shouted", "spanish", 0.35, 0.6, 0.8, 0.3, 0.6),
    ),
    Store(
        "Corner 24",
        (0.35, 0.55),
        0.90,
        Camera("steel", 0.90, -0.02, 0.38, 0.9, 8.0, 68, -8.0, 0.88, 0.88, 0.4),
        Hand("abbreviated", "english", 0.0, 0.5, 0.7, 0.3, 0.35),
    ),
    Store(
        "The Blue Basket",
        (0.85, 0.5),
        1.00,
        Camera("cloth", 1.0, 0.02, 0.15, 0.35, 2.5, 85, 8.0, 0.95, 0.98, 0.8),
        Hand("flowery", "english", 0.0, 0.7, 0.6, 0.2, 0.95),
    ),
    Store(
        "Slate & Sons",
        (0.3, 0.9),
        1.18,
        Camera("slate", 0.98, -0.06, 0.28, 0.25, 1.5, 90, 0.0, 0.98, 1.02, 0.3),
        Hand("brand_first", "english", 0.0, 0.6, 0.8, 0.9, 0.8),
    ),
)
