"""Checked tables to compiled ones: one folder, written beside and renamed when whole."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from camenn.errors import Problem
from camenn.tables.compile_events import write_events
from camenn.tables.files import RawTable
from camenn.tables.schema import Schema
from camenn.tables.settings import ShopSettings, TableName
from camenn.tables.typed import typed_scan

ROW_GROUP = 16_384
"""Lines a Parquet row group: what a read of a few lines costs."""
PICTURE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class CheckedShop:
    """A shop's tables and how they are read."""

    folder: Path
    tables: dict[TableName, RawTable]
    schema: Schema
    settings: ShopSettings

    def scan(self, table: TableName) -> pl.LazyFrame:
        """The table as its schema reads it."""
        return typed_scan(self.tables[table], self.schema.in_table(table), self.settings)


def write_compiled(
    shop: CheckedShop, target: Path, *, warnings: Sequence[Problem], progress: Callable[[str], None]
) -> None:
    """Writes everything `open_shop` maps into the empty folder `target`; memory grows with ids, not with events.

    `warnings` are kept beside, to be said again at every opening.
    """
    progress("items")
    items = _write_items(shop, target)
    extra_users, event_counts = pl.Series("user_id", [], pl.String), None
    if "events" in shop.tables:
        progress("counting events")
        events = shop.scan("events").join(items.lazy().select("item_id"), on="item_id", how="semi")
        event_counts = events.group_by("user_id").len("events").collect(engine="streaming")
        extra_users = event_counts["user_id"]
    progress("users")
    users = _write_users(shop, target, extra_users)
    manifest = {"schema": [asdict(column) for column in shop.schema.columns], "has_events": False}
    if event_counts is not None and event_counts.height:
        progress("events")
        write_events(shop.scan("events"), target / "events", items=items, users=users, counts=event_counts)
        manifest["has_events"] = True
    manifest["warnings"] = [asdict(problem) for problem in warnings]
    (target / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")


def _write_items(shop: CheckedShop, target: Path) -> pl.DataFrame:
    """Writes the items and their picture bytes; returns item_id and item_row."""
    path, scan = target / "items.parquet", shop.scan("items")
    held = scan.collect_schema()
    if held.get("image") == pl.Binary:
        _write_pictures(shop.tables["items"], target)
        scan = scan.drop("image")
    scan.sink_parquet(path, row_group_size=ROW_GROUP, maintain_order=True)
    return _with_rows(path, "item")


def _write_users(shop: CheckedShop, target: Path, seen_in_events: pl.Series) -> pl.DataFrame:
    """Writes the users of the table, then the others in order of their ids; returns user_id and user_row."""
    path, seen = target / "users.parquet", pl.LazyFrame({"user_id": seen_in_events})
    if "users" in shop.tables:
        told = shop.scan("users")
        others = seen.join(told.select("user_id"), on="user_id", how="anti").sort("user_id")
        users = pl.concat([told, others], how="diagonal")
    else:
        users = seen.sort("user_id")
    users.sink_parquet(path, row_group_size=ROW_GROUP, maintain_order=True)
    return _with_rows(path, "user")


def _with_rows(path: Path, what: str) -> pl.DataFrame:
    # Row 0 is padding and row 1 the unseen, as in Vocabulary.
    ids = pl.scan_parquet(path, glob=False).select(f"{what}_id").collect()
    return ids.with_columns(pl.int_range(2, ids.height + 2, dtype=pl.Int32).alias(f"{what}_row"))


def _write_pictures(items: RawTable, target: Path) -> None:
    """All pictures end to end, and where each ends."""
    end = np.int64(0)
    with (target / "pictures.bin").open("wb") as content, (target / "picture_offset.bin").open("wb") as offsets:
        end.tofile(offsets)
        for images in _pictures(items):
            for picture in images:
                content.write(picture or b"")
            ends = end + images.bin.size().fill_null(0).to_numpy().astype(np.int64).cumsum()
            ends.tofile(offsets)
            end = ends[-1]


def _pictures(items: RawTable) -> Iterator[pl.Series]:
    """Picture bytes of all items in order, at most about PICTURE_BYTES at a time.

    Cut out slice by slice: a stream of batches would read ahead of its reader and hold gigabytes.
    """
    for file in items.files:
        image = pl.col("image").cast(pl.Binary) if "image" in file.dtypes else pl.lit(None, pl.Binary).alias("image")
        num_rows = file.frame.select(pl.len()).collect().item()
        step = max(1, num_rows * PICTURE_BYTES // file.path.stat().st_size)
        for start in range(0, num_rows, step):
            yield file.frame.slice(start, step).with_columns(image).select("image").collect().to_series()
