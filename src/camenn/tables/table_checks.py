"""What must hold across rows and tables: ids once, events of known items, pictures inside the folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from camenn.errors import Problem
from camenn.tables.files import RawTable
from camenn.tables.pictures import OutsideShopError, PictureFolder
from camenn.tables.row_checks import BATCH_ROWS, FIRST_ROWS
from camenn.tables.schema import Column, Kind, Schema
from camenn.tables.settings import ShopSettings, TableName
from camenn.tables.typed import ZONED, typed_scan

_Tables = Mapping[TableName, RawTable]
_PICTURE_FAULTS: dict[str, tuple[str, Literal["error", "warning"]]] = {
    "outside": ("leaves the shop's folder; copy the pictures into it and write their place inside", "error"),
    "missing": ("there is no such file; the items stay, without a picture", "warning"),
}


def check_types(table: RawTable, columns: Sequence[Column]) -> list[Problem]:
    """Lists, structures and bytes stand only where they can be read."""
    problems = []
    for column in columns:
        for dtype in dict.fromkeys(file.dtypes[column.name] for file in table.files if column.name in file.dtypes):
            if not _is_readable(dtype, column.kind):
                message = f"holds {dtype}, which cannot be read as {column.kind.value}"
                problems.append(Problem(table.name, message, column=column.name))
    return problems


def _is_readable(dtype: pl.DataType, kind: Kind) -> bool:
    match kind:
        case Kind.IGNORED:
            return True
        case Kind.IMAGE:
            return dtype in (pl.String, pl.Binary, pl.Categorical, pl.Null)
        case Kind.MULTI:
            return dtype not in (pl.Struct, pl.Binary, pl.Object)
        case _:
            return not dtype.is_nested() and dtype not in (pl.Binary, pl.Object)


def check_unique(table: RawTable, columns: Sequence[Column], settings: ShopSettings) -> list[Problem]:
    """An item or a user has one row."""
    if table.name == "events":
        return []
    name = f"{table.name.removesuffix('s')}_id"
    repeated = (
        typed_scan(table, [column for column in columns if column.name == name], settings)
        .with_row_index("row", offset=1)
        .drop_nulls(name)
        .group_by(name)
        .agg(pl.len().alias("times"), pl.col("row").head(FIRST_ROWS))
        .filter(pl.col("times") > 1)
        .collect(engine="streaming")
        .sort(pl.col("row").list.first())
    )
    if repeated.is_empty():
        return []
    rows = tuple(repeated["row"].explode(empty_as_null=False).head(FIRST_ROWS).to_list())
    message = f"ids in more than one row: {repeated.height:,}, such as {_examples(repeated[name])}; keep one row each"
    return [Problem(table.name, message, column=name, rows=rows, num_rows=int(repeated["times"].sum()))]


def check_events(tables: _Tables, schema: Schema, settings: ShopSettings) -> tuple[list[str], list[Problem]]:
    """How the events are understood, and what is wrong with them as a whole."""
    events = typed_scan(tables["events"], schema.in_table("events"), settings, flags=True)
    problems: list[Problem] = []
    if "items" in tables:
        problems += _strangers(tables, schema, settings, "items", "their events are set aside")
    if "users" in tables:
        problems += _strangers(tables, schema, settings, "users", "they are kept without a profile")
    has_outcomes = bool(schema.of("events", Kind.OUTCOME))
    outcome = pl.col("converted") if has_outcomes else pl.lit(1)
    seen = events.select(
        pl.len().alias("rows"),
        outcome.mean().alias("rate"),
        pl.col("at").min().alias("first"),
        pl.col("at").max().alias("last"),
        pl.col(ZONED).any().alias("some"),
        pl.col(ZONED).all().alias("all"),
    )
    counted = seen.collect(engine="streaming").row(0, named=True)
    if not counted["rows"]:
        return [], problems
    notes = [f"from {counted['first']} to {counted['last']}"]
    if has_outcomes:
        notes.append(f"events are impressions, {counted['rate'] or 0:.2%} of them converted")
        if counted["rate"] in (0.0, 1.0):
            message = "has the same outcome in every row: nothing can be learned from it"
            problems.append(Problem("events", message, column="converted", severity="warning"))
    else:
        notes.append("there is no `converted`: every event is a purchase")
    if not counted["all"]:
        notes.append(f"instants without an offset are read in {settings.time_zone}")
        if counted["some"]:
            message = f"some rows have a time zone or offset and some have none; these are read in {settings.time_zone}"
            problems.append(Problem("events", message, column="at", severity="warning"))
    return notes, problems


def _strangers(
    tables: _Tables, schema: Schema, settings: ShopSettings, table: TableName, consequence: str
) -> list[Problem]:
    """Ids in events that `table` does not have."""
    name = f"{table.removesuffix('s')}_id"

    def ids(of: TableName) -> pl.LazyFrame:
        columns = [column for column in schema.in_table(of) if column.name == name]
        return typed_scan(tables[of], columns, settings)

    unknown = ids("events").with_row_index("row", offset=1).drop_nulls(name).join(ids(table), on=name, how="anti")
    found = unknown.group_by(name).agg(pl.len().alias("times"), pl.col("row").min()).collect(engine="streaming")
    if found.is_empty():
        return []
    found = found.sort("row")
    message = f"ids in no row of {table}: {found.height:,}, such as {_examples(found[name])}; {consequence}"
    rows, num_rows = tuple(found["row"].head(FIRST_ROWS).to_list()), int(found["times"].sum())
    return [Problem("events", message, column=name, rows=rows, num_rows=num_rows, severity="warning")]


def _examples(ids: pl.Series) -> str:
    return ", ".join(repr(one if len(one) <= 60 else one[:60] + "…") for one in ids.head(3))


def check_pictures(items: RawTable, schema: Schema, settings: ShopSettings, folder: Path) -> list[Problem]:
    """Picture paths stay in the shop's folder (else an error) and lead to a file (else a warning)."""
    columns = schema.of("items", Kind.IMAGE)
    images = typed_scan(items, columns, settings)
    if not columns or images.collect_schema()["image"] != pl.String:
        return []
    pictures, first_row = PictureFolder(folder), 1
    rows: dict[str, list[int]] = {"outside": [], "missing": []}
    for batch in images.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True):
        for row, written in enumerate(batch["image"], start=first_row):
            fault = None if written is None else _picture_fault(pictures, written)
            if fault is not None:
                rows[fault].append(row)
        first_row += batch.height
    return [
        Problem("items", message, "image", tuple(rows[fault][:FIRST_ROWS]), len(rows[fault]), severity)
        for fault, (message, severity) in _PICTURE_FAULTS.items()
        if rows[fault]
    ]


def _picture_fault(pictures: PictureFolder, written: str) -> str | None:
    try:
        return None if pictures.find(written).is_file() else "missing"
    except OutsideShopError:
        return "outside"
