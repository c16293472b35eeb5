"""What is counted in a table's columns before their kinds are decided."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from camenn.errors import Problem
from camenn.tables.files import RawTable, TableFile, unreadable
from camenn.tables.schema import ROLES, ColumnProfile

COUNTED_EXACTLY = 100_000
"""Up to about so many distinct values are counted exactly, more are estimated within ten per cent."""
_INTEGER = r"^-?(?:0|[1-9]\d{0,17})$"  # "007" is a code, not a number
_NESTED = (pl.List, pl.Array, pl.Struct, pl.Binary, pl.Object)


def profile_table(table: RawTable, folder: Path) -> tuple[dict[str, ColumnProfile], list[Problem]]:
    """Counts for every column, read in one stream; a file that cannot be read is a problem."""
    try:
        merged, problems = _merged_dtypes(table, folder)
        frame = table.scan({file.path: _as_merged(file, merged) for file in table.files})
        counted = _select(frame, [pl.len().alias("rows"), *_counts(merged)])
        counted |= _select(frame, _exact_counts(merged, counted))
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        return {}, _broken_files(table, folder) or [Problem(table.name, f"cannot be read: {error}")]
    return {name: _profile(name, dtype, counted) for name, dtype in merged.items()}, problems


def _select(frame: pl.LazyFrame, expressions: list[pl.Expr]) -> dict[str, object]:
    return frame.select(expressions).collect(engine="streaming").row(0, named=True) if expressions else {}


def _exact_counts(merged: Mapping[str, pl.DataType], counted: Mapping[str, object]) -> list[pl.Expr]:
    """Distinct values counted exactly where they are few enough to be held in memory."""
    keys = {name: f"{name}:distinct" for name in merged}
    few = [name for name, key in keys.items() if 0 < _as_number(counted.get(key)) <= COUNTED_EXACTLY]
    return [pl.col(name).drop_nulls().n_unique().alias(keys[name]) for name in few]


def _broken_files(table: RawTable, folder: Path) -> list[Problem]:
    problems = []
    for file in table.files:
        try:
            for _ in file.frame.collect_batches():
                pass
        except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
            problems.append(unreadable(file.path, folder, table.name, error))
    return problems


def _merged_dtypes(table: RawTable, folder: Path) -> tuple[dict[str, pl.DataType], list[Problem]]:
    by_file = {file.path: _settled(file) for file in table.files}
    merged, problems = {}, []
    for column in table.columns:
        found = {path: dtypes[column] for path, dtypes in by_file.items() if column in dtypes}
        kinds = [dtype for dtype in found.values() if dtype != pl.Null]
        dtype = _merge(kinds)
        merged[column] = dtype or pl.Null()
        role = ROLES[table.name].get(column)
        if dtype is None or (dtype == pl.String and role is None and any(kind != pl.String for kind in kinds)):
            seen = ", ".join(f"{kind} in {path.relative_to(folder)}" for path, kind in found.items())
            cure = "it is read as text" if dtype is not None else "write it in one type"
            message = f"changes type between files ({seen}): {cure}"
            problems.append(Problem(table.name, message, column=column, severity="warning" if dtype else "error"))
    return merged, problems


def _settled(file: TableFile) -> dict[str, pl.DataType]:
    """The type of each column of one file; a CSV's text is looked through for numbers."""
    if file.path.suffix != ".csv":
        return {name: _plain(dtype) for name, dtype in file.dtypes.items()}
    tests = []
    for name in file.dtypes:
        text = pl.col(name).str.strip_chars()
        tests += [
            pl.col(name).count().alias(f"{name}:present"),
            text.str.contains(_INTEGER).all().alias(f"{name}:integer"),
            (text.str.contains(r"^-?0\d").not_() & text.cast(pl.Float64, strict=False).is_not_null())
            .all()
            .alias(f"{name}:number"),
            text.str.to_lowercase().is_in(["true", "false"]).all().alias(f"{name}:truth"),
        ]
    seen = file.frame.select(tests).collect(engine="streaming").row(0, named=True)
    settled: dict[str, pl.DataType] = {}
    for name in file.dtypes:
        if not seen[f"{name}:present"]:
            settled[name] = pl.Null()
        elif seen[f"{name}:integer"]:
            settled[name] = pl.Int64()
        elif seen[f"{name}:number"]:
            settled[name] = pl.Float64()
        else:
            settled[name] = pl.Boolean() if seen[f"{name}:truth"] else pl.String()
    return settled


def _plain(dtype: pl.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return pl.String()
    if dtype.is_integer():
        return pl.Int64()
    if dtype.is_numeric():
        return pl.Float64()
    if isinstance(dtype, pl.List | pl.Array):
        inner = _plain(pl.String() if dtype.inner == pl.Null else pl.Series(dtype=dtype.inner).dtype)
        return pl.List(pl.String) if inner in (pl.String, pl.Int64, pl.Boolean) else pl.List(inner)
    return dtype


def _merge(dtypes: list[pl.DataType]) -> pl.DataType | None:
    """The type that holds them all, None where there is none."""
    if not dtypes:
        return pl.Null()
    if all(dtype == dtypes[0] for dtype in dtypes):
        return dtypes[0]
    if all(dtype.is_numeric() for dtype in dtypes):
        return pl.Float64()
    return None if any(isinstance(dtype, _NESTED) for dtype in dtypes) else pl.String()


def _as_merged(file: TableFile, merged: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    return [_as_type(file, name, dtype).alias(name) for name, dtype in merged.items()]


def _as_type(file: TableFile, name: str, dtype: pl.DataType) -> pl.Expr:
    if name not in file.dtypes or dtype == pl.Null:
        return pl.lit(None, dtype)
    if dtype == pl.Boolean and file.dtypes[name] == pl.String:
        return pl.col(name).str.strip_chars().str.to_lowercase() == "true"
    return pl.col(name).cast(dtype, strict=False)


def _counts(merged: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    counts = []
    for name, dtype in merged.items():
        column = pl.col(name)
        counts.append(column.null_count().alias(f"{name}:missing"))
        if isinstance(dtype, _NESTED) or dtype == pl.Null:
            continue
        counts.append(column.drop_nulls().approx_n_unique().alias(f"{name}:distinct"))
        if dtype == pl.String:
            counts += [
                column.str.len_chars().mean().alias(f"{name}:length"),
                column.str.contains(r"[\s[^\x00-\x7f]]").mean().alias(f"{name}:spaced"),
                column.str.contains("|", literal=True).mean().alias(f"{name}:barred"),
            ]
        else:
            counts += [column.min().alias(f"{name}:minimum"), column.max().alias(f"{name}:maximum")]
    return counts


def _as_number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _profile(name: str, dtype: pl.DataType, counted: Mapping[str, object]) -> ColumnProfile:
    def number(what: str) -> float:
        return _as_number(counted.get(f"{name}:{what}"))

    def text(what: str) -> str:
        value = counted.get(f"{name}:{what}")
        return "" if value is None else str(value)

    return ColumnProfile(
        dtype,
        num_rows=int(_as_number(counted["rows"])),
        num_missing=int(number("missing")),
        num_distinct=int(number("distinct")),
        mean_length=number("length"),
        spaced_share=number("spaced"),
        barred_share=number("barred"),
        minimum=text("minimum"),
        maximum=text("maximum"),
    )
