"""The effect as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from camenn.comparison.config import ComparisonConfig
from camenn.comparison.figures import save_figure
from camenn.evaluation.figures import MUTED, SERIES, STYLE
from camenn.rectify_effect.recovery import Asked, Effect
from camenn.rectify_effect.versions import Version

_TITLES = {Asked.CLEAN: "asked about the clean catalogue", Asked.OWN: "asked about the catalogue trained on"}
_CHANGED: list[Version] = [version for version in Version if version is not Version.CLEAN]
_APART = 0.14


def draw_effects(found: Mapping[Asked, Sequence[Effect]], config: ComparisonConfig, path: Path, *, title: str) -> None:
    """A panel for what was asked about: how far each version lies from clean, a dot a system; path without its ending.

    The differences, since they are paired: AUCs themselves vary with the requests drawn far more than versions do.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 3.8), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(Asked), sharey=True))
        for panel, asked in zip(panels, Asked, strict=True):
            _draw(panel, found[asked], list(config.systems))
            panel.set_title(_TITLES[asked], loc="left", fontsize=9)
        panels[0].set_ylabel("AUC less that on clean")
        handles, labels = panels[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), frameon=False, fontsize=8.5)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
        save_figure(figure, path)


def _draw(panel: Axes, found: Sequence[Effect], systems: Sequence[str]) -> None:
    panel.axhline(0.0, color=MUTED, linewidth=0.9)
    for number, system in enumerate(systems):
        own = {one.version: one for one in found if one.system == system}
        shown = {
            version: one.difference
            for version, one in own.items()
            if one.difference is not None and np.isfinite(one.difference.value)
        }
        if not shown:
            continue
        place = [_CHANGED.index(version) + _APART * (number - (len(systems) - 1) / 2) for version in shown]
        value, low, high = np.array([(one.value, one.low, one.high) for one in shown.values()]).T
        colour, marker = SERIES[number % len(SERIES)], "osD^"[number // len(SERIES) % 4]
        panel.errorbar(
            place, value, yerr=np.maximum([value - low, high - value], 0.0), color=colour, marker=marker, linestyle="",
            markersize=5, capsize=2.5, label=f"{system} ({own[Version.CLEAN].auc.value:.4f} on clean)",
        )  # fmt: skip
    panel.set_xticks(range(len(_CHANGED)), [str(version) for version in _CHANGED])
    panel.grid(visible=False, axis="x")
    panel.set_xlim(-0.5, len(_CHANGED) - 0.5)
