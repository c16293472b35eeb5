"""A corrected shop: what decisions put where, and that undoing them brings back what was there."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from camenn.errors import CamennError, DataError
from camenn.rectify.applying import CORRECTIONS, Applied, apply_decisions
from camenn.rectify.findings import About, items_digest
from camenn.rectify.ledger import Action, Decision, Entry, Ledger, ledger_url
from camenn.tables.shop import Shop, open_shop
from toy import write_toy_shop

BOTH = ("name", "description")


@pytest.fixture
def toy_shop(tmp_path: Path) -> Shop:
    """Items i0 (red apple), i1 (green apple), …; their pictures are bytes in one Parquet file."""
    return open_shop(write_toy_shop(tmp_path / "shop", num_requests=20))


@pytest.fixture
def about(toy_shop: Shop) -> About:
    return About(str(toy_shop.folder), items_digest(toy_shop), "cd34", toy_shop.catalogue.num_items)


@pytest.fixture
def ledger(about: About, tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(ledger_url(tmp_path), about, create=True)
    yield opened
    opened.close()


def decide(ledger: Ledger, item_id: str, kind: str, action: str = "accept", **given: Any) -> Entry:
    last = [entry.id for entry in ledger.entries() if entry.key == (item_id, kind)]
    decision = Decision(item_id, kind, Action(action), seen=last[-1] if last else None, **given)
    return ledger.record(decision, reviewer="reviewer_one")


def undo(ledger: Ledger, entry: Entry) -> None:
    decide(ledger, *entry.key, "undo", undoes=entry.id)


def items(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "items.parquet")


def row(folder: Path, item_id: str) -> dict[str, Any]:
    return items(folder).row(by_predicate=pl.col("item_id") == item_id, named=True)


def digests(folder: Path) -> dict[str, str]:
    """Of the files of a shop's folder, what was done left out."""
    files = [path for path in folder.iterdir() if path.is_file() and path.name != CORRECTIONS]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_an_accepted_suggestion_takes_all_its_columns_from_the_other_item(
    toy_shop: Shop, ledger: Ledger, about: About, tmp_path: Path
) -> None:
    decide(ledger, "i0", "mismatch", columns=BOTH, before="red apple", after="green pear", taken_from="i5")
    decide(ledger, "i2", "shared_picture", columns=("image",), taken_from="i9")
    before = digests(toy_shop.folder)
    done = apply_decisions(toy_shop, ledger, about, tmp_path / "out")
    own, new = items(toy_shop.folder), items(tmp_path / "out")
    assert row(tmp_path / "out", "i0")["name"] == row(toy_shop.folder, "i5")["name"]
    assert row(tmp_path / "out", "i0")["description"] == row(toy_shop.folder, "i5")["description"]
    assert row(tmp_path / "out", "i2")["image"] == row(toy_shop.folder, "i9")["image"]
    assert own["item_id"].filter(own.hash_rows() != new.hash_rows()).to_list() == ["i0", "i2"]
    assert done.num_items == 2
    assert digests(toy_shop.folder) == before
    assert (tmp_path / "out" / "events.parquet").stat().st_ino == (toy_shop.folder / "events.parquet").stat().st_ino
    assert open_shop(tmp_path / "out").catalogue.num_items == toy_shop.catalogue.num_items


def test_what_was_done_stands_beside(toy_shop: Shop, ledger: Ledger, about: About, tmp_path: Path) -> None:
    entry = decide(ledger, "i0", "mismatch", columns=BOTH, before="red apple", after="green pear", taken_from="i5")
    typed = decide(ledger, "i1", "vague_name", "edit", columns=("name",), before="green apple", after="Granny Smith")
    decide(ledger, "i3", "duplicate", columns=("name",))
    decide(ledger, "i4", "mismatch", "reject", columns=BOTH)
    done = apply_decisions(toy_shop, ledger, about, tmp_path / "out")
    assert row(tmp_path / "out", "i1")["name"] == "Granny Smith"
    written = pl.read_parquet(tmp_path / "out" / CORRECTIONS)
    assert written.rows() == [
        ("i0", "mismatch", ["name", "description"], "red apple", "green pear", "i5", "reviewer_one", entry.at),
        ("i1", "vague_name", ["name"], "green apple", "Granny Smith", None, "reviewer_one", typed.at),
    ]
    assert done == Applied(done.corrections, num_items=2, num_rejected=1, num_without_change=1, num_overruled=0)


def test_of_decisions_on_one_column_the_latest_counts(
    toy_shop: Shop, ledger: Ledger, about: About, tmp_path: Path
) -> None:
    decide(ledger, "i0", "mismatch", columns=BOTH, taken_from="i5")
    decide(ledger, "i0", "vague_name", "edit", columns=("name",), after="Braeburn")
    decide(ledger, "i1", "vague_name", "edit", columns=("name",), after="Pear")
    decide(ledger, "i1", "mismatch", columns=("name",), taken_from="i6")
    done = apply_decisions(toy_shop, ledger, about, tmp_path / "out")
    assert row(tmp_path / "out", "i0")["name"] == "Braeburn"
    assert row(tmp_path / "out", "i0")["description"] == row(toy_shop.folder, "i5")["description"]
    assert row(tmp_path / "out", "i1")["name"] == row(toy_shop.folder, "i6")["name"]
    assert done.corrections["columns"].to_list() == [["description"], ["name"], ["name"]]
    assert done.num_overruled == 1


