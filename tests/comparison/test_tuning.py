"""Tuning: the same budget for each, on validation alone, repeatable, and none lost by a kill or a failure."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from camenn.comparison import tuning
from camenn.comparison.config import ComparisonConfig, parse_comparison, read_comparison
from camenn.comparison.processes import Worker
from camenn.comparison.search_space import searched_values, with_options
from camenn.comparison.tuning import Outcome, Trial, Tuned, draw, train_apart, train_trial, tune
from camenn.comparison.written import comparison_to_toml
from camenn.errors import CamennError, ConfigError
from camenn.run_config import RunConfig, config_to_json, parse_config
from camenn.tables.shop import open_shop
from camenn.tables.split import Part, split_requests
from camenn.training import trainer
from toy import write_toy_shop
from toy_run import SMALL

QUIET = Console(quiet=True)
ONE_EPOCH = {"max_epochs": 1, "learning_rate": 0.003}
BASE: dict[str, Any] = {**SMALL, "training": ONE_EPOCH, "encoders": {"text": "", "image": ""}}
RAW: dict[str, Any] = {
    "seeds": [5, 6],
    "base": BASE,
    "systems": {"ours": {"model": {"aligned_width": 0}}, "factors": {"model": {"name": "fm", "width": 4}}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("tuning") / "shop", num_requests=60)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trials are trained in this process; -> which, as `ours/trial001`."""
    done: list[str] = []

    def here(_: Worker, shop: Path, config: RunConfig, place: Path) -> Outcome:
        done.append(f"{place.parent.name}/{place.name}")
        return train_trial(str(shop), json.dumps(config_to_json(config)), str(place))

    monkeypatch.setattr(tuning, "train_apart", here)
    return done


def comparison(**base: Any) -> ComparisonConfig:
    return parse_comparison({**RAW, "base": {**BASE, **base}}, where="the test")


def tuned(
    folder: Path, out: Path, *, num_trials: int = 2, config: ComparisonConfig | None = None, systems: Sequence[str] = ()
) -> dict[str, Tuned]:
    """Tune on the shop in `folder`."""
    file = out.parent / f"{out.name}.toml"
    written = comparison() if config is None else config
    file.write_text(comparison_to_toml(RAW, written.systems, title="", notes={}), encoding="utf-8")
    return tune(file, open_shop(folder), out, num_trials=num_trials, systems=systems, console=QUIET)


def config_of(**tables: Any) -> RunConfig:
    return parse_config({"model": {"name": "fm"}, **tables}, where="the test")


def width(number: int, config: RunConfig) -> Outcome:
    """The wider the better, and a little for a low learning rate."""
    found: dict[str, Any] = dict(searched_values(config))
    return found["model.width"] - found["training.learning_rate"], ""


# what is drawn


def test_the_first_trial_is_the_configuration_as_written() -> None:
    config = config_of(training={"learning_rate": 0.0007}, features={"num_bins": 5})
    seen: list[RunConfig] = []

    def run(number: int, asked: RunConfig) -> Outcome:
        seen.append(asked)
        return 0.5, ""

    trials = list(draw(config, num_trials=3, run=run))
    assert seen[0] == config
    assert trials[0] == Trial(1, searched_values(config), 0.5)
    assert [trial.number for trial in trials] == [1, 2, 3]


def test_the_same_seed_draws_the_same_trials_and_another_others() -> None:
    def drawn(seed: int) -> list[Trial]:
        return list(draw(config_of(training={"seed": seed}), num_trials=15, run=width))

    assert drawn(0) == drawn(0)
    assert [trial.values for trial in drawn(0)] != [trial.values for trial in drawn(1)]


def test_what_is_drawn_follows_what_was_told() -> None:
    def narrow(number: int, config: RunConfig) -> Outcome:
        score, error = width(number, config)
        return -(score or 0.0), error

    wide = list(draw(config_of(), num_trials=40, run=width))[20:]
    assert np.mean([t.values["model.width"] for t in wide]) > np.mean(
        [t.values["model.width"] for t in list(draw(config_of(), num_trials=40, run=narrow))[20:]]
    )


