"""Faults are planted at their rates, recorded exactly, and change the listing alone."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from camenn.simulation import Fault, simulate_shop
from camenn.simulation.assortment import stock
from camenn.simulation.faults import PENALTY, plan
from camenn.simulation.products import CATEGORIES

TEXTS = ["name", "description", "category"]


@pytest.fixture(scope="module")
def both(shop: Path, honest_shop: Path) -> pl.DataFrame:
    """Each item as listed, as honest sellers would have listed it, and its fault."""
    listed, honest = (pl.read_parquet(folder / "items.parquet") for folder in (shop, honest_shop))
    faults = pl.read_parquet(shop / "faults.parquet")
    pair = listed.join(honest, on="item_id", suffix="_honest", validate="1:1")
    return pair.join(faults.rename({"column": "faulty"}), on="item_id", how="left", validate="1:1")


def test_each_kind_is_planted_in_its_share_of_the_items(shop: Path) -> None:
    faults = pl.read_parquet(shop / "faults.parquet")
    assert dict(faults["kind"].value_counts().iter_rows()) == dict.fromkeys(map(str, Fault), round(0.02 * 150))
    assert faults["item_id"].is_unique().all()
    assert (faults["rate"] == 0.02).all()


def test_all_kinds_fit_when_every_item_is_faulty() -> None:
    for num_items in (20, 23, 24, 98):
        planned = plan(stock(num_items, 0), 0.2, 0)
        assert len(planned.line) == len(planned.kind) == len(np.unique(planned.line))


def test_nothing_but_what_is_recorded_is_wrong(both: pl.DataFrame) -> None:
    honest = both.filter(pl.col("kind").is_null())
    assert len(honest) == 150 - 15
    for column in (*TEXTS, "image", "price", "store", "brand", "origin", "weight_g", "listed_at"):
        assert honest[column].equals(honest[f"{column}_honest"], check_names=False), column
        changed = both.filter(~pl.col(column).eq_missing(pl.col(f"{column}_honest")))
        allowed = {column, "name"} if column == "description" else {column}
        assert set(changed["faulty"]) <= allowed, column


def test_the_record_holds_the_truth_and_what_is_shown(both: pl.DataFrame) -> None:
    for row in both.filter(pl.col("kind").is_not_null()).iter_rows(named=True):
        column = row["faulty"]
        assert row[column] != row[f"{column}_honest"], row["kind"]
        if column == "image":
            assert row["true_image"] == row["image_honest"]
            assert row["true_value"] == row["true_product"]
        else:
            assert row["true_value"] == row[f"{column}_honest"]
            assert row["shown_value"] == row[column]
            assert row["true_image"] is None
        assert row["true_description"] == row["description_honest"]
        assert row["true_category"] == row["category_honest"]


def test_what_is_swapped_comes_from_the_recorded_item_of_another_category(both: pl.DataFrame) -> None:
    honest = {row["item_id"]: row for row in both.iter_rows(named=True)}
    swapped = both.filter(pl.col("other_item_id").is_not_null())
    assert set(swapped["kind"]) == {"swapped_name", "swapped_picture"}
    for row in swapped.iter_rows(named=True):
        other = honest[row["other_item_id"]]
        assert other["category_honest"] != row["category_honest"]
        assert row[row["faulty"]] == other[f"{row['faulty']}_honest"]
        if row["kind"] == "swapped_name":
            assert row["description"] == other["description_honest"]


def test_a_wrong_category_is_one_of_the_shop(both: pl.DataFrame) -> None:
    assert set(both["category"]) <= set(CATEGORIES)


def test_the_shoppers_do_not_depend_on_the_faults(shop: Path, honest_shop: Path) -> None:
    assert pl.read_parquet(shop / "users.parquet").equals(pl.read_parquet(honest_shop / "users.parquet"))


def test_a_misleading_listing_costs_its_stated_penalty(shop: Path) -> None:
    truth, faults = (pl.read_parquet(shop / f"{name}.parquet") for name in ("truth", "faults"))
    expected = truth.join(faults, on="item_id", how="left", maintain_order="left")["penalty"].fill_null(0.0)
    np.testing.assert_allclose(-truth["logit_listing"].to_numpy(), expected.to_numpy(), atol=1e-6)
    assert set(faults["penalty"]) == set(PENALTY.values())


def test_without_faults_nothing_is_recorded(honest_shop: Path) -> None:
    faults = pl.read_parquet(honest_shop / "faults.parquet")
    assert len(faults) == 0
    assert faults.schema["true_image"] == pl.Binary


def test_the_rate_asked_for_is_the_rate_planted(tmp_path: Path) -> None:
    simulate_shop(tmp_path / "shop", items=40, users=5, requests=5, seed=1, fault_rate=0.1)
    faults = pl.read_parquet(tmp_path / "shop" / "faults.parquet")
    assert faults.group_by("kind").len()["len"].to_list() == [4] * len(Fault)
