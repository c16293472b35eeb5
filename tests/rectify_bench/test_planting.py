"""Faults planted in a copy of a shop: as many of each kind as asked for, each doing what it says and nothing else."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from polars.testing import assert_frame_equal

from camenn.errors import CamennError, DataError
from camenn.rectify_bench.planting import AGAIN, PLANTED, Planted, plant_faults
from camenn.tables.shop import Shop, open_shop

NAMES = {"Fruit": ["Pear", "Plum", "Fig"], "Bakery": ["Roll", "Loaf", "Bun"]}


def picture(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(256, size=(40, 60, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    kinds = [(category, name) for category, names in NAMES.items() for name in names]
    rows = [
        {"item_id": f"i{line:03}", "name": kinds[line % 6][1], "category": kinds[line % 6][0], "image": picture(line)}
        for line in range(96)
    ]
    folder = tmp_path / "shop"
    folder.mkdir()
    pl.DataFrame(rows).with_columns(description=pl.lit("Of ") + pl.col("name")).write_parquet(folder / "items.parquet")
    return open_shop(folder)


def items(folder: Path) -> pl.DataFrame:
    shop = open_shop(folder)
    return shop.catalogue.table.collect().with_columns(image=pl.Series(shop.catalogue.images(0, 10_000)))


def test_each_fault_is_planted_as_often_as_the_others(shop: Shop, tmp_path: Path) -> None:
    planted = plant_faults(shop, tmp_path / "dirty", rate=0.25, seed=0)
    assert planted["fault"].value_counts().sort("fault").rows() == [(str(kind), 3) for kind in sorted(Planted)]
    assert planted["item_id"].n_unique() == len(planted)
    assert_frame_equal(planted, pl.read_parquet(tmp_path / "dirty" / PLANTED))


def test_kinds_that_are_not_asked_for_are_left_out(shop: Shop, tmp_path: Path) -> None:
    kinds = (Planted.NAME_EASY, Planted.BLUR)
    planted = plant_faults(shop, tmp_path / "dirty", rate=0.25, seed=0, kinds=kinds)
    assert planted["fault"].value_counts().sort("fault").rows() == [(str(kind), 12) for kind in sorted(kinds)]
    assert open_shop(tmp_path / "dirty").catalogue.num_items == shop.catalogue.num_items


def test_each_fault_changes_what_it_says_and_nothing_else(shop: Shop, tmp_path: Path) -> None:
    planted = plant_faults(shop, tmp_path / "dirty", rate=0.25, seed=0)
    clean = {row["item_id"]: row for row in items(shop.folder).to_dicts()}
    dirty = {row["item_id"]: row for row in items(tmp_path / "dirty").to_dicts()}
    fault = dict(planted.select("item_id", "fault").iter_rows())
    other = dict(planted.select("item_id", "other_item_id").iter_rows())
    changes = {
        Planted.NAME_EASY: {"name", "description"},
        Planted.NAME_HARD: {"name", "description"},
        Planted.PICTURE_EASY: {"image"},
        Planted.PICTURE_HARD: {"image"},
        Planted.VAGUE: {"name", "description"},
        Planted.CATEGORY: {"category"},
        Planted.BLUR: {"image"},
    }
    for item, row in clean.items():
        kind = fault.get(item)
        changed = {column for column in row if row[column] != dirty[item][column]}
        assert changed == (changes.get(Planted(kind), set()) if kind else set())
        if kind and other[item]:
            from_it = clean[other[item]]
            assert all(dirty[item][column] == from_it[column] for column in changed)
            assert from_it["name"] != row["name"]
            assert (from_it["category"] == row["category"]) == kind.endswith("hard")
        if kind == Planted.VAGUE:
            assert (dirty[item]["name"], dirty[item]["description"]) == (row["category"], None)
    twice = [item for item, kind in fault.items() if kind == Planted.DUPLICATE]
    assert dirty.keys() - clean.keys() == {item + AGAIN for item in twice}
    assert all({**dirty[item + AGAIN], "item_id": item} == clean[item] for item in twice)


def test_a_blurred_picture_has_less_detail(shop: Shop, tmp_path: Path) -> None:
    planted = plant_faults(shop, tmp_path / "dirty", rate=0.25, seed=0)
    blurred = planted.filter(fault=Planted.BLUR)["item_id"].to_list()

    def spread(table: pl.DataFrame, item: str) -> float:
        content = table.row(by_predicate=pl.col("item_id") == item, named=True)["image"]
        return float(np.asarray(Image.open(io.BytesIO(content)).convert("L"), float).std())

    before, after = items(shop.folder), items(tmp_path / "dirty")
    assert all(spread(after, item) < spread(before, item) for item in blurred)


def test_the_same_seed_plants_the_same(shop: Shop, tmp_path: Path) -> None:
    one, again, other = (
        plant_faults(shop, tmp_path / name, rate=0.1, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert_frame_equal(one, again)
    assert not one.equals(other)
    assert (tmp_path / "a" / "items.parquet").read_bytes() == (tmp_path / "b" / "items.parquet").read_bytes()


def test_numbers_as_identifiers_stay_numbers(shop: Shop, tmp_path: Path) -> None:
    numbered = tmp_path / "numbered"
    numbered.mkdir()
    table = pl.read_parquet(shop.folder / "items.parquet").with_columns(item_id=pl.int_range(pl.len()))
    table.write_parquet(numbered / "items.parquet")
    plant_faults(open_shop(numbered), tmp_path / "dirty", rate=0.1, seed=0)
    assert open_shop(tmp_path / "dirty").catalogue.ids.values.cast(pl.Int64).sort().to_list() == list(range(97))


def test_what_cannot_be_planted_is_told(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"too few items for a share of 0\.01"):
        plant_faults(shop, tmp_path / "dirty", rate=0.01, seed=0)
    with pytest.raises(CamennError, match="not empty"):
        plant_faults(shop, shop.folder, rate=0.25, seed=0)
    bare = tmp_path / "bare"
    bare.mkdir()
    pl.read_parquet(shop.folder / "items.parquet").drop("image").write_parquet(bare / "items.parquet")
    with pytest.raises(DataError, match="lacks one of them"):
        plant_faults(open_shop(bare), tmp_path / "dirty", rate=0.25, seed=0)