def test_no_values_are_trained_twice() -> None:
    asked: list[RunConfig] = []

    def run(number: int, config: RunConfig) -> Outcome:
        asked.append(config)
        return width(number, config)

    trials = list(draw(config_of(), num_trials=40, run=run))
    assert len(trials) == 40
    assert len(asked) == len({json.dumps(config_to_json(one)) for one in asked}) < 40


def test_a_failed_trial_is_kept_and_the_next_is_drawn() -> None:
    def run(number: int, config: RunConfig) -> Outcome:
        return (None, "diverged") if number % 2 else width(number, config)

    trials = list(draw(config_of(), num_trials=6, run=run))
    assert [trial.error for trial in trials][:2] == ["diverged", ""]
    assert len(trials) == 6
    best = Tuned(tuple(trials)).best
    assert best is not None
    assert best.number % 2 == 0


def test_values_that_do_not_go_together_are_a_failed_trial() -> None:
    config = parse_config({"model": {"num_experts": 8, "top_k": 8}}, where="the test")
    trials = list(draw(config, num_trials=20, run=lambda number, one: (0.5, "")))
    few = [trial for trial in trials if trial.values["model.num_experts"] != 8]
    assert few
    assert all(trial.score is None and "model.top_k: keeps 8 of only" in trial.error for trial in few)


def test_the_first_of_the_highest_is_best() -> None:
    scores = [0.5, None, 0.7, 0.7]
    assert Tuned(tuple(Trial(n, {}, score) for n, score in enumerate(scores, 1))).best == Trial(3, {}, 0.7)
    assert Tuned((Trial(1, {}, None, "no"),)).best is None


def test_without_optuna_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(CamennError, match=r"\[tune\]"):
        list(draw(config_of(), num_trials=1, run=width))


# the study


def test_each_system_has_the_same_budget_and_the_best_is_written(
    folder: Path, tmp_path: Path, trained: list[str]
) -> None:
    found = tuned(folder, tmp_path, num_trials=3)
    assert sorted(trained) == [f"{name}/trial00{n}" for name in ("factors", "ours") for n in (1, 2, 3)]
    written, config = read_comparison(tmp_path / "tuned.toml"), comparison()
    for name, one in found.items():
        assert one.best is not None
        assert 0 < (one.best.score or 0) <= 1
        assert written.systems[name] == with_options(config.systems[name], one.best.values, where="it")
        assert f"trial {one.best.number} of 3" in (tmp_path / "tuned.toml").read_text()
    assert (written.seeds, written.reference, list(written.systems)) == ((5, 6), "ours", ["ours", "factors"])


def test_all_are_trained_with_the_first_seed(folder: Path, tmp_path: Path, trained: list[str]) -> None:
    tuned(folder, tmp_path)
    records = [json.loads(path.read_text()) for path in tmp_path.glob("trials/*/*/trial.json")]
    assert {record["config"]["training"]["seed"] for record in records} == {5}


def test_the_score_is_that_of_the_epoch_that_validation_chose(folder: Path, tmp_path: Path, trained: list[str]) -> None:
    config = comparison(training={**ONE_EPOCH, "max_epochs": 3})
    found = tuned(folder, tmp_path, num_trials=1, config=config, systems=["factors"])
    log = pl.read_csv(tmp_path / "trials" / "factors" / "trial001" / "metrics.csv")
    epochs = log.filter(pl.col("name") == "validation/conversion_auc")["value"].to_list()
    assert len(epochs) == 3
    assert found["factors"].trials[0].score == pytest.approx(max(epochs), abs=1e-5)


def test_a_finished_trial_keeps_its_log_and_not_its_weights(folder: Path, tmp_path: Path, trained: list[str]) -> None:
    tuned(folder, tmp_path, num_trials=1, systems=["factors"])
    place = tmp_path / "trials" / "factors" / "trial001"
    assert (place / "metrics.csv").is_file()
    assert not list(place.rglob("*.safetensors"))


