"""From columns to codes: every other feature is one-hot, as the paper has it (section 3, x_o).

A code indexes one table for all fields: 0 is missing everywhere, then each field has a code for values
that training never saw and one a value. Vocabularies and quantiles come from training data alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.tables.vocabulary import Vocabulary


class Side(StrEnum):
    """What a field belongs to."""

    ITEM = "item"
    CONTEXT = "context"
    """The user's profile and the moment: one value a request."""
    ROW = "row"
    """An event column that differs between the candidates of a request, or a cross: one value a candidate."""


class Coding(StrEnum):
    """How a value becomes a code."""

    VALUE = "value"
    LIST = "list"
    QUANTILE = "quantile"
    HOUR = "hour"
    WEEKDAY = "weekday"
    CROSS = "cross"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One feature and its codes `offset` (unseen) to `offset + size - 1`."""

    side: Side
    table: str
    column: str
    coding: Coding
    offset: int
    size: int
    slots: int = 1
    is_id: bool = False
    edges: tuple[float, ...] = ()
    """Inner quantile edges of a numeric field, ascending."""
    parts: tuple[str, ...] = ()
    """The two fields of a cross, by name."""

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A feature that stays a number: counted from earlier events, on a logarithmic scale, standardised."""

    name: str
    centre: float = 0.0
    spread: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureConfig:
    """Which features a model reads.

    CHOICE: numbers in quantile bins, rare values unseen; ids are features unless left out.
    """

    ids: bool = True
    """Whether user and item ids are features."""
    min_count: int = 2
    """A value seen in fewer training rows is taken for unseen."""
    num_bins: int = 16
    """Quantile bins of a numeric column."""
    crosses: tuple[tuple[str, str], ...] = ()
    """Pairs of fields by name, such as ["users.age", "items.category"]."""
    cross_size: int = 4096
    """Codes of a cross; pairs of values are hashed into them."""
    counts: bool = False
    """Whether what happened before is counted: rates of item, user, user with alike items, the same item before
    and how long ago, and how an item suits by what others made of items.

    DEVIATION: beyond the paper.
    """


