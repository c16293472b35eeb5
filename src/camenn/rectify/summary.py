"""Findings as a terminal shows them."""

from __future__ import annotations

import polars as pl
from rich.console import Console
from rich.table import Table

from camenn.rectify.rectify import Rectified


def show_findings(found: Rectified, console: Console) -> None:
    """How many of each kind, how many of them are to be expected true, and how many mend themselves."""
    table = Table(title=f"{len(found.findings):,} findings in {found.num_items:,} items")
    for heading in ("kind", "findings", "expected true", "from 0.9 on", "with a suggestion", "corrected"):
        table.add_column(heading, justify="left" if heading == "kind" else "right")
    by_kind = found.findings.group_by("kind").agg(
        pl.len(),
        pl.col("probability").sum().alias("expected"),
        (pl.col("probability") >= 0.9).sum().alias("sure"),
        (pl.col("suggestions").list.len() > 0).sum().alias("suggested"),
        pl.col("automatic").sum().alias("automatic"),
    )
    for row in by_kind.sort("expected", descending=True).iter_rows(named=True):
        counts = [row["len"], round(row["expected"]), row["sure"], row["suggested"], row["automatic"]]
        table.add_row(row["kind"].replace("_", " "), *(f"{count:,}" for count in counts))
    console.print(table)
    tier = found.tier
    if tier.start > 1:
        console.print("No correction is sure enough to be made without a person.")
    else:
        low, high = tier.interval
        console.print(
            f"Corrections that are right with a probability from {tier.start:.3f} on were made: {tier.false:.1%} of "
            f"them are expected to be false, {low:.1%} to {high:.1%} by {tier.num_tried:,} tried on planted faults."
        )
