"""What the steps of an epoch are made of."""

from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from camenn.batches.batch import Batch, PairBatch, RequestBatch
from camenn.tables.features import Side
from camenn.tables.shop import open_shop
from camenn.task import Task
from camenn.training.prepare import prepare
from camenn.training.steps import StepPlan
from toy import write_toy_shop
from toy_run import small_config

REQUESTS = 100


def plan_of(shop: Path, *, users: float = 0.0, items: float = 0.0, **pairs: float) -> StepPlan:
    config = small_config(
        requests={"rows": 16},
        pairs={"items": 4, **pairs},
        training={"user_dropout": users, "item_dropout": items},
    )
    prepared = prepare(open_shop(shop), config, console=Console(quiet=True))
    return StepPlan(prepared.parts, config, tasks=tuple(Task))


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


def batches_of(plan: StepPlan) -> list[Batch]:
    return [batch for number, step in enumerate(plan.epoch(0)) for batch in plan.batches(step, epoch=0, number=number)]


def codes_of(batch: Batch, side: Side) -> torch.Tensor | None:
    if side is Side.ITEM:
        return batch.items.codes
    return batch.context if isinstance(batch, RequestBatch) else None


@pytest.mark.parametrize("share", [0.5, 0.999999])
@pytest.mark.parametrize("side", [Side.CONTEXT, Side.ITEM])
def test_a_share_of_the_users_or_of_the_items_is_taken_for_unseen_and_nothing_else_changes(
    shop: Path, side: Side, share: float
) -> None:
    whole, plan = plan_of(shop), plan_of(shop, **{"users" if side is Side.CONTEXT else "items": share})
    other = Side.ITEM if side is Side.CONTEXT else Side.CONTEXT
    ((slot, unseen),) = plan.parts.source.features.id_slots(side)
    left_out = known = 0
    for before, after in zip(batches_of(whole), batches_of(plan), strict=True):
        assert type(before) is type(after)
        assert before.labels.equal(after.labels)
        for each, same in ((codes_of(before, other), codes_of(after, other)), (before.items.rows, after.items.rows)):
            assert (each is None and same is None) or (each is not None and same is not None and each.equal(same))
        was, now = codes_of(before, side), codes_of(after, side)
        if was is None or now is None:
            continue
        changed = was != now
        assert not changed[:, [place for place in range(was.shape[1]) if place != slot]].any()
        assert (now[changed] == unseen).all()
        assert ((was[:, slot] > 0) == (now[:, slot] > 0)).all()
        left_out += int(changed.sum())
        known += int((was[:, slot] > unseen).sum())
    assert known > 60
    assert left_out / known == pytest.approx(share, abs=0.15 if share == 0.5 else 1e-3)


def test_who_is_left_out_is_drawn_anew_each_epoch_and_the_same_twice(shop: Path) -> None:
    plan = plan_of(shop, users=0.5)
    step = plan.epoch(0)[0]
    first, again, later = (plan.batches(step, epoch=epoch, number=0)[0] for epoch in (0, 0, 1))
    assert isinstance(first, RequestBatch)
    assert isinstance(again, RequestBatch)
    assert isinstance(later, RequestBatch)
    assert first.context.equal(again.context)
    assert not first.context.equal(later.context)
