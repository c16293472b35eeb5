"""Recommendations: the best of what may be recommended, ranked, for whoever asks."""

import errno
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from camenn.bundle import Bundle
from camenn.errors import DataError
from camenn.recommend import offline
from camenn.recommend.offline import RecommendConfig, recommend_items, write_recommendations
from camenn.tables.shop import Shop, open_shop
from camenn.task import Task
from toy import DAY, START, toy_events, toy_items, write_toy_shop
from toy_run import small_config, train_on

EVERYBODY = tuple(f"u{u}" for u in range(24))
SCHEMA = {"user_id": pl.String, "rank": pl.Int32, "item_id": pl.String, "probability": pl.Float64}


def ranked(bundle: Bundle, shop: Shop, *users: str, **settings: Any) -> pl.DataFrame:
    return recommend_items(bundle, shop, users or EVERYBODY, RecommendConfig(**settings))


def bought(events: pl.DataFrame, user: str) -> set[str]:
    return set(events.filter((pl.col("user_id") == user) & (pl.col("converted") == 1))["item_id"])


def other_shop(bundle: Bundle, folder: Path, **tables: pl.DataFrame) -> Shop:
    write_toy_shop(folder, num_requests=60)
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    shop = open_shop(folder)
    bundle.encode(shop)
    return shop


def test_each_user_gets_k_items_from_the_most_probable_on(bundle: Bundle, shop: Shop) -> None:
    found = ranked(bundle, shop, k=7)
    assert found.schema == SCHEMA
    assert found["user_id"].unique(maintain_order=True).to_list() == list(EVERYBODY)
    for _, mine in found.group_by("user_id", maintain_order=True):
        assert mine["rank"].to_list() == [1, 2, 3, 4, 5, 6, 7]
        assert mine["item_id"].n_unique() == 7
        assert mine["probability"].is_sorted(descending=True)
        assert mine["probability"].is_between(0, 1).all()


def test_what_is_left_out_is_less_probable_than_what_is_given(bundle: Bundle, shop: Shop) -> None:
    everything = ranked(bundle, shop, "u3", k=1000, keep_bought=True)
    assert sorted(everything["item_id"]) == sorted(toy_items(40)["item_id"])
    assert ranked(bundle, shop, "u3", k=5, keep_bought=True).equals(everything.head(5))


def test_users_come_in_the_order_they_were_asked_for(bundle: Bundle, shop: Shop) -> None:
    found = ranked(bundle, shop, "u9", "u2", k=1)
    assert found["user_id"].to_list() == ["u9", "u2"]


def test_a_users_items_do_not_depend_on_who_else_is_asked_for(bundle: Bundle, shop: Shop) -> None:
    together = ranked(bundle, shop, "u1", "u2", "stranger", k=40).filter(pl.col("user_id") == "u2")
    assert together.equals(ranked(bundle, shop, "u2", k=40))


