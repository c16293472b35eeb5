"""Fitting features: vocabularies and quantiles from training rows alone, one column at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.errors import ConfigError
from camenn.tables.features import Coding, FeatureConfig, Features, Field, Side, as_lists
from camenn.tables.schema import Column, Kind
from camenn.tables.shop import Shop
from camenn.tables.split import Part
from camenn.tables.vocabulary import Vocabulary

CHUNK = 500_000
MAX_VALUES = 8
"""Values of a list that are read; the rest of a longer list is left out."""
QUANTILE_SAMPLE = 200_000

Values = Callable[[str], Iterator[pl.Series]]
"""A column of the training rows, in pieces."""


def fit_features(
    shop: Shop, config: FeatureConfig, *, request_parts: NDArray[np.int8] | None, item_parts: NDArray[np.int8]
) -> Features:
    """The fields of a shop with the vocabularies of its training part.

    request_parts: (num_requests,) or None without events; item_parts: (item rows,). An item trains where
    it is a training item of the alignment or stands in a training request.
    """
    fitter = _Fitter(config)
    train = None
    item_seen = item_parts == Part.TRAIN
    if shop.events is not None and request_parts is not None:
        train = np.repeat(request_parts == Part.TRAIN, np.diff(shop.events.request_offset))
        item_rows, user_rows = np.asarray(shop.events.item_row), np.asarray(shop.events.user_row)
        item_seen[item_rows[train]] = True
        user_seen = np.zeros(len(shop.people.ids), dtype=bool)
        user_seen[user_rows[train]] = True
        if config.ids:
            fitter.add_id(Side.CONTEXT, "users", "user_id", shop.people.ids, user_rows[train])
            fitter.add_id(Side.ITEM, "items", "item_id", shop.catalogue.ids, item_rows[train])
        for column in _features_of(shop, "users"):
            fitter.add(Side.CONTEXT, column, _masked(shop.people.table, user_seen[Vocabulary.FIRST :]))
        for column in _features_of(shop, "events"):
            side = Side.ROW if _varies(shop, column.name) else Side.CONTEXT
            fitter.add(side, column, _masked(shop.events.context, train))
        fitter.add_moment()
    for column in _features_of(shop, "items"):
        fitter.add(Side.ITEM, column, _masked(shop.catalogue.table, item_seen[Vocabulary.FIRST :]))
    fitter.add_crosses()
    return Features(fitter.fields, fitter.vocabularies)


def _features_of(shop: Shop, table: str) -> list[Column]:
    kinds = (Kind.CATEGORICAL, Kind.MULTI, Kind.NUMERIC)
    return [column for column in shop.schema.columns if column.table == table and column.kind in kinds]


def pieces(table: pl.LazyFrame, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Some columns of a table, a bounded number of lines at a time."""
    num_lines = table.select(pl.len()).collect().item()
    for start in range(0, num_lines, CHUNK):
        yield table.select(columns).slice(start, CHUNK).collect()


def _masked(table: pl.LazyFrame, mask: NDArray[np.bool_]) -> Values:
    def values(column: str) -> Iterator[pl.Series]:
        start = 0
        for piece in pieces(table, [column]):
            yield piece[column].filter(pl.Series(mask[start : start + len(piece)]))
            start += len(piece)

    return values


def _varies(shop: Shop, column: str) -> bool:
    """Whether an event column differs between candidates of one request."""
    assert shop.events is not None
    request = np.repeat(np.arange(len(shop.events.request_offset) - 1), np.diff(shop.events.request_offset))
    start = 0
    for piece in pieces(shop.events.context, [column]):
        values = piece[column]
        here = request[start : start + len(piece)]
        same_request = np.append(False, here[1:] == here[:-1])
        changed = values.ne_missing(values.shift(1)).to_numpy()
        if (same_request & changed).any():
            return True
        start += len(piece)
    return False


