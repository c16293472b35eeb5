"""Every system of a comparison tuned with the same number of trials in a search space of the same size.

Trials are judged on the validation part. The test part is never scored here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from camenn.comparison.config import ComparisonConfig, read_comparison
from camenn.comparison.processes import Worker, WorkLostError
from camenn.comparison.search_space import Value, read_option, search_space, searched_values, with_options
from camenn.comparison.written import comparison_to_toml
from camenn.embeddings.shards import write_whole
from camenn.errors import CamennError, ConfigError
from camenn.run_config import RunConfig, config_to_json, parse_config, read_toml

if TYPE_CHECKING:
    from camenn.tables.shop import Shop

TUNED = "tuned.toml"
TRIAL = "trial.json"
Outcome = tuple[float | None, str]
"""The validation score of a trial, or None and why it has none."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One choice of values and what became of it."""

    number: int
    """From 1; the first is the configuration as written."""
    values: dict[str, Value]
    score: float | None
    """Validation AUC that the best epoch was chosen by; None if the trial failed."""
    error: str = ""
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The trials of one system."""

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The first of those that scored highest; None if all failed."""
        scored = [trial for trial in self.trials if trial.score is not None]
        return max(scored, key=lambda trial: trial.score or 0.0, default=None)

    def __str__(self) -> str:
        best, failed = self.best, sum(trial.score is None for trial in self.trials)
        if best is None:
            return f"as written: all {failed} trials failed, the first of them: {self.trials[0].error}"
        written = self.trials[0].score
        before = "failed" if written is None else f"{written:.4f}"
        lost = f", {failed} of them failed" if failed else ""
        return f"trial {best.number} of {len(self.trials)}{lost}: validation {best.score:.4f}, as written {before}"


def tune(
    comparison: Path,
    shop: Shop,
    folder: Path,
    *,
    num_trials: int,
    systems: Sequence[str] = (),
    console: Console,
) -> dict[str, Tuned]:
    """Tune these systems of a comparison's file, or all; `folder/tuned.toml` is the same file with the values chosen.

    All systems are trained with the first of the comparison's seeds, and drawn for alike. A finished trial is taken
    from its folder, so that a killed study goes on to the trials it would have had.

    Raises:
        ConfigError: the comparison is not usable, or has no such system.
        CamennError: Optuna is not installed; or a system's trials all failed, which is told after all is written.
    """
    config = read_comparison(comparison)
    raw = read_toml(comparison)
    for name in systems:
        if name not in config.systems:
            raise ConfigError(f"no system {name!r} to tune; there are {', '.join(config.systems)}")
    found = _tune_each(config, systems or list(config.systems), shop, folder, num_trials, console)
    title = f"Written by `camenn tune`: values chosen on the validation part, at seed {config.seeds[0]}."
    chosen, notes = _chosen(config, found)
    _write(folder / TUNED, comparison_to_toml(raw, chosen, title=title, notes=notes))
    if lost := [name for name, tuned in found.items() if tuned.best is None]:
        raise CamennError(
            f"{folder / 'trials'}: every trial failed of {', '.join(lost)}, which {TUNED} has as written; "
            f"each {TRIAL} says why; remove a system's folder to try it again"
        )
    return found


def _tune_each(
    config: ComparisonConfig, systems: Sequence[str], shop: Shop, folder: Path, num_trials: int, console: Console
) -> dict[str, Tuned]:
    """System by system, in the order of the comparison, with a bar over all trials."""
    from camenn.tables.identity import shop_identity
    from camenn.training.trainer import with_seed

    found: dict[str, Tuned] = {}
    names = [name for name in config.systems if name in systems]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Worker() as worker, Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        shown = bar.add_task("trials", total=num_trials * len(names))
        for name in names:
            bar.update(shown, description=name)
            written = with_seed(config.systems[name], config.seeds[0])
            run = partial(_run, worker, shop.folder, shop_identity(shop, written.split), folder / "trials" / name)
            trials: list[Trial] = []
            for trial in draw(written, num_trials=num_trials, run=run):
                trials.append(trial)
                bar.advance(shown)
            found[name] = Tuned(tuple(trials))
            console.print(f"{name}: {found[name]}", markup=False, highlight=False)
    return found


