"""What the steps of an epoch are made of."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from camenn.batches.batch import PairBatch, RequestBatch
from camenn.tables.shop import open_shop
from camenn.task import Task
from camenn.training.prepare import prepare
from camenn.training.steps import StepPlan
from toy import write_toy_shop
from toy_run import small_config

REQUESTS = 100


def plan_of(shop: Path, **pairs: float) -> StepPlan:
    config = small_config(requests={"rows": 16}, pairs={"items": 4, **pairs})
    prepared = prepare(open_shop(shop), config, console=Console(quiet=True))
    return StepPlan(prepared.parts, config.requests, config.pairs, tasks=tuple(Task), seed=0)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("steps") / "shop", num_requests=REQUESTS)


def test_alignment_batches_are_spread_evenly_between_the_requests(shop: Path) -> None:
    plan = plan_of(shop)
    steps = plan.epoch(0)
    held = [len(step.items) for step in steps]
    assert sum(held) == round(len(plan.items) / 4)
    assert max(held) - min(held) <= 1
    halves = len(steps) // 2
    assert abs(sum(held[:halves]) - sum(held[halves:])) <= 1
    with_pairs = next(number for number, step in enumerate(steps) if step.items)
    kinds = [type(batch) for batch in plan.batches(steps[with_pairs], epoch=0, number=with_pairs)]
    assert kinds == [RequestBatch, *[PairBatch] * held[with_pairs]]


@pytest.mark.parametrize("passes", [0.5, 1.0, 2.5])
def test_an_epoch_passes_so_often_over_the_items_and_once_over_the_requests(shop: Path, passes: float) -> None:
    plan = plan_of(shop, epochs=passes)
    steps = plan.epoch(0)
    drawn = np.concatenate([items for step in steps for items in step.items])
    assert len(drawn) == round(passes * len(plan.items))
    times = np.bincount(drawn)[plan.items]
    assert times.max() - times.min() <= 1
    assert plan.pieces is not None
    pieces = np.concatenate([step.pieces for step in steps])
    assert sorted(pieces.tolist()) == list(range(len(plan.pieces)))


def test_without_passes_over_the_items_the_steps_hold_requests_alone(shop: Path) -> None:
    assert all(step.items == () for step in plan_of(shop, epochs=0).epoch(0))


def test_epochs_are_shuffled_each_in_its_own_way_and_the_same_twice(shop: Path) -> None:
    plan = plan_of(shop)
    first, again, second = (np.concatenate([step.pieces for step in plan.epoch(epoch)]).tolist() for epoch in (0, 0, 1))
    assert first == again
    assert first != second
