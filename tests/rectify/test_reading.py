"""A shop read as listings: what is missing is missing, and nothing is filled in."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from camenn.bundle import Bundle
from camenn.rectify.listings import UNKNOWN
from camenn.rectify.reading import Stock, read_stock
from camenn.tables.shop import open_shop
from toy import toy_items


def stock(items: pl.DataFrame, folder: Path, bundle: Bundle) -> Stock:
    items.write_parquet(folder / "items.parquet")
    shop = open_shop(folder)
    bundle.encode(shop)
    return read_stock(bundle, shop, seed=0)


def test_every_line_is_a_listing_in_order(bundle: Bundle, tmp_path: Path) -> None:
    held = stock(toy_items(40), tmp_path, bundle)
    listings = held.listings
    assert listings.item.tolist() == list(range(40))
    assert listings.name[:2].tolist() == ["red apple", "green apple"]
    assert [held.categories[code] for code in listings.category] == toy_items(40)["category"].to_list()
    assert held.has_text.all()
    assert held.has_picture.all()
    assert held.picture_tokens is not None
    assert set(listings.fold.tolist()) <= set(range(5))
    assert held.words.descriptions(np.array([0, 3])) == ["a apple of fine make", ""]


def test_a_missing_text_or_picture_is_zeros_and_said_to_be_missing(bundle: Bundle, tmp_path: Path) -> None:
    items = toy_items(40)
    names = [None, *items["name"].to_list()[1:]]
    images = [items["image"][0], None, *items["image"].to_list()[2:]]
    descriptions = [None, *items["description"].to_list()[1:]]
    columns = {"name": names, "image": images, "description": descriptions}
    held = stock(items.with_columns(pl.Series(name, cells) for name, cells in columns.items()), tmp_path, bundle)
    assert np.flatnonzero(~held.has_text).tolist() == [0]
    assert np.flatnonzero(~held.has_picture).tolist() == [1]
    assert not held.listings.text[0].any()
    assert not held.listings.picture[1].any()
    assert held.listings.name[0] == ""


def test_copies_of_a_picture_are_one_group_and_one_fold(bundle: Bundle, tmp_path: Path) -> None:
    items = toy_items(40)
    images = items["image"].to_list()
    images[9] = images[30] = images[4]
    images[11] = images[12] = None
    listings = stock(items.with_columns(pl.Series("image", images)), tmp_path, bundle).listings
    assert listings.group[[4, 9, 30]].tolist() == [4, 4, 4]
    assert len(set(listings.fold[[4, 9, 30]].tolist())) == 1
    assert listings.group[[11, 12]].tolist() == [11, 12]  # nothing is no copy of nothing
    assert len(set(listings.group.tolist())) == 38


def test_items_of_several_categories_count_as_of_all_of_them_together(bundle: Bundle, tmp_path: Path) -> None:
    several = [["fruit", "fresh"] if line % 2 else ["fruit"] for line in range(40)]
    several[3] = None
    several[4] = []
    (tmp_path / "shop.toml").write_text('[columns.items]\ncategory = "multi"\n')
    held = stock(toy_items(40).with_columns(pl.Series("category", several)), tmp_path, bundle)
    assert held.categories == ("fruit", "fruit|fresh")
    assert held.listings.category[:6].tolist() == [0, 1, 0, UNKNOWN, UNKNOWN, 1]


@pytest.mark.parametrize("missing", ["category", "image", "description"])
def test_a_shop_without_a_column_is_read(bundle: Bundle, tmp_path: Path, missing: str) -> None:
    held = stock(toy_items(40).drop(missing), tmp_path, bundle)
    if missing == "category":
        assert held.categories == ()
        assert (held.listings.category == UNKNOWN).all()
    elif missing == "image":
        assert not held.has_picture.any()
        assert held.picture_tokens is None
        assert len(set(held.listings.group.tolist())) == 40
    else:
        assert held.words.descriptions(np.arange(2)) == ["", ""]


def test_new_texts_become_what_the_stores_hold(bundle: Bundle, tmp_path: Path) -> None:
    held = stock(toy_items(40), tmp_path, bundle)
    texts = [f"{name}. {rest}" if rest else name for name, rest in toy_items(40).select("name", "description").rows()]
    np.testing.assert_allclose(held.words.encode(texts), held.listings.text, atol=2e-3)  # kept in half precision
    assert held.words.encode([]).shape == (0, held.listings.text.shape[1])
    assert not held.words.encode(["..."]).any()