def draw(written: RunConfig, *, num_trials: int, run: Callable[[int, RunConfig], Outcome]) -> Iterator[Trial]:
    """Trials one after another, the first as written; `run` trains one.

    Drawn by the tree-structured Parzen estimator (Bergstra et al. 2011, as in Optuna), at random for the first ten.
    The study lives in memory alone: with the same seed it asks for the same trials when it is told the same scores,
    which a stored one does not once it is taken up again.
    """
    optuna = _import_optuna()
    space = [one.around(written) for one in search_space(written.model.name)]
    indices = {one.option: optuna.distributions.IntDistribution(0, len(one.choices) - 1) for one in space}
    sampler = optuna.samplers.TPESampler(seed=written.training.seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial({one.option: one.choices.index(read_option(written, one.option)) for one in space})
    known: dict[tuple[Value, ...], Outcome] = {}  # training is repeatable: the same values score the same
    for number in range(1, num_trials + 1):
        asked = study.ask(indices)
        values = {one.option: one.choices[asked.params[one.option]] for one in space}
        drawn = tuple(values.values())
        if drawn not in known:
            try:
                known[drawn] = run(number, with_options(written, values, where=f"trial {number}"))
            except ConfigError as error:  # a value that does not go with what is written
                known[drawn] = None, str(error)
        score, why = known[drawn]
        if score is None:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(asked, score)
        yield Trial(number, values, score, why)


def train_trial(shop: str, settings: str, folder: str) -> Outcome:
    """Train one trial, or go on with it."""
    from camenn.tables.shop import open_shop
    from camenn.training.trainer import train

    config = parse_config(json.loads(settings), where="the trial")
    try:
        trained = train(open_shop(Path(shop)), config, Path(folder), console=Console(quiet=True))
    except (CamennError, OSError) as error:
        return None, str(error) or type(error).__name__
    score = float(trained.bundle.facts["best_score"])
    if score < 0:  # no AUC, but the training loss
        return None, "the shop has nothing to validate on; a training loss is nothing to tune by"
    return score, ""


def train_apart(worker: Worker, shop: Path, config: RunConfig, folder: Path) -> Outcome:
    """`train_trial` in the worker's process; whatever it fails by is an outcome."""
    try:
        return worker.run(train_trial, str(shop), json.dumps(config_to_json(config)), str(folder))
    except WorkLostError as lost:
        return None, str(lost)


def _run(worker: Worker, shop: Path, identity: str, folder: Path, number: int, config: RunConfig) -> Outcome:
    """The outcome of this very trial on this very shop: as it was recorded, or by training it."""
    place = folder / f"trial{number:03d}"
    begun = {"shop": identity, "config": config_to_json(config)}
    record = _read(place / TRIAL)
    if {key: record.get(key) for key in begun} != begun:
        shutil.rmtree(place, ignore_errors=True)
        _write(place / TRIAL, json.dumps(begun, indent=2) + "\n")
    elif "error" in record:
        return record["score"], record["error"]
    score, error = train_apart(worker, shop, config, place)
    _write(place / TRIAL, json.dumps({"score": score, "error": error, **begun}, indent=2) + "\n")
    for weights in ("bundle", "checkpoints"):  # of many trials they would fill a disk
        shutil.rmtree(place / weights, ignore_errors=True)
    return score, error


def _read(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return record


def _chosen(config: ComparisonConfig, found: Mapping[str, Tuned]) -> tuple[dict[str, RunConfig], dict[str, str]]:
    """Each system with the values chosen, and what they rest on."""
    chosen, notes = dict(config.systems), dict.fromkeys(config.systems, "as written: not tuned")
    for name, tuned in found.items():
        notes[name] = str(tuned)
        if tuned.best is not None:
            chosen[name] = with_options(chosen[name], tuned.best.values, where=name)
            values = [f"{option} = {json.dumps(value)}" for option, value in searched_values(chosen[name]).items()]
            notes[name] += "\nchosen: " + ", ".join(values)
    return chosen, notes


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise CamennError('tuning draws its trials by Optuna, an extra: pip install -e ".[tune]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
