"""Claims as findings: what they are worth, which change the shop, and the corrected copy."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from camenn.rectify.claims import Claim
from camenn.rectify.findings import SCHEMA, Kind, Side
from camenn.rectify.table import findings_table, write_corrected
from camenn.tables.shop import Shop, open_shop
from toy import toy_events, toy_items, toy_users

NAME = Claim(0, Kind.MISMATCH, Side.NAME, "wrong", 0.9, correct=0.8, mends="name", suggestions=((5, 1.0), (6, 0.5)))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    folder = tmp_path / "shop"
    folder.mkdir()
    toy_items(40).write_parquet(folder / "items.parquet")
    return open_shop(folder)


def test_a_claim_is_a_row(shop: Shop) -> None:
    claim = replace(NAME, neighbours=((7, "text", 0.5),), signs=(("a like text", -1.5),))
    row = findings_table(shop, [claim], 0.5).row(0, named=True)
    assert row["item_id"] == "i0"
    assert row["columns"] == ["name", "description"]
    assert row["shown"] == "red apple"
    assert row["suggestions"] == [
        {"item_id": "i5", "value": "green pear", "score": 1.0},
        {"item_id": "i6", "value": "blue pear", "score": 0.5},
    ]
    assert row["neighbours"] == [{"item_id": "i7", "by": "text", "similarity": 0.5}]
    assert row["signs"] == [{"sign": "a like text", "weight": -1.5}]
    assert row["automatic"]
    assert findings_table(shop, [], 0.5).schema == pl.Schema(SCHEMA)


def test_a_vague_name_goes_alone_and_a_picture_shows_no_value(shop: Shop) -> None:
    vague = replace(NAME, kind=Kind.VAGUE_NAME)
    picture = replace(NAME, line=1, side=Side.PICTURE, mends="image")
    category = replace(NAME, line=2, kind=Kind.WRONG_CATEGORY, side=Side.CATEGORY, mends="category")
    table = findings_table(shop, [vague, picture, category], 2.0)
    assert table["columns"].to_list() == [["name"], ["image"], ["category"]]
    assert table["suggestions"][1][0]["value"] is None
    assert table["suggestions"][2][0]["value"] == "pear"
    assert table["shown"].to_list() == ["red apple", None, "apple"]
    assert not table["automatic"].any()


def test_worth_is_probability_times_exposure_times_price(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    toy_items(40).write_parquet(folder / "items.parquet")
    toy_users(10).write_parquet(folder / "users.parquet")
    events = toy_events(10, 40, 50)
    events.write_parquet(folder / "events.parquet")
    shown = events.filter(item_id="i1").height
    table = findings_table(open_shop(folder), [replace(NAME, line=1), replace(NAME, line=5)], 2.0)
    assert table["exposure"][0] == shown
    assert table["price"].to_list() == [2.0, None]
    assert table["worth"][0] == pytest.approx(0.9 * (shown + 1) * 2.0)
    # Without a price of its own it is worth what others are.
    assert table["worth"][1] == pytest.approx(0.9 * (table["exposure"][1] + 1) * 3.0)


def test_without_events_and_prices_worth_is_the_probability(tmp_path: Path) -> None:
    toy_items(8).drop("price").write_parquet(tmp_path / "items.parquet")
    table = findings_table(open_shop(tmp_path), [NAME], 2.0)
    assert table.select("exposure", "price", "worth").row(0) == (None, None, 0.9)


def test_of_claims_on_one_cell_the_surest_is_made(shop: Shop) -> None:
    vague = replace(NAME, kind=Kind.VAGUE_NAME, correct=0.95)
    category = replace(NAME, kind=Kind.WRONG_CATEGORY, side=Side.CATEGORY, mends="category", correct=0.7)
    table = findings_table(shop, [NAME, vague, category], 0.6)
    assert table["automatic"].to_list() == [False, True, True]


def test_what_is_unclear_unsure_or_without_a_remedy_is_not_made(shop: Shop) -> None:
    claims = [
        replace(NAME, side=Side.UNCLEAR),
        replace(NAME, line=1, correct=0.59),
        Claim(2, Kind.DUPLICATE, Side.LISTING, "twice", 0.99),
        replace(NAME, line=3),
    ]
    assert findings_table(shop, claims, 0.6)["automatic"].to_list() == [False, False, False, True]


def test_the_corrected_shop_takes_cells_as_they_were_before_any_correction(shop: Shop, tmp_path: Path) -> None:
    swapped = [replace(NAME, line=0, suggestions=((5, 1.0),)), replace(NAME, line=5, suggestions=((0, 1.0),))]
    picture = replace(NAME, line=7, side=Side.PICTURE, mends="image", suggestions=((2, 1.0),))
    findings = findings_table(shop, [*swapped, picture, replace(NAME, line=9, correct=0.1)], 0.5)
    before = (shop.folder / "items.parquet").read_bytes()
    write_corrected(shop, findings.filter("automatic"), tmp_path / "corrected")
    assert (shop.folder / "items.parquet").read_bytes() == before
    was, now = toy_items(40), pl.read_parquet(tmp_path / "corrected" / "items.parquet")
    for column in ("name", "description"):
        expected = was[column].to_list()
        expected[0], expected[5] = expected[5], expected[0]
        assert now[column].to_list() == expected
    images = was["image"].to_list()
    images[7] = images[2]
    assert now["image"].to_list() == images
    assert now.select("item_id", "category", "price").equals(was.select("item_id", "category", "price"))


def test_without_corrections_the_copy_is_the_shop(shop: Shop, tmp_path: Path) -> None:
    write_corrected(shop, findings_table(shop, [], 0.5), tmp_path / "corrected")
    copied = (tmp_path / "corrected" / "items.parquet").read_bytes()
    assert copied == (shop.folder / "items.parquet").read_bytes()
