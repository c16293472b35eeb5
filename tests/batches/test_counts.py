"""Counts against a plain reading of the events table."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from camenn.batches import counts, taste
from camenn.batches.counts import NUM_FOLDS, RECENT, SHRINK, CountReader, count_names
from camenn.batches.requests import RequestConfig, RequestReader, divide
from camenn.batches.source import Source, open_source
from camenn.errors import DataError
from camenn.tables.events import Events
from camenn.tables.features import FeatureConfig
from camenn.tables.fitting import fit_features
from camenn.tables.shop import open_shop
from camenn.tables.split import SplitConfig, split_items, split_requests
from toy import toy_events, toy_items, write_toy_shop

USERS, ITEMS, REQUESTS = 13, 40, 150
WINDOW = 20
TAGS = [["a", "b"], ["b"], ["c", "a", "b"], [], ["c"]]
Table = dict[str, np.ndarray]


@pytest.fixture(autouse=True)
def short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy shop's users have some forty events each; what lies before the window is to be there."""
    monkeypatch.setattr(counts, "WINDOW", WINDOW)


def tags_of(item: int) -> list[str]:
    return TAGS[item % len(TAGS)]


def write_shop(folder: Path, events: pl.DataFrame | None = None) -> Path:
    write_toy_shop(folder, num_items=ITEMS, num_users=USERS, num_requests=REQUESTS)
    items = toy_items(ITEMS).with_columns(pl.Series("tags", [tags_of(item) for item in range(ITEMS)]))
    items.write_parquet(folder / "items.parquet")
    if events is not None:
        events.write_parquet(folder / "events.parquet")
    return folder


def read(folder: Path) -> Source:
    shop = open_shop(folder)
    assert shop.events is not None
    config = SplitConfig()
    features = fit_features(
        shop,
        FeatureConfig(),
        request_parts=split_requests(shop.events, config),
        item_parts=split_items(shop.catalogue, config),
    )
    return open_source(shop, features, text=None, image=None, text_length=50)


def events_of(source: Source) -> Events:
    assert source.shop.events is not None
    return source.shop.events


@dataclass(frozen=True)
class Asked:
    """Every request of a shop with its candidates."""

    user: np.ndarray
    end: np.ndarray
    at: np.ndarray
    candidate: np.ndarray
    request: np.ndarray


def every_request(source: Source) -> Asked:
    events = events_of(source)
    first = events.request_offset[:-1]
    return Asked(
        user=np.asarray(events.user_row[first]),
        end=np.asarray(events.history_end),
        at=np.asarray(events.at[first]),
        candidate=np.asarray(events.item_row),
        request=np.repeat(np.arange(len(first)), np.diff(events.request_offset)),
    )


def counted(source: Source, which: np.ndarray | None, asked: Asked) -> Table:
    """The counts of all rows by name."""
    reader = CountReader(source, events_of(source), which)
    values = reader.values(asked.user, asked.end, asked.at, asked.candidate, asked.request)
    return dict(zip(count_names(source), values.T, strict=True))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return read(write_shop(tmp_path_factory.mktemp("counts")))


@dataclass(frozen=True)
class Event:
    user_row: int
    item: int
    at: int
    converted: int
    counted: bool


