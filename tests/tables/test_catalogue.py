from pathlib import Path
from typing import Any

import polars as pl
import pytest

from camenn.errors import ShopError
from camenn.tables.pictures import PictureFolder
from camenn.tables.shop import open_shop


def test_a_text_is_the_name_and_every_description(make_shop: Any) -> None:
    items = {
        "item_id": ["a", "b", "c", "d"],
        "note": ["ripe", None, None, "new"],
        "description": ["Green and sweet", "Blue", None, None],
        "name": ["Pear", None, None, "Fig"],
    }
    catalogue = open_shop(make_shop(items=items, settings='[columns.items]\nnote = "text"')).catalogue
    assert catalogue.texts(0, 4) == ["Pear. Green and sweet. ripe", "Blue", "", "Fig. new"]
    assert catalogue.texts(1, 3) == ["Blue", ""]
    assert catalogue.names(0, 4) == ["Pear", "", "", "Fig"]


def test_a_shop_of_bare_ids_has_neither_text_nor_pictures(make_shop: Any) -> None:
    shop = open_shop(make_shop(items={"item_id": ["a", "b"]}))
    catalogue = shop.catalogue
    assert (catalogue.has_names, catalogue.has_text, catalogue.has_images) == (False, False, False)
    assert catalogue.texts(0, 5) == catalogue.names(0, 2) == ["", ""]
    assert catalogue.images(0, 2) == [None, None]
    assert shop.events is None
    assert shop.people.num_users == 0


def test_blank_names_count_as_missing(make_shop: Any) -> None:
    catalogue = open_shop(make_shop(items={"item_id": ["a", "b"], "name": ["", "  "]})).catalogue
    assert catalogue.texts(0, 2) == ["", ""]
    assert not catalogue.has_names
    assert not catalogue.has_text


def test_unicode_right_to_left_and_very_long_text_come_back_whole(make_shop: Any) -> None:
    names = ["תפוח ירוק", "طماطم", "番茄 🍅", "e\u0301clair", "x" * 100_000]
    catalogue = open_shop(make_shop(items={"item_id": names, "name": names})).catalogue
    assert catalogue.names(0, 5) == names
    assert catalogue.ids.values.to_list() == names
    assert len(catalogue.texts(4, 5)[0]) == 100_000


def test_a_csv_with_a_byte_order_mark_quotes_and_line_breaks_is_read(make_shop: Any) -> None:
    text = '\ufeffitem_id,name\n1,"Pear, green\nand ""sweet"""\n007,Plum\n'
    catalogue = open_shop(make_shop(items=None, files={"items.csv": text})).catalogue
    assert catalogue.ids.values.to_list() == ["1", "007"]
    assert catalogue.names(0, 2) == ['Pear, green\nand "sweet"', "Plum"]


def test_pictures_as_bytes_are_read_by_line(make_shop: Any) -> None:
    pictures = [b"first", None, b"", b"the fourth"]
    folder = make_shop(items={"item_id": ["a", "b", "c", "d"], "image": pictures})
    catalogue = open_shop(folder).catalogue
    assert catalogue.has_images
    assert catalogue.images(0, 4) == [b"first", None, None, b"the fourth"]
    assert catalogue.images(3, 9) == [b"the fourth"]
    assert "image" not in catalogue.table.collect_schema()


def test_a_link_put_in_after_the_check_is_not_followed_out(make_shop: Any, tmp_path: Path) -> None:
    folder = make_shop(items={"item_id": ["a"], "image": ["a.png"]}, files={"a.png": b"a"})
    catalogue = open_shop(folder).catalogue
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "a.png").unlink()
    (folder / "a.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ShopError, match="leaves the shop"):
        catalogue.images(0, 1)


def test_pictures_of_one_folder_are_followed_to_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[Path] = []
    resolve = Path.resolve
    monkeypatch.setattr(Path, "resolve", lambda path: followed.append(path) or resolve(path))
    folder = PictureFolder(tmp_path)
    for number in range(100):
        assert folder.find(f"shelf/{number}.png") == resolve(tmp_path) / "shelf" / f"{number}.png"
    assert followed == [tmp_path / "shelf", tmp_path]


def test_columns_are_typed_by_their_kind_and_in_line_order(make_shop: Any) -> None:
    items = {
        "item_id": [3, 1, 2],
        "tags": ["red| round", "", None],
        "fresh": [True, None, False],
        "weight": [1, 2, 3],
        "stock": [5, 6, 7],
    }
    settings = '[columns.items]\nweight = "numeric"\nstock = "ignore"\ntags = "multi"\n'
    catalogue = open_shop(make_shop(items=items, settings=settings)).catalogue
    assert catalogue.ids.values.to_list() == ["3", "1", "2"]
    assert catalogue.column("tags").to_list() == [["red", "round"], [], None]
    assert catalogue.column("fresh").to_list() == ["true", None, "false"]
    assert catalogue.column("weight").dtype == pl.Float64
    assert catalogue.column("stock").to_list() == [5, 6, 7]


def test_pictures_keep_their_lines_across_files_and_slices(make_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camenn.tables.compile.PICTURE_BYTES", 300)
    folder = make_shop(items=None, files={"items-2.csv": "item_id\nbare\n"})
    drawn = [None if row % 7 == 3 else bytes([row]) * (row + 1) for row in range(60)]
    for name, rows in (("items-1", range(40)), ("items-3", range(40, 60))):
        table = pl.DataFrame({"item_id": [str(row) for row in rows], "image": [drawn[row] for row in rows]})
        table.write_parquet(folder / f"{name}.parquet")
    catalogue = open_shop(folder).catalogue
    assert catalogue.images(0, 61) == [*drawn[:40], None, *drawn[40:]]