def test_cells_are_taken_as_they_were_before_any_correction(
    toy_shop: Shop, ledger: Ledger, about: About, tmp_path: Path
) -> None:
    decide(ledger, "i0", "mismatch", columns=("name",), taken_from="i5")
    decide(ledger, "i5", "mismatch", columns=("name",), taken_from="i0")
    apply_decisions(toy_shop, ledger, about, tmp_path / "out")
    assert row(tmp_path / "out", "i0")["name"] == row(toy_shop.folder, "i5")["name"]
    assert row(tmp_path / "out", "i5")["name"] == row(toy_shop.folder, "i0")["name"]


def test_what_is_undone_leaves_the_tables_byte_by_byte_as_they_were(
    toy_shop: Shop, ledger: Ledger, about: About, tmp_path: Path
) -> None:
    entries = [
        decide(ledger, "i0", "mismatch", columns=BOTH, taken_from="i5"),
        decide(ledger, "i1", "vague_name", "edit", columns=("name",), after="Granny Smith"),
        decide(ledger, "i2", "mismatch", columns=("image",), taken_from="i3"),
    ]
    apply_decisions(toy_shop, ledger, about, tmp_path / "first")
    assert digests(tmp_path / "first") != digests(toy_shop.folder)
    for entry in entries:
        undo(ledger, entry)
    done = apply_decisions(toy_shop, ledger, about, tmp_path / "second")
    assert done.num_items == 0
    assert digests(tmp_path / "second") == digests(toy_shop.folder)
    for name in digests(toy_shop.folder):
        assert (tmp_path / "second" / name).stat().st_ino == (toy_shop.folder / name).stat().st_ino


def test_a_corrected_shop_can_be_corrected_again(toy_shop: Shop, ledger: Ledger, about: About, tmp_path: Path) -> None:
    decide(ledger, "i0", "vague_name", "edit", columns=("name",), after="Braeburn")
    apply_decisions(toy_shop, ledger, about, tmp_path / "first")
    first = open_shop(tmp_path / "first")
    second_about = About(str(first.folder), items_digest(first), "cd34", first.catalogue.num_items)
    (tmp_path / "second-findings").mkdir()
    second = Ledger.open(ledger_url(tmp_path / "second-findings"), second_about, create=True)
    decide(second, "i1", "vague_name", "edit", columns=("name",), after="Elstar")
    apply_decisions(first, second, second_about, tmp_path / "second")
    second.close()
    assert [row(tmp_path / "second", item)["name"] for item in ("i0", "i1")] == ["Braeburn", "Elstar"]
    assert pl.read_parquet(tmp_path / "first" / CORRECTIONS)["item_id"].to_list() == ["i0"]
    assert pl.read_parquet(tmp_path / "second" / CORRECTIONS)["item_id"].to_list() == ["i1"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"item_id": "gone"}, "names item 'gone', which is not in the shop"),
        ({"taken_from": "gone"}, "names item 'gone', which is not in the shop"),
        ({"columns": ("colour",)}, "names column 'colour', which the shop has not"),
    ],
)
def test_a_decision_on_what_the_shop_has_not_is_told(
    toy_shop: Shop, ledger: Ledger, about: About, tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    decide(ledger, **({"item_id": "i0", "kind": "mismatch", "columns": ("name",), "taken_from": "i5"} | given))
    with pytest.raises(DataError, match=message):
        apply_decisions(toy_shop, ledger, about, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_typed_price_that_is_none_is_told(toy_shop: Shop, ledger: Ledger, about: About, tmp_path: Path) -> None:
    decide(ledger, "i0", "odd_price", "edit", columns=("price",), after="cheap")
    with pytest.raises(DataError, match=r"items\.price: what is to be written does not fit"):
        apply_decisions(toy_shop, ledger, about, tmp_path / "out")


def test_a_shop_that_changed_and_a_full_or_inner_folder_are_refused(
    toy_shop: Shop, ledger: Ledger, about: About, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(CamennError, match="is there already and not empty"):
        apply_decisions(toy_shop, ledger, about, tmp_path / "full")
    with pytest.raises(CamennError, match="lies in the shop's folder"):
        apply_decisions(toy_shop, ledger, about, toy_shop.folder / "out")
    renamed = items(toy_shop.folder).with_columns(pl.col("name").replace("red apple", "blue apple"))
    renamed.write_parquet(toy_shop.folder / "items.parquet")
    with pytest.raises(DataError, match="its items are not those that the findings were made of"):
        apply_decisions(open_shop(toy_shop.folder), ledger, about, tmp_path / "out")
