"""RUN/report.html: one file that shows a run to people, with everything it needs inside."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.evaluation.figures import (
    SERIES,
    Line,
    curve_panel,
    expert_panel,
    reliability_panel,
    thumbnail,
)
from camenn.evaluation.predictions import TaskPredictions
from camenn.evaluation.tables import (
    COLUMNS,
    TASK_NAMES,
    Metrics,
    figure_text,
    not_defined_notes,
    shown_figures,
)
from camenn.metrics.calibration import reliability
from camenn.task import ALIGNMENT_TASKS, Task


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What was trained, on what, with what."""

    model: str
    num_parameters: int
    seed: int
    text_encoder: str | None
    """None where no texts are read."""
    image_encoder: str | None
    """None where no pictures are read."""
    num_items: int
    num_users: int
    num_events: int
    device: str
    training_s: float


@dataclass(frozen=True, slots=True)
class HeatMaps:
    """Similarity of the texts of a few items with their pictures, before and after alignment (figures 4 and 5)."""

    item_names: tuple[str, ...]
    pictures: tuple[bytes | None, ...]
    before: NDArray[np.float64]
    """(items, items): text i with picture j, by the untrained network."""
    after: NDArray[np.float64]
    """(items, items): the same by the trained one."""

    def __post_init__(self) -> None:
        size = len(self.item_names)
        if len(self.pictures) != size or {self.before.shape, self.after.shape} != {(size, size)}:
            raise ValueError(f"heat maps of {size} items need {size} pictures and two tables of {size} x {size}")
        if not (np.isfinite(self.before).all() and np.isfinite(self.after).all()):
            raise ValueError("similarities must be finite")


