"""A shop's files as they lie there: which belong to which table, read lazily, nothing decided yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import polars as pl

from camenn.errors import Problem
from camenn.tables.schema import REQUIRED
from camenn.tables.settings import TableName

TABLES: tuple[TableName, ...] = get_args(TableName)


@dataclass(frozen=True, slots=True)
class TableFile:
    """One file of a table; columns of a CSV are all text until the whole column has been seen."""

    path: Path
    frame: pl.LazyFrame
    dtypes: Mapping[str, pl.DataType]


@dataclass(frozen=True, slots=True)
class RawTable:
    """The files of one table in name order; rows are counted over them from 1."""

    name: TableName
    files: tuple[TableFile, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column for file in self.files for column in file.dtypes))

    def scan(self, expressions: Mapping[Path, list[pl.Expr]]) -> pl.LazyFrame:
        """All rows in order, each file seen through its own expressions (of equal names and types)."""
        return pl.concat([file.frame.select(expressions[file.path]) for file in self.files])


def find_files(folder: Path, table: TableName) -> list[Path]:
    """`items.parquet`, `items.csv`, `items-*.parquet`, `items-*.csv` and all such files in `items/`."""
    patterns = [f"{table}{{}}", f"{table}-*{{}}", f"{table}/*{{}}"]
    return sorted(
        path
        for pattern in patterns
        for suffix in (".parquet", ".csv")
        for path in folder.glob(pattern.format(suffix))
        if path.is_file()
    )


def read_tables(folder: Path) -> tuple[dict[TableName, RawTable], list[Problem]]:
    """The tables that are there and whole, and what is wrong with the others."""
    tables: dict[TableName, RawTable] = {}
    problems: list[Problem] = []
    for name in TABLES:
        files = []
        for path in find_files(folder, name):
            read = _read_file(path, folder, name)
            if isinstance(read, Problem):
                problems.append(read)
            else:
                files.append(read)
        if not files:
            continue
        table = RawTable(name, tuple(files))
        problems += _missing_columns(table, folder)
        if set(REQUIRED[name]) <= set(table.columns):
            tables[name] = table
    if "items" not in tables and not problems:
        problems.append(Problem("items", f"there is no items.parquet or items.csv in {folder}"))
    return tables, problems


def _read_file(path: Path, folder: Path, table: TableName) -> TableFile | Problem:
    try:
        is_csv = path.suffix == ".csv"
        frame = pl.scan_csv(path, infer_schema=False, glob=False) if is_csv else pl.scan_parquet(path, glob=False)
        return TableFile(path, frame, dict(frame.collect_schema()))
    except pl.exceptions.NoDataError:
        return Problem(table, f"{path.relative_to(folder)} is empty, not even a header; write one or remove the file")
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        return unreadable(path, folder, table, error)


def unreadable(path: Path, folder: Path, table: TableName, error: Exception) -> Problem:
    """The problem of a file that is cut short or is not what its name says."""
    reason = str(error).strip().splitlines()[0]
    return Problem(table, f"{path.relative_to(folder)} cannot be read ({reason}); write it again")


def _missing_columns(table: RawTable, folder: Path) -> list[Problem]:
    problems = []
    for file in table.files:
        name = file.path.relative_to(folder)
        for column in table.columns:
            if column not in file.dtypes and column not in REQUIRED[table.name]:
                message = f"is not in {name}; it counts as missing in these rows"
                problems.append(Problem(table.name, message, column=column, severity="warning"))
        for column in REQUIRED[table.name]:
            if column not in file.dtypes:
                found = ", ".join(file.dtypes)
                problems.append(Problem(table.name, f"{name} has no such column, only: {found}", column=column))
    return problems
