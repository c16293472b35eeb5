"""A bundle judged: on what training left, on shops it never saw, and shown in a report that can be trusted."""

import re
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from camenn.batches.batch import PairBatch
from camenn.batches.pairs import Pairs
from camenn.batches.parts import EVALUATION_SEED
from camenn.bundle import Bundle, Calibration
from camenn.errors import DataError
from camenn.evaluation.evaluate import Evaluation, divided, evaluate
from camenn.evaluation.predictions import TaskPredictions
from camenn.metrics.calibration import sigmoid
from camenn.tables.shop import Shop, open_shop
from camenn.tables.split import Part, split_items, split_requests
from camenn.task import ALIGNMENT_TASKS, Task
from camenn.training.prepare import prepare
from camenn.training.steps import StepPlan
from toy import toy_events, toy_items, write_toy_shop
from toy_run import small_config, train_on


def of(found: Evaluation, task: Task, split: str = "test") -> TaskPredictions:
    return next(one for one in found.predictions if (one.task, one.split) == (task, split))


def judged_as(bundle: Bundle, folder: Path) -> Evaluation:
    """Evaluate on another shop, encoding it first, as the command does."""
    shop = open_shop(folder)
    bundle.encode(shop)
    return evaluate(bundle, shop)


# On the shop it was trained on


def test_validation_and_test_of_every_task_are_judged(found: Evaluation) -> None:
    assert found.is_training_shop
    assert {(one.task, one.split) for one in found.predictions} == {
        (task, split) for task in Task for split in ("validation", "test")
    }


def test_every_event_of_a_part_is_judged_once_and_none_of_training(found: Evaluation, shop: Shop) -> None:
    assert shop.events is not None
    parts = split_requests(shop.events, small_config().split)
    size = np.diff(shop.events.request_offset)
    converted = np.asarray(shop.events.converted)
    for part, split in ((Part.VALIDATION, "validation"), (Part.TEST, "test")):
        one = of(found, Task.CONVERSION, split)
        requests = np.flatnonzero(parts == part)
        assert sorted(one.groups.tolist()) == np.repeat(requests, size[requests]).tolist()
        for request in requests:
            bounds = slice(shop.events.request_offset[request], shop.events.request_offset[request + 1])
            assert one.labels[one.groups == request].tolist() == converted[bounds].tolist()


def test_every_item_of_a_part_is_judged_with_one_positive_and_its_negatives(found: Evaluation, shop: Shop) -> None:
    parts = split_items(shop.catalogue, small_config().split)
    for task in ALIGNMENT_TASKS:
        one = of(found, task)
        assert sorted(one.groups[one.labels == 1].tolist()) == np.flatnonzero(parts == Part.TEST).tolist()
        assert sorted(one.groups[one.labels == 0].tolist()) == np.flatnonzero(parts == Part.TEST).tolist()


def test_probabilities_are_the_calibrated_logits(found: Evaluation, bundle: Bundle) -> None:
    for one in found.predictions:
        fitted = bundle.calibration.get(one.task, Calibration())
        assert one.probabilities == pytest.approx(sigmoid(fitted.scale * one.logits + fitted.bias))
    assert Task.CONVERSION in bundle.calibration


def test_experts_are_used_as_much_as_there_is_to_do(found: Evaluation) -> None:
    assert set(found.expert_use) == set(Task)
    for use in found.expert_use.values():
        assert use.shape == (2,)
        assert use.sum() == pytest.approx(1.0)


def test_a_model_is_judged_alike_every_time(found: Evaluation, bundle: Bundle, shop: Shop) -> None:
    again = evaluate(bundle, shop)
    for one, other in zip(found.predictions, again.predictions, strict=True):
        assert (one.logits == other.logits).all()
        assert (one.groups == other.groups).all()


