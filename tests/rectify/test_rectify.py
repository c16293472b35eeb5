"""`camenn rectify`, whole: a small shop with known faults, and shops that lack something."""

import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from camenn import cli
from camenn.bundle import Bundle
from camenn.errors import CamennError, DataError, StoreError
from camenn.rectify.findings import SCHEMA, read_findings
from camenn.rectify.rectify import Rectified, rectify
from camenn.rectify.summary import show_findings
from camenn.rectify.tier import Tier
from camenn.tables.shop import Shop, open_shop
from toy import COLOURS, toy_items

NUM = 160
WRONG_NAMES = range(0, 48, 6)
"""Items whose name has another colour than their picture."""


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def with_cells(items: pl.DataFrame, **cells: dict[int, Any]) -> pl.DataFrame:
    """The items with other cells in some lines."""
    for column, by_line in cells.items():
        values = items[column].to_list()
        for line, value in by_line.items():
            values[line] = value
        items = items.with_columns(pl.Series(column, values, dtype=items[column].dtype))
    return items


def faulty_items(num: int = NUM) -> pl.DataFrame:
    items = toy_items(num).with_columns(pl.col("price").fill_null(2.0))
    colours = list(COLOURS)
    names = items["name"].to_list()
    wrong = {line: f"{colours[(line + 1) % 4]} {names[line].split()[1]}" for line in WRONG_NAMES}
    return with_cells(
        items,
        name=wrong | {101: None, 121: names[120]},
        description={101: None},
        image={103: None, 105: b"no picture", 121: items["image"][120]},
        price={110: 4000.0},
    )


Write = Callable[[pl.DataFrame], Shop]


@pytest.fixture
def write(tmp_path: Path, bundle: Bundle) -> Write:
    """Writes a shop of these items and encodes it with the toy run's encoders."""

    def shop(items: pl.DataFrame) -> Shop:
        (tmp_path / "shop").mkdir()
        items.write_parquet(tmp_path / "shop" / "items.parquet")
        opened = open_shop(tmp_path / "shop")
        bundle.encode(opened)
        return opened

    return shop


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> tuple[Path, Rectified, dict[str, str]]:
    """The folder, what was found, and the shop's files as they were before."""
    folder = tmp_path_factory.mktemp("rectify")
    (folder / "shop").mkdir()
    faulty_items().write_parquet(folder / "shop" / "items.parquet")
    before = digest(folder / "shop")
    shop = open_shop(folder / "shop")
    bundle.encode(shop)
    return folder, rectify(bundle, shop, folder / "found", rate=0.05), before


def test_it_writes_findings_a_report_and_a_corrected_shop(done: tuple[Path, Rectified, Any], bundle: Bundle) -> None:
    folder, rectified, _ = done
    findings, about = read_findings(folder / "found")
    assert len(findings) == len(rectified.findings)
    assert findings.schema == pl.Schema(SCHEMA)
    assert about.model == bundle.digest
    assert Path(about.shop) == folder / "shop"
    assert rectified.num_items == about.num_items == NUM
    assert rectified.num_judged == NUM - 3
    assert sorted(path.name for path in (folder / "found").iterdir()) == [
        "about.json",
        "corrected",
        "findings.parquet",
        "report.html",
    ]


def test_the_shop_itself_is_not_touched(done: tuple[Path, Rectified, dict[str, str]]) -> None:
    folder, _, before = done
    assert digest(folder / "shop") == before


def test_it_finds_what_is_wrong(done: tuple[Path, Rectified, Any]) -> None:
    findings = done[1].findings
    found = {kind: set(part["item_id"]) for (kind,), part in findings.group_by("kind")}
    assert found["missing_name"] == {"i101"}
    assert found["missing_picture"] == {"i103", "i105"}
    assert found["duplicate"] == {"i121"}
    assert "i110" in found["odd_price"]
    assert len(found["mismatch"] & {f"i{line}" for line in WRONG_NAMES}) >= 0.75 * len(WRONG_NAMES)
    sure = findings.filter((pl.col("kind") == "mismatch") & (pl.col("probability") > 0.5))
    assert set(sure["item_id"]) <= {f"i{line}" for line in WRONG_NAMES}
    reasons = dict(findings.select(pl.concat_str("item_id", "kind"), "reason").iter_rows())
    assert reasons["i103missing_picture"] == "There is no picture."
    assert reasons["i105missing_picture"] == "The picture cannot be read."
    assert reasons["i121duplicate"] == "The same name and picture as i120."