@dataclass(frozen=True, slots=True)
class AlignedItem:
    """An item and the probability that its text and its picture belong together."""

    item_id: str
    name: str | None
    category: str | None
    probability: float
    picture: bytes | None


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that the report shows. An empty part is left out, and the report says why."""

    title: str
    facts: RunFacts
    metrics: Metrics
    """As `metrics_of` gives it."""
    predictions: Sequence[TaskPredictions]
    curves: pl.DataFrame
    """Columns `step`, `epoch`, `name` (`train/loss`, `validation/auc`), `value`."""
    expert_use: Mapping[Task, NDArray[np.float64]]
    """(experts,) for each task: share of rows times gate weight; sums to 1."""
    heat_maps: HeatMaps | None
    best_aligned: Sequence[AlignedItem]
    worst_aligned: Sequence[AlignedItem]
    best_possible_auc: float | None = None
    """Of conversion on the shown split, where the truth is known (a simulated shop)."""


def write_report(path: Path, data: ReportData) -> None:
    """Write the report to `path`; a report that stood there stays whole until the new one is."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("camenn.evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("report.html.j2").render(_page(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _page(data: ReportData) -> dict[str, Any]:
    split = _shown_split(data.metrics)
    return {
        "title": data.title,
        "split": split,
        "facts": _facts(data.facts),
        "tiles": _tiles(data.metrics.get(split, {}), data.best_possible_auc),
        "tables": _tables(data.metrics),
        "notes": not_defined_notes(data.metrics),
        "calibration": _calibration(data, split),
        "phases": [
            {"name": name, "number": 1 + place % len(SERIES)} for place, name in enumerate(_phases(data.curves))
        ],
        "curves": _curves(data.curves),
        "experts": [_experts(task, shares) for task, shares in data.expert_use.items()],
        "heat": _heat(data.heat_maps) if data.heat_maps else None,
        "aligned": [
            {"title": title, "line": line, "cards": [_card(item) for item in items]}
            for title, line, items in (
                ("Best aligned", "Text and picture most surely belong together.", data.best_aligned),
                (
                    "Worst aligned",
                    "The first to look at: the text, the picture or both may be wrong.",
                    data.worst_aligned,
                ),
            )
            if items
        ],
    }


def _shown_split(metrics: Metrics) -> str:
    """`test` where there is one, else the last."""
    return "test" if "test" in metrics or not metrics else list(metrics)[-1]


def _facts(facts: RunFacts) -> list[tuple[str, str]]:
    return [
        ("Model", facts.model),
        ("Parameters", f"{facts.num_parameters:,}"),
        ("Text encoder", facts.text_encoder or "none: no texts are read"),
        ("Picture encoder", facts.image_encoder or "none: no pictures are read"),
        ("Items", f"{facts.num_items:,}"),
        ("Users", f"{facts.num_users:,}"),
        ("Events", f"{facts.num_events:,}"),
        ("Trained in", _duration(facts.training_s)),
        ("Device", facts.device),
        ("Seed", str(facts.seed)),
    ]


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def _tiles(tasks: Mapping[str, Mapping[str, Any]], best_possible_auc: float | None) -> list[dict[str, Any]]:
    """The one figure of each task that matters most, as a number, an interval and a sentence."""
    sentences = {
        Task.CONVERSION: "Of 100 pairs of a bought and an unbought item, {:.1f} are ranked the right way round",
        Task.IMAGE_TO_TEXT: "Told rightly {:.1f} times in 100 whether a text fits a picture",
        Task.TEXT_TO_IMAGE: "Told rightly {:.1f} times in 100 whether a picture fits a text",
    }
    tiles = []
    for name, figures in tasks.items():
        task = Task(name)
        key = "accuracy" if task in ALIGNMENT_TASKS else "auc"
        tile: dict[str, Any] = {"task": TASK_NAMES[task], "measure": "accuracy" if key == "accuracy" else "AUC"} | dict(
            figures[key]
        )
        tile["reason"] = figures["not_defined"].get(key)
        if tile["value"] is not None:
            tile["sentence"] = sentences[task].format(100 * tile["value"])
            is_known = task is Task.CONVERSION and best_possible_auc is not None and best_possible_auc > 0.5
            tile["best"] = best_possible_auc if is_known else None
            tile["scale"] = _scale(tile)
        tiles.append(tile)
    return tiles


def _scale(tile: Mapping[str, Any]) -> dict[str, float | None]:
    """Places of the value, the interval and the best possible on a line from chance (or less) to 1, in percent."""
    start = min(0.5, *(tile[name] for name in ("value", "low") if tile[name] is not None))
    start = 0.5 if start == 0.5 else int(10 * start) / 10
    place = {
        name: None if tile[name] is None else round(100 * (tile[name] - start) / (1 - start), 2)
        for name in ("value", "low", "high", "best")
    }
    return place | {"start": start}


def _tables(metrics: Metrics) -> list[dict[str, Any]]:
    """Conversion and alignment apart: they have different figures."""
    groups = (("Conversion", (Task.CONVERSION,)), ("Alignment", ALIGNMENT_TASKS))
    tables = []
    for title, members in groups:
        rows = [
            (split, Task(name), figures)
            for split, tasks in metrics.items()
            for name, figures in tasks.items()
            if Task(name) in members
        ]
        keys = shown_figures(figures for _, _, figures in rows)
        cells = [
            {
                "split": split,
                "task": TASK_NAMES[task] if len(members) > 1 else None,
                "cells": [(COLUMNS[key], figure_text(figures, key)) for key in keys],
            }
            for split, task, figures in rows
        ]
        if rows:
            tables.append({"title": title, "headings": [COLUMNS[key] for key in keys], "rows": cells})
    return tables


def _calibration(data: ReportData, split: str) -> list[dict[str, Any]]:
    panels = []
    for part in data.predictions:
        if part.split != split or not len(part):
            continue
        figures = data.metrics[split][part.task.value]
        name = TASK_NAMES[part.task]
        curve = reliability(part.probabilities, part.labels)
        panels.append(
            {
                "title": name,
                "svg": reliability_panel(curve, part.probabilities, label=f"Calibration: {name}"),
                "error": figures["calibration_error"],
                "raw_error": figures["uncalibrated"]["calibration_error"],
                "rows": len(part),
            }
        )
    return panels


def _phases(curves: pl.DataFrame) -> list[str]:
    """What stands before the first slash of the curves' names, in order of appearance: train, validation."""
    names = curves["name"].unique(maintain_order=True).to_list() if curves.height else []
    return list(dict.fromkeys(_phase_and_measure(name)[0] for name in names))


def _curves(curves: pl.DataFrame) -> list[dict[str, Any]]:
    """One panel a measure, one line a phase; measures that were both trained and validated come first."""
    phases = _phases(curves)
    # a log read from CSV holds text where it holds nothing
    numbers = curves.with_columns(pl.col("step", "value").cast(pl.Float64))
    usable = numbers.filter(pl.col("value").is_finite()).sort("step")
    panels: dict[str, list[Line]] = {}
    for (name,), rows in usable.group_by("name", maintain_order=True):
        phase, measure = _phase_and_measure(str(name))
        panels.setdefault(measure, []).append(
            Line(phases.index(phase), rows["step"].to_numpy(), rows["value"].to_numpy())
        )
    ordered = sorted(panels.items(), key=lambda panel: (-len(panel[1]), panel[0] != "loss"))
    last_step = max((line.steps[-1] for lines in panels.values() for line in lines), default=0.0) or 1.0
    return [
        {
            "title": _measure_name(measure),
            "svg": curve_panel(
                sorted(lines, key=lambda line: line.colour), last_step=last_step, label=f"Learning curve: {measure}"
            ),
        }
        for measure, lines in ordered
    ]


def _phase_and_measure(name: str) -> tuple[str, str]:
    phase, _, measure = name.partition("/")
    return (phase, measure) if measure else ("run", phase)


def _measure_name(measure: str) -> str:
    words = measure.replace("_", " ").replace("/", " ").split()
    capitals = {word: word.upper() for word in ("auc", "cvr", "ita", "tia", "ndcg")}
    named = " ".join(capitals.get(word, word) for word in words)
    return named[:1].upper() + named[1:]


def _experts(task: Task, shares: NDArray[np.float64]) -> dict[str, Any]:
    most = int(shares.argmax())
    name = TASK_NAMES[task]
    return {
        "title": name,
        "svg": expert_panel(shares, label=f"Expert use: {name}"),
        "line": f"Expert {most + 1} does most: {shares[most]:.0%}.",
    }


def _heat(maps: HeatMaps) -> dict[str, Any]:
    low = float(min(maps.before.min(), maps.after.min()))
    high = float(max(maps.before.max(), maps.after.max()))
    spread = high - low or 1.0
    return {
        "low": _signed(low),
        "high": _signed(high),
        "pictures": [thumbnail(picture) if picture else None for picture in maps.pictures],
        "names": maps.item_names,
        "maps": [
            {
                "title": title,
                "line": _heat_line(values),
                "levels": (values - low) / spread,
                "texts": [[_bare(value) for value in row] for row in values],
            }
            for title, values in (("Before alignment", maps.before), ("After alignment", maps.after))
        ],
    }


def _heat_line(values: NDArray[np.float64]) -> str:
    """What the map shows, in words."""
    size = len(values)
    own = np.diag(values)
    found = int((values.argmax(axis=1) == np.arange(size)).sum())
    others = values[~np.eye(size, dtype=bool)]
    line = f"{found} of {size} texts are most like their own picture. Mean similarity with it: {_signed(own.mean())}"
    return f"{line}; with the others: {_signed(others.mean())}." if size > 1 else f"{line}."


def _signed(value: float) -> str:
    """Two decimals, with a minus as wide as the digits; never a negative nought."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def _bare(value: float) -> str:
    """`_signed` without the nought before the point, so that eight fit side by side on a telephone."""
    text = _signed(value)
    return "−" + text[1:].removeprefix("0") if text.startswith("−") else text.removeprefix("0")


def _percent(probability: float) -> str:
    """One decimal; what would round to certainty is said to be near it."""
    if 0.9995 <= probability < 1:
        return "over 99.9%"
    return "under 0.1%" if 0 < probability < 0.0005 else f"{probability:.1%}"


def _card(item: AlignedItem) -> dict[str, Any]:
    picture = thumbnail(item.picture) if item.picture else None
    return {
        "id": item.item_id,
        "name": item.name,
        "category": item.category,
        "probability": item.probability,
        "percent": _percent(item.probability),
        "picture": picture,
        "no_picture": "no picture" if item.picture is None else "picture cannot be read",
    }
