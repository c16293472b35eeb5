"""The items on sale: what each truly is, and how its shop lists it."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.simulation.calendar import MICROSECONDS_A_DAY, NUM_DAYS, START
from camenn.simulation.pictures.photographs import photograph
from camenn.simulation.products import CATEGORIES, OCCASIONS, PERISHABLE, TRAITS, Product, products
from camenn.simulation.stores import STORES
from camenn.simulation.wording import Facts, written

BRANDS = {
    "Brightwell": 0.25, "Alba": 0.15, "Kornell": -0.05, "Freshfield": 0.2, "Solano": 0.1, "Mira": -0.2,
    "Casa Verde": 0.05, "Havgård": 0.0, "Pure & Plain": -0.1, "Everyday": -0.3, "Old Mill": 0.3, "Lumen": -0.05,
}  # fmt: skip
"""Brands, and what each adds to the log-odds of a purchase."""
ORIGINS = ("Spain", "Italy", "Sweden", "Netherlands", "France", "Germany", "Peru", "Kenya", "Morocco", "Denmark")
"""Told, but of no influence on any purchase."""
_NEW_SHARE = 0.25
_SIZE_SPREAD = (0.25, 0.5, 0.25)


@dataclass(frozen=True, slots=True)
class Assortment:
    """The items, one a line in every array; sorted by when they were listed."""

    item_id: list[str]
    product: NDArray[np.int64]
    """Place in `products()`."""
    variety: NDArray[np.int64]
    store: NDArray[np.int64]
    """Place in STORES."""
    brand: NDArray[np.int64]
    """Place in BRANDS, -1 for none."""
    origin: NDArray[np.int64]
    size: NDArray[np.int64]
    """0 small, 1 middle, 2 large."""
    organic: NDArray[np.bool_]
    special: NDArray[np.bool_]
    freshness: NDArray[np.float64]
    """0..1, seen on the picture and told nowhere."""
    price: NDArray[np.float64]
    appeal: NDArray[np.float64]
    """Log-odds of a purchase that everybody grants this item."""
    listed_at: NDArray[np.int64]
    """Microseconds since 1970, UTC."""

    def __len__(self) -> int:
        return len(self.item_id)

    @property
    def category(self) -> NDArray[np.int64]:
        """Place of each item's true category in CATEGORIES."""
        return np.array([CATEGORIES.index(product.category) for product in products()])[self.product]

    def marks(self, vocabulary: tuple[str, ...]) -> NDArray[np.float64]:
        """1 where an item, by its product or its variety, has a word of `vocabulary`: (items, words)."""
        table = products()
        words = [
            table[product].traits | table[product].varieties[variety].traits
            for product, variety in zip(self.product.tolist(), self.variety.tolist(), strict=True)
        ]
        return np.array([[word in item for word in vocabulary] for item in words], dtype=np.float64)

    @property
    def traits(self) -> NDArray[np.float64]:
        return self.marks(TRAITS)

    @property
    def occasions(self) -> NDArray[np.float64]:
        return self.marks(OCCASIONS)

    def facts(self, line: int) -> Facts:
        """What the shop may tell of one item."""
        product = products()[self.product[line]]
        return Facts(
            product=product,
            variety=product.varieties[self.variety[line]],
            amount=product.sizes[self.size[line]],
            organic=bool(self.organic[line]),
            special=bool(self.special[line]),
            brand=tuple(BRANDS)[self.brand[line]] if self.brand[line] >= 0 else None,
            origin=ORIGINS[self.origin[line]],
        )


