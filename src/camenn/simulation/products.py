"""What the simulated shops sell: `products.psv`, read into typed rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from camenn.simulation.pictures import bakery, fresh, fruit, household, packages, vegetables
from camenn.simulation.pictures.canvas import Brush, Colour, Look

Drawing = Callable[[Brush, Look], None]

TRAITS = ("sweet", "sour", "crisp", "savoury", "rich", "light", "animal", "alcohol", "quick", "home", "exotic")
"""What shoppers like or dislike about a product: the axes of taste."""
OCCASIONS = ("morning", "evening", "weekend")
"""When a product is wanted more than usual."""
CATEGORIES = (
    "Fruit",
    "Vegetables",
    "Dairy & eggs",
    "Bakery",
    "Drinks",
    "Meat & fish",
    "Snacks & sweets",
    "Pantry",
    "Household",
)
PERISHABLE = frozenset({"Fruit", "Vegetables", "Bakery", "Meat & fish"})
"""Categories that age by turning brown; the others by fading and scuffing."""

_MODULES = {
    module.__name__.rpartition(".")[2]: module for module in (bakery, fresh, fruit, household, packages, vegetables)
}


@dataclass(frozen=True, slots=True)
class Variety:
    """One look of a product; a shop may or may not write its `word`."""

    word: str
    """Empty when the product has just one look."""
    look: Look
    traits: frozenset[str]
    """Traits that this variety has besides its product's."""


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of thing, whoever sells it."""

    noun: str
    swedish: str
    spanish: str
    vague: str
    """The coarser word a careless shop writes."""
    category: str
    drawing: Drawing
    price: float
    """Usual price of the middle size."""
    sizes: tuple[int, ...]
    """Rising amounts, in `unit`: g, ml or pcs."""
    unit: str
    pieces: tuple[int, int]
    """Fewest and most pieces on a picture."""
    turn: float
    """How far a piece may be turned on a picture, in degrees to either side."""
    traits: frozenset[str]
    """Of TRAITS and OCCASIONS."""
    varieties: tuple[Variety, ...]
    blurb: str


@lru_cache(maxsize=1)
def products() -> tuple[Product, ...]:
    """All products, in the order of the table, which keeps each category together."""
    table = files("camenn.simulation").joinpath("products.psv").read_text(encoding="utf-8")
    return tuple(_parsed(table))


def _parsed(table: str) -> Iterator[Product]:
    category = ""
    for line in table.splitlines():
        if line.startswith("## "):
            category = line[3:]
        elif line and not line.startswith("#"):
            yield _product(category, *(cell.strip() for cell in line.split("|")))


def _product(
    category: str,
    noun: str,
    swedish: str,
    spanish: str,
    vague: str,
    drawing: str,
    price: str,
    sizes: str,
    pieces: str,
    turn: str,
    traits: str,
    varieties: str,
    blurb: str,
) -> Product:
    module, function = drawing.split(".")
    *amounts, unit = sizes.split()
    fewest, most = pieces.split("-")
    return Product(
        noun=noun,
        swedish=swedish,
        spanish=spanish,
        vague=vague,
        category=category,
        drawing=getattr(_MODULES[module], function),
        price=float(price),
        sizes=tuple(int(amount) for amount in amounts),
        unit=unit,
        pieces=(int(fewest), int(most)),
        turn=float(turn),
        traits=frozenset(traits.split()),
        varieties=tuple(_variety(*variety.split()) for variety in varieties.split(";")),
        blurb=blurb,
    )


def _variety(word: str, colour: str, accent: str, *traits: str) -> Variety:
    return Variety("" if word == "_" else word, Look(_colour(colour), _colour(accent)), frozenset(traits))


def _colour(digits: str) -> Colour:
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
