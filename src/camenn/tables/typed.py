"""Raw rows as the schema reads them, with a flag beside each cell that could not be read so."""

from collections.abc import Sequence

import polars as pl

from camenn.tables.files import RawTable, TableFile
from camenn.tables.instants import UTC, instant, is_zoned
from camenn.tables.schema import Column, Kind
from camenn.tables.settings import ShopSettings

UNREADABLE = "unreadable:"
"""Prefix of the flag that is True where a cell holds something its kind cannot be."""
ZONED = "zoned:at"
"""True where `at` says its own place in time, False where the shop's time zone is needed."""

_TYPES: dict[Kind, pl.DataType] = {
    Kind.ID: pl.String(),
    Kind.CATEGORICAL: pl.String(),
    Kind.MULTI: pl.List(pl.String),
    Kind.NUMERIC: pl.Float64(),
    Kind.TEXT: pl.String(),
    Kind.TIME: UTC,
    Kind.OUTCOME: pl.Int8(),
}


def flagged(columns: Sequence[Column]) -> tuple[str, ...]:
    """Names of the columns that carry an `unreadable:` flag."""
    return tuple(c.name for c in columns if c.kind in (Kind.ID, Kind.NUMERIC, Kind.TIME, Kind.OUTCOME))


def typed_scan(
    table: RawTable, columns: Sequence[Column], settings: ShopSettings, *, flags: bool = False
) -> pl.LazyFrame:
    """All rows in file order. Ignored columns stay as they are where they are plain values."""
    types = {column.name: _type_of(table, column) for column in columns}
    flagged_names = flagged(columns)
    expressions = {}
    for file in table.files:
        chosen = [
            _typed(file, column, dtype, settings) for column in columns if (dtype := types[column.name]) is not None
        ]
        if flags:
            chosen += [_unreadable(file, column, settings) for column in columns if column.name in flagged_names]
            chosen += [_zoned(file)] if table.name == "events" else []
        expressions[file.path] = chosen
    return table.scan(expressions)


def _type_of(table: RawTable, column: Column) -> pl.DataType | None:
    """The type of the column after reading; None where it is left out."""
    if column.kind in _TYPES:
        return _TYPES[column.kind]
    found = {file.dtypes[column.name] for file in table.files if column.name in file.dtypes}
    if column.kind is Kind.IMAGE:
        return pl.Binary() if pl.Binary in found else pl.String()
    if any(dtype.is_nested() or dtype in (pl.Binary, pl.Object, pl.Null) for dtype in found):
        return None
    dtype = found.pop() if len(found) == 1 else pl.String()
    return pl.String() if isinstance(dtype, pl.Categorical | pl.Enum) else dtype


def _typed(file: TableFile, column: Column, dtype: pl.DataType, settings: ShopSettings) -> pl.Expr:
    raw = file.dtypes.get(column.name)
    if raw is None:
        return pl.lit(None, dtype).alias(column.name)
    return _read(column, raw, settings).cast(dtype, strict=False).alias(column.name)


def _read(column: Column, raw: pl.DataType, settings: ShopSettings) -> pl.Expr:
    value = pl.col(column.name)
    match column.kind:
        case Kind.TIME:
            return instant(column.name, raw, settings.time_zone)
        case Kind.NUMERIC | Kind.OUTCOME:
            return _number(value, raw, outcome=column.kind is Kind.OUTCOME)
        case Kind.MULTI:
            return _pieces(value, raw)
        case Kind.TEXT | Kind.CATEGORICAL:
            return _blank_is_missing(value.cast(pl.String, strict=False).str.strip_chars())
        case Kind.ID:
            # 1.0 and 1 would be two ids: whole numbers only.
            return pl.lit(None, pl.String) if raw.is_float() else _blank_is_missing(value.cast(pl.String))
        case _:
            return value


def _blank_is_missing(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _number(value: pl.Expr, raw: pl.DataType, *, outcome: bool) -> pl.Expr:
    if raw == pl.String:
        value = value.str.strip_chars()
        if outcome:
            value = value.str.to_lowercase().replace({"true": "1", "false": "0"})
    number = value.cast(pl.Float64, strict=False)
    return pl.when(number.is_in([0.0, 1.0])).then(number) if outcome else number


def _pieces(value: pl.Expr, raw: pl.DataType) -> pl.Expr:
    if isinstance(raw, pl.List | pl.Array):
        items = value.cast(pl.List(pl.String), strict=False)
    else:
        items = value.cast(pl.String, strict=False).str.split("|")
    trimmed = items.list.eval(pl.element().str.strip_chars())
    return trimmed.list.eval(pl.element().filter(pl.element().is_not_null() & (pl.element() != "")))


def _unreadable(file: TableFile, column: Column, settings: ShopSettings) -> pl.Expr:
    """True where something is written that is not what it must be; a required cell that is empty is another matter."""
    name, raw = UNREADABLE + column.name, file.dtypes.get(column.name)
    if raw is None:
        return pl.lit(False).alias(name)
    value = pl.col(column.name)
    written = value.is_not_null()
    if raw == pl.String:
        written = written & (value.str.strip_chars() != "")
    return (written & _read(column, raw, settings).is_null()).fill_null(False).alias(name)


def _zoned(file: TableFile) -> pl.Expr:
    if "at" not in file.dtypes:
        return pl.lit(None, pl.Boolean).alias(ZONED)
    return is_zoned("at", file.dtypes["at"]).alias(ZONED)