def test_a_system_not_asked_for_stays_as_written(folder: Path, tmp_path: Path, trained: list[str]) -> None:
    assert list(tuned(folder, tmp_path, systems=["factors"])) == ["factors"]
    assert not [name for name in trained if not name.startswith("factors/")]
    written = read_comparison(tmp_path / "tuned.toml")
    assert written.systems["ours"] == comparison().systems["ours"]


def test_a_system_that_is_not_there_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no system 'factor' to tune; there are ours, factors"):
        tuned(folder, tmp_path, systems=["factor"])
    assert not list(tmp_path.iterdir())


def test_a_killed_study_goes_on_to_the_trials_it_would_have_had(
    folder: Path, tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tuned(folder, tmp_path / "whole", num_trials=3)
    trained.clear()
    going = tuning.train_apart

    def killed(worker: Worker, shop: Path, config: RunConfig, place: Path) -> Outcome:
        if len(trained) == 4:
            raise KeyboardInterrupt
        return going(worker, shop, config, place)

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "train_apart", killed)
        with pytest.raises(KeyboardInterrupt):
            tuned(folder, tmp_path / "cut", num_trials=3)
    assert len(trained) == 4
    assert not (tmp_path / "cut" / "tuned.toml").exists()
    assert tuned(folder, tmp_path / "cut", num_trials=3) == whole
    assert len(trained) == len(set(trained)) == 6
    assert (tmp_path / "cut" / "tuned.toml").read_text() == (tmp_path / "whole" / "tuned.toml").read_text()


