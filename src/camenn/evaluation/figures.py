"""Figures as SVG that lives inside a page: its text takes the page's font, its colours the page's CSS variables.

One panel is one SVG, so that a page can lay panels side by side or below one another and the text stays legible.
Matplotlib is used through its objects alone; nothing is left behind in its global state.
"""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from camenn.embeddings.patches import PictureError, load_picture
from camenn.metrics.calibration import Reliability
from camenn.metrics.ranking import Floats

INK, MUTED, RULE = "#1d2126", "#646b74", "#d9dce0"
SERIES = ("#0068b4", "#c2540a", "#00795c", "#8a4f9e")
"""Blue, vermilion, green, purple: told apart by the colour-blind, and by lightness."""

_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES, start=1)},
}
STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
}
PANEL = (3.6, 2.4)
"""Inches; where a page gives a panel some 300 pixels, text is 11 pixels high."""
MAX_POINTS = 150
THUMBNAIL_SIDE = 240


@dataclass(frozen=True, slots=True)
class Line:
    """A figure over training steps."""

    colour: int
    """Index into `SERIES`."""
    steps: Floats
    values: Floats


def curve_panel(lines: Sequence[Line], *, last_step: float, label: str) -> Markup:
    """Lines over training steps; panels of one run share their axis from 0 to `last_step`."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _panel(PANEL)
        for line in lines:
            steps, values = _thinned(line.steps, line.values)
            marker = "o" if len(steps) <= 40 else None
            axes.plot(
                steps, values, color=SERIES[line.colour % len(SERIES)], linewidth=1.6, marker=marker, markersize=2.6
            )
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(_short_count))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.set_xlim(-0.02 * last_step, 1.02 * last_step)
        return _svg(figure, label=label)


def reliability_panel(curve: Reliability, probabilities: Floats, *, label: str) -> Markup:
    """Predicted against observed shares with intervals, and below it how many rows have which probability."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PANEL[0], 3.8), layout="constrained")
        grid = figure.add_gridspec(2, 1, height_ratios=(4, 1), hspace=0.04)
        axes = figure.add_subplot(grid[0])
        below = figure.add_subplot(grid[1], sharex=axes)
        most = float(np.quantile(probabilities, 0.995))
        top = min(1.0, 1.05 * max(curve.mean_probability.max(), curve.rate.max(), most, 0.001))
        axes.plot([0, top], [0, top], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        reach = np.stack([curve.rate - curve.low, curve.high - curve.rate])
        axes.errorbar(
            curve.mean_probability, curve.rate, yerr=reach, color=SERIES[0], linewidth=1.4, marker="o", markersize=4
        )
        axes.set(xlim=(0, top), ylim=(0, top), ylabel="observed share")
        axes.tick_params(labelbottom=False)
        below.hist(np.minimum(probabilities, top), bins=30, range=(0, top), color=SERIES[0], alpha=0.55)
        below.set(xlabel="predicted probability", ylabel="rows")
        below.grid(visible=False)
        below.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        below.yaxis.set_major_formatter(FuncFormatter(_short_count))
        for each in (axes.xaxis, axes.yaxis):
            each.set_major_locator(MaxNLocator(5))
            each.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g}%"))
        return _svg(figure, label=label)


def expert_panel(shares: Floats, *, label: str) -> Markup:
    """Share of the work each expert takes for a task; the dashed line is an even share."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _panel((PANEL[0], 2.0))
        number = np.arange(1, len(shares) + 1)
        axes.bar(number, 100 * shares, width=0.7, color=SERIES[0])
        axes.axhline(100 / len(shares), color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.set(xlabel="expert", ylim=(0, 100 * max(float(shares.max()), 1 / len(shares)) * 1.1))
        axes.grid(visible=False, axis="x")
        axes.set_xticks(number if len(number) <= 16 else number[:: 1 + len(number) // 16])
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}%"))
        return _svg(figure, label=label)


def thumbnail(picture: bytes) -> str | None:
    """A small JPEG of a picture, at most `THUMBNAIL_SIDE` a side, as a data URI; None where it cannot be read."""
    try:
        shown = load_picture(picture, at_least=THUMBNAIL_SIDE)
    except PictureError:
        return None
    shown.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _panel(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.add_subplot()


def _thinned(steps: Floats, values: Floats) -> tuple[Floats, Floats]:
    """At most `MAX_POINTS` points: means of equally many neighbours, so that a long noisy line stays light."""
    if len(steps) <= MAX_POINTS:
        return steps, values
    parts = zip(np.array_split(steps, MAX_POINTS), np.array_split(values, MAX_POINTS), strict=True)
    means = np.array([(part.mean(), others.mean()) for part, others in parts])
    return means[:, 0], means[:, 1]


def _short_count(value: float, _: int | None = None) -> str:
    """12 000 as 12k."""
    for unit, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:g}{suffix}"
    return f"{value:g}"


def _svg(figure: Figure, *, label: str) -> Markup:
    """The figure as an element for an HTML page: no ids that clash, no outside names, no fixed size.

    Matplotlib has escaped the texts it wrote.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": label}):  # the same figure gives the same bytes
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    view_box = re.search(r'viewBox="([^"]*)"', text)
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, f"var({variable}, {colour})")
    assert view_box is not None
    opening = f'<svg role="img" aria-label="{escape(label)}" viewBox="{view_box[1]}">'
    return Markup(opening + body.strip())
