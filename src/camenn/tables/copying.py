"""A shop's folder copied, with some items' cells taken from other items or written anew."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.errors import CamennError, DataError
from camenn.tables.catalogue import Catalogue
from camenn.tables.files import TABLES, RawTable, TableFile, find_files, read_tables
from camenn.tables.pictures import PictureBytes, PictureFolder
from camenn.tables.shop import Shop
from camenn.tables.sources.writing import ROW_GROUP_OF_PICTURES
from camenn.tables.typed import typed_scan

_LINE = "camenn:line"
_Lines = NDArray[np.int64]
_Take = Callable[[_Lines], pl.Series]
_Source = tuple[pl.DataType, _Take]
"""What a column is written as, and its cells by line."""


@dataclass(frozen=True, slots=True)
class NewCells:
    """What is to stand in one column of the items."""

    taken_from: _Lines
    """(items,): the line whose cell stands in line i; i itself where nothing is taken."""
    written: Mapping[int, str | bytes] = field(default_factory=dict)
    """By line, new cells, which go before what is taken: text as a CSV file would hold it, a picture as its file's
    content (kept in `written/` where the shop keeps files).
    """

    @property
    def changed(self) -> NDArray[np.bool_]:
        """(items,): whether another cell stands there."""
        changed: NDArray[np.bool_] = self.taken_from != np.arange(len(self.taken_from))
        changed[list(self.written)] = True
        return changed


def copy_shop(shop: Shop, target: Path, cells: Mapping[str, NewCells]) -> None:
    """Write a shop's files into the empty folder `target`, with new cells in some columns of the items.

    Files of the items table that hold a changed line are written again, value for value elsewhere. All other files of
    the folder itself, the further files of its tables and the items' pictures are linked, or copied where the disk
    has no links.

    Raises:
        CamennError: the tables were written to since the shop was opened.
        DataError: what is written does not fit the type of its column.
    """
    items = _unchanged_items(shop)
    sources = {column: _source(shop, items, column, new.written, target) for column, new in cells.items()}
    changed = np.any([new.changed for new in cells.values()], axis=0) if cells else np.zeros(0, dtype=bool)
    written, first = set(), 0
    for file in items.files:
        last = first + file.frame.select(pl.len()).collect().item()
        if changed[first:last].any():
            written.add(file.path)
            path = target / file.path.relative_to(shop.folder)
            path.parent.mkdir(exist_ok=True)
            _write(_replaced(file, sources, cells, first=first), path)
        first = last
    _carry_files(shop.folder, target, except_for=written)
    _carry_pictures(shop.catalogue, target)


def _unchanged_items(shop: Shop) -> RawTable:
    """The items as they lie in the shop's folder, line by line those of its catalogue."""
    tables, _ = read_tables(shop.folder)
    if "items" in tables:
        column = [column for column in shop.schema.in_table("items") if column.name == "item_id"]
        if typed_scan(tables["items"], column, shop.settings).collect()["item_id"].equals(shop.catalogue.ids.values):
            return tables["items"]
    raise CamennError(f"the items in {shop.folder} were written to since the shop was opened; open it again")


def _source(shop: Shop, items: RawTable, column: str, written: Mapping[int, str | bytes], target: Path) -> _Source:
    new = list(written.values())
    if any(isinstance(cell, bytes) != (column == "image") for cell in new):
        raise DataError(f"items.{column}: a picture is written as its content, everything else as text")
    if column == "image" and isinstance(shop.catalogue.pictures, PictureBytes):
        return pl.Binary(), _pictures(shop.catalogue.pictures, new)
    if column == "image":
        new = [_new_file(target, cell) for cell in new if isinstance(cell, bytes)]
    found = {file.dtypes[column] for file in items.files if column in file.dtypes}
    dtype = found.pop() if len(found) == 1 else pl.String()
    held = items.scan({file.path: [_held(file, column, dtype)] for file in items.files}).collect()[column]
    return dtype, pl.concat([held, _typed(column, new, dtype)]).gather


def _pictures(pictures: PictureBytes, new: list[str | bytes]) -> _Take:
    """The shop's pictures by line, with the new ones behind them."""
    num_lines = len(pictures.offset) - 1

    def take(lines: _Lines) -> pl.Series:
        read = (new[line - num_lines] if line >= num_lines else pictures.read(line, line + 1)[0] for line in lines)
        return pl.Series(list(read), dtype=pl.Binary)

    return take


def _new_file(target: Path, content: bytes) -> str:
    path = target / "written" / hashlib.blake2b(content, digest_size=16).hexdigest()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path.relative_to(target).as_posix()


def _typed(column: str, written: list[str | bytes], dtype: pl.DataType) -> pl.Series:
    values = pl.Series(written, dtype=pl.String)
    try:
        return (values.str.split("|") if isinstance(dtype, pl.List) else values).cast(dtype).alias(column)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"items.{column}: what is to be written does not fit its type, {dtype}: {error}") from error


def _held(file: TableFile, column: str, dtype: pl.DataType) -> pl.Expr:
    if column in file.dtypes:
        return pl.col(column).cast(dtype)
    return pl.repeat(None, pl.len(), dtype=dtype).alias(column)


def _replaced(
    file: TableFile, sources: Mapping[str, _Source], cells: Mapping[str, NewCells], *, first: int
) -> pl.LazyFrame:
    """The rows of one file, which begins at line `first` of the catalogue, with their cells replaced."""
    frame = file.frame.with_row_index(_LINE, offset=first)
    for column, (dtype, take) in sources.items():
        new = pl.struct(_LINE, _held(file, column, dtype)).map_batches(
            _replacing(take, cells[column]), return_dtype=dtype, is_elementwise=True
        )
        frame = frame.with_columns(new.alias(column))
    return frame.drop(_LINE)


def _replacing(take: _Take, new: NewCells) -> Callable[[pl.Series], pl.Series]:
    source = new.taken_from.copy()  # what is written stands behind the lines
    source[list(new.written)] = len(source) + np.arange(len(new.written))

    def replace(cells: pl.Series) -> pl.Series:
        line, held = (cells.struct.field(name) for name in cells.struct.fields)
        other = source[line.to_numpy()]
        changed = other != line.to_numpy()
        if not changed.any():
            return held
        taken = take(other[changed])  # these alone: a picture is read from the disk
        return held.zip_with(pl.Series(~changed), taken.gather(np.where(changed, np.cumsum(changed) - 1, 0)))

    return replace


def _write(frame: pl.LazyFrame, path: Path) -> None:
    if path.suffix == ".csv":
        frame.sink_csv(path, maintain_order=True)
    else:
        rows = ROW_GROUP_OF_PICTURES if "image" in frame.collect_schema() else None
        frame.sink_parquet(path, row_group_size=rows, maintain_order=True)


def _carry_files(folder: Path, target: Path, *, except_for: set[Path]) -> None:
    beside = [path for path in folder.iterdir() if path.is_file()]
    in_tables = [path for table in TABLES for path in find_files(folder, table)]
    for path in {*beside, *in_tables} - except_for:
        _carry(path, target / path.relative_to(folder))


def _carry_pictures(catalogue: Catalogue, target: Path) -> None:
    pictures = catalogue.pictures
    if isinstance(pictures, PictureFolder) and catalogue.has_images:
        carried = PictureFolder(target)
        for written in catalogue.column("image").drop_nulls().unique():
            path = pictures.find(written)
            if path.is_file():
                _carry(path, carried.find(written))


def _carry(path: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path.resolve(), target)  # of a link itself the copy would lead elsewhere
    except OSError:
        shutil.copyfile(path, target)
