"""Spoiled copies: how many items, which, with what, and what is left alone."""

import hashlib
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from camenn.errors import CamennError, ConfigError, DataError
from camenn.tables.catalogue import normal_form
from camenn.tables.check import check_shop
from camenn.tables.shop import open_shop
from camenn.tables.spoiling import SPOILED, What, spoil_shop
from toy import write_toy_shop

MakeShop = Any
WHATS: tuple[What, ...] = ("names", "categories", "pictures")
COLUMNS = {"names": ["name", "description"], "categories": ["category"], "pictures": ["image"]}


@pytest.fixture
def toy_shop(tmp_path: Path) -> Path:
    return write_toy_shop(tmp_path / "toy", num_requests=20)


def spoiled(folder: Path, target: Path, what: What, share: float, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The copy's items and its truth."""
    spoil_shop(open_shop(folder), target, what=what, share=share, seed=seed)
    return pl.read_parquet(target / "items.parquet"), pl.read_parquet(target / SPOILED)


def value(what: What, row: dict[str, Any]) -> str | None:
    """What the truth says of an item's value."""
    cell = row[COLUMNS[what][0]]
    return hashlib.blake2b(cell, digest_size=16).hexdigest() if isinstance(cell, bytes) else cell


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("share", [0.0, 0.13, 0.4, 1.0])
def test_the_truth_is_what_changed_and_nothing_else_did(
    toy_shop: Path, tmp_path: Path, what: What, share: float
) -> None:
    before = pl.read_parquet(toy_shop / "items.parquet")
    after, truth = spoiled(toy_shop, tmp_path / "out", what, share)
    old = {row["item_id"]: row for row in before.to_dicts()}
    new = {row["item_id"]: row for row in after.to_dicts()}
    changed = [item for item in old if value(what, old[item]) != value(what, new[item])]
    assert truth["item_id"].to_list() == changed
    assert len(changed) == round(share * 40)
    for item, said, was, became, other in truth.rows():
        assert (said, was, became) == (what, value(what, old[item]), value(what, new[item]))
        assert all(new[item][column] == old[other][column] for column in COLUMNS[what])
        assert old[item]["category"] != old[other]["category"]
    assert_frame_equal(after.drop(COLUMNS[what]), before.drop(COLUMNS[what]))
    untouched = ~pl.col("item_id").is_in(changed)
    assert_frame_equal(after.filter(untouched), before.filter(untouched))
    assert check_shop(tmp_path / "out").problems == ()


@pytest.mark.parametrize("what", WHATS)
def test_a_larger_share_holds_the_smaller_one(toy_shop: Path, tmp_path: Path, what: What) -> None:
    truths = [spoiled(toy_shop, tmp_path / f"{share}", what, share)[1].rows() for share in (0.1, 0.2, 0.4)]
    assert [len(truth) for truth in truths] == [4, 8, 16]
    assert set(truths[0]) < set(truths[1]) < set(truths[2])


def test_a_seed_gives_one_copy_and_another_gives_another(toy_shop: Path, tmp_path: Path) -> None:
    first, again, other = (
        spoiled(toy_shop, tmp_path / name, "names", 0.2, seed)[1] for name, seed in [("a", 0), ("b", 0), ("c", 1)]
    )
    assert_frame_equal(first, again)
    assert set(first["item_id"]) != set(other["item_id"])


def test_names_and_pictures_are_not_spoiled_of_the_same_items(toy_shop: Path, tmp_path: Path) -> None:
    names, pictures = (set(spoiled(toy_shop, tmp_path / what, what, 0.3)[1]["item_id"]) for what in WHATS[::2])
    assert names != pictures


def test_the_shop_is_only_read(toy_shop: Path, tmp_path: Path) -> None:
    spoiled(toy_shop, tmp_path / "once", "names", 0.2)
    files = {path: path.read_bytes() for path in (tmp_path / "once").iterdir() if path.is_file()}
    spoiled(tmp_path / "once", tmp_path / "twice", "pictures", 0.2)
    assert {path: path.read_bytes() for path in files} == files
    assert {path.name for path in (tmp_path / "once").iterdir()} == {path.name for path in files} | {".camenn"}


def test_a_spoiled_copy_can_be_spoiled_in_a_further_way_and_its_truth_holds_both(
    toy_shop: Path, tmp_path: Path
) -> None:
    _, names = spoiled(toy_shop, tmp_path / "once", "names", 0.2)
    _, both = spoiled(tmp_path / "once", tmp_path / "twice", "categories", 0.1)
    assert_frame_equal(both[: len(names)], names)
    assert both["what"].to_list() == ["names"] * 8 + ["categories"] * 4
    with pytest.raises(CamennError, match="its names are spoiled already"):
        spoiled(tmp_path / "twice", tmp_path / "thrice", "names", 0.2)


def test_an_item_without_a_value_is_neither_counted_nor_given_one(make_shop: MakeShop, tmp_path: Path) -> None:
    names = ["Pear", None, "Plum", "  ", "Fig", "Leek", None, "Kale"]
    folder = make_shop(items={"item_id": list("abcdefgh"), "name": names, "category": list("xxxxyyyy")})
    items, truth = spoiled(folder, tmp_path / "out", "names", 0.5)
    assert len(truth) == round(0.5 * 5)
    assert [items["name"][line] for line in (1, 3, 6)] == [None, "  ", None]
    assert None not in truth["after"]


def test_what_differs_by_case_and_blanks_alone_is_no_other_name(make_shop: MakeShop, tmp_path: Path) -> None:
    names = ["Pear", " PEAR", "pear ", "ｐｅａｒ", "Plum"]
    folder = make_shop(items={"item_id": list("abcde"), "name": names, "category": list("vwxyz")})
    _, truth = spoiled(folder, tmp_path / "out", "names", 1.0)
    assert len(truth) == 5
    assert all(normal_form(was) != normal_form(became) for was, became in truth.select("before", "after").rows())
    assert truth["after"][:4].to_list() == ["Plum"] * 4


def test_pictures_of_equal_bytes_are_no_others(make_shop: MakeShop, tmp_path: Path) -> None:
    files = {"a.png": b"A", "a again.png": b"A", "b.png": b"B"}
    items = {"item_id": list("abcd"), "image": [*files, "gone.png"]}
    folder = make_shop(items=items, files=files)
    after, truth = spoiled(folder, tmp_path / "out", "pictures", 1.0)
    assert truth["item_id"].to_list() == ["a", "b", "c"]
    assert after["image"].to_list()[:2] == ["b.png", "b.png"]
    assert after["image"][2] in ("a.png", "a again.png")
    assert after["image"][3] == "gone.png"
    assert truth["before"].to_list() == list(files)


def test_a_category_of_several_is_one_whatever_its_order(make_shop: MakeShop, tmp_path: Path) -> None:
    categories = [["fruit", "red"], ["Red", "fruit"], ["leaf"], [], None]
    folder = make_shop(
        items={"item_id": list("abcde"), "category": categories}, settings='[columns.items]\ncategory = "multi"'
    )
    after, truth = spoiled(folder, tmp_path / "out", "categories", 1.0)
    assert after["category"].to_list()[:2] == [["leaf"], ["leaf"]]
    assert after["category"].to_list()[3:] == [[], None]
    assert truth["after"].to_list()[:2] == ["leaf", "leaf"]


def test_an_item_without_a_category_takes_from_any_and_gives_to_none_that_has_one(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    items = {
        "item_id": [f"{line}" for line in range(60)],
        "name": [f"name {line}" for line in range(60)],
        "category": ["x", "y", None] * 20,
    }
    folder = make_shop(items=items)
    _, truth = spoiled(folder, tmp_path / "out", "names", 1.0)
    category = dict(zip(items["item_id"], items["category"], strict=True))
    pairs = {(category[item], category[other]) for item, other in truth.select("item_id", "other_item_id").rows()}
    assert pairs == {("x", "y"), ("y", "x"), (None, "x"), (None, "y"), (None, None)}


@pytest.mark.parametrize("setting", ["", '[columns.items]\ncategory = "ignore"'], ids=["one category", "ignored"])
def test_without_a_second_category_names_come_from_any_other_item(
    make_shop: MakeShop, tmp_path: Path, setting: str
) -> None:
    items = {"item_id": list("abcd"), "name": list("pqrs"), "category": ["x"] * 4}
    folder = make_shop(items=items, settings=setting)
    _, truth = spoiled(folder, tmp_path / "out", "names", 1.0)
    assert (truth["before"] != truth["after"]).all()
    with pytest.raises(DataError):
        spoiled(folder, tmp_path / "categories", "categories", 1.0)


def test_a_name_that_all_other_categories_share_comes_from_the_own_one(make_shop: MakeShop, tmp_path: Path) -> None:
    names, categories = ["Pear", "Plum", *["Pear"] * 5], ["x", "x", *"yyyyy"]
    folder = make_shop(items={"item_id": list("abcdefg"), "name": names, "category": categories})
    _, truth = spoiled(folder, tmp_path / "out", "names", 1.0)
    assert dict(truth.select("item_id", "after").rows()) == {"b": "Pear", **dict.fromkeys("acdefg", "Plum")}


def test_further_tables_and_settings_go_along_and_the_cache_does_not(toy_shop: Path, tmp_path: Path) -> None:
    (toy_shop / "shop.toml").write_text('time_zone = "Asia/Shanghai"')
    (toy_shop / "truth.parquet").write_bytes(b"what a simulation states")
    spoil_shop(open_shop(toy_shop), tmp_path / "out", what="names", share=0.1, seed=0)
    kept = {"users.parquet", "events.parquet", "shop.toml", "truth.parquet"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == kept | {"items.parquet", SPOILED}
    assert all((tmp_path / "out" / name).read_bytes() == (toy_shop / name).read_bytes() for name in kept)


def test_the_truth_is_no_table_of_the_shop(toy_shop: Path, tmp_path: Path) -> None:
    spoiled(toy_shop, tmp_path / "out", "names", 0.1)
    files = [name for table in check_shop(tmp_path / "out").tables for name in table.files]
    assert sorted(files) == ["events.parquet", "items.parquet", "users.parquet"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "killed"])
def test_a_copy_that_is_interrupted_leaves_nothing(
    toy_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    shop = open_shop(toy_shop)
    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr("camenn.tables.copying.shutil.copyfile", fail)
    with pytest.raises(type(error)):
        spoil_shop(shop, tmp_path / "out", what="names", share=0.5, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_a_folder_that_holds_anything_or_lies_in_the_shop_is_refused(toy_shop: Path, tmp_path: Path) -> None:
    shop = open_shop(toy_shop)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(CamennError, match="not empty"):
        spoil_shop(shop, tmp_path / "out", what="names", share=0.5, seed=0)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    before = set(toy_shop.iterdir())
    for inside in (toy_shop, toy_shop / "spoiled"):
        with pytest.raises(CamennError, match="lies in the shop's folder"):
            spoil_shop(shop, inside, what="names", share=0.5, seed=0)
    assert set(toy_shop.iterdir()) == before


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_told(toy_shop: Path, tmp_path: Path, share: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        spoil_shop(open_shop(toy_shop), tmp_path / "out", what="names", share=share, seed=0)


def test_what_cannot_be_spoiled_is_told_with_what_can(toy_shop: Path, tmp_path: Path) -> None:
    prices: Any = "prices"
    with pytest.raises(ConfigError, match="names, categories, pictures"):
        spoil_shop(open_shop(toy_shop), tmp_path / "out", what=prices, share=0.5, seed=0)


@pytest.mark.parametrize("what", WHATS)
def test_a_shop_that_holds_nothing_of_the_kind_or_one_value_is_told(
    make_shop: MakeShop, tmp_path: Path, what: What
) -> None:
    folder = make_shop(items={"item_id": ["a", "b"]})
    with pytest.raises(DataError, match=f"no item has one of its {what}"):
        spoil_shop(open_shop(folder), tmp_path / "out", what=what, share=0.5, seed=0)
    cell = b"A" if what == "pictures" else "same"
    pl.DataFrame({"item_id": ["a", "b"], COLUMNS[what][0]: [cell, cell]}).write_parquet(folder / "items.parquet")
    with pytest.raises(DataError, match="are the same"):
        spoil_shop(open_shop(folder), tmp_path / "out", what=what, share=0.5, seed=0)
    assert not (tmp_path / "out").exists()


def test_a_table_that_cannot_be_read_any_more_is_told(toy_shop: Path, tmp_path: Path) -> None:
    shop = open_shop(toy_shop)
    (toy_shop / SPOILED).write_bytes(b"no parquet")
    with pytest.raises(CamennError, match="cannot be copied"):
        spoil_shop(shop, tmp_path / "out", what="names", share=0.5, seed=0)
    assert not (tmp_path / "out").exists()