class PlainReading:
    """The toy shop's events as a list, and every count as a loop over it."""

    def __init__(self, source: Source, counted_moments: set[tuple[int, int]]) -> None:
        table = toy_events(USERS, ITEMS, REQUESTS)
        user_rows = source.shop.people.ids.encode(table["user_id"])
        at = table["at"].dt.epoch("us")
        self.events = [
            Event(user, int(item[1:]), moment, converted, (user, moment) in counted_moments)
            for user, item, moment, converted in zip(
                user_rows.tolist(), table["item_id"], at, table["converted"], strict=True
            )
        ]
        chosen = [event.converted for event in self.events if event.counted]
        self.mean = sum(chosen) / len(chosen)
        self.item = cache(self._item)
        self.alike = cache(self._alike)

    def _item(self, item: int, fold: int) -> tuple[int, float]:
        """Shown, and the rate, by the users of other folds."""
        others = [e for e in self.events if e.counted and e.item == item and e.user_row % NUM_FOLDS != fold]
        bought = sum(event.converted for event in others)
        return len(others), (bought + SHRINK * self.mean) / (len(others) + SHRINK)

    def _alike(self, fold: int) -> dict[tuple[int, int], float]:
        """How two items' surprises go together over the users of other folds, shrunk."""
        others = [e for e in self.events if e.counted and e.user_row % NUM_FOLDS != fold]
        over: dict[int, list[float]] = {}
        for event in others:
            over.setdefault(event.user_row, []).append(event.converted - self.item(event.item, fold)[1])
        usual = {user: sum(values) / (len(values) + SHRINK) for user, values in over.items()}
        told: dict[int, dict[int, float]] = {user: {} for user in over}
        for event in others:
            surprise = event.converted - self.item(event.item, fold)[1] - usual[event.user_row]
            told[event.user_row][event.item] = told[event.user_row].get(event.item, 0.0) + surprise
        seen = Counter(event.item for event in others)
        together: dict[tuple[int, int], float] = {}
        for by_item in told.values():
            for (left, one), (right, other) in product(by_item.items(), repeat=2):
                together[left, right] = together.get((left, right), 0.0) + one * other
        return {
            (left, right): value / math.sqrt((seen[left] + taste.SHRINK) * (seen[right] + taste.SHRINK))
            for (left, right), value in together.items()
        }

    def row(self, user_row: int, at: int, item: int) -> dict[str, float]:
        fold = user_row % NUM_FOLDS
        past = sorted((e for e in self.events if e.user_row == user_row and e.at < at), key=lambda event: event.at)
        seen = past[-WINDOW:]
        over = [event.converted - self.item(event.item, fold)[1] for event in seen]
        category = [float(toy_category(event.item) == toy_category(item)) for event in seen]
        tags = [float(len(set(tags_of(event.item)) & set(tags_of(item)))) for event in seen]
        usual = sum(over) / (len(over) + SHRINK)
        suits = [
            (one - usual) * self.alike(fold).get((event.item, item), 0.0) for event, one in zip(seen, over, strict=True)
        ]
        same = [event.converted for event in seen if event.item == item]
        since = [(at - event.at) / 86_400_000_000 for event in seen if event.item == item and event.converted]
        return {
            "item_rate": self.item(item, fold)[1],
            "item_count": self.item(item, fold)[0],
            "user_rate": (sum(event.converted for event in past) + SHRINK / 2) / (len(past) + SHRINK),
            "user_count": len(past),
            "user_over_items": sum(over) / (len(over) + SHRINK),
            "user_over_items_lately": sum(over[-RECENT:]) / (len(over[-RECENT:]) + SHRINK),
            "same_item_shown": len(same),
            "same_item_bought": sum(same),
            "same_item_days": min(since, default=math.nan),
            "suits_taste": sum(suits),
            "user_over_items_alike:items.category": weighed(over, category),
            "user_over_items_alike:items.tags": weighed(over, tags),
        }


def toy_category(item: int) -> int:
    return item // 4 % 5


def weighed(values: list[float], weights: list[float]) -> float:
    return sum(v * w for v, w in zip(values, weights, strict=True)) / (sum(weights) + SHRINK)


@pytest.fixture(scope="module")
def rows(source: Source) -> Iterator[list[tuple[dict[str, float], dict[str, float]]]]:
    """What was counted and what a plain reading counts, for every seventh row; every third moment is not counted."""
    asked, events = every_request(source), events_of(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "WINDOW", WINDOW)
        which = np.asarray(events.at) % 3 > 0
        found = counted(source, which, asked)
        moments = zip(np.asarray(events.user_row)[which].tolist(), np.asarray(events.at)[which].tolist(), strict=True)
        plain = PlainReading(source, set(moments))
        ids = source.shop.catalogue.ids.decode(asked.candidate)
        chosen = range(0, len(asked.candidate), 7)
        yield [
            (
                {name: float(values[row]) for name, values in found.items()},
                plain.row(int(asked.user[asked.request[row]]), int(asked.at[asked.request[row]]), int(ids[row][1:])),
            )
            for row in chosen
        ]


@pytest.mark.parametrize(
    "name",
    [
        "item_rate",
        "item_count",
        "user_rate",
        "user_count",
        "user_over_items",
        "user_over_items_lately",
        "same_item_shown",
        "same_item_bought",
        "same_item_days",
        "suits_taste",
        "user_over_items_alike:items.category",
        "user_over_items_alike:items.tags",
    ],
)
def test_a_count_is_that_of_a_plain_reading(rows: list[tuple[dict[str, float], dict[str, float]]], name: str) -> None:
    got, expected = ([row[side][name] for row in rows] for side in (0, 1))
    assert len(set(expected)) > 1
    assert got == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_every_count_a_shop_offers_is_read(
    source: Source, rows: list[tuple[dict[str, float], dict[str, float]]]
) -> None:
    assert set(rows[0][1]) == set(count_names(source))
    assert max(row[1]["user_count"] for row in rows) > WINDOW  # so that the window's end is met


