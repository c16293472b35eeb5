"""Nothing of the test part reaches training, nothing of the future a request: what is planted there has no effect."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from rich.console import Console

from camenn.batches.batch import Items, RequestBatch
from camenn.batches.parts import Parts
from camenn.batches.requests import RequestReader, divide
from camenn.batches.source import open_source
from camenn.evaluation.evaluate import divided, evaluate
from camenn.metrics.ranking import auc
from camenn.run_config import RunConfig
from camenn.tables.features import Features
from camenn.tables.shop import open_shop
from camenn.tables.split import Part, split_items, split_requests
from camenn.task import Task
from camenn.training.prepare import prepare
from toy import toy_events, toy_items, write_toy_shop
from toy_run import same, small_config, train_on, weights

REQUESTS = 150


def shop_with(folder: Path, events: pl.DataFrame | None = None, items: pl.DataFrame | None = None) -> Path:
    """A toy shop with other events, or other items and no events."""
    write_toy_shop(folder, num_requests=REQUESTS)
    if events is not None:
        events.write_parquet(folder / "events.parquet")
    if items is not None:
        (folder / "events.parquet").unlink()
        items.write_parquet(folder / "items.parquet")
    return folder


def parts_of(folder: Path, config: RunConfig) -> pl.DataFrame:
    """request_id and part of every request of the toy shop."""
    shop = open_shop(folder)
    assert shop.events is not None
    first = np.asarray(shop.events.request_offset[:-1])
    asked = pl.DataFrame(
        {
            "user_id": shop.people.ids.decode(np.asarray(shop.events.user_row)[first]),
            "at": pl.Series(np.asarray(shop.events.at)[first]).cast(pl.Datetime("us", "UTC")),
            "part": split_requests(shop.events, config.split),
        }
    )
    return toy_events(24, 40, REQUESTS).select("user_id", "at", "request_id").unique().join(asked, on=["user_id", "at"])


def flipped(events: pl.DataFrame, where: pl.Expr) -> pl.DataFrame:
    return events.with_columns((pl.col("converted") - where.cast(pl.Int8)).abs())


def outcome_of(run: Path) -> tuple[bytes, dict[str, Any]]:
    """All that training measured and fitted, besides the weights."""
    calibration = json.loads((run / "bundle" / "config.json").read_text(encoding="utf-8"))["calibration"]
    return (run / "metrics.csv").read_bytes(), calibration


@pytest.mark.parametrize("split", ["days", "user_time"])
@pytest.mark.parametrize("history", ["purchases", "outcomes"])
def test_outcomes_of_the_test_part_have_no_effect_on_training(tmp_path: Path, split: str, history: str) -> None:
    config = small_config(
        split={"requests": split, "test_days": 3},
        requests={"history": history},
        features={"counts": True},
        training={"max_epochs": 1},
    )
    clean = shop_with(tmp_path / "clean")
    parts = parts_of(clean, config)
    events = toy_events(24, 40, REQUESTS).join(parts, on=["user_id", "at", "request_id"], maintain_order="left")
    assert (events["part"] == Part.TEST).mean() > 0.1
    planted = flipped(events, pl.col("part") == int(Part.TEST)).drop("part")
    train_on(clean, tmp_path / "run", config)
    train_on(shop_with(tmp_path / "planted", events=planted), tmp_path / "other", config)
    assert same(weights(tmp_path / "run"), weights(tmp_path / "other"))
    assert outcome_of(tmp_path / "run") == outcome_of(tmp_path / "other")


@pytest.mark.parametrize("part", [Part.TRAIN, Part.VALIDATION])
def test_outcomes_of_the_other_parts_have_an_effect(tmp_path: Path, part: Part) -> None:
    config = small_config(split={"requests": "days", "test_days": 3}, training={"max_epochs": 1})
    clean = shop_with(tmp_path / "clean")
    events = toy_events(24, 40, REQUESTS).join(parts_of(clean, config), on=["user_id", "at", "request_id"])
    planted = flipped(events, pl.col("part") == int(part)).drop("part")
    train_on(clean, tmp_path / "run", config)
    train_on(shop_with(tmp_path / "planted", events=planted), tmp_path / "other", config)
    assert same(weights(tmp_path / "run"), weights(tmp_path / "other")) == (part is not Part.TRAIN)
    assert outcome_of(tmp_path / "run") != outcome_of(tmp_path / "other")


def test_test_items_have_no_effect_on_training(tmp_path: Path) -> None:
    config = small_config()
    items = toy_items(40)
    clean = shop_with(tmp_path / "clean", items=items)
    is_test = pl.Series(split_items(open_shop(clean).catalogue, config.split)[2:] == Part.TEST)
    assert is_test.sum() == 10
    planted = items.with_columns(
        pl.when(is_test).then(pl.lit("a leak of gold")).otherwise("name").alias("name"),
        pl.when(is_test).then(pl.lit("leak")).otherwise("category").alias("category"),
        pl.when(is_test).then(1e9).otherwise("price").alias("price"),
        pl.when(is_test).then(items["image"].first()).otherwise("image").alias("image"),
    )
    train_on(clean, tmp_path / "run", config)
    train_on(shop_with(tmp_path / "planted", items=planted), tmp_path / "other", config)
    assert same(weights(tmp_path / "run"), weights(tmp_path / "other"))
    assert outcome_of(tmp_path / "run") == outcome_of(tmp_path / "other")


def test_the_rivals_that_a_pair_is_compared_with_are_of_training_items_alone(tmp_path: Path) -> None:
    config = small_config()
    prepared = prepare(open_shop(shop_with(tmp_path / "shop")), config, console=Console(quiet=True))
    space, source = prepared.model.aligned_space, prepared.parts.source
    assert space is not None
    for projection, vectors in ((space.text, source.text), (space.image, source.image)):
        assert vectors is not None
        bank = projection.bank[: int(projection.num_banked)].numpy()
        training = vectors.pooled[prepared.parts.item_parts == Part.TRAIN].astype(np.float32)
        assert len(bank) > 10
        assert all((training == one).all(axis=1).any() for one in bank)


def shuffled(events: pl.DataFrame, where: pl.Series, *, seed: int) -> pl.DataFrame:
    """The outcomes of some events dealt out among them anew."""
    labels = events["converted"].to_numpy().copy()
    place = np.flatnonzero(where.to_numpy())
    labels[place] = labels[np.random.default_rng(seed).permutation(place)]
    return events.with_columns(pl.Series("converted", labels))


@pytest.mark.parametrize("planted", [False, True], ids=["clean", "with the outcome planted as a column"])
def test_of_shuffled_outcomes_nothing_is_learned_and_a_leak_would_show(tmp_path: Path, planted: bool) -> None:
    config = small_config(
        split={"requests": "days", "test_days": 4},
        model={"aligned_width": 0, "dropout": 0.0},  # evidence of the aligned space needs no outcome to be of use
        training={"max_epochs": 4, "patience": 4, "learning_rate": 0.01},
    )
    clean = shop_with(tmp_path / "clean")
    joined = toy_events(24, 40, REQUESTS).join(
        parts_of(clean, config), on=["user_id", "at", "request_id"], maintain_order="left"
    )
    events = shuffled(joined, joined["part"] != int(Part.TEST), seed=0).drop("part")
    if planted:
        events = events.with_columns(pl.when(pl.col("converted") == 1).then(7).otherwise(8).alias("clicks"))
    shop = shop_with(tmp_path / "shop", events=events)
    found = evaluate(train_on(shop, tmp_path / "run", config).bundle, open_shop(shop))
    test = next(one for one in found.predictions if (one.task, one.split) == (Task.CONVERSION, "test"))
    positives = test.labels.sum()
    noise = np.sqrt((len(test) + 1) / (12 * positives * (len(test) - positives)))
    measured = auc(test.logits, test.labels)
    if planted:
        assert measured > 0.95
    else:
        assert abs(measured - 0.5) < 4 * noise < 0.2


def tensors(batch: RequestBatch | Items, *, leave: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for one in fields(batch):
        value = getattr(batch, one.name)
        if isinstance(value, torch.Tensor) and one.name not in leave:
            found[one.name] = value
        elif isinstance(value, Items):
            found |= {f"items.{name}": tensor for name, tensor in tensors(value).items()}
    return found


def plain_parts(folder: Path, config: RunConfig, features: Features | None = None) -> Parts:
    shop = open_shop(folder)
    prepared = prepare(shop, config, console=Console(quiet=True))
    if features is None:
        return prepared.parts
    source = open_source(shop, features, text=None, image=None, text_length=50)
    return Parts(source, prepared.parts.request_parts, prepared.parts.item_parts, prepared.parts.groups, source.whole())


@pytest.mark.parametrize("history", ["purchases", "outcomes"])
def test_outcomes_from_the_moment_of_a_request_on_have_no_effect_on_what_is_read_of_it(
    tmp_path: Path, history: str
) -> None:
    config = small_config(requests={"history": history}, encoders={"text": "", "image": ""})
    clean = shop_with(tmp_path / "clean")
    events = toy_events(24, 40, REQUESTS)
    middle = events["at"][len(events) // 2]
    later = shop_with(tmp_path / "later", events=flipped(events, pl.col("at") >= middle))
    before = plain_parts(clean, config)
    after = plain_parts(later, config, before.source.features)
    readers = [RequestReader(parts.source, config.requests) for parts in (before, after)]
    at = np.asarray(readers[0].events.at)[readers[0].events.request_offset[:-1]]
    asked = np.flatnonzero(at <= int(middle.timestamp() * 1e6))
    assert 50 < len(asked) < 100
    batches = [reader.batch(divide(reader.events, asked, max_candidates=64), seed=(0,)) for reader in readers]
    left, right = (tensors(batch, leave=("labels",)) for batch in batches)
    assert left.keys() == right.keys()
    assert all(left[name].equal(right[name]) for name in left)
    assert not batches[0].labels.equal(batches[1].labels)  # those of the request at that very moment


def test_what_an_item_is_counted_by_is_of_the_training_part(tmp_path: Path) -> None:
    config = small_config(features={"counts": True}, encoders={"text": "", "image": ""})
    clean = shop_with(tmp_path / "clean")
    events = toy_events(24, 40, REQUESTS).join(parts_of(clean, config), on=["user_id", "at", "request_id"])
    planted = shop_with(tmp_path / "planted", events=flipped(events, pl.col("part") == int(Part.TEST)).drop("part"))
    found = []
    for folder in (clean, planted):
        parts = plain_parts(folder, config)
        reader = parts.reader(config.requests)
        everything = divide(reader.events, np.arange(reader.events.num_requests), max_candidates=64)
        names = [number.name for number in parts.source.features.numbers]
        found.append(dict(zip(names, reader.batch(everything, seed=(0,)).row_numbers.T, strict=True)))
    for name in ("item_rate", "item_count", "user_count", "same_item_shown"):
        assert (found[0][name] == found[1][name]).all(), name
    assert (found[0]["user_rate"] != found[1]["user_rate"]).any()  # a user's own past is known, whatever its part


def test_popularity_is_counted_in_the_training_part(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=REQUESTS, outcomes=False)
    config = small_config(
        requests={"negative_sampling": "popularity"}, split={"requests": "days", "test_days": 3},
        encoders={"text": "", "image": ""},
    )  # fmt: skip
    draws = []
    for plant in (False, True):
        if plant:
            events = pl.read_parquet(shop / "events.parquet")
            day = pl.col("at").dt.epoch("d")
            late = pl.when(day > day.max() - 3).then(pl.lit("i7")).otherwise("item_id")
            events.with_columns(late.alias("item_id")).write_parquet(shop / "events.parquet")
        parts = plain_parts(shop, config)
        training = parts.requests(Part.TRAIN, config.requests)
        assert training is not None
        batch = parts.reader(config.requests).batch(training, seed=(0,))
        draws.append(batch.items.codes[batch.candidates, 0])
    assert draws[0].equal(draws[1])


def test_the_parts_that_are_judged_are_those_that_training_left(tmp_path: Path) -> None:
    shop = shop_with(tmp_path / "shop")
    for requests in ("random", "days", "user_time"):
        config = small_config(split={"requests": requests}, training={"max_epochs": 1})
        trained = train_on(shop, tmp_path / requests, config)
        prepared = prepare(open_shop(shop), config, console=Console(quiet=True))
        parts = divided(trained.bundle, open_shop(shop), is_training_shop=True)
        assert prepared.parts.request_parts is not None
        assert parts.request_parts is not None
        assert (parts.request_parts == prepared.parts.request_parts).all()
        assert (parts.item_parts == prepared.parts.item_parts).all()
