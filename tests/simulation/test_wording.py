"""Shops write in their own hand, and the table of products is whole."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from camenn.simulation.assortment import stock
from camenn.simulation.products import CATEGORIES, OCCASIONS, TRAITS, products
from camenn.simulation.stores import STORES, Store
from camenn.simulation.wording import SPECIALITY, STYLES, Facts, vague_name, written


def facts(noun: str, *, brand: str | None = "Alba") -> Facts:
    product = next(product for product in products() if product.noun == noun)
    return Facts(product, product.varieties[0], 1000, organic=True, special=False, brand=brand, origin="Spain")


def names(store: Store, noun: str) -> set[str]:
    return {written(facts(noun), store, np.random.default_rng(seed))[0] for seed in range(60)}


def test_the_table_of_products_is_whole() -> None:
    table = products()
    nouns = [product.noun for product in table]
    assert len(nouns) == len(set(nouns)) >= 60
    assert {product.category for product in table} == set(CATEGORIES) == set(SPECIALITY)
    for product in table:
        words = product.traits.union(*(variety.traits for variety in product.varieties))
        assert words <= set(TRAITS) | set(OCCASIONS), product.noun
        assert product.vague != product.noun
        assert list(product.sizes) == sorted(set(product.sizes))
        assert len(product.sizes) == 3
        assert product.unit in ("g", "ml", "pcs")
        assert len({variety.word for variety in product.varieties}) == len(product.varieties)


def test_every_shop_has_a_style_and_no_two_the_same() -> None:
    assert sorted(store.hand.style for store in STORES) == sorted(STYLES)


@pytest.mark.parametrize(
    ("style", "name"),
    [
        ("plain", "Alba Organic Red Apples, 1 kg"),
        ("noun_first", "Apples red Alba 1 kg organic"),
        ("shouted", "RED APPLES ORGANIC ALBA 1KG"),
        ("abbreviated", "apples red organic alba 1kg"),
        ("flowery", "Sweet organic red apples (1 kg)"),
        ("brand_first", "Alba · Apples, red, organic – 1 kg"),
    ],
)
def test_a_style_writes_the_same_facts_its_own_way(style: str, name: str) -> None:
    store = next(store for store in STORES if store.hand.style == style)
    assert name in names(store, "apples")


def test_long_words_are_cut_by_the_shop_that_abbreviates() -> None:
    store = next(store for store in STORES if store.hand.style == "abbreviated")
    assert "straw. organic 1kg" in names(store, "strawberries")


def test_some_shops_use_words_of_another_language() -> None:
    store = next(store for store in STORES if store.hand.language == "swedish")
    written_names = names(store, "strawberries")
    assert any(name.startswith("Jordgubbar") and name.endswith("eko") for name in written_names)
    assert any(name.startswith("Strawberries") and name.endswith("organic") for name in written_names)


def test_a_vague_name_is_the_coarser_word_in_the_same_style() -> None:
    strawberries = facts("strawberries").product
    written_names = {store.hand.style: vague_name(strawberries, store) for store in STORES}
    assert written_names["plain"] == "Berries"
    assert written_names["shouted"] == "BERRIES"


def test_organic_goods_are_called_so_and_others_never(honest_shop: Path) -> None:
    items = stock(150, 3)
    organic = pl.DataFrame({"item_id": items.item_id, "organic": items.organic})
    listed = pl.read_parquet(honest_shop / "items.parquet").join(organic, on="item_id")
    called = listed["name"].str.to_lowercase().str.contains(r"\b(?:organic|eko|ecológico)\b")
    assert called.equals(listed["organic"], check_names=False)
    assert 0 < listed["organic"].sum() < len(listed)


def test_a_description_never_gives_the_name_away() -> None:
    for product in products():
        assert product.noun.lower() not in product.blurb.lower().split(), product.noun
