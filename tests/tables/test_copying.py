"""A shop's folder copied: what changes, what is the same file, what is left behind."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from camenn.errors import CamennError, DataError
from camenn.tables.check import check_shop
from camenn.tables.copying import NewCells, copy_shop
from camenn.tables.shop import open_shop

MakeShop = Any


def copied(folder: Path, target: Path, columns: tuple[str, ...], taken_from: list[int]) -> Path:
    target.mkdir()
    copy_shop(open_shop(folder), target, dict.fromkeys(columns, NewCells(np.array(taken_from))))
    return target


def same_file(one: Path, other: Path) -> bool:
    return one.stat().st_ino == other.stat().st_ino


def test_cells_come_from_the_line_they_are_taken_from_and_all_else_stays(make_shop: MakeShop, tmp_path: Path) -> None:
    items = pl.DataFrame(
        {
            "item_id": [7, 8, 9],
            "name": [" Pear", "Plum", None],
            "name_parts": [["a"], [], None],
            "made": [{"x": 1}, None, {"x": 3}],
            "price": pl.Series([1.5, None, 3.0], dtype=pl.Float32),
        }
    )
    copy = copied(make_shop(items=items), tmp_path / "copy", ("name",), [1, 0, 0])
    expected = items.with_columns(pl.Series("name", ["Plum", " Pear", " Pear"]))
    assert_frame_equal(pl.read_parquet(copy / "items.parquet"), expected)


def test_of_several_files_those_that_change_are_written_again_and_the_others_are_linked(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    files = {
        "items-1.csv": 'item_id,name,note\na,"Pear, ripe","say ""hi"""\nb,,\n',
        "items-2.csv": "item_id,note\nc,x\n",
        "items/3.csv": "item_id,name\nd,Plum\n",
        "items/4.csv": "item_id,name\ne,Fig\n",
    }
    folder = make_shop(items=None, files=files, users={"user_id": ["u"]}, settings='time_zone = "Asia/Shanghai"')
    copy = copied(folder, tmp_path / "copy", ("name",), [0, 1, 0, 3, 2])  # the files in items/ come first
    assert (copy / "items-1.csv").read_text() == 'item_id,name,note\na,Plum,"say ""hi"""\nb,,\n'
    assert (copy / "items-2.csv").read_text() == 'item_id,note,name\nc,x,"Pear, ripe"\n'
    for name in ("items/3.csv", "items/4.csv", "users.parquet", "shop.toml"):
        assert same_file(copy / name, folder / name)
    assert {name: (folder / name).read_text() for name in files} == files


@pytest.mark.parametrize(
    "cells",
    [
        pl.Series([["x", "y"], None, ["z"]]),
        pl.Series([3, None, 1], dtype=pl.Int16),
        pl.Series([True, None, False]),
        pl.Series(["u", None, "v"], dtype=pl.Enum(["u", "v"])),
        pl.Series(["u", None, "v"], dtype=pl.Categorical),
    ],
    ids=lambda cells: str(cells.dtype),
)
def test_cells_keep_their_type(make_shop: MakeShop, tmp_path: Path, cells: pl.Series) -> None:
    multi = '[columns.items]\ncategory = "multi"' if cells.dtype == pl.List else ""
    table = pl.DataFrame({"item_id": ["a", "b", "c"], "category": cells})
    folder = make_shop(items=table[:2], settings=multi)
    table[2:].write_parquet(folder / "items-2.parquet")
    (folder / "items.parquet").rename(folder / "items-1.parquet")
    copy = copied(folder, tmp_path / "copy", ("category",), [2, 1, 0])
    expected = table.select("item_id", pl.col("category").gather([2, 1, 0]))
    both = pl.concat([pl.read_parquet(copy / "items-1.parquet"), pl.read_parquet(copy / "items-2.parquet")])
    assert_frame_equal(both, expected)
    assert check_shop(copy).problems == check_shop(folder).problems


def test_files_of_different_types_meet_as_text(make_shop: MakeShop, tmp_path: Path) -> None:
    folder = make_shop(items=None, files={"items-2.csv": "item_id,category\nc,fruit\n"})
    pl.DataFrame({"item_id": ["a", "b"], "category": [1, 2]}).write_parquet(folder / "items-1.parquet")
    copy = copied(folder, tmp_path / "copy", ("category",), [2, 1, 0])
    assert open_shop(copy).catalogue.column("category").to_list() == ["fruit", "2", "1"]


def test_pictures_go_along_wherever_the_shop_keeps_them(make_shop: MakeShop, tmp_path: Path) -> None:
    paths = ["photos/a.png", "linked/b.png", "photos/../c.png", "gone.png", None]
    folder = make_shop(
        items={"item_id": list("abcde"), "image": paths},
        files={"photos/a.png": b"A", "kept/b.png": b"B", "c.png": b"C", "photos/unused.png": b"D"},
    )
    (folder / "linked").symlink_to("kept")
    (folder / "drafts").mkdir()
    (folder / "drafts" / "note.txt").write_text("no part of the shop")
    copy = copied(folder, tmp_path / "copy", ("image",), [1, 1, 2, 3, 4])
    pictures = [
        path.read_bytes() if isinstance(path, Path) else path for path in open_shop(copy).catalogue.images(0, 5)
    ]
    assert pictures == [b"B", b"B", b"C", None, None]
    assert same_file(copy / "photos" / "a.png", folder / "photos" / "a.png")
    assert not (copy / "drafts").exists()
    assert check_shop(copy).usable


