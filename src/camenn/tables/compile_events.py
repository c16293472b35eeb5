"""Events sorted by user and time with bounded memory: dealt into parts by user, then sorted part by part."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.tables.vocabulary import Vocabulary

PART_EVENTS = 500_000
"""Events a part: what is held in memory at once. A single busier user makes a larger part."""
BATCH_EVENTS = 250_000

ARRAYS: dict[str, type[np.generic]] = {
    "user_row": np.int32,
    "item_row": np.int32,
    "at": np.int64,
    "converted": np.int8,
    "user_offset": np.int64,
    "request_offset": np.int64,
    "history_end": np.int64,
    "purchase_position": np.int64,
    "purchase_count": np.int64,
}
"""The memory-mapped columns, one raw little-endian file each."""

# A colon keeps these names apart from the shop's.
_LINE, _PART, _USER, _ITEM, _REQUEST_AT = _ADDED = (":line", ":part", ":user_row", ":item_row", ":request_at")
_IN_ARRAYS = ("user_id", "item_id", "at", "converted")


def write_events(
    events: pl.LazyFrame, target: Path, *, items: pl.DataFrame, users: pl.DataFrame, counts: pl.DataFrame
) -> None:
    """Writes the events whose item is known.

    `items`: item_id, item_row; `users`: user_id, user_row; `counts`: user_id, events (known items only).
    """
    target.mkdir()
    offset = _user_offset(users, counts)
    parts = target / "parts"
    _deal(events, parts, offset=offset, items=items, users=users)
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {name: stack.enter_context((target / f"{name}.bin").open("wb")) for name in ARRAYS}
        _append(files, "user_offset", offset)
        for name in ("request_offset", "purchase_count"):
            _append(files, name, np.zeros(1, np.int64))
        start = purchases = 0
        for number, folder in enumerate(sorted(parts.iterdir())):
            part = _sorted_part(pl.read_parquet(sorted(folder.iterdir()), glob=False))
            context = part.select(pl.exclude(*_IN_ARRAYS, *_ADDED))
            context.write_parquet(target / f"context-{number:06d}.parquet", row_group_size=65_536)
            columns = _columns(part, start=start, purchases=purchases)
            for name, values in columns.items():
                _append(files, name, values)
            start, purchases = start + part.height, purchases + len(columns["purchase_position"])
    shutil.rmtree(parts)


def _append(files: dict[str, BinaryIO], name: str, values: NDArray[Any]) -> None:
    np.ascontiguousarray(values, dtype=ARRAYS[name]).tofile(files[name])


def _user_offset(users: pl.DataFrame, counts: pl.DataFrame) -> NDArray[np.int64]:
    counted = users.join(counts, on="user_id", how="left", maintain_order="left")["events"].fill_null(0)
    offset = np.zeros(users.height + Vocabulary.FIRST + 1, np.int64)
    np.cumsum(counted.to_numpy(), out=offset[Vocabulary.FIRST + 1 :])
    return offset


def _deal(
    events: pl.LazyFrame, parts: Path, *, offset: NDArray[np.int64], items: pl.DataFrame, users: pl.DataFrame
) -> None:
    """Writes each event into the folder of its user's part. A user is never split, parts follow user order."""
    part = pl.Series(_PART, offset[Vocabulary.FIRST : -1] // PART_EVENTS)
    dealt_items = items.select("item_id", pl.col("item_row").alias(_ITEM))
    dealt_users = users.select("user_id", pl.col("user_row").alias(_USER), part)
    # Kept in order, the stream waits for its reader; out of order it runs ahead and piles up in memory.
    with_rows = (
        events.with_row_index(_LINE)
        .join(dealt_items.lazy(), on="item_id", how="inner", maintain_order="left")
        .join(dealt_users.lazy(), on="user_id", how="inner", maintain_order="left")
    )
    for number, batch in enumerate(with_rows.collect_batches(chunk_size=BATCH_EVENTS, maintain_order=True)):
        for (place,), dealt in batch.partition_by(_PART, as_dict=True).items():
            folder = parts / f"{place:09d}"
            folder.mkdir(parents=True, exist_ok=True)
            dealt.write_parquet(folder / f"{number:06d}.parquet", compression="lz4", statistics=False)


def _sorted_part(part: pl.DataFrame) -> pl.DataFrame:
    part = part.with_columns(pl.col("at").dt.epoch("us"))
    if "converted" not in part.columns:
        part = part.with_columns(pl.lit(1, pl.Int8).alias("converted"))
    if "request_id" not in part.columns:
        part = part.with_columns(pl.lit(None, pl.String).alias("request_id"))
    earliest = pl.col("at").min().over(_USER, "request_id")
    request_at = pl.when(pl.col("request_id").is_null()).then("at").otherwise(earliest)
    return part.with_columns(request_at.alias(_REQUEST_AT)).sort(_USER, _REQUEST_AT, "request_id", "at", _LINE)


def _columns(part: pl.DataFrame, *, start: int, purchases: int) -> dict[str, NDArray[Any]]:
    """The part's stretch of every array; `start` events and `purchases` purchases came before it."""
    user, at = part[_USER].to_numpy(), part["at"].to_numpy()
    request = pl.col(_USER, _REQUEST_AT, "request_id")
    is_first = part.select(pl.any_horizontal(request.ne_missing(request.shift(1)))).to_series()
    first = np.flatnonzero(is_first.to_numpy())
    bought = part["converted"].to_numpy() == 1
    return {
        "user_row": user,
        "item_row": part[_ITEM].to_numpy(),
        "at": at,
        "converted": part["converted"].to_numpy(),
        "request_offset": start + np.append(first[1:], part.height),
        "history_end": start + _history_end(user, at, first),
        "purchase_position": start + np.flatnonzero(bought),
        "purchase_count": purchases + np.cumsum(bought),
    }


def _history_end(user: NDArray[np.int32], at: NDArray[np.int64], first: NDArray[np.intp]) -> NDArray[np.int64]:
    """Per request, the first position of its user at which something is not strictly earlier than the request.

    Requests may overlap in time, so the latest instant so far is compared: what lies before the position is
    strictly earlier, always; of overlapping requests some past may be left out.
    """
    latest = _latest_so_far(user, at)
    asked_user, asked_at = user[first], at[first]
    users, times = np.concatenate([asked_user, user]), np.concatenate([asked_at, latest])
    is_event = np.repeat([False, True], [len(first), len(user)])
    # Questions stand before events of the same instant, so that the events before a question are strictly earlier.
    order = np.lexsort((is_event, times, users))
    before = np.cumsum(is_event[order])
    answer = np.empty(len(first), np.int64)
    questions = ~is_event[order]
    answer[order[questions]] = before[questions]
    return answer


def _latest_so_far(user: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Running maximum of `at` within each user."""
    frame = pl.DataFrame({"user": user, "at": at})
    return frame.select(pl.col("at").cum_max().over("user")).to_series().to_numpy()
