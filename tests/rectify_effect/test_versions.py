"""The four versions of a catalogue: an oracle reviews, nothing is made twice, nothing foreign is written into."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from camenn.errors import ConfigError
from camenn.rectify.findings import SCHEMA, Kind
from camenn.rectify_bench.planting import PLANTED, Planted
from camenn.rectify_bench.scoring import Truth
from camenn.rectify_effect.versions import ACCEPTED, Version, Versions, accepted
from camenn.tables.shop import Shop, open_shop
from findings_factory import finding, write_made_up
from toy import write_toy_shop
from toy_run import small_config

CLEAN = pl.DataFrame(
    {
        "item_id": list("abcdef"),
        "name": ["Pear", "pear", "Plum", "Plum", "Roll", "Roll"],
        "category": ["Fruit", "Fruit", "Fruit", "Fruit", "Bakery", "Bakery"],
    }
)


def truth(**faults: tuple[Planted, str | None]) -> Truth:
    planted = pl.DataFrame(
        [{"item_id": item, "fault": str(kind), "other_item_id": other} for item, (kind, other) in faults.items()],
        schema=dict.fromkeys(("item_id", "fault", "other_item_id"), pl.String),
    )
    return Truth.of(CLEAN, list("abcdef"), planted, again="-again")


def taken_from(*items: str) -> list[dict[str, Any]]:
    return [{"item_id": item, "value": None, "score": 0.0} for item in items]


def taken(known: Truth, *rows: dict[str, Any]) -> dict[str, list[str]]:
    """By item, whose cells an oracle accepts."""
    found = accepted(pl.DataFrame(rows, schema=SCHEMA), known)
    assert found.schema == SCHEMA
    return {row["item_id"]: [one["item_id"] for one in row["suggestions"]] for row in found.iter_rows(named=True)}


def test_the_first_suggestion_that_is_right_is_taken() -> None:
    known = truth(a=(Planted.NAME_EASY, "e"), e=(Planted.CATEGORY, "a"))
    name = finding("a", "mismatch", suggestions=taken_from("c", "b", "d"))
    category = finding("e", "wrong_category", suggestions=taken_from("f"))
    assert taken(known, name, category) == {"a": ["b"], "e": ["f"]}


def test_what_is_false_or_helps_nothing_is_rejected() -> None:
    known = truth(a=(Planted.NAME_EASY, "e"), c=(Planted.VAGUE, None))
    assert not taken(
        known,
        finding("b", "mismatch", suggestions=taken_from("b")),  # nothing is wrong with it
        finding("a", "mismatch", columns=["image"], suggestions=taken_from("b")),  # its picture is right
        finding("a", "wrong_category", suggestions=taken_from("b")),
        finding("a", "vague_name", suggestions=taken_from("b")),
        finding("c", "vague_name", suggestions=taken_from("a", "b", "e")),  # none is a plum
        finding("c", "vague_name", suggestions=[]),
    )


def test_a_cell_that_is_wrong_itself_is_not_taken() -> None:
    known = truth(
        a=(Planted.NAME_EASY, "e"),
        b=(Planted.NAME_EASY, "f"),
        c=(Planted.PICTURE_EASY, "e"),
        d=(Planted.BLUR, None),
        f=(Planted.NAME_EASY, "a"),
    )
    # `b` is a pear that is called a roll, `f` a roll that is called a pear.
    assert taken(known, finding("a", "mismatch", suggestions=taken_from("b", "f"))) == {"a": ["f"]}
    assert not taken(known, finding("c", "mismatch", columns=["image"], suggestions=taken_from("d")))  # a blur
    assert taken(known, finding("d", "poor_picture", suggestions=taken_from("c"))) == {}  # shows a roll


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return open_shop(write_toy_shop(tmp_path_factory.mktemp("versions") / "shop", num_items=120, num_requests=20))


def cells(shop: Shop) -> dict[str, dict[str, Any]]:
    pictures = pl.Series("image", shop.catalogue.images(0, shop.catalogue.num_items))
    table = shop.catalogue.table.select("item_id", "name", "description", "category").collect()
    return {row["item_id"]: row for row in table.with_columns(pictures).to_dicts()}


def test_a_reviewer_writes_right_cells_and_nothing_else(shop: Shop, tmp_path: Path) -> None:
    versions = Versions(shop, tmp_path / "out", rate=0.4)
    dirty = versions.dirty()
    rng = np.random.default_rng(0)
    clean, wrong = cells(shop), cells(dirty)
    rows = []
    for item in wrong:  # everything is said of everything, and anything suggested
        for kind in (Kind.MISMATCH, Kind.VAGUE_NAME, Kind.WRONG_CATEGORY, Kind.POOR_PICTURE):
            suggested = taken_from(*rng.choice(list(wrong), 5, replace=False).tolist())
            rows.append(finding(item, kind, suggestions=suggested))
    write_made_up(tmp_path / "out" / "findings", dirty, rows)
    after = cells(versions.reviewed(dirty))
    shown = {}  # by picture, what it shows; each is another's in the toy shop
    for row in clean.values():
        shown[row["image"]] = row["name"]
    mended = 0
    for item, row in after.items():
        for column in ("name", "category", "image"):
            if row[column] == wrong[item][column]:
                continue
            mended += 1
            assert wrong[item][column] != clean[item][column], (item, column)
            if column == "image":
                assert shown[row["image"]] == clean[item]["name"]
            else:
                assert row[column] == clean[item][column]
        if row["description"] != wrong[item]["description"]:  # goes with the name
            assert row["name"] == clean[item]["name"] != wrong[item]["name"]
    taken = pl.read_parquet(tmp_path / "out" / "reviewed" / ACCEPTED)
    assert mended == len(taken) > 10
    done = versions.corrected(dirty)
    assert (done.num_decisions, done.num_accepted, done.num_mended, done.num_automatic) == (480, mended, mended, 0)
    assert done.unchanged == (Version.AUTOMATIC,)
    assert done.num_faults == len(pl.read_parquet(dirty.folder / PLANTED)) == 49


def test_no_item_is_listed_twice_so_that_requests_and_parts_stay(shop: Shop, tmp_path: Path) -> None:
    dirty = Versions(shop, tmp_path / "out", rate=0.4).dirty()
    assert dirty.catalogue.ids.values.equals(shop.catalogue.ids.values)
    assert Planted.DUPLICATE not in pl.read_parquet(dirty.folder / PLANTED)["fault"]


def test_what_is_made_is_kept(shop: Shop, tmp_path: Path) -> None:
    versions = Versions(shop, tmp_path / "out", rate=0.4)
    folder = versions.dirty().folder
    before = (folder / "items.parquet").stat().st_mtime_ns
    assert versions.dirty().folder == folder
    assert (folder / "items.parquet").stat().st_mtime_ns == before
    assert folder.name == Version.DIRTY


def test_a_folder_is_for_one_shop_rate_and_model(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    with pytest.raises(ConfigError, match="holds something else"):
        Versions(shop, tmp_path / "other", rate=0.2).claim(small_config())
    Versions(shop, tmp_path / "out", rate=0.2).claim(small_config())
    Versions(shop, tmp_path / "out", rate=0.2).claim(small_config())
    with pytest.raises(ConfigError, match="made of another rate"):
        Versions(shop, tmp_path / "out", rate=0.1).claim(small_config())
    with pytest.raises(ConfigError, match="made of another rectified by"):
        Versions(shop, tmp_path / "out", rate=0.2).claim(small_config(training={"seed": 4}))
