"""The shop's items, compiled: read by line, never loaded whole unless asked."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from camenn.errors import Problem, ShopError
from camenn.tables.pictures import OutsideShopError, PictureBytes, PictureFolder
from camenn.tables.vocabulary import Vocabulary


def normal_form(text: str) -> str:
    """What two texts share that say the same: compatibility forms, case folded, blanks collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Items. Row r (2 or more) of `ids` is line r - 2 of `table`; methods take lines."""

    ids: Vocabulary
    table: pl.LazyFrame
    """Scan of the compiled Parquet file, all columns but picture bytes."""
    text_columns: tuple[str, ...]
    """Columns that make an item's text, in order: name, description, further ones."""
    has_names: bool
    has_text: bool
    has_images: bool
    pictures: PictureFolder | PictureBytes

    @property
    def num_items(self) -> int:
        return len(self.ids.values)

    def texts(self, start: int, stop: int) -> list[str]:
        """Name and descriptions of the lines start to stop; "" where nothing is written.

        CHOICE: name, then descriptions, joined by ". ".
        """
        if not self.text_columns:
            return [""] * self._num_lines(start, stop)
        joined = pl.concat_str(self.text_columns, separator=". ", ignore_nulls=True)
        return self._lines(start, stop, joined.fill_null("").alias("text")).to_list()

    def names(self, start: int, stop: int) -> list[str]:
        """Names of the lines start to stop, "" where missing."""
        if not self.has_names:
            return [""] * self._num_lines(start, stop)
        return self._lines(start, stop, pl.col("name").fill_null("")).to_list()

    def images(self, start: int, stop: int) -> list[bytes | Path | None]:
        """Picture of each line: bytes, a file inside the shop's folder that is there, or None.

        Raises ShopError if a path has come to lead out of the folder since the shop was checked.
        """
        if not self.has_images:
            return [None] * self._num_lines(start, stop)
        if isinstance(self.pictures, PictureBytes):
            return list(self.pictures.read(start, self._clip(stop)))
        return [self._file(written) for written in self._lines(start, stop, pl.col("image")).to_list()]

    def column(self, name: str) -> pl.Series:
        """One column, whole, in line order."""
        return self.table.select(name).collect().to_series()

    def _lines(self, start: int, stop: int, expression: pl.Expr) -> pl.Series:
        return self.table.slice(start, self._num_lines(start, stop)).select(expression).collect().to_series()

    def _num_lines(self, start: int, stop: int) -> int:
        return max(self._clip(stop) - start, 0)

    def _clip(self, stop: int) -> int:
        return min(stop, self.num_items)

    def _file(self, written: str | None) -> Path | None:
        assert isinstance(self.pictures, PictureFolder)
        if written is None:
            return None
        try:
            path = self.pictures.find(written)
        except OutsideShopError as error:
            raise ShopError([Problem("items", f"{written!r} leaves the shop's folder", column="image")]) from error
        return path if path.is_file() else None