def test_a_catalogue_longer_than_a_pass_is_ranked_alike(
    bundle: Bundle, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ranked(bundle, shop, "u1", k=40)
    monkeypatch.setattr(offline, "CANDIDATES_A_PASS", 7)
    in_pieces = ranked(bundle, shop, "u1", k=40)
    assert in_pieces["probability"].to_numpy() == pytest.approx(whole["probability"].to_numpy(), abs=1e-6)


def test_items_of_like_length_are_ranked_in_one_pass(
    bundle: Bundle, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "CANDIDATES_A_PASS", 6)
    lengths = []
    handle = bundle.model.register_forward_pre_hook(lambda _, given: lengths.append(given[0].items.text.length))
    ranked(bundle, shop, "u1", keep_bought=True)
    handle.remove()
    assert lengths == [2, 7, 7, 7, 7, 7, 7]  # six items are a name alone


def test_what_was_bought_is_left_out_unless_asked_for(bundle: Bundle, shop: Shop) -> None:
    events = toy_events(24, 40, 100)
    some = 0
    for user in EVERYBODY[:8]:
        before = bought(events, user)
        some += len(before)
        found = set(ranked(bundle, shop, user, k=40)["item_id"])
        assert found == set(toy_items(40)["item_id"]) - before
        assert set(ranked(bundle, shop, user, k=40, keep_bought=True)["item_id"]) == set(toy_items(40)["item_id"])
    assert some > 10


def test_what_was_seen_and_not_bought_may_come(bundle: Bundle, shop: Shop) -> None:
    events = toy_events(24, 40, 100).filter(pl.col("user_id") == "u1")
    seen = set(events["item_id"]) - bought(events, "u1")
    assert seen
    assert seen <= set(ranked(bundle, shop, "u1", k=40)["item_id"])


def test_only_what_is_available_comes(bundle: Bundle, shop: Shop) -> None:
    found = ranked(bundle, shop, available=("i3", "i5", "i3", "i11"), keep_bought=True)
    assert set(found["item_id"]) == {"i3", "i5", "i11"}
    assert found.group_by("user_id").len()["len"].unique().to_list() == [3]


def test_a_user_who_bought_all_that_is_available_gets_nothing(bundle: Bundle, shop: Shop) -> None:
    mine = tuple(sorted(bought(toy_events(24, 40, 100), "u1")))
    assert mine
    found = ranked(bundle, shop, "u1", available=mine)
    assert len(found) == 0
    assert found.schema == SCHEMA


def test_an_available_item_that_is_not_in_the_catalogue_is_an_error(bundle: Bundle, shop: Shop) -> None:
    with pytest.raises(DataError, match=r"2 available items are not in the catalogue, such as 'x'"):
        ranked(bundle, shop, available=("i1", "x", "y"))


def test_nothing_available_is_an_error(bundle: Bundle, shop: Shop) -> None:
    with pytest.raises(DataError, match="the list of available items is empty"):
        ranked(bundle, shop, available=())


def test_nobody_asked_gives_an_empty_table(bundle: Bundle, shop: Shop) -> None:
    assert recommend_items(bundle, shop, (), RecommendConfig()).schema == SCHEMA


def test_a_user_nobody_knows_is_answered_and_all_of_them_alike(bundle: Bundle, shop: Shop) -> None:
    found = ranked(bundle, shop, "stranger", "another", k=40)
    assert len(found) == 80
    one, other = (found.filter(pl.col("user_id") == user).drop("user_id") for user in ("stranger", "another"))
    assert one.equals(other)


def test_a_new_item_can_be_recommended(bundle: Bundle, tmp_path: Path) -> None:
    items = pl.concat([toy_items(40), toy_items(41).tail(1).with_columns(pl.lit("brand new").alias("item_id"))])
    found = ranked(bundle, other_shop(bundle, tmp_path, items=items), "u1", k=50)
    assert "brand new" in found["item_id"]


@pytest.mark.parametrize("features", [{}, {"counts": True}])
@pytest.mark.parametrize("history", ["purchases", "outcomes"])
def test_the_past_is_strictly_before_the_moment_that_was_asked_for(
    tmp_path: Path, features: dict[str, bool], history: str
) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=80)
    config = small_config(features=features, requests={"history": history}, training={"max_epochs": 1})
    bundle = train_on(folder, tmp_path / "run", config).bundle
    at = START + 5 * DAY
    events = toy_events(24, 40, 80)
    early = events.filter(pl.col("at").dt.epoch("us") < at)
    assert 0 < len(early) < len(events)
    found = []
    for name, tables in (("all", {"events": events}), ("early", {"events": early})):
        found.append(ranked(bundle, other_shop(bundle, tmp_path / name, **tables), at=at, k=40))
    assert found[0].select("user_id", "item_id").equals(found[1].select("user_id", "item_id"))
    assert found[0]["probability"].to_numpy() == pytest.approx(found[1]["probability"].to_numpy(), abs=1e-6)
    now = ranked(bundle, other_shop(bundle, tmp_path / "now", events=events), k=40)
    assert not now["probability"].equals(found[0]["probability"])


def test_an_event_of_that_very_moment_is_not_past(bundle: Bundle, tmp_path: Path) -> None:
    events = toy_events(24, 40, 60).filter((pl.col("converted") == 1) & (pl.col("item_id") != "i9"))
    at = events["at"].dt.epoch("us").to_numpy().max().item() + DAY
    bought_last = events.tail(1).with_columns(
        pl.lit("u1").alias("user_id"),
        pl.lit("i9").alias("item_id"),
        pl.lit(at).cast(pl.Datetime("us", "UTC")).alias("at"),
        pl.lit("last").alias("request_id"),
    )
    shop = other_shop(bundle, tmp_path, events=pl.concat([events, bought_last]))
    assert "i9" in ranked(bundle, shop, "u1", at=at, k=40)["item_id"]
    assert "i9" not in ranked(bundle, shop, "u1", at=at + 1, k=40)["item_id"]
    assert "i9" not in ranked(bundle, shop, "u1", k=40)["item_id"]