class _Fitter:
    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        self.fields: list[Field] = []
        self.vocabularies: dict[str, Vocabulary] = {}

    def _append(self, field: Field) -> None:
        offset = self.fields[-1].offset + self.fields[-1].size if self.fields else 1
        self.fields.append(replace(field, offset=offset))

    def _frequent(self, values: pl.Series, counts: pl.Series) -> Vocabulary:
        return Vocabulary(values.filter(counts >= self.config.min_count).sort())

    def add_id(self, side: Side, table: str, column: str, ids: Vocabulary, rows: NDArray[np.int32]) -> None:
        counts = np.bincount(rows, minlength=len(ids))[Vocabulary.FIRST :]
        vocabulary = self._frequent(ids.values, pl.Series(counts))
        self.vocabularies[f"{table}.{column}"] = vocabulary
        self._append(
            Field(side=side, table=table, column=column, coding=Coding.VALUE, offset=0,
                  size=len(vocabulary) - 1, is_id=True)
        )  # fmt: skip

    def add(self, side: Side, column: Column, values: Values) -> None:
        if column.kind is Kind.NUMERIC:
            edges = self._edges(values(column.name))
            self._append(
                Field(side=side, table=column.table, column=column.name, coding=Coding.QUANTILE, offset=0,
                      size=len(edges) + 2, edges=edges)
            )  # fmt: skip
            return
        is_list = column.kind is Kind.MULTI
        counts: dict[str, int] = {}
        slots = 1
        for piece in values(column.name):
            if is_list:
                lists = as_lists(piece)
                longest = lists.list.len().fill_null(0).to_numpy().max(initial=0)
                slots = max(slots, min(int(longest), MAX_VALUES))
                piece = lists.explode(empty_as_null=False, keep_nulls=False)
            table = piece.cast(pl.String).drop_nulls().alias("value").value_counts(name="count")
            for value, count in table.iter_rows():
                counts[value] = counts.get(value, 0) + count
        vocabulary = self._frequent(
            pl.Series(list(counts), dtype=pl.String), pl.Series(list(counts.values()), dtype=pl.Int64)
        )
        name = f"{column.table}.{column.name}"
        self.vocabularies[name] = vocabulary
        coding = Coding.LIST if is_list else Coding.VALUE
        self._append(
            Field(side=side, table=column.table, column=column.name, coding=coding, offset=0,
                  size=len(vocabulary) - 1, slots=slots)
        )  # fmt: skip

    def _edges(self, values: Iterator[pl.Series]) -> tuple[float, ...]:
        sample = np.concatenate(
            [piece.cast(pl.Float64, strict=False).drop_nulls().to_numpy() for piece in values] or [np.zeros(0)]
        )
        if len(sample) == 0:
            return ()
        if len(sample) > QUANTILE_SAMPLE:
            sample = np.random.default_rng(0).choice(sample, QUANTILE_SAMPLE, replace=False)
        inner = np.linspace(0, 1, self.config.num_bins + 1)[1:-1]
        return tuple(np.unique(np.quantile(sample, inner)).tolist())

    def add_moment(self) -> None:
        # CHOICE: hour and weekday are context.
        for coding, size in ((Coding.HOUR, 25), (Coding.WEEKDAY, 8)):
            self._append(
                Field(
                    side=Side.CONTEXT,
                    table="events",
                    column=f"at.{coding}",
                    coding=coding,
                    offset=0,
                    size=size,
                )
            )

    def add_crosses(self) -> None:
        known = {field.name for field in self.fields if field.slots == 1}
        for left, right in self.config.crosses:
            for part in (left, right):
                if part not in known:
                    raise ConfigError(
                        f"features.crosses: no single-valued field {part!r}; there are {', '.join(sorted(known))}"
                    )
            self._append(
                Field(side=Side.ROW, table="crosses", column=f"{left} x {right}", coding=Coding.CROSS, offset=0,
                      size=self.config.cross_size, parts=(left, right))
            )  # fmt: skip
