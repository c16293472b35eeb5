"""How much of what was planted is found, and how much of what is found was planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from camenn.rectify.findings import Kind, Side
from camenn.rectify_bench.planting import Planted
from camenn.tables.catalogue import normal_form

SURE = 0.1
"""Claims from this probability on are counted for calibration."""
BUDGETS = (0.01, 0.05, 0.1)
ALL = "all"
_BINS = 10
_CLAIMED: dict[Planted, tuple[Kind, ...]] = {
    Planted.NAME_EASY: (Kind.MISMATCH,),
    Planted.NAME_HARD: (Kind.MISMATCH,),
    Planted.PICTURE_EASY: (Kind.MISMATCH, Kind.SHARED_PICTURE),
    Planted.PICTURE_HARD: (Kind.MISMATCH, Kind.SHARED_PICTURE),
    Planted.VAGUE: (Kind.VAGUE_NAME,),
    Planted.CATEGORY: (Kind.WRONG_CATEGORY,),
    Planted.BLUR: (Kind.POOR_PICTURE,),
    Planted.DUPLICATE: (Kind.DUPLICATE,),
}
_COLUMN: dict[Planted, str] = {
    Planted.NAME_EASY: "name",
    Planted.NAME_HARD: "name",
    Planted.PICTURE_EASY: "image",
    Planted.PICTURE_HARD: "image",
    Planted.VAGUE: "name",
    Planted.CATEGORY: "category",
    Planted.BLUR: "image",
    Planted.DUPLICATE: "",
}
"""Which cell is wrong; a description goes with its name."""
_SIDE = {
    Planted.NAME_EASY: Side.NAME,
    Planted.NAME_HARD: Side.NAME,
    Planted.PICTURE_EASY: Side.PICTURE,
    Planted.PICTURE_HARD: Side.PICTURE,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of one method."""

    fault: str
    """A planted fault, or all of them."""
    name: str
    value: float
    """nan where it is not defined."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What was planted, against the shop as it was."""

    fault: dict[str, Planted]
    """By item."""
    thing: dict[str, str]
    """By item, what it is: its name in the clean shop in normal form, or what its makers say of it."""
    category: dict[str, str]
    """By item of the clean shop."""
    other: dict[str, str]
    """By item with another's name, picture or category: whose."""
    twin: dict[str, str]
    """By a listing that is there a second time: the first. Either may be called the one too many."""

    @classmethod
    def of(
        cls,
        clean: pl.DataFrame,
        dirty_ids: Sequence[str],
        planted: pl.DataFrame,
        *,
        again: str,
        things: Mapping[str, str] | None = None,
    ) -> Truth:
        """clean: item_id, name, category of the shop as it was; dirty_ids: of the shop with faults.

        things: by item, what it is, where that is known; two names of one thing are right for one another then.
        """
        fault = {item: Planted(kind) for item, kind in planted.select("item_id", "fault").iter_rows()}
        names = {item: normal_form(name or "") for item, name in clean.select("item_id", "name").iter_rows()}
        if things is not None and names.keys() <= things.keys():
            names = {item: things[item] for item in names}
        categories = dict(clean.select("item_id", pl.col("category").fill_null("")).iter_rows())
        others = {item: other for item, other in planted.select("item_id", "other_item_id").iter_rows() if other}
        twin = {item: item.removesuffix(again) for item in dirty_ids if item not in names}
        for item, first in twin.items():
            names[item], categories[item] = names[first], categories[first]
        return cls(fault, names, categories, others, twin)

    def is_true(self, item: str, kind: str) -> bool:
        """Whether a claim of this kind is true of this item."""
        fault = self.fault.get(self.twin.get(item, item))
        return fault is not None and kind in _CLAIMED[fault]

    def mends(self, item: str, column: str, taken_from: str) -> bool:
        """Whether the cell that another item has, with its fault, puts right what stands there.

        What needed nothing must stay what it was.
        """
        source, fault, wrong = taken_from, self.fault.get(taken_from), "name" if column == "description" else column
        if fault is not None and _COLUMN[fault] == wrong:
            if taken_from not in self.other:  # too vague a name, a blur: right for nobody
                return False
            source = self.other[taken_from]
        if column == "category":
            return self.category[source] == self.category[item]
        return self.thing[source] == self.thing[item]

    def corrects(self, item: str, kind: str, columns: Sequence[str], taken_from: str) -> bool:
        """Whether a true claim changes the cell that is wrong, and to what is right."""
        return (
            self.is_true(item, kind)
            and _COLUMN[self.fault[self.twin.get(item, item)]] in columns
            and all(self.mends(item, column, taken_from) for column in columns)
        )