def stock(num_items: int, seed: int) -> Assortment:
    """Draw the items: each product is carried by several shops, in several varieties and sizes."""
    rng = np.random.default_rng([seed, 1])
    table = products()
    kind = _spread(len(table), num_items, rng)
    variety = np.array([rng.integers(len(table[k].varieties)) for k in kind])
    store = rng.integers(len(STORES), size=num_items)
    size = rng.choice(3, num_items, p=_SIZE_SPREAD)
    organic, special = rng.random(num_items) < 0.22, rng.random(num_items) < 0.12
    packed = np.array([table[k].category not in ("Fruit", "Vegetables") for k in kind])
    brand = np.where(packed | (rng.random(num_items) < 0.4), rng.integers(len(BRANDS), size=num_items), -1)
    old = -rng.uniform(1, 300, num_items)
    new = rng.uniform(0, NUM_DAYS * 0.8, num_items)
    listed_day = np.sort(np.where(np.arange(num_items) < int(_NEW_SHARE * num_items), new, old))
    return Assortment(
        item_id=[f"i{number:06d}" for number in rng.permutation(num_items).tolist()],
        product=kind,
        variety=variety,
        store=store,
        brand=brand,
        origin=rng.integers(len(ORIGINS), size=num_items),
        size=size,
        organic=organic,
        special=special,
        freshness=np.where(
            rng.random(num_items) < 0.3, rng.uniform(0.1, 0.5, num_items), rng.uniform(0.8, 1.0, num_items)
        ),
        price=_prices(table, kind, store, size, organic, special, rng),
        appeal=0.55 * rng.permutation(_quantiles(len(table)))[kind] + rng.normal(0, 0.30, num_items),
        listed_at=START + (listed_day * MICROSECONDS_A_DAY).astype(np.int64) // 1_000_000 * 1_000_000,
    )


def _quantiles(count: int) -> NDArray[np.float64]:
    """A standard normal sample without luck: its evenly spaced quantiles."""
    return np.array([NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)])


def _spread(num_kinds: int, num_items: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Every kind about as often, in random order."""
    rounds = -(-num_items // num_kinds)
    kinds = np.concatenate([rng.permutation(num_kinds) for _ in range(rounds)])[:num_items]
    return rng.permutation(kinds)


def _prices(
    table: tuple[Product, ...],
    kind: NDArray[np.int64],
    store: NDArray[np.int64],
    size: NDArray[np.int64],
    organic: NDArray[np.bool_],
    special: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Larger packs cost less by weight; organic and special goods cost more; each shop has its level."""
    usual = np.array([product.price for product in table])[kind]
    amounts = np.array([[amount / product.sizes[1] for amount in product.sizes] for product in table])
    level = np.array([shop.price_level for shop in STORES])[store]
    noise = np.exp(rng.normal(0, 0.12, len(kind)))
    price = usual * amounts[kind, size] ** 0.8 * level * (1 + 0.25 * organic) * (1 + 0.12 * special) * noise
    return np.asarray(np.maximum(np.round(price * 10) / 10 - 0.01, 0.19).round(2))


def listings(assortment: Assortment, seed: int, *, on_item: Callable[[], None]) -> pl.DataFrame:
    """The items table as honest shops would fill it; `on_item` is called after each picture."""
    table = products()
    names, descriptions, pictures = [], [], []
    for line in range(len(assortment)):
        rng = np.random.default_rng([seed, 2, line])
        facts, store = assortment.facts(line), STORES[assortment.store[line]]
        name, description = written(facts, store, rng)
        names.append(name)
        descriptions.append(description)
        picture = photograph(
            facts.product,
            facts.variety,
            store.camera,
            freshness=float(assortment.freshness[line]),
            perishable=facts.product.category in PERISHABLE,
            rng=rng,
        )
        pictures.append(picture)
        on_item()
    told = np.random.default_rng([seed, 3]).random((2, len(assortment)))
    brands = [*BRANDS, None]
    weights = np.array([[amount if product.unit != "pcs" else 0 for amount in product.sizes] for product in table])
    weight = weights[assortment.product, assortment.size]
    return pl.DataFrame(
        {
            "item_id": assortment.item_id,
            "name": names,
            "description": descriptions,
            "category": [CATEGORIES[place] for place in assortment.category],
            "price": assortment.price,
            "store": [STORES[place].name for place in assortment.store],
            "brand": [
                brands[b] if t < 0.7 else None for b, t in zip(assortment.brand.tolist(), told[0].tolist(), strict=True)
            ],
            "origin": [
                ORIGINS[o] if t < 0.8 else None
                for o, t in zip(assortment.origin.tolist(), told[1].tolist(), strict=True)
            ],
            "weight_g": pl.Series(weight).replace(0, None),
            "listed_at": pl.Series(assortment.listed_at).cast(pl.Datetime("us", "UTC")),
            "image": pl.Series(pictures, dtype=pl.Binary),
        },
        schema_overrides={"description": pl.String, "brand": pl.String, "origin": pl.String},
    )
