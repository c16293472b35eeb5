"""What must hold in every row, checked with Pandera batch by batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from camenn.errors import Problem
from camenn.tables.files import RawTable
from camenn.tables.schema import REQUIRED, Column, Kind
from camenn.tables.settings import ShopSettings
from camenn.tables.typed import UNREADABLE, flagged, typed_scan

BATCH_ROWS = 250_000
FIRST_ROWS = 10
"""How many row numbers a problem names."""

_UNREADABLE = {
    Kind.ID: "is a fraction such as 1.0; write ids as whole numbers or text",
    Kind.NUMERIC: "is no number; correct it or set the column to 'ignore' in shop.toml",
    Kind.TIME: "is no instant; write it like 2024-05-01 10:30 or 2024-05-01T10:30:00+08:00",
    Kind.OUTCOME: "is neither 0 nor 1",
}
_MESSAGES: dict[str, tuple[str, Literal["error", "warning"]]] = {
    "present": ("is empty; fill it in or remove the row", "error"),
    "finite": ("is NaN or infinite; leave the cell empty where the number is not known", "error"),
    "not_negative": ("is negative; correct it or leave the cell empty", "error"),
    "not_future": ("lies in the future; is the time zone right?", "warning"),
}


@dataclass(slots=True)
class _Found:
    rows: list[int] = field(default_factory=list)
    num_rows: int = 0


def check_rows(table: RawTable, columns: Sequence[Column], settings: ShopSettings, *, now: datetime) -> list[Problem]:
    """Every rule that a row breaks, one problem a column and rule. `now` carries a time zone."""
    names = flagged(columns)
    kinds = {column.name: column.kind for column in columns}
    wanted = [*names, *(UNREADABLE + name for name in names)]
    rows = typed_scan(table, columns, settings, flags=True).select(wanted)
    rules = _rules(table, columns, now)
    found: dict[tuple[str, str], _Found] = {}
    start = 1
    for batch in rows.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True):
        for (column, check), failed in _failures(rules, batch):
            entry = found.setdefault((column, check), _Found())
            entry.num_rows += len(failed)
            entry.rows += (failed.head(FIRST_ROWS - len(entry.rows)) + start).to_list()
        start += batch.height
    return [_problem(table, column, check, kinds[column], entry) for (column, check), entry in found.items()]


def _rules(table: RawTable, columns: Sequence[Column], now: datetime) -> pa.DataFrameSchema:
    required = {*REQUIRED[table.name], "converted"}
    schema = {}
    for column in columns:
        if column.name not in flagged(columns):
            continue
        checks = [_check("readable", lambda key: ~pl.col(UNREADABLE + key))]
        if column.name in required:
            checks.append(_check("present", lambda key: pl.col(key).is_not_null() | pl.col(UNREADABLE + key)))
        if column.kind is Kind.NUMERIC:
            checks.append(_check("finite", lambda key: pl.col(key).is_finite().fill_null(True)))
        if (table.name, column.name) == ("items", "price"):
            checks.append(
                _check("not_negative", lambda key: ((pl.col(key) >= 0) | ~pl.col(key).is_finite()).fill_null(True))
            )
        if column.kind is Kind.TIME:
            checks.append(_check("not_future", lambda key: (pl.col(key) <= now).fill_null(True)))
        schema[column.name] = pa.Column(None, checks, nullable=True)
    return pa.DataFrameSchema(schema)


def _check(name: str, holds: Callable[[str], pl.Expr]) -> pa.Check:
    return pa.Check(lambda data: data.lazyframe.select(holds(data.key)), name=name, ignore_na=False)


def _failures(rules: pa.DataFrameSchema, batch: pl.DataFrame) -> list[tuple[tuple[str, str], pl.Series]]:
    try:
        rules.validate(batch, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases.select("column", "check", "index").sort("index")
        grouped = cases.partition_by("column", "check", as_dict=True, maintain_order=True)
        return [((str(column), str(check)), one["index"]) for (column, check), one in grouped.items()]
    return []


def _problem(table: RawTable, column: str, check: str, kind: Kind, found: _Found) -> Problem:
    rows, num_rows = tuple(found.rows), found.num_rows
    if check == "readable":
        return Problem(table.name, _UNREADABLE[kind], column, rows, num_rows)
    message, severity = _MESSAGES[check]
    return Problem(table.name, message, column, rows, num_rows, severity)