def test_a_trial_killed_at_training_goes_on_from_its_checkpoint(
    folder: Path, tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = comparison(training={**ONE_EPOCH, "max_epochs": 3})
    whole = tuned(folder, tmp_path / "whole", num_trials=1, config=config, systems=["factors"])
    conclude = trainer._Loop._conclude
    epochs: list[int] = []

    def killed(loop: Any, progress: Any) -> None:
        epochs.append(progress.epoch)
        if epochs == [0, 1]:
            raise KeyboardInterrupt
        conclude(loop, progress)

    monkeypatch.setattr(trainer._Loop, "_conclude", killed)
    with pytest.raises(KeyboardInterrupt):
        tuned(folder, tmp_path / "cut", num_trials=1, config=config, systems=["factors"])
    assert tuned(folder, tmp_path / "cut", num_trials=1, config=config, systems=["factors"]) == whole
    assert epochs == [0, 1, 1, 2]


def test_more_trials_go_on_from_those_that_were(folder: Path, tmp_path: Path, trained: list[str]) -> None:
    tuned(folder, tmp_path, num_trials=1)
    first = list(trained)
    found = tuned(folder, tmp_path, num_trials=2)
    assert not set(trained[len(first) :]) & set(first)
    assert len(found["ours"].trials) == 2


@pytest.mark.parametrize("change", ["configuration", "shop"])
def test_a_trial_of_something_else_is_trained_again(
    change: str, folder: Path, tmp_path: Path, trained: list[str]
) -> None:
    tuned(folder, tmp_path / "out", num_trials=1, systems=["factors"])
    other = write_toy_shop(tmp_path / "other", num_requests=61) if change == "shop" else folder
    config = comparison(requests={"rows": 32}) if change == "configuration" else comparison()
    tuned(other, tmp_path / "out", num_trials=1, systems=["factors"], config=config)
    assert trained == ["factors/trial001"] * 2


def test_a_diverging_trial_is_recorded_and_the_study_goes_on(
    folder: Path, tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trainer.train

    def diverging(shop: Any, config: RunConfig, run: Path, **more: Any) -> Any:
        if run.name == "trial001":
            raise CamennError("training diverged: it was to")
        return whole(shop, config, run, **more)

    monkeypatch.setattr(trainer, "train", diverging)
    found = tuned(folder, tmp_path, num_trials=2, systems=["factors"])["factors"]
    assert found.trials[0].error == "training diverged: it was to"
    assert found.best == found.trials[1]
    assert json.loads((tmp_path / "trials" / "factors" / "trial001" / "trial.json").read_text())["score"] is None
    assert "trial 2 of 2, 1 of them failed" in (tmp_path / "tuned.toml").read_text()
    assert tuned(folder, tmp_path, num_trials=2, systems=["factors"])["factors"] == found
    assert len(trained) == 2


def test_without_a_validation_part_there_is_nothing_to_tune_by(
    folder: Path, tmp_path: Path, trained: list[str]
) -> None:
    with pytest.raises(CamennError, match=r"every trial failed of factors, which tuned\.toml has as written"):
        tuned(folder, tmp_path, config=comparison(split={"validation": 0.0}), systems=["factors"])
    told = "as written: all 2 trials failed, the first of them: the shop has nothing to validate on"
    assert told in (tmp_path / "tuned.toml").read_text()
    assert read_comparison(tmp_path / "tuned.toml").systems["factors"].training.learning_rate == 0.003


def test_a_system_that_always_fails_takes_no_other_with_it(
    folder: Path, tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trainer.train

    def failing(shop: Any, config: RunConfig, run: Path, **more: Any) -> Any:
        if run.parent.name == "ours":
            raise CamennError("not this one")
        return whole(shop, config, run, **more)

    monkeypatch.setattr(trainer, "train", failing)
    with pytest.raises(CamennError, match="every trial failed of ours"):
        tuned(folder, tmp_path)
    text = (tmp_path / "tuned.toml").read_text()
    assert "# as written: all 2 trials failed, the first of them: not this one" in text
    assert "of 2: validation 0." in text


@pytest.mark.parametrize(("part", "asked"), [(Part.VALIDATION, True), (Part.TEST, False)])
def test_the_validation_part_is_asked_and_the_test_part_is_not(
    part: Part, asked: bool, folder: Path, tmp_path: Path, trained: list[str]
) -> None:
    """Under a split in time, where nobody's history holds what comes after it."""
    config = comparison(split={"requests": "days", "test_days": 2, "validation": 0.3})
    turned = turn_outcomes(folder, tmp_path / "turned", part, config.systems["ours"])
    found = tuned(folder, tmp_path / "a", config=config)
    assert (tuned(turned, tmp_path / "b", config=config) != found) == asked
    same = (tmp_path / "a" / "tuned.toml").read_text() == (tmp_path / "b" / "tuned.toml").read_text()
    assert same != asked


def turn_outcomes(folder: Path, other: Path, part: Part, config: RunConfig) -> Path:
    """The shop again, but what was bought in a part of it was not, and the reverse."""
    events = open_shop(folder).events
    assert events is not None
    parts = np.repeat(split_requests(events, config.split), np.diff(events.request_offset))
    of_part = pl.Series(np.unique(np.asarray(events.at)[parts == part])).cast(pl.Datetime("us", "UTC"))
    raw = pl.read_parquet(write_toy_shop(other, num_requests=60) / "events.parquet")
    concerned = pl.col("at").is_in(of_part.implode())
    outcome = pl.when(concerned).then(1 - pl.col("converted")).otherwise(pl.col("converted"))
    raw.with_columns(outcome.cast(pl.Int8).alias("converted")).write_parquet(other / "events.parquet")
    assert raw.filter(concerned).height == (parts == part).sum() > 20
    return other


# the process


def test_a_killed_process_costs_a_trial_and_the_next_has_another(folder: Path, tmp_path: Path) -> None:
    config = comparison().systems["factors"]
    settings = json.dumps(config_to_json(config))
    here = train_trial(str(folder), settings, str(tmp_path / "here"))
    assert here[1] == ""
    with Worker() as worker:
        worker._pool.submit(os._exit, 1)
        assert train_apart(worker, folder, config, tmp_path / "lost") == (
            None,
            "its process was killed, as it is for want of memory",
        )
        assert train_apart(worker, folder, config, tmp_path / "apart") == here
