"""A made-up shop that exists as vectors alone: whose faults are known, since they are made here."""

from dataclasses import dataclass, replace
from functools import lru_cache
from zlib import crc32

import numpy as np

from camenn.rectify.listings import Listings
from camenn.rectify.planting import Fault, Words
from camenn.rectify.space import Floats
from camenn.rectify.wording import Wording

CATEGORIES = ("fruit", "dairy", "bread", "drinks", "tools", "plants")
KINDS = ("amber", "brisk", "coarse", "dainty", "early")
DESCRIPTIONS = ("fresh from the farm", "of the best make", "now in season")
TEXT_WIDTH, PICTURE_WIDTH = 24, 32


@lru_cache
def _word(word: str) -> Floats:
    return np.random.default_rng(crc32(word.encode())).normal(size=TEXT_WIDTH)


def encode(texts: list[str]) -> Floats:
    """(n, TEXT_WIDTH): the mean of a text's words, zeros where it has none."""
    found = np.zeros((len(texts), TEXT_WIDTH), np.float32)
    for row, text in enumerate(texts):
        if words := text.replace(".", " ").split():
            found[row] = np.mean([_word(word) for word in words], axis=0)
    return found


@dataclass(frozen=True, slots=True)
class VectorShop:
    """Listings, and how their texts become vectors."""

    listings: Listings
    words: Words
    product: np.ndarray
    """(n,): which product each picture shows, and each text says as long as nothing was altered."""

    def with_listings(self, listings: Listings) -> "VectorShop":
        """The same shop with other listings in it, and what their names say."""
        wording = Wording(_names_by_line(listings), CATEGORIES)
        return replace(self, listings=listings, words=replace(self.words, wording=wording))


def _names_by_line(listings: Listings) -> np.ndarray:
    names = np.full(int(listings.item.max()) + 1, "", dtype=object)
    names[listings.item] = listings.name
    return names


def vector_shop(*, each: int = 12, noise: float = 0.5, seed: int = 0) -> VectorShop:
    """Thirty products in six categories, each with so many listings; pictures of one category are alike too."""
    rng = np.random.default_rng(seed)
    num_products = len(CATEGORIES) * len(KINDS)
    shown = np.repeat(rng.normal(size=(len(CATEGORIES), PICTURE_WIDTH)), len(KINDS), axis=0)
    shown = shown + rng.normal(size=(num_products, PICTURE_WIDTH))
    product = rng.permutation(np.repeat(np.arange(num_products), each))
    num = len(product)
    category = product // len(KINDS)
    names = np.array([f"{KINDS[p % len(KINDS)]} {CATEGORIES[p // len(KINDS)]}" for p in product], dtype=object)
    said = np.array(DESCRIPTIONS, dtype=object)[rng.integers(len(DESCRIPTIONS), size=num)]
    text = encode([f"{name}. {rest}" for name, rest in zip(names, said, strict=True)])
    picture = (shown[product] + rng.normal(0, noise, (num, PICTURE_WIDTH))).astype(np.float32)
    lines = np.arange(num)
    listings = Listings(lines, text, picture, lines.copy(), rng.integers(5, size=num), names, category)
    words = Words(Wording(names, CATEGORIES), lambda lines: said[lines].tolist(), CATEGORIES, encode)
    return VectorShop(listings, words, product)


def with_faults(shop: VectorShop, *, share: float, seed: int = 1) -> tuple[VectorShop, np.ndarray]:
    """The same shop with faults of all kinds in a share of its listings, made apart from `planting`; (n,) which."""
    rng = np.random.default_rng(seed)
    held, num = shop.listings, len(shop.listings)
    fault = np.zeros(num, np.int64)
    chosen = rng.permutation(num)[: round(share * num)]
    fault[chosen] = 1 + np.arange(len(chosen)) % 4
    text, picture, group = held.text.copy(), held.picture.copy(), held.group.copy()
    name, category = held.name.copy(), held.category.copy()
    for line in chosen.tolist():
        others = np.flatnonzero((shop.product != shop.product[line]) & (held.category != held.category[line]))
        other = int(rng.choice(others))
        if fault[line] == Fault.NAME:
            text[line], name[line] = held.text[other], held.name[other]
        elif fault[line] == Fault.PICTURE:  # of a product, but none that another listing shows
            picture[line] = held.picture[other] + rng.normal(0, 0.2, PICTURE_WIDTH)
        elif fault[line] == Fault.VAGUE:
            name[line] = CATEGORIES[held.category[line]]
            text[line] = encode([f"{name[line]}. {shop.words.descriptions(np.array([line]))[0]}"])[0]
        else:
            category[line] = held.category[other]
    altered = replace(held, text=text, picture=picture, group=group, name=name, category=category)
    return shop.with_listings(altered), fault


class PlainSpace:
    """A space in which vectors are compared as they are, at unit length."""

    def __init__(self, width: int) -> None:
        self.width = width

    def texts(self, pooled: Floats) -> Floats:
        return _unit(pooled)

    def pictures(self, pooled: Floats, folds: np.ndarray) -> Floats:
        return _unit(pooled)


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(length, 1e-9)).astype(np.float32)
