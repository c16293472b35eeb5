"""Which of the judged rows a figure is taken over."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.task import Task

ALL = "all"


def slices(rows: pl.DataFrame, task: Task) -> dict[str, NDArray[np.bool_]]:
    """By name: which rows of one task's `predictions.parquet` belong to a slice. A slice without a row is left out.

    Few and many: the thirds of rows whose users had done least and most before the request. For alignment, items are
    told apart by whether training requests offered them, where any did.
    """
    found = {ALL: rows["item_events"] >= 0}
    if task is Task.CONVERSION:
        found["unseen items"] = rows["item_events"] == 0
        found["unseen users"] = rows["user_events"] == 0
        earlier = rows["earlier_events"]
        few, many = earlier.quantile(1 / 3, "lower"), earlier.quantile(2 / 3, "higher")
        found[f"few events (to {few:.0f})"] = earlier <= few
        found[f"many events (from {many:.0f})"] = earlier >= many
    elif (rows["item_events"] > 0).any():
        found["unseen items"] = rows["item_events"] == 0
    return {name: mask.to_numpy() for name, mask in found.items() if mask.any()}
