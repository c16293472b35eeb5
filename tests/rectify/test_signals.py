"""What speaks for and against a listing: never the listing itself, so that planted and real faults look alike."""

from dataclasses import replace

import numpy as np
import pytest

from camenn.rectify.listings import UNKNOWN, Listings
from camenn.rectify.signals import NAMES, Placed, Shelf
from camenn.rectify.wording import Wording
from vector_shop import CATEGORIES, PICTURE_WIDTH, PlainSpace, VectorShop, encode, vector_shop

SPACE = PlainSpace(PICTURE_WIDTH)
LINE = 17
"""The listing that something is done to."""


@pytest.fixture(scope="module")
def shop() -> VectorShop:
    """Texts as wide as pictures, so that both can lie in a space that nothing is fitted in."""
    made = vector_shop(each=5)
    wide = np.pad(made.listings.text, ((0, 0), (0, PICTURE_WIDTH - made.listings.text.shape[1])))
    return replace(made, listings=replace(made.listings, text=wide.astype(np.float32)))


def another(shop: VectorShop, *, same_category: bool) -> int:
    """A listing of another product, in the same fold."""
    held = shop.listings
    fits = (held.category == held.category[LINE]) == same_category
    return int(np.flatnonzero(fits & (shop.product != shop.product[LINE]))[0])


def put(held: Listings, **cells: object) -> Listings:
    """The listings with other cells in LINE."""
    changed = {}
    for name, cell in cells.items():
        values = getattr(held, name).copy()
        values[LINE] = cell
        changed[name] = values
    return replace(held, **changed)


def with_fault(shop: VectorShop, fault: str) -> Listings:
    """The shop's listings with a fault in LINE."""
    held = shop.listings
    if fault == "category":
        return put(held, category=(held.category[LINE] + 1) % len(CATEGORIES))
    if fault == "unknown category":
        return put(held, category=UNKNOWN)
    if fault == "vague":
        category = CATEGORIES[held.category[LINE]]
        return put(held, name=category, text=np.pad(encode([category])[0], (0, PICTURE_WIDTH - 24)))
    other = another(shop, same_category=fault.endswith("like"))
    if fault.startswith("text"):
        return put(held, text=held.text[other], name=held.name[other])
    return put(held, picture=held.picture[other], group=held.group[other])


def signals_of_line(shop: VectorShop, shelf: Listings, asked: Listings, *, scale: float | None = None) -> np.ndarray:
    on = shop.with_listings(shelf)
    held = Shelf(Placed.put(shelf, SPACE), on.words.wording, len(CATEGORIES))
    if scale is not None:
        held.scale = scale
    return held.signals(Placed.put(asked, SPACE))[0]