def test_what_happens_at_the_request_or_later_changes_no_count(source: Source, tmp_path: Path) -> None:
    asked = every_request(source)
    middle = int(np.sort(asked.at)[len(asked.at) // 2])
    before = toy_events(USERS, ITEMS, REQUESTS)
    late = pl.col("at").dt.epoch("us") >= middle
    after = before.with_columns(
        pl.when(late).then(pl.lit("i3")).otherwise("item_id").alias("item_id"),
        (pl.col("converted") - late.cast(pl.Int8)).abs(),
    )
    changed = read(write_shop(tmp_path, after))
    earlier = np.asarray(events_of(source).at) < middle  # what others did is counted over all training moments
    found, planted = counted(source, earlier, asked), counted(changed, earlier, asked)
    at = asked.at[asked.request]
    assert (at == middle).sum() == 4
    for name, values in found.items():
        assert np.array_equal(values[at <= middle], planted[name][at <= middle], equal_nan=True), name
    own = [name for name in found if not name.startswith("item_") and name != "user_count"]
    assert all((found[name][at > middle] != planted[name][at > middle]).any() for name in own)


def test_the_outcomes_of_a_user_never_change_the_item_rates_of_their_rows(source: Source, tmp_path: Path) -> None:
    table = toy_events(USERS, ITEMS, REQUESTS).with_row_index("place")
    own = table.filter(pl.col("user_id") == "u1")
    bought, left = (own.filter(pl.col("converted") == outcome)["place"] for outcome in (1, 0))
    turned = min(len(bought), len(left))
    assert turned > 5
    # As many each way: the shop's average, one number for all rows that every rate is mixed with, stays.
    flipped = pl.col("place").is_in([*bought[:turned], *left[:turned]])
    planted = table.with_columns((pl.col("converted") - flipped.cast(pl.Int8)).abs()).drop("place")
    other = read(write_shop(tmp_path, planted))
    asked = every_request(source)
    everything = np.ones(len(events_of(source)), dtype=bool)
    before, after = counted(source, everything, asked), counted(other, everything, asked)
    fold = (asked.user % NUM_FOLDS)[asked.request]
    user = int(source.shop.people.ids.encode(pl.Series(["u1"]))[0])
    mine = asked.user[asked.request] == user
    for name in ("item_rate", "item_count"):
        assert np.array_equal(before[name][mine], after[name][mine], equal_nan=True), name
    assert (before["user_rate"][mine] != after["user_rate"][mine]).any()
    assert (before["item_rate"][fold != user % NUM_FOLDS] != after["item_rate"][fold != user % NUM_FOLDS]).any()


def test_without_events_that_tell_of_items_their_counts_are_missing(source: Source) -> None:
    asked = every_request(source)
    found = counted(source, None, asked)
    assert np.isnan(found["item_rate"]).all()
    assert np.isnan(found["item_count"]).all()
    assert not np.isnan(found["user_rate"]).any()
    assert np.isnan(found["suits_taste"]).all()
    names = count_names(source)
    fields = replace(source, features=source.features.with_numbers(names, np.zeros((1, len(names)))))
    events = events_of(source)
    pieces = divide(events, np.arange(events.num_requests), max_candidates=64)
    batch = RequestReader(fields, RequestConfig()).batch(pieces, seed=(0,))
    numbers = dict(zip(names, batch.row_numbers.T, strict=True))
    assert torch.isnan(numbers["item_rate"]).all()
    assert torch.isnan(numbers["item_count"]).all()
    assert torch.isfinite(numbers["user_rate"]).all()


def test_a_model_of_other_counts_is_refused(source: Source) -> None:
    names = count_names(source)[1:]
    other = replace(source, features=source.features.with_numbers(names, np.zeros((1, len(names)))))
    with pytest.raises(DataError, match="train it again"):
        RequestReader(other, RequestConfig())


def test_items_are_alike_by_values_that_training_saw_and_by_no_others() -> None:
    missing, unseen, fruit, dairy = 0, 7, 8, 9
    candidate = np.array([[fruit, dairy], [unseen, missing], [missing, missing]], dtype=np.int32)
    past = np.array([[[dairy, fruit], [fruit, missing], [unseen, missing], [missing, missing]]], dtype=np.int32)
    shared = counts._shared(candidate, past, np.zeros(3, dtype=np.int64), unseen=unseen)
    assert shared.tolist() == [[2, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