class Features:
    """Fitted fields of a shop: what a model was trained on, and how other shops are read with it."""

    def __init__(
        self, fields: Sequence[Field], vocabularies: dict[str, Vocabulary], numbers: Sequence[Number] = ()
    ) -> None:
        self.fields = tuple(fields)
        self.vocabularies = vocabularies
        self.numbers = tuple(numbers)
        self.num_codes = max((field.offset + field.size for field in fields), default=1)

    def of(self, side: Side, *tables: str) -> tuple[Field, ...]:
        """Fields of a side (and of these tables), in order."""
        return tuple(f for f in self.fields if f.side is side and (not tables or f.table in tables))

    def id_slots(self, side: Side) -> list[tuple[int, int]]:
        """(slot, its code of the unseen) of each identifier of a side."""
        fields = self.of(side)
        return [(sum(f.slots for f in fields[:number]), f.offset) for number, f in enumerate(fields) if f.is_id]

    def encode(self, frame: pl.DataFrame, fields: Sequence[Field]) -> NDArray[np.int32]:
        """(rows, slots) codes; a column the frame lacks is missing in every row."""
        blocks = [self._encode_field(frame, field) for field in fields]
        return np.concatenate(blocks, axis=1) if blocks else np.zeros((len(frame), 0), dtype=np.int32)

    def _encode_field(self, frame: pl.DataFrame, field: Field) -> NDArray[np.int32]:
        if field.column not in frame.columns:
            return np.zeros((len(frame), field.slots), dtype=np.int32)
        values = frame[field.column]
        if field.coding is Coding.LIST:
            return self._list_codes(as_lists(values), field)
        if isinstance(values.dtype, pl.List):  # another shop has lists where the model's had one value
            values = as_lists(values).list.join("|").replace("", None)
        if field.coding is Coding.QUANTILE:
            return _quantile_codes(values, field)[:, None]
        return self._global(self.vocabularies[field.name].encode(values.cast(pl.String)), field)[:, None]

    def _list_codes(self, values: pl.Series, field: Field) -> NDArray[np.int32]:
        lengths = values.list.len().fill_null(0).to_numpy().astype(np.int64)
        flat = values.explode(empty_as_null=False, keep_nulls=False)
        codes = self._global(self.vocabularies[field.name].encode(flat), field)
        row = np.repeat(np.arange(len(values)), lengths)
        slot = np.arange(len(codes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        out = np.zeros((len(values), field.slots), dtype=np.int32)
        kept = slot < field.slots
        out[row[kept], slot[kept]] = codes[kept]
        return out

    @staticmethod
    def _global(codes: NDArray[np.int32], field: Field) -> NDArray[np.int32]:
        return np.where(codes == 0, 0, codes + (field.offset - Vocabulary.UNSEEN)).astype(np.int32)

    def moments(self, at: NDArray[np.int64], *, time_zone: str) -> NDArray[np.int32]:
        """(n, hour and weekday fields) codes of instants in microseconds, in the shop's time zone."""
        fields = [f for f in self.fields if f.coding in (Coding.HOUR, Coding.WEEKDAY)]
        local = pl.Series(at).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(time_zone)
        columns = [
            (local.dt.hour() if f.coding is Coding.HOUR else local.dt.weekday() - 1).cast(pl.Int32).to_numpy()
            + f.offset
            + 1
            for f in fields
        ]
        return np.stack(columns, axis=1).astype(np.int32) if columns else np.zeros((len(at), 0), dtype=np.int32)

    def cross(self, codes: dict[str, NDArray[np.int32]]) -> NDArray[np.int32]:
        """(rows, crosses) from the (rows,) codes of the crossed fields; missing where either is.

        CHOICE: pairs are hashed; the paper names no crosses.
        """
        crosses = [f for f in self.fields if f.coding is Coding.CROSS]
        some = next(iter(codes.values()), np.zeros(0, dtype=np.int32))
        out = np.zeros((len(some), len(crosses)), dtype=np.int32)
        for number, field in enumerate(crosses):
            left, right = (codes[part].astype(np.uint64) for part in field.parts)
            mixed = (left * np.uint64(0x9E3779B97F4A7C15) + right) * np.uint64(0xBF58476D1CE4E5B9)
            hashed = (mixed >> np.uint64(32)) % np.uint64(field.size - 1)
            out[:, number] = np.where((left > 0) & (right > 0), hashed + np.uint64(field.offset + 1), 0)
        return out

    def with_numbers(self, names: Sequence[str], values: NDArray[np.float64]) -> Features:
        """The same with numbers whose centre and spread are measured on (rows, numbers) values; nan is left out."""
        scaled = signed_log(values)
        known = ~np.isnan(scaled)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, scaled, 0.0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, scaled - centre, 0.0) ** 2).sum(axis=0) / count)
        spread = np.where(spread > 1e-9, spread, 1.0)  # a number that never varies stays 0
        measured = zip(names, centre.tolist(), spread.tolist(), strict=True)
        numbers = [Number(name=name, centre=middle, spread=wide) for name, middle, wide in measured]
        return Features(self.fields, self.vocabularies, numbers)

    def standardise(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """(rows, numbers) as a model reads them; what is missing stays nan."""
        centre = np.array([number.centre for number in self.numbers])
        spread = np.array([number.spread for number in self.numbers])
        standard: NDArray[np.float32] = ((signed_log(values) - centre) / spread).astype(np.float32)
        return standard

    def to_json(self) -> dict[str, Any]:
        """Fields and numbers, without the vocabularies."""
        return {
            "fields": [{name: getattr(field, name) for name in Field.__slots__} for field in self.fields],
            "numbers": [{name: getattr(number, name) for name in Number.__slots__} for number in self.numbers],
        }

    @staticmethod
    def from_json(raw: dict[str, Any]) -> Features:
        """The inverse of `to_json`; the vocabularies are to be put in."""
        fields = []
        for entry in raw["fields"]:
            side, coding = Side(entry["side"]), Coding(entry["coding"])
            edges, parts = tuple(entry["edges"]), tuple(entry["parts"])
            fields.append(Field(**{**entry, "side": side, "coding": coding, "edges": edges, "parts": parts}))
        return Features(fields, {}, [Number(**entry) for entry in raw["numbers"]])


def signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Near 0 the value, far from it a logarithm: rates stay as they are, counts come closer."""
    scaled: NDArray[np.float64] = np.sign(values) * np.log1p(np.abs(values))
    return scaled


def as_lists(values: pl.Series) -> pl.Series:
    """A list column as lists of strings; a string is divided at '|'."""
    if isinstance(values.dtype, pl.List):
        return values.cast(pl.List(pl.String)).list.drop_nulls()
    return values.cast(pl.String).str.split("|")


def _quantile_codes(values: pl.Series, field: Field) -> NDArray[np.int32]:
    numbers = values.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    codes = np.searchsorted(np.asarray(field.edges), numbers, side="right") + field.offset + 1
    return np.where(np.isnan(numbers), 0, codes).astype(np.int32)
