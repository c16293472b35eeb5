"""From runs to figures: mean and deviation over seeds, and the paired difference to the reference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.comparison.config import ComparisonConfig, Spoiling
from camenn.comparison.runs import RunPlace, places
from camenn.comparison.slices import ALL, slices
from camenn.evaluation.rows import ROWS
from camenn.metrics.intervals import NAN, Difference, Estimate
from camenn.metrics.paired import auc_draws, difference_over_seeds, holm, over_seeds, share_draws
from camenn.metrics.ranking import Floats, auc
from camenn.task import ALIGNMENT_TASKS, Task
from camenn.training.trainer import with_seed

DRAWS = 1000
DRAWN_BY = 0
"""Seed of the draws: every system is drawn alike."""
_KEY = ["group", "item_id", "label"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One figure of one system over its seeds."""

    spoiling: Spoiling | None
    task: Task
    slice: str
    figure: str
    """`auc` or `accuracy`."""
    system: str
    num_seeds: int
    num_rows: int
    mean: Estimate
    """Over seeds, with its interval over draws of groups and seeds."""
    deviation: float
    """Between seeds; nan of one."""
    difference: Difference | None
    """Less the reference's, over the seeds that both have; None of the reference, and where nothing is comparable."""
    p_corrected: float
    """Holm's, over the systems of one table's column."""
    note: str
    """Why something is not defined or not comparable, "" where all is."""


@dataclass(frozen=True, slots=True)
class _Figure:
    value: float
    draws: Floats
    num_rows: int
    why: str


def standings(config: ComparisonConfig, folder: Path) -> list[Standing]:
    """Figures of every finished run, by system, task and slice, in the order of the configuration."""
    found: list[Standing] = []
    for spoiling in (None, *config.spoilings):
        runs = _finished(config, folder, spoiling)
        figures: dict[tuple[Task, str, str], dict[str, dict[int, _Figure]]] = {}
        keys: dict[tuple[Task, str], str] = {}
        for run in runs:
            for (task, name, figure), one, key in _figures(run, only_all=spoiling is not None):
                figures.setdefault((task, name, figure), {}).setdefault(run.system, {})[run.seed] = one
                keys[task, run.system] = key
        for (task, name, figure), by_system in figures.items():
            same = {system: keys[task, system] == keys.get((task, config.reference)) for system in by_system}
            column = [
                _standing(spoiling, (task, name, figure), system, by_system, config.reference, comparable=same[system])
                for system in config.systems
                if system in by_system
            ]
            found += _corrected(column)
    return found


def _figures(run: RunPlace, *, only_all: bool) -> Iterator[tuple[tuple[Task, str, str], _Figure, str]]:
    """Every figure of a run's test part, with what tells its rows from another's."""
    rows = pl.read_parquet(run.folder / ROWS).filter(pl.col("split") == "test")
    for task in Task:
        own = rows.filter(pl.col("task") == task.value)
        if own.is_empty():
            continue
        key = str(own.select(pl.struct(_KEY).hash().sum()).item()) + f" of {len(own)}"
        for name, mask in slices(own, task).items():
            if only_all and name != ALL:
                continue
            chosen = own.filter(pl.Series(mask))
            yield (task, name, "auc"), _auc(chosen), key
            if task in ALIGNMENT_TASKS:
                yield (task, name, "accuracy"), _accuracy(chosen), key


def _auc(rows: pl.DataFrame) -> _Figure:
    scores, labels, groups = rows["logit"].to_numpy(), rows["label"].to_numpy(), rows["group"].to_numpy()
    if labels.min() == labels.max():
        kind = "positive" if labels.max() else "negative"
        return _Figure(NAN, np.full(DRAWS, NAN), len(rows), f"all {len(rows):,} rows are {kind}: AUC is not defined")
    draws = auc_draws(scores, labels, groups, draws=DRAWS, seed=DRAWN_BY)
    return _Figure(auc(scores, labels), draws, len(rows), "")


