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
from camenn.evaluation.figures import SERIES, STYLE
from camenn.rectify_effect.recovery import Asked, Effect
from camenn.rectify_effect.versions import Version

_TITLES = {Asked.CLEAN: "asked about the clean catalogue", Asked.OWN: "asked about the catalogue trained on"}
_APART = 0.14


def draw_effects(found: Mapping[Asked, Sequence[Effect]], config: ComparisonConfig, path: Path, *, title: str) -> None:
    """A panel for what was asked about, a dot a system and version with the interval of its mean.

    path without its ending.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 3.6), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(Asked), sharey=True))
        for panel, asked in zip(panels, Asked, strict=True):
            _draw(panel, found[asked], list(config.systems))
            panel.set_title(_TITLES[asked], loc="left", fontsize=9)
        panels[0].set_ylabel("AUC of conversion")
        panels[0].legend(frameon=False, fontsize=8)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
        save_figure(figure, path)


def _draw(panel: Axes, found: Sequence[Effect], systems: Sequence[str]) -> None:
    versions = list(Version)
    for number, system in enumerate(systems):
        own = [one for one in found if one.system == system and np.isfinite(one.auc.value)]
        place = [versions.index(one.version) + _APART * (number - (len(systems) - 1) / 2) for one in own]
        value, low, high = np.array([(one.auc.value, one.auc.low, one.auc.high) for one in own]).reshape(-1, 3).T
        reach = np.maximum([value - low, high - value], 0.0)
        colour, marker = SERIES[number % len(SERIES)], "osD^"[number // len(SERIES) % 4]
        panel.errorbar(place, value, yerr=reach, color=colour, marker=marker, linestyle="", capsize=2.5, label=system)
    panel.set_xticks(range(len(versions)), [str(version) for version in versions])
    panel.grid(visible=False, axis="x")
    panel.margins(x=0.08)
