"""What reviewers decided is trained on: in the training part alone, the same twice, and to some effect."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from camenn.batches.batch import PairBatch
from camenn.batches.pairing import Pairing
from camenn.batches.pairs import Pairs
from camenn.bundle import Bundle
from camenn.errors import BundleError
from camenn.evaluation.evaluate import divided
from camenn.objectives.multi_task import MultiTaskObjective
from camenn.run_config import RunConfig
from camenn.scoring import score_pairs
from camenn.tables.shop import open_shop
from camenn.tables.split import Part
from camenn.task import Task
from camenn.training.prepare import prepare
from camenn.training.steps import StepPlan
from camenn.training.trainer import train
from toy import toy_items, write_toy_shop
from toy_run import CPU, same, small_config, train_on, weights

NUM_ITEMS = 80
WRONG = np.arange(2, NUM_ITEMS + 2, 5)
"""Rows whose text is the next item's, of another colour; the text four rows on is of the right one."""


def config(**training: Any) -> RunConfig:
    return small_config(
        features={"ids": False},
        pairs={"items": 16},
        training={"max_epochs": 2, "checkpoint_s": 0.0, **training},
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_toy_shop(tmp_path_factory.mktemp("decisions") / "shop", num_requests=20)
    (folder / "events.parquet").unlink()
    items = toy_items(NUM_ITEMS)
    taken = np.arange(NUM_ITEMS)
    taken[WRONG - 2] += 1
    texts = [pl.Series(name, items[name].to_list()).gather(taken) for name in ("name", "description")]
    items.with_columns(texts).write_parquet(folder / "items.parquet")
    return folder


def decisions(*, corrected: bool = True, rows: np.ndarray = WRONG) -> Pairing:
    """The wrong texts found, and what their pictures show."""
    own = Pairing.own(NUM_ITEMS + 2)
    text, image, wrong = own.text.copy(), own.image.copy(), own.wrong_text.copy()
    text[rows] = np.minimum(rows + 4, NUM_ITEMS + 1) if corrected else 0
    image[rows] = image[rows] if corrected else 0
    wrong[rows] = True
    return Pairing(text, image, wrong, own.wrong_image, wrong if corrected else own.reviewed)


def train_decided(shop: Path, run: Path, pairing: Pairing | None, **training: Any) -> Bundle:
    opened, console = open_shop(shop), Console(quiet=True)
    return train(opened, config(**training), run, pairing=pairing, hardware=CPU, console=console).bundle


def plan_of(shop: Path, pairing: Pairing | None) -> StepPlan:
    prepared = prepare(open_shop(shop), config(), console=Console(quiet=True))
    return StepPlan(prepared.parts, config(), tasks=tuple(Task), pairing=pairing)


def pairs_of(plan: StepPlan) -> pl.DataFrame:
    """The pairs of an epoch: catalogue rows of text and picture, label, tasks."""
    found = []
    for number, step in enumerate(plan.epoch(0)):
        for batch in plan.batches(step, epoch=0, number=number):
            assert isinstance(batch, PairBatch)
            rows = batch.items.rows
            columns = {"text": rows[batch.text], "image": rows[batch.image], "label": batch.labels}
            columns |= {"ita": batch.image_to_text, "tia": batch.text_to_image}
            found.append(pl.DataFrame({name: one.numpy() for name, one in columns.items()}))
    return pl.concat(found)


@pytest.mark.parametrize("corrected", [True, False])
def test_an_epoch_holds_each_decision_of_the_training_part_once_and_none_of_another(
    shop: Path, corrected: bool
) -> None:
    plan = plan_of(shop, decisions(corrected=corrected))
    training = set(np.flatnonzero(plan.parts.item_parts == Part.TRAIN).tolist())
    pairs = pairs_of(plan)
    held = set(pairs["text"].to_list()) | set(pairs["image"].to_list())
    assert held <= training
    inside = [row for row in WRONG.tolist() if row in training]
    assert 0 < len(inside) < len(WRONG)
    wrong = pairs.filter((pl.col("text") == pl.col("image")) & (pl.col("label") == 0))
    assert sorted(wrong["text"].to_list()) == inside
    assert wrong["ita"].all()
    assert not wrong["tia"].any()
    positives = set(pairs.filter(pl.col("label") == 1).select("text", "image").rows())
    mended = {(row + 4, row) for row in inside if corrected and row + 4 in training}
    assert (mended != set()) is corrected
    assert positives == {(row, row) for row in training - set(inside)} | mended
    assert all(batches[0].labels.any() for batches in _batches(plan))


def _batches(plan: StepPlan) -> Iterator[tuple[Any, ...]]:
    return (plan.batches(step, epoch=0, number=number) for number, step in enumerate(plan.epoch(0)))


def test_decisions_on_held_out_items_alone_change_no_pair(shop: Path) -> None:
    plain = plan_of(shop, None)
    held_out = np.array([row for row in WRONG if plain.parts.item_parts[row] != Part.TRAIN])
    assert pairs_of(plain).equals(pairs_of(plan_of(shop, decisions(rows=held_out))))


def test_what_a_model_is_judged_by_is_what_it_was_without_decisions(shop: Path) -> None:
    plain, decided = plan_of(shop, None).parts, plan_of(shop, decisions()).parts
    for part in (Part.VALIDATION, Part.TEST):
        one, other = (parts.evaluation_pairs(part, config().pairs) for parts in (plain, decided))
        assert one is not None
        assert other is not None
        assert (one.text == other.text).all()
        assert (one.image == other.image).all()


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


def test_a_killed_run_goes_on_with_the_same_decisions_and_is_refused_others(shop: Path, tmp_path: Path) -> None:
    whole = train_decided(shop, tmp_path / "whole", decisions(corrected=False))
    assert whole.facts["decided_items"] == len(WRONG)
    assert whole.facts["decisions"] == decisions(corrected=False).digest
    with killed_at(4):
        train_decided(shop, tmp_path / "run", decisions(corrected=False))
    for other in (decisions(), None):
        with pytest.raises(BundleError, match="its settings, seed, shop, decisions or number of processes were others"):
            train_decided(shop, tmp_path / "run", other)
    train_decided(shop, tmp_path / "run", decisions(corrected=False))
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))


