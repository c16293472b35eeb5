"""What is put in place: what other listings have, best first, never the value that is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from camenn.rectify.listings import UNKNOWN, Listings
from camenn.rectify.planting import Fault, plant
from camenn.rectify.signals import Placed, Shelf
from camenn.rectify.space import CrossFittedSpace
from camenn.rectify.suggest import NONE, SUGGESTIONS, Suggested, suggest
from vector_shop import CATEGORIES, VectorShop, vector_shop


@pytest.fixture(scope="module")
def shop() -> VectorShop:
    return vector_shop()


@pytest.fixture(scope="module")
def space(shop: VectorShop) -> CrossFittedSpace:
    return CrossFittedSpace(shop.listings.text, shop.listings.picture, shop.listings.fold)


def ask(shop: VectorShop, space: CrossFittedSpace, asked: Listings, fault: Fault) -> tuple[Shelf, Suggested]:
    shelf = Shelf(Placed.put(shop.listings, space), shop.words.wording, len(CATEGORIES))
    return shelf, suggest(shelf, Placed.put(asked, space), fault)


@pytest.mark.parametrize(("fault", "bound"), [(Fault.NAME, 0.9), (Fault.VAGUE, 0.85), (Fault.PICTURE, 0.95)])
def test_the_first_is_what_a_fault_was_planted_over(
    shop: VectorShop, space: CrossFittedSpace, fault: Fault, bound: float
) -> None:
    asked = plant(shop.listings, fault, shop.words, np.random.default_rng(0)).take(np.arange(200))
    _, suggested = ask(shop, space, asked, fault)
    product = shop.product[asked.item]
    assert suggested.place.shape == suggested.score.shape == (200, SUGGESTIONS)
    assert (shop.product[suggested.place[:, 0]] == product).mean() > bound
    assert (np.diff(suggested.score, axis=1) <= 0).all()
    for row, line in enumerate(asked.item.tolist()):
        held = suggested.place[row][suggested.place[row] != NONE]
        if fault is Fault.PICTURE:
            assert line not in held
        else:
            assert asked.name[row] not in shop.listings.name[held]
            assert len(set(shop.listings.name[held])) == len(held)


def test_categories_are_those_of_the_like_and_never_the_one_that_stands_there(
    shop: VectorShop, space: CrossFittedSpace
) -> None:
    asked = plant(shop.listings, Fault.CATEGORY, shop.words, np.random.default_rng(0)).take(np.arange(200))
    _, suggested = ask(shop, space, asked, Fault.CATEGORY)
    told = shop.listings.category[suggested.place]
    assert (told[:, 0] == shop.product[asked.item] // 5).mean() > 0.95
    assert not (told == asked.category[:, None]).any()
    assert all(len(set(row)) == SUGGESTIONS for row in told.tolist())


def test_where_there_is_nothing_to_judge_by_nothing_is_proposed(shop: VectorShop, space: CrossFittedSpace) -> None:
    held = shop.listings.take(np.arange(3))
    for fault, cells in (
        (Fault.NAME, {"picture": np.zeros_like(held.picture)}),
        (Fault.PICTURE, {"text": np.zeros_like(held.text)}),
    ):
        _, suggested = ask(shop, space, replace(held, **cells), fault)
        assert (suggested.place == NONE).all()
        assert (suggested.score == -np.inf).all()


def test_fewer_than_are_shown_are_filled_up_with_nothing(shop: VectorShop, space: CrossFittedSpace) -> None:
    few = replace(shop, listings=shop.listings.take(np.flatnonzero(shop.product < 2)))
    asked = few.listings.take(np.arange(4))
    for fault, num in ((Fault.NAME, 1), (Fault.VAGUE, 1), (Fault.CATEGORY, 0)):  # another product, no other category
        _, suggested = ask(few, space, asked, fault)
        assert suggested.place.shape == (4, SUGGESTIONS)
        assert (suggested.place != NONE).sum(axis=1).tolist() == [num] * 4
    alone = replace(few, listings=few.listings.take(np.array([0, 1, 2])))
    _, suggested = ask(alone, space, alone.listings, Fault.PICTURE)
    assert [sorted(row.tolist()) for row in suggested.place] == [
        [-1, -1, -1, 1, 2],
        [-1, -1, -1, 0, 2],
        [-1, -1, -1, 0, 1],
    ]
    bare = replace(few, listings=replace(few.listings, category=np.full(len(few.listings), UNKNOWN)))
    shelf = Shelf(Placed.put(bare.listings, space), bare.words.wording, 0)
    asked_of = Placed.put(bare.listings.take(np.arange(4)), space)
    assert (suggest(shelf, asked_of, Fault.CATEGORY).place == NONE).all()
    assert (suggest(shelf, asked_of, Fault.NAME).place[:, 0] != NONE).all()
