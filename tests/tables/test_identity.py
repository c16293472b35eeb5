"""When two shops are one."""

from pathlib import Path

import polars as pl
import pytest

from camenn.tables.identity import shop_identity
from camenn.tables.shop import open_shop
from camenn.tables.split import SplitConfig
from toy import toy_events, write_toy_shop

USERS, ITEMS, REQUESTS = 6, 12, 20


def identity(
    folder: Path, events: pl.DataFrame | None = None, *, time_zone: str = "UTC", item_column: str | None = None
) -> str:
    write_toy_shop(folder, num_items=ITEMS, num_users=USERS, num_requests=REQUESTS)
    if events is not None:
        events.write_parquet(folder / "events.parquet")
    (folder / "shop.toml").write_text(f'time_zone = "{time_zone}"\n')
    return shop_identity(open_shop(folder), SplitConfig(item_column=item_column, item_test=("x",)))


def test_a_copy_elsewhere_is_the_same_shop(tmp_path: Path) -> None:
    assert identity(tmp_path / "one") == identity(tmp_path / "other")


@pytest.mark.parametrize(
    "change",
    [
        pl.col("converted").replace_strict({0: 1, 1: 0}).cast(pl.Int8),
        pl.col("at") + pl.duration(microseconds=1),
        pl.lit("r0").alias("request_id") + pl.int_range(pl.len()).cast(pl.String),  # each event a request of its own
    ],
)
def test_other_outcomes_moments_or_requests_make_another_shop(tmp_path: Path, change: pl.Expr) -> None:
    events = toy_events(USERS, ITEMS, REQUESTS)
    assert identity(tmp_path / "one") != identity(tmp_path / "other", events.with_columns(change))


def test_another_time_zone_makes_another_shop_since_its_days_begin_elsewhere(tmp_path: Path) -> None:
    events = toy_events(USERS, ITEMS, REQUESTS)
    assert events.schema["at"].time_zone is not None  # the instants themselves stay
    assert identity(tmp_path / "one") != identity(tmp_path / "other", time_zone="Asia/Shanghai")


def test_other_values_of_the_column_that_divides_the_items_make_another_shop(tmp_path: Path) -> None:
    before = {column: identity(tmp_path / "shop", item_column=column) for column in (None, "category")}
    items = pl.read_parquet(tmp_path / "shop" / "items.parquet").with_columns(category=pl.col("category").reverse())
    items.write_parquet(tmp_path / "shop" / "items.parquet")
    after = open_shop(tmp_path / "shop")
    for absent in (None, "shelf"):
        assert shop_identity(after, SplitConfig(item_column=absent, item_test=("x",))) == before[None]
    assert shop_identity(after, SplitConfig(item_column="category", item_test=("x",))) != before["category"]