def test_a_copy_of_the_shop_in_another_folder_is_the_same_shop(toy: Path, bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(toy / "shop", tmp_path / "moved")
    assert judged_as(bundle, tmp_path / "moved").is_training_shop


def test_a_shop_that_has_changed_is_another_and_all_of_it_is_judged(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=100)
    events = toy_events(24, 40, 100).with_columns(pl.col("converted") - pl.col("converted"))
    events.write_parquet(folder / "events.parquet")
    changed = judged_as(bundle, folder)
    assert not changed.is_training_shop
    assert {one.split for one in changed.predictions} == {"test"}
    assert len(of(changed, Task.CONVERSION)) == 400


# Negatives


def normalised(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def twins(folder: Path) -> Path:
    """A shop without events in which eight items read the same but for case, blanks and width, and others do not."""
    write_toy_shop(folder)
    (folder / "events.parquet").unlink()
    same = [
        "red apple",
        "Red Apple",
        "RED  APPLE",
        " red apple ",
        "red\tapple",
        "ｒｅｄ ａｐｐｌｅ",
        "red\u00a0apple",
        "Red apple",
    ]
    items = toy_items(40).drop("description")
    items.with_columns(pl.Series("name", same + items["name"].to_list()[8:])).write_parquet(folder / "items.parquet")
    return folder


def negatives_that_read_the_same(shop: Shop, pairs: Pairs) -> int:
    texts = ["", "", *(normalised(text) for text in shop.catalogue.texts(0, shop.catalogue.num_items))]
    negative = pairs.labels == 0
    assert negative.any()
    return sum(texts[a] == texts[b] for a, b in zip(pairs.text[negative], pairs.image[negative], strict=True))


def test_negatives_never_share_the_normalised_text(tmp_path: Path) -> None:
    shop = open_shop(twins(tmp_path / "shop"))
    config = small_config(split={"test": 0.6, "validation": 0.5}, pairs={"negatives": 7, "items": 8})
    texts = [normalised(text) for text in shop.catalogue.texts(0, 40)]
    assert texts.count("red apple") >= 8
    parts = prepare(shop, config, console=Console(quiet=True)).parts
    judged = 0
    for part in Part:
        pairs = parts.evaluation_pairs(part, config.pairs)
        assert pairs is not None
        assert negatives_that_read_the_same(shop, pairs) == 0
        assert len(pairs) == len(parts.items(part)) * (1 + 2 * 7)  # one that reads the same is drawn again
        judged += len(pairs)
    assert judged == 40 * 15
    plan = StepPlan(parts, config, tasks=tuple(Task))
    for step in plan.epoch(0):
        for batch in plan.batches(step, epoch=0, number=0):
            assert isinstance(batch, PairBatch)  # no events, no requests
            same = batch.text_group[batch.text] == batch.text_group[batch.image]
            assert not (same & (batch.labels == 0)).any()


def test_texts_that_differ_in_more_than_case_and_blanks_are_told_apart(tmp_path: Path) -> None:
    shop = open_shop(twins(tmp_path / "shop"))
    groups = prepare(shop, small_config(), console=Console(quiet=True)).parts.groups[2:]
    texts = np.array([normalised(text) for text in shop.catalogue.texts(0, 40)])
    assert ((groups[:, None] == groups[None]) == (texts[:, None] == texts[None])).all()


def test_a_bundle_is_judged_by_pairs_that_never_share_the_normalised_text(bundle: Bundle, tmp_path: Path) -> None:
    shop = open_shop(twins(tmp_path / "other"))
    bundle.encode(shop)
    parts = divided(bundle, shop, is_training_shop=False)
    pairs = parts.evaluation_pairs(Part.TEST, bundle.config.pairs)
    assert pairs is not None
    assert negatives_that_read_the_same(shop, pairs) == 0
    assert EVALUATION_SEED == 20200917  # figures of different days are of the same pairs


# On shops it has not seen


def renamed(column: str) -> pl.Expr:
    return pl.format("new-{}", column).alias(column)


def test_a_shop_of_new_items_and_new_users_is_judged(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "new", num_items=30, num_requests=40)
    toy_items(30).with_columns(renamed("item_id")).write_parquet(folder / "items.parquet")
    pl.DataFrame({"user_id": ["new-u0"], "team": ["purple"]}).write_parquet(folder / "users.parquet")
    events = toy_events(24, 30, 40).with_columns(renamed("item_id"), renamed("user_id"))
    events.write_parquet(folder / "events.parquet")
    found = judged_as(bundle, folder)
    assert {(one.task, one.split) for one in found.predictions} == {(task, "test") for task in Task}
    assert len(of(found, Task.CONVERSION)) == 160
    assert (of(found, Task.IMAGE_TO_TEXT).labels == 1).sum() == 30


@pytest.mark.parametrize("lacking", ["image", "text", "price and category", "users", "event columns", "outcomes"])
def test_a_shop_that_lacks_a_column_or_a_table_is_judged_on_what_it_has(
    bundle: Bundle, tmp_path: Path, lacking: str
) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=40, outcomes=lacking != "outcomes")
    columns = {"image": ["image"], "text": ["name", "description"], "price and category": ["price", "category"]}
    toy_items(40).drop(columns.get(lacking, [])).write_parquet(folder / "items.parquet")
    if lacking == "users":
        (folder / "users.parquet").unlink()
    if lacking == "event columns":
        toy_events(24, 40, 40).drop("device", "position", "request_id").write_parquet(folder / "events.parquet")
    found = judged_as(bundle, folder)
    alignable = lacking not in ("image", "text")
    assert {one.task for one in found.predictions} == (set(Task) if alignable else {Task.CONVERSION})
    assert all(np.isfinite(one.logits).all() for one in found.predictions)


def test_a_shop_of_bare_ids_is_judged(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=40)
    toy_items(40).select("item_id").write_parquet(folder / "items.parquet")
    (folder / "users.parquet").unlink()
    bare = toy_events(24, 40, 40).select("user_id", "item_id", "at", "converted")
    bare.write_parquet(folder / "events.parquet")
    assert {one.task for one in judged_as(bundle, folder).predictions} == {Task.CONVERSION}


def test_a_shop_without_events_is_judged_by_its_items(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop")
    (folder / "events.parquet").unlink()
    assert {one.task for one in judged_as(bundle, folder).predictions} == set(ALIGNMENT_TASKS)


def test_tables_without_a_row_are_as_none(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop")
    for name in ("users", "events"):
        pl.read_parquet(folder / f"{name}.parquet").clear().write_parquet(folder / f"{name}.parquet")
    assert {one.task for one in judged_as(bundle, folder).predictions} == set(ALIGNMENT_TASKS)


def test_a_shop_of_which_nothing_can_be_said_is_an_error(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop")
    (folder / "events.parquet").unlink()
    toy_items(40).drop("image").write_parquet(folder / "items.parquet")
    with pytest.raises(DataError, match="nothing to evaluate: no requests, and no two items"):
        judged_as(bundle, folder)


def test_a_model_of_past_outcomes_is_judged_on_a_shop_that_logs_purchases_alone(tmp_path: Path) -> None:
    config = small_config(requests={"history": "outcomes"}, training={"max_epochs": 1})
    bundle = train_on(write_toy_shop(tmp_path / "shop", num_requests=40), tmp_path / "run", config).bundle
    found = judged_as(bundle, write_toy_shop(tmp_path / "bought", num_requests=40, outcomes=False))
    assert {one.task for one in found.predictions} == set(Task)


def test_a_model_of_items_alone_is_judged_by_items_on_a_shop_with_events(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "items")
    (folder / "events.parquet").unlink()
    trained = train_on(folder, tmp_path / "run", small_config(training={"max_epochs": 1}))
    found = judged_as(trained.bundle, write_toy_shop(tmp_path / "whole", num_requests=40))
    assert {one.task for one in found.predictions} == set(ALIGNMENT_TASKS)
