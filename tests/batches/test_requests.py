"""Requests against a plain reading of the events table."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from camenn.batches.requests import Askers, Pieces, RequestConfig, RequestReader, age_bucket, divide, plan_batches
from camenn.batches.source import Source, open_source
from camenn.errors import ConfigError, DataError
from camenn.tables.features import FeatureConfig
from camenn.tables.fitting import fit_features
from camenn.tables.shop import Shop, open_shop
from camenn.tables.split import SplitConfig, split_items, split_requests
from toy import toy_events, toy_items, write_toy_shop


def read(folder: Path, **features: Any) -> Source:
    shop = open_shop(folder)
    config = SplitConfig()
    fitted = fit_features(
        shop,
        FeatureConfig(**features),
        request_parts=None if shop.events is None else split_requests(shop.events, config),
        item_parts=split_items(shop.catalogue, config),
    )
    return open_source(shop, fitted, text=None, image=None, text_length=50)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return read(write_toy_shop(tmp_path_factory.mktemp("toy")))


@pytest.fixture(scope="module")
def purchases(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return read(write_toy_shop(tmp_path_factory.mktemp("bought"), outcomes=False))


def every_request(source: Source) -> Pieces:
    assert source.shop.events is not None
    return divide(source.shop.events, np.arange(source.shop.events.num_requests), max_candidates=64)


def item_ids(shop: Shop, batch_items: np.ndarray, distinct: np.ndarray) -> list[str | None]:
    return shop.catalogue.ids.decode(distinct[batch_items]).to_list()


@pytest.mark.parametrize("kind", ["purchases", "outcomes"])
def test_a_history_holds_the_latest_events_strictly_before_the_request(source: Source, kind: Any) -> None:
    events = source.shop.events
    assert events is not None
    reader = RequestReader(source, RequestConfig(history=kind, history_length=5))
    table = toy_events(24, 40, 300)
    first = np.asarray(events.request_offset[:-1])
    users, ends = np.asarray(events.user_row[first]), np.asarray(events.history_end)
    rows, outcome, _ = reader.history(
        Askers(users, ends, np.asarray(events.at[first]), np.zeros((len(users), 0), np.int32))
    )
    for request in range(0, events.num_requests, 7):
        at = int(events.at[first[request]])
        user_id = source.shop.people.ids.decode(users[[request]]).item()
        past = table.filter((pl.col("user_id") == user_id) & (pl.col("at").dt.epoch("us") < at))
        if kind == "purchases":
            past = past.filter(pl.col("converted") == 1)
        expected = past.sort("at", maintain_order=True).tail(5)
        got = rows[request][rows[request] > 0]
        moments = set(expected["at"])
        assert len(got) == len(expected)
        assert set(source.shop.catalogue.ids.decode(got)) <= set(past.filter(pl.col("at").is_in(moments))["item_id"])
        assert (outcome[request] > 0).sum() == len(expected)
        if kind == "purchases":
            assert set(outcome[request]) <= {0, 2}


def test_a_leak_planted_at_the_moment_of_the_request_is_without_effect(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "clean")
    leaky = write_toy_shop(tmp_path / "leaky")
    events = toy_events(24, 40, 300)
    same_moment = events.with_columns(
        pl.lit("i0").alias("item_id"),
        pl.lit(1, pl.Int8).alias("converted"),
        (pl.col("request_id") + "x").alias("request_id"),
    )
    pl.concat([events, same_moment.unique("request_id")]).write_parquet(leaky / "events.parquet")

    def histories(folder: Path) -> dict[tuple[str, int], list[str]]:
        source = read(folder)
        assert source.shop.events is not None
        reader = RequestReader(source, RequestConfig(history="outcomes", history_length=50))
        events = source.shop.events
        first = np.asarray(events.request_offset[:-1])
        user, at = np.asarray(events.user_row[first]), np.asarray(events.at[first])
        rows, _, age = reader.history(
            Askers(user, np.asarray(events.history_end), at, np.zeros((len(user), 0), np.int32))
        )
        assert (age[rows > 0] > 0).all()
        ids = source.shop.catalogue.ids
        people = source.shop.people.ids.decode(user)
        return {
            (people[q], int(at[q])): sorted(i for i in ids.decode(rows[q]) if i is not None and i != "i0")
            for q in range(len(first))
        }

    clean, planted = histories(folder), histories(leaky)
    assert {key: planted[key] for key in clean}.keys() == clean.keys()
    first_of_user = {key: value for key, value in clean.items() if not value}
    assert first_of_user
    assert all(planted[key] == [] for key in first_of_user)


def test_batches_point_to_each_distinct_item_once(source: Source) -> None:
    pieces = every_request(source)
    reader = RequestReader(source, RequestConfig(history="outcomes"))
    batch = reader.batch(pieces.take(np.arange(50)), seed=(0,))
    events = source.shop.events
    assert events is not None
    codes = batch.items.codes.numpy()
    assert (codes[0] == 0).all()
    assert len(np.unique(codes[1:, 0])) == len(codes) - 1  # the first slot is the item id
    position = np.arange(events.request_offset[50])
    assert (codes[batch.candidates.numpy(), 0] == source.item_codes[events.item_row[position], 0]).all()
    assert (batch.labels.numpy() == events.converted[position]).all()
    assert (np.diff(batch.request.numpy()) >= 0).all()


def test_every_candidate_of_every_request_comes_once_an_epoch(source: Source) -> None:
    pieces = every_request(source)
    assert source.shop.events is not None
    planned = np.concatenate(list(plan_batches(pieces, rows=64, rows_an_event=1)))
    assert planned.tolist() == list(range(len(pieces)))
    assert int((pieces.stop - pieces.start).sum()) == len(source.shop.events)


def test_long_requests_are_divided_and_nothing_is_lost(source: Source) -> None:
    events = source.shop.events
    assert events is not None
    pieces = divide(events, np.arange(3), max_candidates=3)
    assert pieces.request.tolist() == [0, 0, 1, 1, 2, 2]
    assert (pieces.stop - pieces.start).tolist() == [3, 1] * 3
    assert pieces.start[0] == 0
    assert (pieces.start[1:] == pieces.stop[:-1]).all()


def test_negatives_are_four_a_purchase_and_never_a_positive_of_the_request(purchases: Source) -> None:
    reader = RequestReader(purchases, RequestConfig())
    batch = reader.batch(every_request(purchases), seed=(1, 2))
    labels, request, candidate = batch.labels.numpy(), batch.request.numpy(), batch.candidates.numpy()
    assert labels.mean() == pytest.approx(0.2, abs=0.005)
    for number in range(batch.num_requests):
        mine = request == number
        assert not set(candidate[mine & (labels == 1)]) & set(candidate[mine & (labels == 0)])


def test_no_piece_of_a_long_request_draws_what_another_piece_of_it_bought(purchases: Source) -> None:
    reader = RequestReader(purchases, RequestConfig(max_candidates=1))
    events = reader.events
    pieces = divide(events, np.arange(events.num_requests), max_candidates=1)
    assert len(pieces) > events.num_requests
    batch = reader.batch(pieces, seed=(1, 2))
    item = batch.items.codes.numpy()[batch.candidates.numpy(), 0]
    request, label = pieces.request[batch.request.numpy()], batch.labels.numpy()
    for number in range(events.num_requests):
        mine = request == number
        assert not set(item[mine & (label == 1)]) & set(item[mine & (label == 0)])


def test_negatives_depend_on_the_seed_alone(purchases: Source) -> None:
    reader = RequestReader(purchases, RequestConfig())
    pieces = every_request(purchases).take(np.arange(30))
    first, again, other = (reader.batch(pieces, seed=seed) for seed in ((1,), (1,), (2,)))
    assert first.candidates.equal(again.candidates)
    assert not (len(first.candidates) == len(other.candidates) and first.candidates.equal(other.candidates))


def test_popular_items_are_drawn_more_often(purchases: Source) -> None:
    popularity = np.zeros(len(purchases.shop.catalogue.ids), dtype=np.int64)
    popularity[2] = 10_000
    reader = RequestReader(purchases, RequestConfig(negative_sampling="popularity"), popularity=popularity)
    batch = reader.batch(every_request(purchases), seed=(0,))
    drawn = batch.candidates.numpy()[batch.labels.numpy() == 0]
    codes = batch.items.codes.numpy()[drawn, 0]
    assert (codes == purchases.item_codes[2, 0]).mean() > 0.8


def test_a_basket_of_everything_gets_no_negative(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_items=4, outcomes=False)
    everything = pl.DataFrame({"user_id": ["u0"] * 4, "item_id": [f"i{i}" for i in range(4)], "at": ["2024-01-01"] * 4})
    everything.write_parquet(folder / "events.parquet")
    source = read(folder)
    batch = RequestReader(source, RequestConfig()).batch(every_request(source), seed=(0,))
    assert batch.labels.tolist() == [1.0] * 4


def test_a_single_item_is_ranked_and_no_negative_is_drawn_beside_it(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_items=4, outcomes=False)
    toy_items(1).write_parquet(folder / "items.parquet")
    pl.DataFrame({"user_id": ["u0"], "item_id": ["i0"], "at": ["2024-01-01"]}).write_parquet(folder / "events.parquet")
    source = read(folder)
    reader = RequestReader(source, RequestConfig())
    with pytest.raises(DataError, match="no negative can be drawn beside the only item of the catalogue; add items"):
        reader.batch(every_request(source), seed=(0,))
    codes = np.asarray(source.event_codes[:1])
    asker = Askers(np.array([2], np.int32), np.array([1]), np.array([2 * 10**15]), codes)
    row = np.zeros((1, source.row_codes.shape[1]), np.int32)
    asked = reader.assemble(asker, np.array([2], np.int32), np.zeros(1, np.int64), row, np.zeros(1, np.float32))
    assert (asked.num_rows, asked.history_outcome.tolist()) == (1, [[2]])


def test_columns_that_differ_between_candidates_belong_to_the_row(source: Source) -> None:
    reader = RequestReader(source, RequestConfig())
    batch = reader.batch(every_request(source).take(np.arange(5)), seed=(0,))
    assert batch.row_codes.shape == (20, 1)  # position; device is one a request and stands in the context
    assert len(set(batch.row_codes[:4, 0].tolist())) == 4
    names = [field.name for field in source.features.fields]
    assert "events.device" in names


def test_crosses_differ_where_their_parts_do(tmp_path: Path) -> None:
    source = read(write_toy_shop(tmp_path), crosses=(("users.team", "items.category"),))
    batch = RequestReader(source, RequestConfig()).batch(every_request(source), seed=(0,))
    crossed = batch.row_codes[:, -1]
    assert (crossed > 0).all()
    assert len(crossed.unique()) == 4 * 5
    assert int(crossed.max()) < source.features.num_codes


def test_past_outcomes_need_a_log_of_impressions(purchases: Source) -> None:
    with pytest.raises(ConfigError, match="needs a `converted` column"):
        RequestReader(purchases, RequestConfig(history="outcomes"))


def test_a_shop_without_events_has_no_requests(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path)
    (folder / "events.parquet").unlink()
    with pytest.raises(DataError, match="no events"):
        RequestReader(read(folder), RequestConfig())


def test_ages_are_powers_of_two_of_a_second() -> None:
    second = 1_000_000
    assert age_bucket(np.array([0, second, 2 * second, 3 * second, 4 * second])).tolist() == [1, 1, 2, 2, 3]
    assert age_bucket(np.array([10**18])).tolist() == [25]