def test_a_run_without_decisions_is_the_one_it_was_and_says_nothing_of_them(shop: Path, tmp_path: Path) -> None:
    without = train_on(shop, tmp_path / "without", config()).bundle
    train_decided(shop, tmp_path / "own", Pairing.own(NUM_ITEMS + 2))
    assert same(weights(tmp_path / "without"), weights(tmp_path / "own"))
    assert not {"decided_items", "decisions"} & without.facts.keys()
    assert "decisions" in Bundle.from_pretrained(tmp_path / "own").facts


@pytest.mark.parametrize("corrected", [True, False])
def test_a_pair_that_was_found_wrong_scores_lower_than_without_the_decision(
    shop: Path, tmp_path: Path, corrected: bool
) -> None:
    longer = {"max_epochs": 12, "patience": 12}
    without = train_decided(shop, tmp_path / "without", None, **longer)
    decided = train_decided(shop, tmp_path / "decided", decisions(corrected=corrected), **longer)
    opened = open_shop(shop)
    inside = WRONG[divided(without, opened, is_training_shop=True).item_parts[WRONG] == Part.TRAIN].astype(np.int32)
    assert probability_of(decided, shop, inside) < probability_of(without, shop, inside) - 0.1


def probability_of(bundle: Bundle, shop: Path, rows: np.ndarray) -> float:
    """Mean probability, over both tasks, that these items' own texts and pictures fit."""
    parts, both = divided(bundle, open_shop(shop), is_training_shop=True), np.ones(len(rows), dtype=bool)
    pairs = Pairs(rows, rows, both.astype(np.float32), both, both, rows)
    scores = score_pairs(bundle.model, parts, pairs)
    return float(np.mean([bundle.calibration[task].probabilities(one.logits) for task, one in scores.items()]))
