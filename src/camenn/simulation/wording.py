"""How shops put a product into words: a name in the shop's own style, and a description."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from camenn.simulation.products import Product, Variety
from camenn.simulation.stores import Store

SPECIALITY = {
    "Fruit": "local",
    "Vegetables": "local",
    "Dairy & eggs": "lactose-free",
    "Bakery": "gluten-free",
    "Drinks": "additive-free",
    "Meat & fish": "certified",
    "Snacks & sweets": "sugar-free",
    "Pantry": "gluten-free",
    "Household": "fragrance-free",
}
"""What a special item of each category is called."""

_ABROAD = {
    "swedish": {
        "organic": "eko", "local": "närodlad", "lactose-free": "laktosfri", "gluten-free": "glutenfri",
        "sugar-free": "sockerfri", "additive-free": "utan tillsatser", "certified": "märkt",
        "fragrance-free": "oparfymerad", "red": "röd",
        "green": "grön", "yellow": "gul", "white": "vit", "dark": "mörk", "purple": "lila", "pcs": "st",
    },
    "spanish": {
        "organic": "ecológico", "local": "de aquí", "lactose-free": "sin lactosa", "gluten-free": "sin gluten",
        "sugar-free": "sin azúcar", "additive-free": "sin aditivos", "certified": "certificado",
        "fragrance-free": "sin perfume", "red": "rojo",
        "green": "verde", "yellow": "amarillo", "white": "blanco", "dark": "oscuro", "purple": "morado", "pcs": "uds",
    },
    "english": {},
}  # fmt: skip
_ADJECTIVES = {
    "sweet": ("sweet", "honeyed"),
    "sour": ("tangy", "zesty"),
    "crisp": ("crunchy", "crisp"),
    "savoury": ("hearty", "savoury"),
    "rich": ("luscious", "velvety"),
    "light": ("light", "wholesome"),
    "exotic": ("exotic", "exciting"),
    "quick": ("handy",),
    "home": ("reliable", "useful"),
}
_OPENINGS = {
    "plain": ("From our own shelves.", "Picked with care.", "A regular in our shop."),
    "noun_first": ("Good quality.", "Nordic standard.", "Delivered daily."),
    "shouted": ("BEST PRICE IN TOWN!", "TODAY'S DEAL!", "COME AND GET IT!"),
    "abbreviated": ("Ask at the counter.", "In stock.", "New."),
    "flowery": ("You will fall in love with it.", "A little joy for every day.", "Chosen for you with a smile."),
    "brand_first": ("Selected by our buyers.", "A house favourite.", "Quality guaranteed."),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a shop may tell of an item."""

    product: Product
    variety: Variety
    amount: int
    organic: bool
    special: bool
    brand: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of one name, already chosen and translated."""

    noun: str
    variety: str
    claims: tuple[str, ...]
    brand: str
    size: str
    adjective: str


def written(facts: Facts, store: Store, rng: np.random.Generator) -> tuple[str, str | None]:
    """The name the shop writes, and its description if it writes one."""
    style = store.hand.style
    return STYLES[style](_chosen(facts, store, rng)), _description(facts, store, rng)


def vague_name(product: Product, store: Store) -> str:
    """The coarse name of a careless moment, in the same style: `Berries` for strawberries."""
    words = _Words(product.vague, "", (), "", "", "")
    return STYLES[store.hand.style](words)


def _chosen(facts: Facts, store: Store, rng: np.random.Generator) -> _Words:
    hand = store.hand
    language = hand.language if rng.random() < hand.foreign else "english"
    noun = {"swedish": facts.product.swedish, "spanish": facts.product.spanish}.get(language, facts.product.noun)
    abroad = _ABROAD[language]
    claims = [claim for claim, told in (("organic", facts.organic), (_speciality(facts), facts.special)) if told]
    variety = facts.variety.word if rng.random() < hand.tells_variety else ""
    unit = abroad.get(facts.product.unit, facts.product.unit)
    size = _size(facts.amount, unit) if rng.random() < hand.tells_size else ""
    brand = facts.brand if facts.brand and rng.random() < hand.tells_brand else ""
    fitting = [word for trait in sorted(facts.product.traits) for word in _ADJECTIVES.get(trait, ())]
    choices = [word for word in fitting if word not in noun] or ["fine"]
    return _Words(
        noun=noun,
        variety=abroad.get(variety, variety),
        claims=tuple(abroad.get(claim, claim) for claim in claims),
        brand=brand,
        size=size,
        adjective=choices[int(rng.integers(len(choices)))],
    )


def _speciality(facts: Facts) -> str:
    return SPECIALITY[facts.product.category]


def _size(amount: int, unit: str) -> str:
    if unit in ("g", "ml") and amount >= 1000:
        return f"{amount / 1000:g} {'kg' if unit == 'g' else 'l'}"
    return f"{amount} {unit}"


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


def _plain(words: _Words) -> str:
    """`Organic red apples, 1 kg`, with a capital on each word but the size."""
    name = _joined(words.brand, *words.claims, words.variety, words.noun)
    name = " ".join(word[:1].upper() + word[1:] for word in name.split())
    return f"{name}, {words.size}" if words.size else name


def _noun_first(words: _Words) -> str:
    """`Apples red Brightwell 1 kg organic`."""
    name = _joined(words.noun, words.variety, words.brand, words.size, *words.claims)
    return name[:1].upper() + name[1:]


def _shouted(words: _Words) -> str:
    """`RED APPLES ORGANIC 1KG`."""
    return _joined(words.variety, words.noun, *words.claims, words.brand, words.size.replace(" ", "")).upper()


def _abbreviated(words: _Words) -> str:
    """`straw. organ. 500g`: no word is longer than seven letters."""
    parts = _joined(words.noun, words.variety, *words.claims, words.brand).replace("-", " ").lower().split()
    short = [f"{part[:5]}." if len(part) > 7 else part for part in parts]
    return _joined(*short, words.size.replace(" ", ""))


def _flowery(words: _Words) -> str:
    """`Sweet organic red apples (1 kg)`."""
    name = _joined(words.adjective, *words.claims, words.variety, words.noun)
    name = name[:1].upper() + name[1:]
    return f"{name} ({words.size})" if words.size else name


def _brand_first(words: _Words) -> str:
    """`Brightwell · Apples, red, organic – 1 kg`."""
    listed = ", ".join(part for part in (words.noun[:1].upper() + words.noun[1:], words.variety, *words.claims) if part)
    name = f"{words.brand} · {listed}" if words.brand else listed
    return f"{name} – {words.size}" if words.size else name


STYLES: dict[str, Callable[[_Words], str]] = {
    "plain": _plain,
    "noun_first": _noun_first,
    "shouted": _shouted,
    "abbreviated": _abbreviated,
    "flowery": _flowery,
    "brand_first": _brand_first,
}


def _description(facts: Facts, store: Store, rng: np.random.Generator) -> str | None:
    """A few sentences that say how a thing is used, never what it is called."""
    hand = store.hand
    if rng.random() >= hand.describes:
        return None
    openings = _OPENINGS[hand.style]
    sentences = [openings[int(rng.integers(len(openings)))]]
    if rng.random() < 0.75:
        sentences.append(facts.product.blurb)
    if rng.random() < 0.4:
        sentences.append(f"Origin: {facts.origin}.")
    if facts.special and rng.random() < 0.5:
        sentences.append(f"{_speciality(facts).capitalize()}.")
    text = " ".join(sentences)
    return text.upper() if hand.style == "shouted" else text