def _accuracy(rows: pl.DataFrame) -> _Figure:
    right: NDArray[np.bool_] = (rows["probability"].to_numpy() >= 0.5) == (rows["label"].to_numpy() == 1)
    draws = share_draws(right, rows["group"].to_numpy(), draws=DRAWS, seed=DRAWN_BY)
    return _Figure(float(right.mean()), draws, len(rows), "")


def _standing(
    spoiling: Spoiling | None,
    place: tuple[Task, str, str],
    system: str,
    by_system: dict[str, dict[int, _Figure]],
    reference: str,
    *,
    comparable: bool,
) -> Standing:
    task, name, figure = place
    own, other = by_system[system], by_system.get(reference, {})
    values = [one.value for one in own.values()]
    note = next((one.why for one in own.values() if one.why), "")
    both = [seed for seed in own if seed in other]
    difference = None
    if system != reference and both and comparable:
        difference = difference_over_seeds(
            [own[seed].value for seed in both],
            [other[seed].value for seed in both],
            [own[seed].draws for seed in both],
            [other[seed].draws for seed in both],
            seed=DRAWN_BY,
        )
    elif system != reference:
        note = note or ("judged by other rows than the reference" if both else "no seed in common with the reference")
    return Standing(
        spoiling=spoiling,
        task=task,
        slice=name,
        figure=figure,
        system=system,
        num_seeds=len(own),
        num_rows=next(iter(own.values())).num_rows,
        mean=over_seeds(values, [one.draws for one in own.values()], seed=DRAWN_BY),
        deviation=float(np.std(values, ddof=1)) if len(values) > 1 else NAN,
        difference=difference,
        p_corrected=NAN,
        note=note,
    )


def _corrected(column: list[Standing]) -> list[Standing]:
    p_values = [NAN if one.difference is None else one.difference.p_value for one in column]
    return [replace(one, p_corrected=p) for one, p in zip(column, holm(p_values), strict=True)]


def costs(config: ComparisonConfig, folder: Path) -> pl.DataFrame:
    """What each system cost, the median over its runs on the shop as it is; a line a system that has any."""
    lines = []
    for run in _finished(config, folder, None):
        told = json.loads((run.folder / "cost.json").read_text(encoding="utf-8"))
        del told["config"]
        lines.append({"system": run.system, **told})
    if not lines:
        return pl.DataFrame(schema={"system": pl.String})
    return pl.DataFrame(lines).group_by("system", maintain_order=True).agg(pl.all().median())


def best_possible_auc(config: ComparisonConfig, folder: Path) -> float | None:
    """Of conversion on the test part of the shop as it is, where a finished run has been told it."""
    for run in _finished(config, folder, None):
        told = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))
        best = told.get("test", {}).get(Task.CONVERSION, {}).get("best_possible_auc")
        return None if best is None else float(best)
    return None


def _finished(config: ComparisonConfig, folder: Path, spoiling: Spoiling | None) -> list[RunPlace]:
    runs = places(config, folder, (spoiling,))
    return [run for run in runs if run.finished(with_seed(config.systems[run.system], run.seed))]


def table_of(found: Iterable[Standing]) -> pl.DataFrame:
    """Standings as a table, for Parquet and for whoever makes tables of their own."""
    return pl.DataFrame([_line(one) for one in found], infer_schema_length=None)


def _line(one: Standing) -> dict[str, str | float | None]:
    difference = one.difference
    return {
        "spoiled": None if one.spoiling is None else one.spoiling.what,
        "share": 0.0 if one.spoiling is None else one.spoiling.share,
        "task": one.task.value,
        "slice": one.slice,
        "figure": one.figure,
        "system": one.system,
        "num_seeds": one.num_seeds,
        "num_rows": one.num_rows,
        "mean": one.mean.value,
        "low": one.mean.low,
        "high": one.mean.high,
        "deviation": one.deviation,
        "difference": None if difference is None else difference.value,
        "difference_low": None if difference is None else difference.low,
        "difference_high": None if difference is None else difference.high,
        "p_value": None if difference is None else difference.p_value,
        "p_corrected": one.p_corrected,
        "note": one.note,
    }
