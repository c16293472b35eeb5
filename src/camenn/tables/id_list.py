"""A list of ids in a file, such as the users to recommend to."""

from pathlib import Path

import polars as pl

from camenn.errors import DataError


def read_ids(path: Path, column: str) -> tuple[str, ...]:
    """The distinct ids of one column of a Parquet or CSV file, in order.

    Raises:
        DataError: no such file, not readable, without the column or without an id.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        frame = pl.read_csv(path, infer_schema=False) if path.suffix.lower() == ".csv" else pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as {path.suffix.lstrip('.') or 'Parquet'}: {error}") from None
    if column not in frame.columns:
        raise DataError(f"{path}: has no column {column!r}, only {', '.join(frame.columns)}")
    ids = frame[column].cast(pl.String).drop_nulls().unique(maintain_order=True)
    if len(ids) == 0:
        raise DataError(f"{path}: column {column!r} holds no id")
    return tuple(ids.to_list())
