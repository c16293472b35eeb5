"""Planted faults: each changes what it says, nothing else, and only where something wrong can be put in place."""

from dataclasses import fields, replace

import numpy as np
import pytest

from camenn.rectify.listings import UNKNOWN, Listings
from camenn.rectify.planting import Fault, plant
from vector_shop import CATEGORIES, VectorShop, encode, vector_shop

CHANGED = {
    Fault.NAME: {"text", "name"},
    Fault.PICTURE: {"picture", "group"},
    Fault.VAGUE: {"text", "name"},
    Fault.CATEGORY: {"category"},
}


@pytest.fixture(scope="module")
def shop() -> VectorShop:
    return vector_shop(each=6)


def planted(shop: VectorShop, fault: Fault, listings: Listings | None = None) -> Listings:
    return plant(shop.listings if listings is None else listings, fault, shop.words, np.random.default_rng(0))


@pytest.mark.parametrize("fault", CHANGED)
def test_each_fault_changes_what_it_says_and_nothing_else(shop: VectorShop, fault: Fault) -> None:
    altered = planted(shop, fault)
    assert len(altered) > 1000
    own = shop.listings.take(altered.item)
    for cells in fields(Listings):
        was, now = getattr(own, cells.name), getattr(altered, cells.name)
        same = (was == now).all(axis=1) if was.ndim == 2 else was == now
        if cells.name in CHANGED[fault]:
            assert not same.any(), cells.name
        else:
            assert same.all(), cells.name


def test_a_name_and_its_text_are_those_of_one_other_product(shop: VectorShop) -> None:
    altered = planted(shop, Fault.NAME)
    held = {(name, text.tobytes()) for name, text in zip(shop.listings.name, shop.listings.text, strict=True)}
    assert {(name, text.tobytes()) for name, text in zip(altered.name, altered.text, strict=True)} <= held


def test_half_of_what_is_put_in_place_is_of_the_same_category(shop: VectorShop) -> None:
    category_of = dict(zip(shop.listings.name, shop.listings.category, strict=True))
    altered = planted(shop, Fault.NAME)
    like = np.array([category_of[name] for name in altered.name]) == altered.category
    assert 0.4 < like.mean() < 0.6


def test_a_picture_comes_from_the_same_fold(shop: VectorShop) -> None:
    altered = planted(shop, Fault.PICTURE)
    fold_of = dict(zip(shop.listings.group.tolist(), shop.listings.fold.tolist(), strict=True))
    assert [fold_of[group] for group in altered.group.tolist()] == altered.fold.tolist()


def test_a_vague_name_is_the_category_or_a_word_of_the_name_that_others_share(shop: VectorShop) -> None:
    altered = planted(shop, Fault.VAGUE)
    own = shop.listings.take(altered.item)
    by_category = 0
    for name, was, category in zip(altered.name, own.name, own.category, strict=True):
        assert name in was.split()
        by_category += name == CATEGORIES[category]
    assert 0.3 < by_category / len(altered) < 1
    names = set(shop.listings.name)
    for name in set(altered.name):
        assert sum(name in other.split() for other in names) > 1


def test_half_of_the_vague_names_keep_their_description(shop: VectorShop) -> None:
    altered = planted(shop, Fault.VAGUE)
    alone = encode(list(altered.name))
    bare = np.isclose(altered.text, alone).all(axis=1)
    assert 0.4 < bare.mean() < 0.6
    said = shop.words.descriptions(altered.item)
    kept = encode([f"{name}. {rest}" for name, rest in zip(altered.name, said, strict=True)])
    np.testing.assert_allclose(altered.text[~bare], kept[~bare])


def test_nothing_is_planted_where_nothing_differs(shop: VectorShop) -> None:
    held = shop.listings.take(np.repeat(0, 20))
    same = replace(held, item=np.arange(20))
    for fault in (Fault.NAME, Fault.PICTURE, Fault.CATEGORY):
        assert len(planted(shop, fault, same)) == 0
    nameless = replace(same, name=np.full(20, "", dtype=object))
    assert len(planted(shop.with_listings(nameless), Fault.VAGUE)) == 0
    assert len(planted(shop, Fault.NAME, shop.listings.take(np.array([0])))) == 0
    one_name = replace(shop.listings, name=np.full(len(shop.listings), "thing", dtype=object))
    assert len(planted(shop, Fault.NAME, one_name)) == len(planted(shop, Fault.PICTURE, one_name)) == 0
    one_picture = replace(shop.listings, group=np.zeros(len(shop.listings), np.int64))
    assert len(planted(shop, Fault.PICTURE, one_picture)) == 0


def test_without_categories_no_category_is_planted_and_all_else_is(shop: VectorShop) -> None:
    bare = replace(shop.listings, category=np.full(len(shop.listings), UNKNOWN))
    words = replace(shop.words, categories=())
    rng = np.random.default_rng(0)
    assert len(plant(bare, Fault.CATEGORY, words, rng)) == 0
    for fault in (Fault.NAME, Fault.PICTURE, Fault.VAGUE):
        assert len(plant(bare, fault, words, rng)) > 1000


def test_a_category_in_which_all_have_one_name_says_no_less_than_the_name(shop: VectorShop) -> None:
    fruit = shop.listings.category == CATEGORIES.index("fruit")
    names = shop.listings.name.copy()
    names[fruit] = "cantaloupe"
    altered = planted(shop.with_listings(replace(shop.listings, name=names)), Fault.VAGUE)
    assert not (altered.name == "fruit").any()
