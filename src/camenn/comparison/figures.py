"""Figures of a comparison, as files: bars with intervals, and what dirt does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from camenn.comparison.config import ComparisonConfig
from camenn.comparison.standings import Standing
from camenn.evaluation.figures import INK, MUTED, SERIES, STYLE

KINDS = ("svg", "png")


def draw_bars(found: Sequence[Standing], path: Path, *, title: str, reference: str) -> None:
    """One bar a system, the best above, with the interval of its mean; path without its ending.

    The axis begins below the lowest interval, not at zero: AUCs of one shop lie close to one another.
    """
    known = sorted((one for one in found if np.isfinite(one.mean.value)), key=lambda one: one.mean.value)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 0.6 + 0.3 * len(known)), layout="constrained")
        axes = figure.add_subplot()
        for place, one in enumerate(known):
            reach = [[one.mean.value - one.mean.low], [one.mean.high - one.mean.value]]
            colour = SERIES[0] if one.system == reference else MUTED
            axes.errorbar(one.mean.value, place, xerr=reach, color=colour, marker="o", markersize=5, capsize=2.5)
            axes.annotate(
                f"{one.mean.value:.4f}", (one.mean.high, place), (6, 0), textcoords="offset points", va="center",
                color=INK, fontsize=8.5,
            )  # fmt: skip
        axes.set_yticks(range(len(known)), [one.system for one in known])
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.16, y=0.5 / max(len(known), 1))
        axes.set_title(title, loc="left", fontsize=10)
        save_figure(figure, path)


def draw_robustness(found: Sequence[Standing], config: ComparisonConfig, path: Path, *, title: str) -> None:
    """A panel a kind of spoiling, a line a system: AUC over the share that is spoiled; path without its ending."""
    kinds = list(dict.fromkeys(spoiling.what for spoiling in config.spoilings))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4 * len(kinds), 3.2), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(kinds), sharey=True))
        for panel, kind in zip(panels, kinds, strict=True):
            for number, system in enumerate(config.systems):
                own = [one for one in found if one.system == system and _of_kind(one, kind)]
                own.sort(key=_share)
                if not own:
                    continue
                colour = SERIES[0] if system == config.reference else _grey(number, len(config.systems))
                panel.plot([*map(_share, own)], [one.mean.value for one in own], color=colour, marker="o", markersize=3)
                panel.annotate(
                    system, (_share(own[-1]), own[-1].mean.value), (5, 0), textcoords="offset points", va="center",
                    fontsize=7.5, color=colour, annotation_clip=False,
                )  # fmt: skip
            panel.set_xlabel(f"{kind} spoiled")
            panel.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            panel.margins(x=0.3)
        panels[0].set_ylabel("AUC of conversion")
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
        save_figure(figure, path)


def _of_kind(one: Standing, kind: str) -> bool:
    return one.spoiling is None or one.spoiling.what == kind


def _share(one: Standing) -> float:
    return 0.0 if one.spoiling is None else one.spoiling.share


def _grey(number: int, count: int) -> str:
    return str(round(0.25 + 0.4 * number / max(count, 1), 3))


def save_figure(figure: Figure, path: Path) -> None:
    """As SVG and PNG; path without its ending."""
    for kind in KINDS:
        partial = path.with_name(f".{path.name}.{kind}.partial")
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(partial, format=kind, dpi=160, metadata=metadata)
        partial.replace(path.with_name(f"{path.name}.{kind}"))
