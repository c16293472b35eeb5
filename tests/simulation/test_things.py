"""What items of a simulated shop truly are."""

import shutil
from pathlib import Path

import polars as pl

from camenn.simulation import things


def test_items_of_a_shop_without_faults_are_known(honest_shop: Path) -> None:
    known = things(honest_shop)
    assert known is not None
    items = pl.read_parquet(honest_shop / "items.parquet")
    assert known.keys() == set(items["item_id"])
    # Most shops write the product's English name.
    named = [known[item].split()[0].lower() in name.lower() for item, name in items.select("item_id", "name").rows()]
    assert sum(named) > 0.6 * len(named)


def test_where_names_or_pictures_may_be_wrong_nothing_is_known(shop: Path, tmp_path: Path) -> None:
    assert things(shop) is None
    assert things(tmp_path) is None


def test_the_things_are_those_of_the_record_of_faults(shop: Path, honest_shop: Path, tmp_path: Path) -> None:
    # The same items and seed: faults change what is written of a thing, not the thing.
    known = things(shutil.copytree(honest_shop, tmp_path / "copy"))
    assert known is not None
    recorded = dict(pl.read_parquet(shop / "faults.parquet").select("item_id", "true_product").rows())
    assert {item: known[item] for item in recorded} == recorded
