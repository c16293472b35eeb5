"""Items whose text and picture look wrong are left out of an epoch, and nothing else is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from camenn.batches.pairing import Pairing
from camenn.errors import ConfigError
from camenn.objectives.multi_task import MultiTaskObjective
from camenn.run_config import RunConfig
from camenn.tables.shop import open_shop
from camenn.tables.split import Part
from camenn.task import Task
from camenn.training.prepare import prepare
from camenn.training.steps import StepPlan
from camenn.training.trainer import train
from camenn.training.trimming import random_share, suspects
from toy import toy_items
from toy_run import CPU, same, small_config, weights

NUM_ITEMS = 200
WRONG = np.arange(2, NUM_ITEMS + 2, 5)
"""Rows whose text is the next item's, of another colour."""


def config(*, trim_after: int = 1, **model: Any) -> RunConfig:
    return small_config(
        features={"ids": False},
        pairs={"items": 16, "trim_after": trim_after},
        model=model,
        training={"max_epochs": 4, "patience": 4, "checkpoint_s": 0.0, "learning_rate": 0.01},
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trimming") / "shop"
    folder.mkdir()
    items, taken = toy_items(NUM_ITEMS), np.arange(NUM_ITEMS)
    taken[WRONG - 2] += 1
    texts = [items[name].gather(taken) for name in ("name", "description")]
    items.with_columns(texts).write_parquet(folder / "items.parquet")
    return folder


def left_out_by(shop: Path, run: Path, pairing: Pairing | None = None) -> tuple[np.ndarray, StepPlan]:
    """The items that look wrong to a model trained on the shop, and the plan of its steps."""
    opened, console = open_shop(shop), Console(quiet=True)
    bundle = train(opened, config(), run, pairing=pairing, hardware=CPU, console=console).bundle
    prepared = prepare(opened, config(), console=console)
    plan = StepPlan(prepared.parts, config(), tasks=tuple(Task), pairing=pairing)
    space = bundle.model.aligned_space
    assert space is not None
    return suspects(space, plan.parts.source, plan.pairing, plan.parts.groups, plan.items), plan


def test_the_share_of_the_random_is_found_and_none_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    right, random = rng.normal(1.0, 0.5, 3000), rng.normal(6.0, 1.5, 1000)
    own = np.concatenate([right, rng.normal(6.0, 1.5, 1000), [40.0]])
    odd = random_share(own, random) > 0.5
    assert odd[:3000].mean() < 0.005
    assert odd[3000:].mean() > 0.98
    assert odd[-1]  # odder than random is as random
    assert (random_share(right, random) > 0.5).mean() < 0.005
    assert not (random_share(np.full(100, 2.0), random) > 0.5).any()
    assert not (random_share(own - 100.0, random) > 0.5).any()


@pytest.mark.parametrize("seed", range(5))
def test_what_nobody_can_tell_from_random_is_not_mostly_left_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert (random_share(rng.normal(6.0, 1.5, 1000), rng.normal(6.0, 1.5, 1000)) > 0.5).mean() <= 0.5
    assert (random_share(np.full(100, 6.0), rng.normal(6.0, 1.5, 1000)) > 0.5).mean() <= 0.5


def test_of_few_items_none_is_left_out(shop: Path) -> None:
    prepared = prepare(open_shop(shop), config(), console=Console(quiet=True))
    own, space = Pairing.own(NUM_ITEMS + 2), prepared.model.aligned_space
    assert space is not None
    found = suspects(space, prepared.parts.source, own, prepared.parts.groups, np.arange(2, 40, dtype=np.int32))
    assert len(found) == 0


def test_items_with_anothers_text_look_wrong_and_others_do_not(shop: Path, tmp_path: Path) -> None:
    found, plan = left_out_by(shop, tmp_path / "run")
    wrong, right = np.intersect1d(WRONG, plan.items), np.setdiff1d(plan.items, WRONG)
    assert np.isin(wrong, found).mean() > 0.5
    assert np.isin(right, found).mean() < 0.15  # half of a name, the shape, no picture shows


def test_what_a_reviewer_confirmed_is_never_left_out(shop: Path, tmp_path: Path) -> None:
    own = Pairing.own(NUM_ITEMS + 2)
    reviewed = own.reviewed.copy()
    reviewed[WRONG[::2]] = True
    pairing = Pairing(own.text, own.image, own.wrong_text, own.wrong_image, reviewed)
    found, _ = left_out_by(shop, tmp_path / "run", pairing)
    assert len(found)
    assert not reviewed[found].any()


def test_an_epoch_holds_all_items_but_those_left_out(shop: Path) -> None:
    prepared = prepare(open_shop(shop), config(), console=Console(quiet=True))
    plan, left_out = StepPlan(prepared.parts, config(), tasks=tuple(Task)), np.zeros(NUM_ITEMS + 2, dtype=bool)
    left_out[WRONG] = True
    drawn = np.concatenate([items for step in plan.epoch(0, left_out=left_out) for items in step.items])
    training = np.flatnonzero(prepared.parts.item_parts == Part.TRAIN)
    assert sorted(drawn.tolist()) == np.setdiff1d(training, WRONG).tolist()


@contextmanager
def killed_at(step: int) -> Iterator[None]:
    calls, forward = iter(range(10**6)), MultiTaskObjective.forward

    def dying(*args: Any) -> Any:
        if next(calls) == step:
            raise KeyboardInterrupt
        return forward(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MultiTaskObjective, "forward", dying)
        with pytest.raises(KeyboardInterrupt):
            yield


def test_a_run_killed_within_a_trimmed_epoch_ends_as_an_uninterrupted_one(shop: Path, tmp_path: Path) -> None:
    def run(name: str, *, trim_after: int = 1) -> None:
        train(
            open_shop(shop), config(trim_after=trim_after), tmp_path / name, hardware=CPU, console=Console(quiet=True)
        )

    run("whole")
    with killed_at(20):
        run("killed")
    run("killed")
    assert same(weights(tmp_path / "killed"), weights(tmp_path / "whole"))
    run("untrimmed", trim_after=0)
    assert not same(weights(tmp_path / "untrimmed"), weights(tmp_path / "whole"))


def test_a_model_without_an_aligned_space_is_refused(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pairs\.trim_after: what looks wrong is told by the aligned space"):
        train(open_shop(shop), config(aligned_width=0), tmp_path, hardware=CPU, console=Console(quiet=True))