def test_pictures_kept_as_bytes_are_swapped_as_bytes(make_shop: MakeShop, tmp_path: Path) -> None:
    folder = make_shop(items={"item_id": list("abcd"), "image": [b"A", b"", None, b"D"]})
    copy = copied(folder, tmp_path / "copy", ("image",), [3, 1, 2, 0])
    assert pl.read_parquet(copy / "items.parquet")["image"].to_list() == [b"D", b"", None, b"A"]


def test_cells_can_be_written_by_hand_in_the_type_of_their_column(make_shop: MakeShop, tmp_path: Path) -> None:
    items = pl.DataFrame({"item_id": [7, 8, 9], "name": ["Pear", None, "Fig"], "category": [["x"], None, ["y", "z"]]})
    folder = make_shop(items=items, settings='[columns.items]\ncategory = "multi"')
    (tmp_path / "copy").mkdir()
    cells = {
        "name": NewCells(np.array([0, 2, 2]), {0: "Quince, ripe"}),
        "category": NewCells(np.arange(3), {1: "x|y"}),
        "color": NewCells(np.arange(3), {2: "green"}),
    }
    copy_shop(open_shop(folder), tmp_path / "copy", cells)
    assert pl.read_parquet(tmp_path / "copy" / "items.parquet").to_dict(as_series=False) == {
        "item_id": [7, 8, 9],
        "name": ["Quince, ripe", "Fig", "Fig"],
        "category": [["x"], ["x", "y"], ["y", "z"]],
        "color": [None, None, "green"],
    }


@pytest.mark.parametrize("in_files", [True, False])
def test_a_new_picture_is_kept_as_the_shop_keeps_its_own(make_shop: MakeShop, tmp_path: Path, in_files: bool) -> None:
    files: dict[str, str | bytes] = {"a.png": b"A", "b.png": b"B"}
    items = {"item_id": ["a", "b"], "image": list(files) if in_files else list(files.values())}
    folder = make_shop(items=items, files=files)
    (tmp_path / "copy").mkdir()
    copy_shop(open_shop(folder), tmp_path / "copy", {"image": NewCells(np.array([0, 0]), {0: b"new"})})
    shown = open_shop(tmp_path / "copy").catalogue.images(0, 2)
    assert [one.read_bytes() if isinstance(one, Path) else one for one in shown] == [b"new", b"A"]


@pytest.mark.parametrize(("column", "written"), [("image", "photos/a.png"), ("name", b"x"), ("stars", "many")])
def test_what_does_not_fit_its_column_is_told(make_shop: MakeShop, tmp_path: Path, column: str, written: str) -> None:
    items = pl.DataFrame({"item_id": ["a", "b"], "image": [b"A", b"B"], "stars": [1, 2]})
    (tmp_path / "copy").mkdir()
    with pytest.raises(DataError, match=rf"items\.{column}"):
        copy_shop(open_shop(make_shop(items=items)), tmp_path / "copy", {column: NewCells(np.arange(2), {1: written})})


def test_where_nothing_changes_every_file_is_the_shops_own(make_shop: MakeShop, tmp_path: Path) -> None:
    folder = make_shop()
    copy = copied(folder, tmp_path / "copy", ("name",), [0, 1, 2])
    assert same_file(copy / "items.parquet", folder / "items.parquet")


def test_where_the_disk_has_no_links_files_are_copied(
    make_shop: MakeShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    folder = make_shop(users={"user_id": ["u"]})
    copy = copied(folder, tmp_path / "copy", ("name",), [1, 0, 2])
    assert not same_file(copy / "users.parquet", folder / "users.parquet")
    assert (copy / "users.parquet").read_bytes() == (folder / "users.parquet").read_bytes()


def test_a_file_that_is_a_link_goes_along_as_what_it_leads_to(make_shop: MakeShop, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text("user_id\nu\n")
    folder = make_shop()
    (folder / "users.csv").symlink_to("../elsewhere.csv")
    copy = copied(folder, tmp_path / "copy", ("name",), [0, 1, 2])
    assert not (copy / "users.csv").is_symlink()
    assert (copy / "users.csv").read_text() == "user_id\nu\n"


def test_items_written_to_since_the_shop_was_opened_are_told(make_shop: MakeShop, tmp_path: Path) -> None:
    folder = make_shop()
    shop = open_shop(folder)
    pl.DataFrame({"item_id": ["b", "a", "c"]}).write_parquet(folder / "items.parquet")
    with pytest.raises(CamennError, match="written to since the shop was opened"):
        copy_shop(shop, tmp_path / "copy", {"name": NewCells(np.arange(3))})
    (folder / "items.parquet").unlink()
    with pytest.raises(CamennError, match="written to since the shop was opened"):
        copy_shop(shop, tmp_path / "copy", {"name": NewCells(np.arange(3))})