def test_what_is_worth_most_comes_first_and_says_why(done: tuple[Path, Rectified, Any]) -> None:
    findings, _ = read_findings(done[0] / "found")
    assert findings["worth"].is_sorted(descending=True)
    for row in findings.filter(kind="mismatch").iter_rows(named=True):
        assert row["signs"]
        assert len(row["patches"]) == 9
        assert abs(sum(row["patches"])) < 1e-5
        name, description = next(
            (item["name"], item["description"])
            for item in faulty_items().to_dicts()
            if item["item_id"] == row["item_id"]
        )
        words = [word["word"] for word in row["words"]]
        assert words == list(dict.fromkeys(re.findall(r"\w+", f"{name} {description or ''}")))
        assert abs(sum(word["weight"] for word in row["words"])) < 1e-5
    for row in findings.filter(pl.col("kind").is_in(["duplicate", "missing_name"])).iter_rows(named=True):
        assert not row["words"]
        assert not row["patches"]


def test_the_corrected_shop_holds_the_first_suggestions_and_nothing_else(done: tuple[Path, Rectified, Any]) -> None:
    folder, rectified, _ = done
    automatic = rectified.findings.filter("automatic")
    before, after = (
        pl.read_parquet(path / "items.parquet") for path in (folder / "shop", folder / "found" / "corrected")
    )
    assert before["item_id"].equals(after["item_id"])
    expected = {column: before[column].to_list() for column in before.columns}
    line_of = {item: line for line, item in enumerate(before["item_id"])}
    for item, columns, suggestions in automatic.select("item_id", "columns", "suggestions").iter_rows():
        for column in columns:
            expected[column][line_of[item]] = before[column][line_of[suggestions[0]["item_id"]]]
    for column in before.columns:
        assert after[column].to_list() == expected[column], column
    open_shop(folder / "found" / "corrected")


