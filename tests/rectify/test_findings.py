"""Findings as they lie on the disk: what a hand-edited file is told."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from camenn.errors import DataError
from camenn.rectify import findings as findings_module
from camenn.rectify.findings import ABOUT, FINDINGS, SCHEMA, About, items_digest, read_findings, write_findings
from camenn.tables.shop import open_shop

ABOUT_SHOP = About(shop="shops/corner", items="ab12", model="cd34", num_items=3)


def finding(**changed: Any) -> dict[str, Any]:
    return {
        "item_id": "a",
        "kind": "mismatch",
        "side": "name",
        "reason": "the name does not fit the picture",
        "probability": 0.9,
        "automatic": False,
        "columns": ["name", "description"],
        "shown": "Berries",
        "suggestions": [{"item_id": "b", "value": "Strawberries", "score": 0.7}],
        "neighbours": [{"item_id": "b", "by": "picture", "similarity": 0.8}],
        "words": [{"word": "Berries", "weight": -0.3}],
        "patches": [0.1] * 9,
        "signs": [{"sign": "text against picture", "weight": 2.0}],
        "exposure": 10.0,
        "price": 2.5,
        "worth": 22.5,
        **changed,
    }


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA)


def test_findings_come_back_most_worth_first(tmp_path: Path) -> None:
    written = table(finding(worth=1.0), finding(item_id="b", worth=3.0), finding(kind="vague_name", worth=2.0))
    write_findings(written, ABOUT_SHOP, tmp_path)
    findings, about = read_findings(tmp_path)
    assert_frame_equal(findings, written[[1, 2, 0]])
    assert about == ABOUT_SHOP


def test_no_findings_are_findings_too(tmp_path: Path) -> None:
    write_findings(table(), ABOUT_SHOP, tmp_path)
    assert read_findings(tmp_path)[0].is_empty()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "mismtach"}, "kind holds what it cannot hold in row 2"),
        ({"side": None}, "side holds"),
        ({"probability": 1.2}, "probability holds"),
        ({"worth": float("nan")}, "worth holds"),
        ({"item_id": None}, "item_id holds"),
        ({"item_id": "a"}, "kind of item stands twice in row 1"),
    ],
)
def test_an_edited_row_is_told(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    write_findings(table(finding()), ABOUT_SHOP, tmp_path)
    table(finding(), finding(**{"item_id": "b", **changed})).write_parquet(tmp_path / FINDINGS)
    with pytest.raises(DataError, match=message):
        read_findings(tmp_path)


def test_a_missing_column_another_type_and_another_format_are_told(tmp_path: Path) -> None:
    write_findings(table(finding()), ABOUT_SHOP, tmp_path)
    table(finding()).drop("shown").write_parquet(tmp_path / FINDINGS)
    with pytest.raises(DataError, match="the column shown is missing"):
        read_findings(tmp_path)
    table(finding()).with_columns(worth=pl.lit("much")).write_parquet(tmp_path / FINDINGS)
    with pytest.raises(DataError, match="worth is String, not Float64"):
        read_findings(tmp_path)
    (tmp_path / FINDINGS).write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="cannot be read as findings"):
        read_findings(tmp_path)
    table(finding()).write_parquet(tmp_path / FINDINGS)
    (tmp_path / ABOUT).write_text((tmp_path / ABOUT).read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(DataError, match="format 9, this version reads 1"):
        read_findings(tmp_path)


def test_a_folder_without_findings_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no findings here"):
        read_findings(tmp_path)


# What findings were made of


def digest(folder: Path, **tables: Any) -> str:
    folder.mkdir()
    pl.DataFrame(tables).write_parquet(folder / "items.parquet")
    (folder / "shop.toml").write_text('[columns.items]\ncategory = "multi"' if tables["category"][1] is None else "")
    return items_digest(open_shop(folder))


ITEMS = {
    "item_id": ["a", "b"],
    "name": ["Pear", None],
    "category": ["Fruit", "Fruit"],
    "price": [1.0, 2.0],
    "image": [b"one", b"other"],
}


@pytest.mark.parametrize(
    "changed",
    [
        {"item_id": ["a", "c"]},
        {"name": ["Plum", None]},
        {"name": [None, "Pear"]},
        {"category": ["Fruit", "Bread"]},
        {"image": [b"oneo", b"ther"]},
        {"image": [b"other", b"one"]},
    ],
    ids=str,
)
def test_the_digest_tells_other_items(tmp_path: Path, changed: dict[str, Any]) -> None:
    same = digest(tmp_path / "copy", **ITEMS | {"price": [3.0, 4.0]})
    assert digest(tmp_path / "shop", **ITEMS) == same
    assert digest(tmp_path / "other", **ITEMS | changed) != same


def test_the_digest_reads_lists_and_pictures_that_are_files(tmp_path: Path) -> None:
    paths = ITEMS | {"image": ["one.png", None], "category": [["Fruit", "Pears"], None]}
    assert digest(tmp_path / "shop", **paths) == digest(tmp_path / "copy", **paths)
    assert digest(tmp_path / "other", **paths | {"image": [None, "one.png"]}) != digest(tmp_path / "third", **paths)


def test_the_digest_of_many_lines_is_that_of_their_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digest(tmp_path / "shop", **ITEMS)
    monkeypatch.setattr(findings_module, "_BYTES", 2)
    assert digest(tmp_path / "copy", **ITEMS) == whole
