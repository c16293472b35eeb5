"""The folder that is written: reproducible, whole or absent, and without a look into the future."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from camenn.errors import ConfigError
from camenn.simulation import assortment, simulate_shop

FILES = ["events.parquet", "faults.parquet", "items.parquet", "simulation.json", "truth.parquet", "users.parquet"]


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / f"{name}.parquet")


def shop_bytes(folder: Path, seed: int) -> dict[str, bytes]:
    simulate_shop(folder, items=30, users=20, requests=60, seed=seed)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    first, again, other = (shop_bytes(tmp_path / name, seed) for name, seed in (("a", 5), ("b", 5), ("c", 6)))
    assert list(first) == FILES
    assert first == again
    assert not [name for name in FILES if first[name] == other[name]]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError, match="not empty"):
        simulate_shop(tmp_path, items=30, users=20, requests=60, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    simulate_shop(tmp_path / "shop", items=20, users=3, requests=4, seed=0)
    assert sorted(path.name for path in (tmp_path / "shop").iterdir()) == FILES


def test_an_interrupted_simulation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(assortment, "photograph", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate_shop(tmp_path / "shop", items=30, users=20, requests=60, seed=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"items": 19}, "items = 19"),
        ({"users": 0}, "users = 0"),
        ({"requests": 0}, "requests = 0"),
        ({"candidates": 0}, "candidates = 0"),
        ({"candidates": 8}, "at least 32"),
        ({"fault_rate": 0.21}, "fault_rate = 0.21"),
        ({"fault_rate": float("nan")}, "fault_rate = nan"),
    ],
)
def test_a_number_out_of_range_is_named(tmp_path: Path, wrong: dict[str, float], message: str) -> None:
    asked: dict[str, Any] = {"items": 30, "users": 20, "requests": 60, "seed": 0, **wrong}
    with pytest.raises(ConfigError, match=message):
        simulate_shop(tmp_path / "shop", **asked)
    assert not (tmp_path / "shop").exists()


def test_ids_are_unique_and_every_event_knows_its_item_and_user(shop: Path) -> None:
    items, users, events = table(shop, "items"), table(shop, "users"), table(shop, "events")
    assert items["item_id"].is_unique().all()
    assert users["user_id"].is_unique().all()
    assert set(events["item_id"]) <= set(items["item_id"])
    assert set(events["user_id"]) <= set(users["user_id"])


def test_a_request_is_one_user_at_one_time_with_five_different_items(shop: Path) -> None:
    requests = table(shop, "events").group_by("request_id").agg(
        pl.col("user_id", "at", "item_id").n_unique(), pl.col("position").sort()
    )  # fmt: skip
    assert len(requests) == 4000
    assert (requests["user_id"] == 1).all()
    assert (requests["at"] == 1).all()
    assert (requests["item_id"] == 5).all()
    assert requests["position"].to_list() == [[1, 2, 3, 4, 5]] * 4000


def test_events_stand_in_order_of_time_over_four_weeks_and_more(shop: Path) -> None:
    at = table(shop, "events")["at"]
    assert at.is_sorted()
    assert (at[-1] - at[0]).days >= 28


def test_no_item_is_shown_before_it_is_listed(shop: Path) -> None:
    items, events = table(shop, "items"), table(shop, "events")
    shown = events.join(items.select("item_id", "listed_at"), on="item_id")
    assert (shown["at"] >= shown["listed_at"]).all()
    new = items.filter(pl.col("listed_at") > events["at"][0])
    assert len(new) / len(items) == pytest.approx(0.25, abs=0.02)
    assert set(new["item_id"]) & set(events["item_id"])


def test_few_items_and_few_users_make_most_of_the_events(shop: Path) -> None:
    events = table(shop, "events")
    for column in ("item_id", "user_id"):
        counts = np.sort(events[column].value_counts()["count"].to_numpy())[::-1]
        assert counts[: len(counts) // 5].sum() > 0.38 * len(events)


def test_the_statement_says_all_that_fixes_the_shop(shop: Path) -> None:
    stated = json.loads((shop / "simulation.json").read_text(encoding="utf-8"))
    assert stated["asked"] == {
        "items": 150, "users": 120, "requests": 4000, "candidates": 5, "seed": 3, "fault_rate": 0.02,
    }  # fmt: skip
    assert all(part in stated["formula"] for part in stated["parts"])
    assert stated["num_events"] == 20_000