def test_the_report_needs_nothing_else(done: tuple[Path, Rectified, Any]) -> None:
    text = (done[0] / "found" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.search(r"(?:src|href)=\"(?!data:image/jpeg;base64,|#)", text)
    assert "prefers-color-scheme" in text
    assert "data:image/jpeg" in text
    for kind in ("Name and picture differ", "Missing picture", "Duplicate"):
        assert kind in text


def test_the_summary_counts_by_kind(done: tuple[Path, Rectified, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_findings(done[1], Console(width=120))
    out = capsys.readouterr().out
    assert f"{len(done[1].findings):,} findings in {NUM} items" in out
    assert "missing picture" in out
    sure = replace(done[1], tier=Tier(2.0))
    show_findings(sure, Console(width=120))
    assert "No correction is sure enough" in capsys.readouterr().out
    show_findings(replace(done[1], tier=Tier(0.98, 0.008, (0.002, 0.02), 345)), Console(width=200))
    told = "from 0.980 on were made: 0.8% of them are expected to be false, 0.2% to 2.0% by 345 tried on planted faults"
    assert told in capsys.readouterr().out


def test_the_same_seed_twice_finds_the_same(done: tuple[Path, Rectified, Any], bundle: Bundle, tmp_path: Path) -> None:
    again = rectify(bundle, open_shop(done[0] / "shop"), tmp_path / "again", rate=0.05)
    assert again.findings.equals(done[1].findings)


# Shops that lack something


def test_without_pictures_texts_alone_are_judged(write: Write, bundle: Bundle, tmp_path: Path) -> None:
    items = with_cells(toy_items(80).drop("image"), category={3: "box"}, name={7: None})
    found = rectify(bundle, write(items), tmp_path / "found")
    by_item = {row["item_id"]: row for row in found.findings.to_dicts()}
    assert found.num_judged == 0
    assert by_item["i7"]["kind"] == "missing_name"
    assert by_item["i3"]["kind"] == "wrong_category"
    assert not {"mismatch", "poor_picture", "missing_picture"} & set(found.findings["kind"])
    assert "Nobody can say" in (tmp_path / "found" / "report.html").read_text(encoding="utf-8")


def test_without_texts_pictures_alone_are_judged(write: Write, bundle: Bundle, tmp_path: Path) -> None:
    items = (
        toy_items(80)
        .drop("name", "description")
        .with_columns(pl.Series("category", [list(COLOURS)[line % 4] for line in range(80)]))
    )
    items = with_cells(items, category={2: "red"}, image={4: None})
    found = rectify(bundle, write(items), tmp_path / "found")
    assert found.num_judged == 0
    sure = found.findings.filter(pl.col("probability") > 0.5)
    assert set(sure.select("item_id", "kind").iter_rows()) == {("i2", "wrong_category"), ("i4", "missing_picture")}


def test_without_categories_none_is_wrong(write: Write, bundle: Bundle, tmp_path: Path) -> None:
    found = rectify(bundle, write(faulty_items().drop("category")), tmp_path / "found")
    kinds = set(found.findings["kind"])
    assert "wrong_category" not in kinds
    wrong = set(found.findings.filter(kind="mismatch")["item_id"])
    assert len(wrong & {f"i{line}" for line in WRONG_NAMES}) >= 0.75 * len(WRONG_NAMES)


def test_of_one_item_there_is_little_to_say(write: Write, bundle: Bundle, tmp_path: Path) -> None:
    found = rectify(bundle, write(toy_items(1)), tmp_path / "found")
    assert len(found.findings) == 0
    assert "Nothing was found in 1 item." in (tmp_path / "found" / "report.html").read_text(encoding="utf-8")
    findings, _ = read_findings(tmp_path / "found")
    assert findings.schema == pl.Schema(SCHEMA)


def test_items_that_are_all_the_same_are_duplicates_and_nothing_else(
    write: Write, bundle: Bundle, tmp_path: Path
) -> None:
    items = pl.concat([toy_items(1)] * 60).with_columns(pl.Series("item_id", [f"i{line}" for line in range(60)]))
    found = rectify(bundle, write(items), tmp_path / "found")
    assert set(found.findings["kind"]) == {"duplicate"}
    assert len(found.findings) == 59


def test_of_four_in_ten_faulty_the_faulty_stand_first(write: Write, bundle: Bundle, tmp_path: Path) -> None:
    items = toy_items(NUM)
    rng = np.random.default_rng(0)
    wrong = rng.permutation(NUM)[: 4 * NUM // 10].tolist()
    colours, names = list(COLOURS), items["name"].to_list()
    renamed = {line: f"{colours[(line + int(rng.integers(1, 4))) % 4]} {names[line].split()[1]}" for line in wrong}
    found = rectify(bundle, write(with_cells(items, name=renamed)), tmp_path / "found")
    mismatch = found.findings.filter(kind="mismatch")
    expected = dict(mismatch.select("item_id", "probability").iter_rows())
    of_wrong = np.mean([expected.get(f"i{line}", 0.0) for line in wrong])
    of_right = np.mean([expected.get(f"i{line}", 0.0) for line in range(NUM) if line not in set(wrong)])
    assert of_wrong > 3 * of_right


def test_a_shop_that_another_encoder_encoded_is_refused(write: Write, bundle: Bundle, tmp_path: Path) -> None:
    assert bundle.text is not None
    other = replace(bundle, text=replace(bundle.text, digest="0123456789abcdef"))
    with pytest.raises(StoreError, match="no text vectors of encoder 0123456789abcdef"):
        rectify(other, write(toy_items(40)), tmp_path / "found")
    assert not (tmp_path / "found").exists()


def test_a_shop_without_texts_and_pictures_is_refused(write: Write, bundle: Bundle, tmp_path: Path) -> None:
    shop = write(toy_items(20).drop("name", "description", "image"))
    with pytest.raises(DataError, match="no item has a text or a picture"):
        rectify(bundle, shop, tmp_path / "found")


def test_a_folder_that_holds_something_is_refused(write: Write, bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "mine.txt").write_text("keep")
    with pytest.raises(CamennError, match="not empty"):
        rectify(bundle, write(toy_items(1)), tmp_path / "found")
    assert (tmp_path / "found" / "mine.txt").read_text() == "keep"


def test_the_verb_says_what_was_found_and_what_to_do_next(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["camenn", "rectify", toy / "run", "--shop", toy / "shop", "--out", tmp_path / "found"]
    monkeypatch.setattr(sys, "argv", [str(part) for part in command])
    with pytest.raises(SystemExit) as left:
        cli.main()
    out, err = capsys.readouterr()
    assert not left.value.code
    assert "findings in 40 items" in out
    assert "camenn desk" in " ".join(err.split())
    read_findings(tmp_path / "found")