def test_of_requests_that_overlap_in_time_nothing_later_is_past(bundle: Bundle, tmp_path: Path) -> None:
    hours = [0, 10, 1, 2, 3]
    events = pl.DataFrame(
        {
            "user_id": ["u1"] * 5,
            "item_id": ["i0", "i1", "i2", "i3", "i4"],
            "at": pl.Series([START + hour * DAY // 24 for hour in hours]).cast(pl.Datetime("us", "UTC")),
            "converted": pl.Series([1] * 5).cast(pl.Int8),
            "request_id": ["long", "long", "a", "b", "c"],
        }
    )
    shop = other_shop(bundle, tmp_path, events=events)
    for hour in (1, 2, 3, 4, 5):
        found = ranked(bundle, shop, "u1", at=START + hour * DAY // 24, k=40)
        assert "i1" in found["item_id"]


def test_a_model_of_past_outcomes_recommends_on_a_shop_that_logs_purchases_alone(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=60)
    config = small_config(requests={"history": "outcomes"}, training={"max_epochs": 1})
    bundle = train_on(folder, tmp_path / "run", config).bundle
    purchases = toy_events(24, 40, 60).filter(pl.col("converted") == 1).drop("converted")
    shop = other_shop(bundle, tmp_path / "bought", events=purchases)
    assert len(ranked(bundle, shop, "u1", k=3)) == 3


def test_a_model_that_could_not_be_calibrated_recommends_all_the_same(bundle: Bundle, shop: Shop) -> None:
    assert Task.CONVERSION in bundle.calibration
    found = ranked(replace(bundle, calibration={}), shop, "u1", k=40)
    assert found["item_id"].equals(ranked(bundle, shop, "u1", k=40)["item_id"])


def test_a_model_of_items_alone_cannot_recommend(tmp_path: Path, shop: Shop) -> None:
    folder = write_toy_shop(tmp_path / "items")
    (folder / "events.parquet").unlink()
    bundle = train_on(folder, tmp_path / "run", small_config(training={"max_epochs": 1})).bundle
    with pytest.raises(DataError, match="was not trained on purchases"):
        ranked(bundle, shop, "u1")


def test_a_shop_without_events_is_told(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path)
    (folder / "events.parquet").unlink()
    shop = open_shop(folder)
    bundle.encode(shop)
    with pytest.raises(DataError, match="no events"):
        ranked(bundle, shop, "u1")


# The file


@pytest.fixture(scope="module")
def table(bundle: Bundle, shop: Shop) -> pl.DataFrame:
    return ranked(bundle, shop, "u1", "u2", k=4)


def test_the_file_holds_the_table(table: pl.DataFrame, tmp_path: Path) -> None:
    write_recommendations(table, tmp_path / "new folder" / "ranked.parquet")
    assert pl.read_parquet(tmp_path / "new folder" / "ranked.parquet").equals(table)
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["ranked.parquet"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), pl.exceptions.ComputeError("No space left on device")]
)
def test_a_full_disk_leaves_the_former_file_whole(
    table: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = tmp_path / "ranked.parquet"
    write_recommendations(table, path)

    def half(self: pl.DataFrame, target: Path) -> None:
        target.write_bytes(b"PAR1 and half")
        raise error

    monkeypatch.setattr(pl.DataFrame, "write_parquet", half)
    with pytest.raises(DataError, match=r"ranked\.parquet: not written: .*No space left on device"):
        write_recommendations(table.head(1), path)
    monkeypatch.undo()
    assert pl.read_parquet(path).equals(table)
    assert [one.name for one in tmp_path.iterdir()] == ["ranked.parquet"]


WRITE_WITH_LITTLE_SPACE = """
import resource, signal, sys
from pathlib import Path
import polars as pl
from camenn.errors import DataError
from camenn.recommend.offline import write_recommendations
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    write_recommendations(pl.DataFrame({"user_id": [str(i * 7919) for i in range(10_000)]}), Path(sys.argv[1]))
except DataError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_real_limit_on_files_leaves_the_former_file_whole(table: pl.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "ranked.parquet"
    write_recommendations(table.head(1), path)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", WRITE_WITH_LITTLE_SPACE, str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "not written" in done.stdout
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["ranked.parquet"]


def test_probabilities_are_the_calibrated_ones(bundle: Bundle, shop: Shop) -> None:
    plain = ranked(replace(bundle, calibration={}), shop, "u1", k=40)["probability"].to_numpy()
    fitted = bundle.calibration[Task.CONVERSION]
    logits = np.log(plain / (1 - plain))
    expected = 1 / (1 + np.exp(-(fitted.scale * logits + fitted.bias)))
    assert ranked(bundle, shop, "u1", k=40)["probability"].to_numpy() == pytest.approx(expected)
