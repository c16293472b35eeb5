"""From predictions to the figures of RUN/metrics.json, and those as a table for a terminal."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from camenn.evaluation.predictions import TaskPredictions
from camenn.metrics.calibration import accuracy, calibration_error, log_loss, probability_log_loss, sigmoid
from camenn.metrics.intervals import Estimate, auc_cluster_interval
from camenn.metrics.ranking import grouped_auc, ndcg_at_k
from camenn.task import ALIGNMENT_TASKS, Task

Metrics = dict[str, dict[str, dict[str, Any]]]
"""{split: {task: {figure: value}}}, ready for JSON: plain numbers, None where a figure is not defined."""

BOOTSTRAP_DRAWS = 1_000
BOOTSTRAP_SEED = 0
NDCG_DEPTH = 10

TASK_NAMES = {
    Task.CONVERSION: "Conversion",
    Task.IMAGE_TO_TEXT: "Image to text",
    Task.TEXT_TO_IMAGE: "Text to image",
}

COLUMNS = {
    "count": "Rows",
    "positives": "Positives",
    "auc": "AUC (95%)",
    "accuracy": "Accuracy (95%)",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
    "grouped_auc": "Grouped AUC",
    f"ndcg@{NDCG_DEPTH}": f"NDCG@{NDCG_DEPTH}",
}
"""Figures in the order they are shown, and their headings."""


def metrics_of(predictions: Sequence[TaskPredictions]) -> Metrics:
    """All figures of all splits and tasks: `{split: {task: {...}}}`.

    Every task has `count`, `positives`, `auc` (value, low, high: bootstrap over groups), `log_loss` and
    `calibration_error` of the calibrated probabilities, `uncalibrated` (these, and accuracy, of the raw logits) and
    `not_defined` (figure -> why it is None). Alignment tasks have `accuracy` (value, low, high: by item);
    conversion has `grouped_auc`, `ndcg@10` and `groups` (how many requests each of the two was taken over).

    Raises ValueError where a task comes twice in a split.
    """
    metrics: Metrics = {}
    for part in predictions:
        tasks = metrics.setdefault(part.split, {})
        if part.task.value in tasks:
            raise ValueError(f"two sets of predictions of {part.task} on {part.split}")
        tasks[part.task.value] = _figures(part)
    return metrics


def metrics_table(metrics: Metrics) -> Group:
    """The figures as a table for the terminal; what is not defined is explained below it."""
    notes = [Text(note) for note in not_defined_notes(metrics)]
    table = Table()
    shown = [task for task in TASK_NAMES if any(task in tasks for tasks in metrics.values())]
    table.add_column(no_wrap=True)
    for task in shown:  # an interval goes below its value where the terminal is narrow
        table.add_column(TASK_NAMES[task], justify="right")
    for split, tasks in metrics.items():
        table.add_row(Text(split, style="bold"))
        for key in shown_figures(tasks.values()):
            table.add_row(COLUMNS[key], *(figure_text(tasks.get(task, {}), key) for task in shown))
        table.add_section()
    return Group(table, *notes)


def shown_figures(tasks: Iterable[dict[str, Any]]) -> list[str]:
    """The columns that at least one of the tasks has, in order."""
    present = {key for figures in tasks for key in figures}
    return [key for key in COLUMNS if key in present]


def figure_text(figures: dict[str, Any], key: str) -> str:
    """One cell: a number, a number with its interval, "not defined", or nothing where the task has no such one."""
    if key not in figures:
        return ""
    figure = figures[key]
    value = figure["value"] if isinstance(figure, dict) else figure
    if value is None:
        return "not defined"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(figure, dict) and figure["low"] is not None:
        return f"{value:.4f} ({figure['low']:.4f}–{figure['high']:.4f})"
    return f"{value:.4f}"


def not_defined_notes(metrics: Metrics) -> list[str]:
    """A sentence for every figure that is not defined."""
    return [
        f"{split}, {TASK_NAMES[Task(task)].lower()}: {_plain_name(key)} is not defined: {reason}."
        for split, tasks in metrics.items()
        for task, figures in tasks.items()
        for key, reason in figures["not_defined"].items()
    ]


def _plain_name(key: str) -> str:
    return COLUMNS.get(key, key).removesuffix(" (95%)")


def _figures(part: TaskPredictions) -> dict[str, Any]:
    count, positives = len(part), int(part.labels.sum())
    auc = auc_cluster_interval(part.logits, part.labels, part.groups, draws=BOOTSTRAP_DRAWS, seed=BOOTSTRAP_SEED)
    figures: dict[str, Any] = {
        "count": count,
        "positives": positives,
        "auc": _estimate(auc),
        "log_loss": _number(probability_log_loss(part.probabilities, part.labels)),
        "calibration_error": _number(calibration_error(part.probabilities, part.labels)),
    }
    held_by = "items" if part.task in ALIGNMENT_TASKS else "requests"
    reasons = _auc_reasons(auc, count, positives, held_by)
    if part.task in ALIGNMENT_TASKS:
        figures["accuracy"] = _estimate(accuracy(part.probabilities, part.labels, groups=part.groups))
    else:
        reasons |= _add_request_figures(figures, part)
    raw = sigmoid(part.logits)
    figures["uncalibrated"] = {
        "log_loss": _number(log_loss(part.logits, part.labels)),
        "calibration_error": _number(calibration_error(raw, part.labels)),
    }
    if part.task in ALIGNMENT_TASKS:
        figures["uncalibrated"]["accuracy"] = _estimate(accuracy(raw, part.labels, groups=part.groups))
    if not count:
        undefined = ("auc", "accuracy", "log_loss", "calibration_error", "grouped_auc", f"ndcg@{NDCG_DEPTH}")
        reasons = {key: "there are no rows" for key in undefined if key in figures}
    figures["not_defined"] = reasons
    return figures


def _add_request_figures(figures: dict[str, Any], part: TaskPredictions) -> dict[str, str]:
    """Put in the figures taken within requests; say why where one is not defined."""
    within = grouped_auc(part.logits, part.labels, part.groups)
    ndcg = ndcg_at_k(part.logits, part.labels, part.groups, k=NDCG_DEPTH)
    ndcg_key = f"ndcg@{NDCG_DEPTH}"
    figures[ndcg_key] = _number(ndcg.value)
    figures["grouped_auc"] = _number(within.value)
    figures["groups"] = {
        "count": ndcg.num_groups + ndcg.num_left_out,
        "with_a_positive": ndcg.num_groups,
        "with_both_labels": within.num_groups,
    }
    reasons = {}
    if not ndcg.num_groups:
        reasons[ndcg_key] = "no request holds a positive"
    if not within.num_groups:
        reasons["grouped_auc"] = "no request holds both a positive and a negative"
    return reasons


def _auc_reasons(auc: Estimate, count: int, positives: int, held_by: str) -> dict[str, str]:
    if math.isnan(auc.value):
        held = "positive" if positives == count else "negative"
        return {"auc": f"all rows are {held}, and it compares positives with negatives"}
    if math.isnan(auc.low):
        return {"AUC interval": f"fewer than two {held_by} hold a positive, or a negative"}
    return {}


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {name: _number(getattr(estimate, name)) for name in ("value", "low", "high")}


def _number(value: float) -> float | None:
    """JSON knows no nan."""
    return None if math.isnan(value) else float(value)