def ranked(score: dict[str, float], truth: Truth) -> list[Figure]:
    """Figures of an order of suspicion: score by item of the dirty shop, higher is worse."""
    items = [item for item in score if item not in truth.twin]
    second = {first: score[item] for item, first in truth.twin.items()}
    value = np.array([max(score[item], second.get(item, -np.inf)) for item in items])
    fault = np.array([truth.fault.get(item, "") for item in items], dtype=object)
    wrong = fault != ""
    figures = [*_of_order(ALL, wrong, value)]
    for kind in Planted:
        chosen = (fault == kind) | ~wrong
        if (fault == kind).any():
            figures += _of_order(kind, fault[chosen] == kind, value[chosen])
    order = np.argsort(-value, kind="stable")
    for budget in BUDGETS:
        first = order[: max(1, round(budget * len(order)))]
        figures.append(Figure(ALL, f"precision at {budget:.0%}", float(wrong[first].mean())))
    return figures


def _of_order(fault: str, wrong: NDArray[np.bool_], value: NDArray[np.float64]) -> list[Figure]:
    if wrong.all() or not wrong.any():
        return []
    return [
        Figure(fault, "AUROC", float(roc_auc_score(wrong, value))),
        Figure(fault, "average precision", float(average_precision_score(wrong, value))),
    ]


def of_findings(findings: pl.DataFrame, truth: Truth) -> list[Figure]:
    """Figures of what only findings say: sides, suggestions, calibration, automatic corrections."""
    return [
        *_sides(findings, truth),
        *_suggestions(findings, truth),
        *_calibration(findings, truth),
        *_tier(findings, truth),
    ]


def _sides(findings: pl.DataFrame, truth: Truth) -> list[Figure]:
    told: dict[str, list[bool]] = {"easy": [], "hard": [], ALL: []}
    silent = dict.fromkeys(told, 0)
    mismatches = findings.filter((pl.col("kind") == Kind.MISMATCH) & (pl.col("probability") >= 0.5))
    for item, side in mismatches.select("item_id", "side").iter_rows():
        fault = truth.fault.get(item)
        if fault not in _SIDE:
            continue
        for group in (fault.rsplit("_")[-1], ALL):
            if side == Side.UNCLEAR:
                silent[group] += 1
            else:
                told[group].append(side == _SIDE[fault])
    return [
        figure
        for group, right in told.items()
        for figure in (
            Figure(group, "side right where told", float(np.mean(right)) if right else float("nan")),
            Figure(group, "side told", len(right) / max(len(right) + silent[group], 1)),
        )
    ]


def _suggestions(findings: pl.DataFrame, truth: Truth) -> list[Figure]:
    """Of the planted faults that were claimed as what they are, on the right side where there are two."""
    first: dict[str, list[bool]] = {}
    any_of: dict[str, list[bool]] = {}
    asked = findings.filter(pl.col("columns").list.len() > 0).select("item_id", "kind", "columns", "suggestions")
    for item, kind, columns, suggestions in asked.iter_rows():
        fault = truth.fault.get(item)
        if fault is None or kind == Kind.SHARED_PICTURE or not truth.is_true(item, kind) or fault is Planted.BLUR:
            continue
        if fault in _SIDE and (columns[0] == "name") != (_SIDE[fault] is Side.NAME):
            continue
        right = [truth.mends(item, columns[0], one["item_id"]) for one in suggestions]
        first.setdefault(fault, []).append(bool(right[:1] == [True]))
        any_of.setdefault(fault, []).append(any(right))
    figures = [Figure(fault, "suggestion right, first", float(np.mean(right))) for fault, right in first.items()]
    figures += [Figure(fault, "suggestion right, of five", float(np.mean(right))) for fault, right in any_of.items()]
    for name, told in (("suggestion right, first", first), ("suggestion right, of five", any_of)):
        together = [right for one in told.values() for right in one]
        figures.append(Figure(ALL, name, float(np.mean(together)) if together else float("nan")))
    return figures


def _calibration(findings: pl.DataFrame, truth: Truth) -> list[Figure]:
    claimed = findings.filter(pl.col("probability") >= SURE)
    probability = claimed["probability"].to_numpy()
    true = np.array([truth.is_true(item, kind) for item, kind in claimed.select("item_id", "kind").iter_rows()], bool)
    if not len(true):
        return []
    place = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    apart = [
        abs(probability[place == one].mean() - true[place == one].mean()) * (place == one).mean() for one in set(place)
    ]
    sure = probability >= 0.9
    return [
        Figure(ALL, "calibration error", float(sum(apart))),
        Figure(ALL, "claims from 0.9 on that are true", float(true[sure].mean()) if sure.any() else float("nan")),
        Figure(ALL, "claims from 0.9 on", float(sure.sum())),
    ]


def _tier(findings: pl.DataFrame, truth: Truth) -> list[Figure]:
    made = findings.filter("automatic").select("item_id", "kind", "columns", "suggestions")
    right = [
        truth.corrects(item, kind, columns, suggestions[0]["item_id"])
        for item, kind, columns, suggestions in made.iter_rows()
    ]
    return [
        Figure(ALL, "automatic corrections", float(len(right))),
        Figure(ALL, "false automatic corrections", 1.0 - float(np.mean(right)) if right else float("nan")),
        Figure(ALL, "faults corrected automatically", sum(right) / max(len(truth.fault), 1)),
    ]
