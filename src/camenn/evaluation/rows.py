"""Every judged row with what was said of it, as a table: for comparisons, slices and whoever wants to look closer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.evaluation.evaluate import Evaluation
from camenn.evaluation.predictions import TaskPredictions
from camenn.task import Task

ROWS = "predictions.parquet"
"""In a run's folder."""
SCHEMA: dict[str, type[pl.DataType]] = {
    "split": pl.String,
    "task": pl.String,
    "group": pl.Int64,
    "item_id": pl.String,
    "user_id": pl.String,
    "label": pl.Int8,
    "logit": pl.Float64,
    "probability": pl.Float64,
    "item_events": pl.Int64,
    "user_events": pl.Int64,
    "earlier_events": pl.Int64,
}
Counts = NDArray[np.int64]


def prediction_rows(found: Evaluation) -> pl.DataFrame:
    """A line a row: what was asked, what was true, what was said, and how well training knew the item and the user.

    `item_events` and `user_events` count training events; `earlier_events` what the user had done before the request,
    in any part. Those of users are null for alignment.
    """
    item_events, user_events = found.parts.training_counts()
    return pl.concat([_rows(found, one, item_events, user_events) for one in found.predictions], how="vertical")


def write_rows(found: Evaluation, path: Path) -> None:
    """Written beside and renamed."""
    partial = path.with_name(f".{path.name}.partial")
    prediction_rows(found).write_parquet(partial)
    partial.replace(path)


def _rows(found: Evaluation, said: TaskPredictions, item_events: Counts, user_events: Counts) -> pl.DataFrame:
    shop = found.parts.source.shop
    columns: dict[str, Any] = {
        "split": [said.split] * len(said),
        "task": [said.task.value] * len(said),
        "group": said.groups,
        "item_id": shop.catalogue.ids.decode(said.items),
        "label": said.labels,
        "logit": said.logits,
        "probability": said.probabilities,
        "item_events": item_events[said.items],
    }
    if said.task is Task.CONVERSION:
        assert shop.events is not None
        users = np.asarray(shop.events.user_row)[shop.events.request_offset[said.groups]]
        columns["user_id"] = shop.people.ids.decode(users)
        columns["user_events"] = user_events[users]
        ends = np.asarray(shop.events.history_end)[said.groups]
        columns["earlier_events"] = ends - np.asarray(shop.events.user_offset)[users]
    table = pl.DataFrame(columns)
    return table.select(
        (pl.col(name) if name in columns else pl.lit(None)).cast(kind).alias(name) for name, kind in SCHEMA.items()
    )
