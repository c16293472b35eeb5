"""Training: what a shop offers is learned, what it lacks is done without, and it stops when it should."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from camenn.errors import ConfigError, DataError
from camenn.evaluation.evaluate import evaluate
from camenn.metrics.ranking import auc
from camenn.models.zoo import build_model
from camenn.tables.features import Side
from camenn.tables.shop import open_shop
from camenn.task import ALIGNMENT_TASKS, Task
from camenn.training import trainer
from camenn.training.trainer import Trained, follow
from toy import START, toy_events, toy_items, write_toy_shop
from toy_run import same, small_config, train_on, weights

EVERY_TASK = {task.value for task in Task}
ALIGNMENT = {task.value for task in ALIGNMENT_TASKS}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("shop"), num_requests=80)


def logged(run: Path, name: str) -> list[float]:
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [float(row["value"]) for row in csv.DictReader(file) if row["name"] == name]


def trained_losses(run: Path) -> set[str]:
    """Tasks that were trained for."""
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        names = {row["name"] for row in csv.DictReader(file)}
    return {task for task in EVERY_TASK if f"train/{task}_loss" in names}


def judged(shop: Path, trained: Trained) -> dict[str, float]:
    """AUC of each task on the test part."""
    found = evaluate(trained.bundle, open_shop(shop))
    return {one.task.value: auc(one.logits, one.labels) for one in found.predictions if one.split == "test"}


@pytest.mark.parametrize("pattern", ["full", "shared_history"])
def test_a_toy_shop_is_learned_in_a_few_epochs(tmp_path: Path, pattern: str) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=300)
    config = small_config(
        pairs={"epochs": 4.0}, model={"pattern": pattern}, training={"max_epochs": 6, "learning_rate": 0.01}
    )
    found = judged(shop, train_on(shop, tmp_path / "run", config))
    assert found["conversion"] > 0.8
    assert min(found[task] for task in ALIGNMENT) > 0.7
    losses = logged(tmp_path / "run", "train/conversion_loss")
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_a_toy_shop_is_learned_in_the_papers_own_way(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_items=120, num_requests=300)
    config = small_config(
        pairs={"epochs": 4.0},
        model={"aligned_width": 0, "width": 32, "heads": 4, "top_k": 2, "dropout": 0.0},
        training={"max_epochs": 16, "patience": 16},
    )
    found = judged(shop, train_on(shop, tmp_path / "run", config))
    assert found["conversion"] > 0.75
    assert min(found[task] for task in ALIGNMENT) > 0.8


def test_training_stops_early_when_nothing_gets_better_and_keeps_the_best_epoch(shop: Path, tmp_path: Path) -> None:
    still = {"learning_rate": 0.0, "weight_decay": 0.0, "patience": 2, "max_epochs": 10}
    facts = train_on(shop, tmp_path / "run", small_config(training=still)).bundle.facts
    assert (facts["epochs"], facts["best_epoch"]) == (3, 1)
    assert len(logged(tmp_path / "run", "train/loss")) == 3


def test_the_weights_are_those_of_the_best_epoch(shop: Path, tmp_path: Path) -> None:
    wild = {"learning_rate": 0.1, "patience": 6, "max_epochs": 12}
    facts = train_on(shop, tmp_path / "long", small_config(training=wild)).bundle.facts
    scores = logged(tmp_path / "long", "validation/conversion_auc")
    best = int(np.argmax(scores)) + 1
    assert best < len(scores)  # else this test shows nothing
    assert facts["best_epoch"] == best
    train_on(shop, tmp_path / "short", small_config(training=wild | {"max_epochs": best}))
    assert same(weights(tmp_path / "long"), weights(tmp_path / "short"))


@pytest.mark.parametrize(("monitor", "best"), [("conversion", 2), ("alignment", 3), ("mean", 4)])
def test_the_tasks_that_were_asked_for_choose_the_epoch(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, monitor: str, best: int
) -> None:
    conversion, alignment = iter([0.5, 0.9, 0.5, 0.7, 0.6]), iter([0.5, 0.4, 0.9, 0.8, 0.7])

    def validate(_: object) -> dict[str, float]:
        said = next(alignment)
        return {"validation/conversion_auc": next(conversion)} | {
            f"validation/{task}_auc": said + shift for task, shift in zip(ALIGNMENT, (0.05, -0.05), strict=True)
        }

    monkeypatch.setattr(trainer._Loop, "_validate", validate)
    settings = {"max_epochs": 5, "patience": 5, "monitor": monitor}
    assert train_on(shop, tmp_path / "run", small_config(training=settings)).bundle.facts["best_epoch"] == best


@pytest.mark.parametrize("option", ["user_dropout", "item_dropout"])
def test_leaving_ids_out_changes_what_is_learned(shop: Path, tmp_path: Path, option: str) -> None:
    never = small_config(training={"max_epochs": 1, "user_dropout": 0.0, "item_dropout": 0.0})
    often = small_config(training={"max_epochs": 1, "user_dropout": 0.0, "item_dropout": 0.0, option: 0.5})
    train_on(shop, tmp_path / "never", never)
    train_on(shop, tmp_path / "often", often)
    assert not same(weights(tmp_path / "never"), weights(tmp_path / "often"))


def test_training_ends_after_as_many_epochs_as_were_asked_for(shop: Path, tmp_path: Path) -> None:
    facts = train_on(shop, tmp_path / "run", small_config(training={"max_epochs": 1})).bundle.facts
    assert facts["epochs"] == 1


@pytest.mark.parametrize("task", list(Task))
def test_a_task_of_no_weight_is_not_trained_and_the_others_are(shop: Path, tmp_path: Path, task: Task) -> None:
    config = small_config(objective={task.value: 0.0}, training={"max_epochs": 1, "weight_decay": 0.0})
    bundle = train_on(shop, tmp_path / "run", config).bundle
    torch.manual_seed(config.training.seed)
    first = build_model(config.model, bundle.inputs())
    for other in Task:
        before, after = (
            dict(model.towers[other.value].named_parameters())
            | dict(model.routing.gates[other.value].named_parameters())
            for model in (first, bundle.model)
        )
        assert all(before[name].equal(after[name]) for name in before) == (other is task)


def test_a_shop_without_events_is_trained_to_align(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop")
    (shop / "events.parquet").unlink()
    trained = train_on(shop, tmp_path / "run", small_config(training={"max_epochs": 4, "learning_rate": 0.01}))
    assert trained_losses(tmp_path / "run") == ALIGNMENT
    assert set(judged(shop, trained)) == ALIGNMENT
    assert trained.bundle.features.of(Side.CONTEXT) == ()


def test_a_shop_of_nothing_but_ids_and_events_is_trained_to_convert(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=200)
    toy_items(40).select("item_id", "category").write_parquet(shop / "items.parquet")
    (shop / "users.parquet").unlink()
    trained = train_on(shop, tmp_path / "run")
    assert (trained.bundle.text, trained.bundle.image) == (None, None)
    assert trained_losses(tmp_path / "run") == {"conversion"}
    assert set(judged(shop, trained)) == {"conversion"}


@pytest.mark.parametrize("missing", ["image", "name"])
def test_a_shop_without_one_modality_is_trained_to_convert(tmp_path: Path, missing: str) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=60)
    toy_items(40).drop(missing, *(["description"] if missing == "name" else [])).write_parquet(shop / "items.parquet")
    trained = train_on(shop, tmp_path / "run")
    assert trained_losses(tmp_path / "run") == {"conversion"}
    assert [one is None for one in (trained.bundle.text, trained.bundle.image)] == [
        missing == "name",
        missing != "name",
    ]


@pytest.mark.parametrize("encoders", [{"text": ""}, {"image": ""}, {"text": "", "image": ""}])
def test_a_modality_that_is_left_out_is_not_read(shop: Path, tmp_path: Path, encoders: dict[str, str]) -> None:
    trained = train_on(shop, tmp_path / "run", small_config(encoders=encoders))
    assert (trained.bundle.text is None, trained.bundle.image is None) == ("text" in encoders, "image" in encoders)
    assert set(judged(shop, trained)) == {"conversion"}


def test_a_log_of_purchases_is_trained_with_negatives_that_were_drawn(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=100, outcomes=False)
    trained = train_on(shop, tmp_path / "run")
    found = evaluate(trained.bundle, open_shop(shop)).predictions
    conversion = next(one for one in found if (one.task, one.split) == (Task.CONVERSION, "test"))
    assert conversion.labels.mean() == pytest.approx(0.2, abs=0.01)
    assert set(judged(shop, trained)) == EVERY_TASK


@pytest.mark.parametrize("label", [0, 1])
def test_a_shop_with_one_label_only_is_trained_and_not_calibrated(tmp_path: Path, label: int) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=60)
    events = toy_events(24, 40, 60).with_columns(pl.lit(label, pl.Int8).alias("converted"))
    events.write_parquet(shop / "events.parquet")
    trained = train_on(shop, tmp_path / "run", small_config(features={"counts": True}))
    assert np.isnan(judged(shop, trained)["conversion"])
    assert set(trained.bundle.calibration) == set(ALIGNMENT_TASKS)
    assert trained.bundle.facts["best_epoch"] >= 1


def test_without_anything_to_validate_on_the_last_loss_counts(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=60)
    trained = train_on(shop, tmp_path / "run", small_config(split={"validation": 0.0}))
    assert trained.bundle.calibration == {}
    losses = logged(tmp_path / "run", "train/loss")
    assert trained.bundle.facts["best_epoch"] == int(np.argmin(losses)) + 1


@pytest.mark.parametrize(
    "features", [{"ids": False}, {"crosses": [["users.team", "items.category"]]}, {"counts": True}]
)
def test_every_choice_of_features_can_be_trained_and_judged(
    shop: Path, tmp_path: Path, features: dict[str, Any]
) -> None:
    trained = train_on(shop, tmp_path / "run", small_config(features=features, training={"max_epochs": 1}))
    assert set(judged(shop, trained)) == EVERY_TASK


@pytest.mark.parametrize("split", ["random", "days", "user_time"])
@pytest.mark.parametrize("history", ["purchases", "outcomes"])
def test_every_split_and_history_can_be_trained_and_judged(
    shop: Path, tmp_path: Path, split: str, history: str
) -> None:
    config = small_config(split={"requests": split}, requests={"history": history}, training={"max_epochs": 1})
    assert set(judged(shop, train_on(shop, tmp_path / "run", config))) == EVERY_TASK


@pytest.mark.parametrize("history", ["pooled", "all"])
@pytest.mark.parametrize("candidate", ["pooled", "all"])
def test_items_may_enter_as_pooled_tokens_or_as_all(shop: Path, tmp_path: Path, history: str, candidate: str) -> None:
    requests = {"history_tokens": history, "candidate_tokens": candidate}
    trained = train_on(shop, tmp_path / "run", small_config(requests=requests, training={"max_epochs": 1}))
    assert set(judged(shop, trained)) == EVERY_TASK


def test_mixed_precision_trains(shop: Path, tmp_path: Path) -> None:
    trained = train_on(shop, tmp_path / "run", small_config(training={"precision": "bf16-mixed", "max_epochs": 1}))
    assert set(judged(shop, trained)) == EVERY_TASK
    assert {value.dtype for value in weights(tmp_path / "run").values() if value.is_floating_point()} == {torch.float32}


def test_two_threads_train_the_same_model_twice(shop: Path, tmp_path: Path) -> None:
    config = small_config(model={"width": 64}, requests={"rows": 512}, training={"max_epochs": 3})
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for run in ("one", "other"):
            train_on(shop, tmp_path / run, config)
    finally:
        torch.set_num_threads(threads)
    assert not torch.are_deterministic_algorithms_enabled()
    assert same(weights(tmp_path / "one"), weights(tmp_path / "other"))


def test_the_kept_weights_are_the_average_of_those_that_training_goes_through(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[tuple[float, int]] = []

    def recording(average: torch.nn.Module, model: torch.nn.Module, *, decay: float, step: int) -> None:
        followed.append((decay, step))
        follow(average, model, decay=decay, step=step)

    monkeypatch.setattr(trainer, "follow", recording)
    train_on(shop, tmp_path / "plain", small_config(training={"max_epochs": 1}))
    assert not followed
    facts = train_on(shop, tmp_path / "run", small_config(training={"max_epochs": 1, "ema_decay": 0.9})).bundle.facts
    assert followed == [(0.9, step) for step in range(1, facts["steps"] + 1)]
    plain, last = (
        load_file(tmp_path / run / "checkpoints" / "last" / "tensors.safetensors") for run in ("plain", "run")
    )
    assert all(same({"": last[name]}, {"": value}) for name, value in plain.items())  # averaging changes no step
    kept = load_file(tmp_path / "run" / "checkpoints" / "best" / "tensors.safetensors")
    assert all(torch.equal(value, last[f"average.{name}"]) for name, value in kept.items())
    assert not torch.equal(kept["read.embed.cls"], last["model.read.embed.cls"])


def test_an_average_of_weights_follows_its_formula() -> None:
    average, model = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(average.weight)
    torch.nn.init.ones_(model.weight)
    expected = 0.0
    for step in range(1, 60):
        follow(average, model, decay=0.8, step=step)
        decay = min(0.8, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * 1.0
        assert average.weight.item() == pytest.approx(expected, rel=1e-5)


def test_a_user_with_ten_thousand_events_and_one_with_none_are_trained_beside_each_other(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=40)
    rng = np.random.default_rng(0)
    busy = pl.DataFrame(
        {
            "user_id": ["busy"] * 10_000,
            "item_id": [f"i{i}" for i in rng.integers(0, 40, 10_000)],
            "at": pl.Series(START + np.repeat(np.arange(10), 1000) * 1_000_000).cast(pl.Datetime("us", "UTC")),
            "converted": pl.Series(rng.integers(0, 2, 10_000)).cast(pl.Int8),
        }
    )
    pl.concat([toy_events(24, 40, 40), busy], how="diagonal").write_parquet(shop / "events.parquet")
    config = small_config(requests={"rows": 512, "history": "outcomes"}, training={"max_epochs": 1})
    trained = train_on(shop, tmp_path / "run", config)
    assert np.isfinite(judged(shop, trained)["conversion"])


def test_a_shop_with_nothing_to_train_on_is_told(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop")
    (shop / "events.parquet").unlink()
    toy_items(40).drop("image").write_parquet(shop / "items.parquet")
    with pytest.raises(DataError, match="nothing to train on: no events, and fewer than two items"):
        train_on(shop, tmp_path / "run")


def test_items_that_all_read_the_same_cannot_be_aligned(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop")
    (shop / "events.parquet").unlink()
    same_text = toy_items(40).drop("description").with_columns(pl.lit("thing").alias("name"))
    same_text.write_parquet(shop / "items.parquet")
    with pytest.raises(DataError, match=r"nothing to train on.*add events"):
        train_on(shop, tmp_path / "run")


def test_a_split_that_leaves_nothing_to_train_on_is_told(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no request is left to train on.*lower split\.test"):
        train_on(shop, tmp_path / "run", small_config(split={"requests": "days", "test_days": 99}))


def test_a_history_of_outcomes_needs_outcomes(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=40, outcomes=False)
    with pytest.raises(ConfigError, match="needs a `converted` column"):
        train_on(shop, tmp_path / "run", small_config(requests={"history": "outcomes"}))


def test_a_run_leaves_what_the_readme_promises(shop: Path, tmp_path: Path) -> None:
    train_on(shop, tmp_path / "run")
    names = {path.relative_to(tmp_path / "run").parts[0] for path in (tmp_path / "run").rglob("*")}
    assert names == {"bundle", "checkpoints", "metrics.csv", "tensorboard"}
    assert logged(tmp_path / "run", "train/loss") != []
    assert all(np.isfinite(logged(tmp_path / "run", f"validation/{task}_auc")).all() for task in EVERY_TASK)
    facts = train_on(shop, tmp_path / "run").bundle.facts
    assert {"shop", "shop_identity", "seed", "epochs", "best_epoch", "steps", "training_s", "device"} <= facts.keys()