FAULTS = ["text", "text of its like", "picture", "picture of its like", "vague", "category", "unknown category"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stands_in_the_shop_looks_as_the_same_fault_planted_in_it(shop: VectorShop, fault: str) -> None:
    right, wrong = shop.listings, with_fault(shop, fault)
    asked = wrong.take(np.array([LINE]))
    real = signals_of_line(shop, wrong, asked, scale=10.0)
    planted = signals_of_line(shop, right, asked, scale=10.0)
    np.testing.assert_allclose(real, planted, rtol=1e-4, atol=1e-4, err_msg=str(NAMES))
    as_it_was = signals_of_line(shop, right, right.take(np.array([LINE])), scale=10.0)
    assert np.abs(planted - as_it_was).max() > 0.1


@pytest.mark.parametrize("fault", FAULTS)
def test_nor_does_it_matter_whether_the_listing_is_on_the_shelf_at_all(shop: VectorShop, fault: str) -> None:
    wrong = with_fault(shop, fault)
    others, asked = wrong.take(np.arange(len(wrong)) != LINE), wrong.take(np.array([LINE]))
    on_it = signals_of_line(shop, wrong, asked, scale=10.0)
    shelf = Shelf(Placed.put(others, SPACE), shop.with_listings(wrong).words.wording, len(CATEGORIES))
    shelf.scale = 10.0
    np.testing.assert_allclose(shelf.signals(Placed.put(asked, SPACE))[0], on_it, rtol=1e-4, atol=1e-4)


def test_a_text_that_no_other_item_has_is_no_rival_of_its_items_new_one(shop: VectorShop) -> None:
    own = put(shop.listings, text=np.random.default_rng(3).normal(size=PICTURE_WIDTH), name="something else")
    # A picture that its text would fit perfectly: the best rival, were it one.
    own = put(own, picture=own.text[LINE])
    other = another(shop, same_category=False)
    asked = put(own, text=own.text[other], name=own.name[other])
    real = signals_of_line(shop, asked, asked.take(np.array([LINE])), scale=10.0)
    planted = signals_of_line(shop, own, asked.take(np.array([LINE])), scale=10.0)
    np.testing.assert_allclose(planted, real, rtol=1e-4, atol=1e-4)


def test_a_copy_of_its_picture_says_nothing_about_a_listing(shop: VectorShop) -> None:
    held = shop.listings
    copy = held.take(np.append(np.arange(len(held)), LINE))
    copy = replace(copy, item=np.append(held.item, len(held)))
    asked = held.take(np.array([LINE]))
    wording = shop.words.wording
    with_copy = Shelf(Placed.put(copy, SPACE), wording, len(CATEGORIES))
    near, cosine = with_copy.like_pictures(Placed.put(asked, SPACE))
    assert LINE not in near[0][cosine[0] > -2]
    assert len(held) not in near[0][cosine[0] > -2]


def test_signals_tell_a_right_listing_from_a_wrong_one(shop: VectorShop) -> None:
    held = vector_shop(each=8)
    same = replace(held.listings, text=np.pad(held.listings.text, ((0, 0), (0, PICTURE_WIDTH - 24))))
    picture = same.text + np.random.default_rng(0).normal(0, 0.05, same.text.shape).astype(np.float32)
    same = replace(same, picture=picture)  # texts and pictures lie in the same place
    shelf = Shelf(Placed.put(same, SPACE), held.words.wording, len(CATEGORIES))
    right = dict(zip(NAMES, shelf.signals(Placed.put(same, SPACE)).T, strict=True))
    other = np.roll(np.arange(len(same)), 1)
    wrong_category = replace(same, category=(same.category + 1) % len(CATEGORIES))
    moved = dict(zip(NAMES, shelf.signals(Placed.put(wrong_category, SPACE)).T, strict=True))
    wrong_text = replace(same, text=same.text[other], name=same.name[other])
    other_text = dict(zip(NAMES, shelf.signals(Placed.put(wrong_text, SPACE)).T, strict=True))
    for sign in ("text against picture", "texts of like pictures", "pictures of like texts"):
        assert right[sign].mean() > other_text[sign].mean() + 1
    assert other_text["another text fits better"].mean() > right["another text fits better"].mean() + 1
    for sign in ("its category by text", "its category before others by picture", "text amid its category"):
        assert right[sign].mean() > moved[sign].mean() + 1


def test_where_nothing_else_is_in_a_category_nothing_speaks_against_it(shop: VectorShop) -> None:
    held = shop.listings
    alone = put(held, category=len(CATEGORIES))
    shelf = Shelf(Placed.put(alone, SPACE), Wording(held.name, [*CATEGORIES, "rest"]), len(CATEGORIES) + 1)
    found = dict(zip(NAMES, shelf.signals(Placed.put(alone, SPACE)).T, strict=True))
    for sign in ("its category by text", "its category by picture", "its category before others by both"):
        assert found[sign][LINE] == 0
        assert found[sign].any()
    assert found["nothing else in its category"].tolist() == [float(line == LINE) for line in range(len(held))]


def test_a_shop_without_categories_has_signals_too(shop: VectorShop) -> None:
    bare = replace(shop.listings, category=np.full(len(shop.listings), UNKNOWN))
    shelf = Shelf(Placed.put(bare, SPACE), shop.words.wording, 0)
    found = shelf.signals(Placed.put(bare, SPACE))
    assert found.shape == (len(bare), len(NAMES))
    assert np.isfinite(found).all()
    about_categories = [place for place, name in enumerate(NAMES) if "category before" in name or "category by" in name]
    assert not found[:, about_categories].any()


def test_listings_are_judged_alike_alone_and_together(shop: VectorShop) -> None:
    placed = Placed.put(shop.listings, SPACE)
    shelf = Shelf(placed, shop.words.wording, len(CATEGORIES))
    together = shelf.signals(placed)
    for line in (0, 40, 149):
        np.testing.assert_allclose(
            shelf.signals(placed.take(np.array([line])))[0], together[line], rtol=1e-4, atol=1e-4
        )
    assert shelf.signals(placed.take(np.zeros(0, np.int64))).shape == (0, len(NAMES))


def test_what_is_missing_lies_nowhere(shop: VectorShop) -> None:
    bare = put(put(shop.listings, text=0.0), picture=shop.listings.picture[LINE])
    placed = Placed.put(bare, SPACE)
    assert not placed.text[LINE].any()
    np.testing.assert_allclose(np.linalg.norm(placed.picture[LINE]), 1, atol=1e-5)
