"""The benchmark's figures as tables: means over seeds with intervals, and differences to the others."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

OURS = "CameNN"
_RANKED = ("AUROC", "average precision")


def tables(results: pl.DataFrame) -> str:
    """Markdown, a section a rate: how well each method finds each fault, then what only findings say.

    results: method, rate, seed, fault, figure, value. Intervals are of Student's t over the seeds.
    """
    parts = []
    for rate in results["rate"].unique().sort().to_list():
        at = results.filter(pl.col("rate") == rate)
        parts += [f"## {rate:.0%} of the items have a fault", *(_ranked(at, figure) for figure in _RANKED), _said(at)]
    return "\n\n".join(parts) + "\n"


def _ranked(results: pl.DataFrame, figure: str) -> str:
    at = results.filter(pl.col("figure") == figure)
    methods = at["method"].unique(maintain_order=True).to_list()
    rows = [["fault", *methods], ["---"] * (len(methods) + 1)]
    for fault in at["fault"].unique(maintain_order=True).to_list():
        ours = _by_seed(at, OURS, fault)
        cells = [fault.replace("_", ", ")]
        for method in methods:
            theirs = _by_seed(at, method, fault)
            beaten = method != OURS and _excludes_zero(ours - theirs)
            cells.append(_mean(theirs) + (" *" if beaten else ""))
        rows.append(cells)
    note = f"\n\n\\* below {OURS}, with a 95% interval of the difference over the seeds that excludes zero"
    return f"**{figure}**\n\n{_markdown(rows)}{note if len(methods) > 1 else ''}"


def _said(results: pl.DataFrame) -> str:
    at = results.filter((pl.col("method") == OURS) & ~pl.col("figure").is_in(_RANKED))
    rows = [["figure", "fault", OURS], ["---"] * 3]
    for figure, fault in at.select("figure", "fault").unique(maintain_order=True).iter_rows():
        chosen = at.filter((pl.col("figure") == figure) & (pl.col("fault") == fault))
        rows.append([figure, fault.replace("_", ", "), _mean(chosen.sort("seed")["value"].to_numpy())])
    return f"**What the findings say**\n\n{_markdown(rows)}"


def _by_seed(results: pl.DataFrame, method: str, fault: str) -> NDArray[np.float64]:
    chosen = results.filter((pl.col("method") == method) & (pl.col("fault") == fault))
    return chosen.sort("seed")["value"].to_numpy()


def _half_width(values: NDArray[np.float64]) -> float:
    spread = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return float(stats.t.ppf(0.975, len(values) - 1)) * float(spread)


def _excludes_zero(apart: NDArray[np.float64]) -> bool:
    return len(apart) > 1 and float(apart.mean()) > _half_width(apart)


def _mean(values: NDArray[np.float64]) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return "–"
    if len(known) < 2:
        return f"{known[0]:.3f}"
    return f"{known.mean():.3f} ± {_half_width(known):.3f}"


def _markdown(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
