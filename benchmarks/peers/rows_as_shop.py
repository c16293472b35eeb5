"""The peers' rows as a shop: the same fields, histories and labels, read on the road that any shop is read on.

A row is a request of one candidate, or, grouped, one of five candidates of a request: the first ten fields and the
history are the request's, the others the candidate's. Models of fields get all fields as event columns. Models of the
history get item and category as columns of the items besides, and each row's history as purchases of a user of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.tables.shop import Shop, open_shop
from camenn.tables.sources.writing import write_shop
from camenn.tables.split import Part

Rows = dict[str, NDArray[np.generic]]
"""Columns of the peers' rows, as `common.load` gives them."""

NUM_SHARED = 10
"""Fields that are the request's where rows are grouped."""
ASKED_AT, SECOND = 1_700_000_000_000_000, 1_000_000
NOT_JUDGED = -1
"""The part of requests that are history alone."""
PARTS = {"train": Part.TRAIN, "test": Part.TEST}


def grouped(rows: Rows, group: int) -> Rows:
    """The rows with each `group` in a row sharing the first fields and history of its first, labels as they were."""
    num_rows = len(rows["label"])
    first = np.arange(num_rows) // group * group
    shared = [f"c{number}" for number in range(NUM_SHARED)] + ["hist_item", "hist_cate", "hist_len"]
    return rows | {name: rows[name][first] for name in shared}


def write_rows(splits: dict[str, Rows], folder: Path, *, num_fields: int, group: int, with_history: bool) -> Shop:
    """Write the shop of some rows and open it. splits: rows by "train" and "test", already grouped."""
    fields = [f"c{number}" for number in range(num_fields)]
    settings = "[columns.events]\n" + "".join(f'{name} = "categorical"\n' for name in fields)
    if with_history:
        settings += '[columns.items]\nitem = "categorical"\ncate = "categorical"\n'
        categories = _categories(splits)
        items = pl.DataFrame({"item_id": np.arange(len(categories)), "item": np.arange(len(categories))})
        items = items.with_columns(cate=categories).slice(1)
    else:
        items = pl.DataFrame({"item_id": [1]})
    events = [_events(name, rows, fields, group=group, with_history=with_history) for name, rows in splits.items()]
    write_shop(folder, lambda: {"items": items, "events": pl.concat(events, how="diagonal")}, settings)
    return open_shop(folder)


def _categories(splits: dict[str, Rows]) -> NDArray[np.int64]:
    """The category of each item, 0 where no row tells."""
    num_items = 1 + max(int(max(rows["item_id"].max(), rows["hist_item"].max())) for rows in splits.values())
    categories = np.zeros(num_items, dtype=np.int64)
    for rows in splits.values():
        categories[rows["item_id"]] = rows["cate_id"]
        categories[rows["hist_item"].ravel()] = rows["hist_cate"].ravel()
    return categories


def _events(name: str, rows: Rows, fields: list[str], *, group: int, with_history: bool) -> pl.DataFrame:
    """One event a row, and one a step of each request's history."""
    num_rows = len(rows["label"])
    request = np.arange(num_rows) // group
    asked = pl.DataFrame(
        {
            "user": request,
            "item_id": rows["item_id"].astype(np.int64) if with_history else np.ones(num_rows, dtype=np.int64),
            "at": np.full(num_rows, ASKED_AT),
            "converted": rows["label"].astype(np.int8),
            **{field: rows[field] for field in fields},
        }
    )
    parts = [asked]
    if with_history:
        history = rows["hist_item"][::group]
        user, step = np.nonzero(history)
        parts.append(
            pl.DataFrame(
                {
                    "user": user,
                    "item_id": history[user, step].astype(np.int64),
                    "at": ASKED_AT - (history.shape[1] - step) * SECOND,
                    "converted": np.ones(len(user), dtype=np.int8),
                }
            )
        )
    return (
        pl.concat(parts, how="diagonal")
        .with_columns(pl.from_epoch("at", time_unit="us"), user_id=pl.format(name + "-{}", "user"))
        .drop("user")
    )


def part_of_requests(shop: Shop) -> NDArray[np.int8]:
    """(requests,): whether a request trains or judges; one that is a step of a history does neither."""
    events = shop.events
    assert events is not None
    first = np.asarray(events.request_offset[:-1])
    parts = np.full(len(first), NOT_JUDGED, dtype=np.int8)
    whose = shop.people.ids.values.to_frame("user")
    whose = whose.with_columns(pl.col("user").str.split("-").list.first().replace_strict(PARTS, return_dtype=pl.Int8))
    # Rows 0 and 1 of a vocabulary are no one.
    of_user = whose["user"].to_numpy()[np.asarray(events.user_row[first]) - 2]
    asked = np.asarray(events.at[first]) == ASKED_AT
    parts[asked] = of_user[asked]
    return parts
