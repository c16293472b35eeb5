"""What each column is: inferred by a short list of rules, overridable in `shop.toml`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from camenn.errors import Problem
from camenn.tables.settings import SETTINGS_FILE, ShopSettings, TableName


class Kind(StrEnum):
    """How a column is read. `categorical`, `numeric` and `multi` columns are features."""

    CATEGORICAL = "categorical"
    MULTI = "multi"
    """Several categories in one cell: a list, or text with `|` between them."""
    NUMERIC = "numeric"
    TEXT = "text"
    IMAGE = "image"
    ID = "id"
    TIME = "time"
    OUTCOME = "outcome"
    """`converted`: what is predicted, never a feature."""
    IGNORED = "ignore"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table and why it is read as it is."""

    table: TableName
    name: str
    kind: Kind
    why: str


@dataclass(frozen=True, slots=True)
class Schema:
    """All columns of a shop, in the order of its tables."""

    columns: tuple[Column, ...]

    def of(self, table: TableName, kind: Kind) -> tuple[Column, ...]:
        """The columns of one table that are of one kind."""
        return tuple(column for column in self.columns if column.table == table and column.kind is kind)

    def in_table(self, table: TableName) -> tuple[Column, ...]:
        """All columns of one table."""
        return tuple(column for column in self.columns if column.table == table)


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What was counted in one column over all files."""

    dtype: pl.DataType
    num_rows: int
    num_missing: int
    num_distinct: int = 0
    """Exact up to about a hundred thousand, then an estimate."""
    mean_length: float = 0.0
    """Characters, of text."""
    spaced_share: float = 0.0
    """Share of values with a blank or a letter beyond ASCII, of text."""
    barred_share: float = 0.0
    """Share of values with a `|`, of text."""
    minimum: str = ""
    maximum: str = ""

    @property
    def num_present(self) -> int:
        return self.num_rows - self.num_missing

    @property
    def distinct_share(self) -> float:
        return self.num_distinct / max(self.num_present, 1)


ROLES: Mapping[TableName, Mapping[str, tuple[Kind, str]]] = {
    "items": {
        "item_id": (Kind.ID, "names the item"),
        "name": (Kind.TEXT, "the item's name"),
        "description": (Kind.TEXT, "the item's description"),
        "category": (Kind.CATEGORICAL, "the item's category"),
        "image": (Kind.IMAGE, "the item's picture"),
        "price": (Kind.NUMERIC, "the item's price"),
    },
    "users": {"user_id": (Kind.ID, "names the user")},
    "events": {
        "user_id": (Kind.ID, "names the user"),
        "item_id": (Kind.ID, "names the item"),
        "at": (Kind.TIME, "when it happened"),
        "converted": (Kind.OUTCOME, "the outcome, never a feature"),
        "request_id": (Kind.ID, "binds the rows of one request"),
    },
}
"""Columns whose name says what they are."""

REQUIRED: Mapping[TableName, tuple[str, ...]] = {
    "items": ("item_id",),
    "users": ("user_id",),
    "events": ("user_id", "item_id", "at"),
}

_FIXED = (Kind.ID, Kind.TIME, Kind.OUTCOME)
_Rule = tuple[Callable[[ColumnProfile], bool], Kind, str]


def _is_prose(column: ColumnProfile) -> bool:
    return column.mean_length > 30 and column.spaced_share > 0.5


# Read from the top; the first rule that holds decides.
_RULES: tuple[_Rule, ...] = (
    (lambda c: c.num_present == 0, Kind.IGNORED, "holds no value"),
    (lambda c: c.dtype == pl.Boolean, Kind.CATEGORICAL, "true or false"),
    (lambda c: c.dtype.is_temporal(), Kind.IGNORED, "a date is no feature by itself"),
    (lambda c: c.dtype == pl.List(pl.String), Kind.MULTI, "lists of values"),
    (lambda c: c.dtype.is_integer() and c.num_distinct <= 32, Kind.CATEGORICAL, "whole numbers, {distinct} distinct"),
    (lambda c: c.dtype.is_integer(), Kind.NUMERIC, "whole numbers, {distinct} distinct"),
    (lambda c: c.dtype.is_numeric(), Kind.NUMERIC, "numbers"),
    (lambda c: c.dtype != pl.String, Kind.IGNORED, "{dtype} is not read"),
    (lambda c: c.barred_share > 0.05, Kind.MULTI, "'|' stands between values"),
    (lambda c: c.distinct_share <= 0.2, Kind.CATEGORICAL, "{distinct} distinct values in {present} rows"),
    (_is_prose, Kind.TEXT, "text of {length} characters"),
    (lambda c: c.num_distinct > 32 and c.distinct_share > 0.9, Kind.IGNORED, "differs in nearly every row"),
    (lambda c: c.num_distinct <= 1000, Kind.CATEGORICAL, "{distinct} distinct values"),
    (lambda c: True, Kind.IGNORED, "{distinct} distinct values in {present} rows are too many"),
)


def infer_schema(
    profiles: Mapping[TableName, Mapping[str, ColumnProfile]], settings: ShopSettings
) -> tuple[Schema, list[Problem]]:
    """The kind of every column, and what `shop.toml` asks that cannot be."""
    columns = tuple(
        _column(table, name, profile, settings)
        for table, table_profiles in profiles.items()
        for name, profile in table_profiles.items()
    )
    return Schema(columns), _setting_problems(profiles, settings)


def _column(table: TableName, name: str, profile: ColumnProfile, settings: ShopSettings) -> Column:
    role, asked = ROLES[table].get(name), settings.kind_of(table, name)
    if asked is not None and (role is None or role[0] not in _FIXED):
        return Column(table, name, Kind(asked), SETTINGS_FILE)
    if role is not None:
        return Column(table, name, *role)
    kind, why = next((kind, why) for holds, kind, why in _RULES if holds(profile))
    why = why.format(
        distinct=profile.num_distinct,
        present=profile.num_present,
        length=round(profile.mean_length),
        dtype=profile.dtype,
    )
    if kind is Kind.TEXT and table != "items":
        return Column(table, name, Kind.IGNORED, f"{why}: read for items only")
    return Column(table, name, kind, why)


def _setting_problems(
    profiles: Mapping[TableName, Mapping[str, ColumnProfile]], settings: ShopSettings
) -> list[Problem]:
    problems = []
    for table, columns in settings.columns.items():
        for name, kind in columns.items():
            place, role = f"columns.{table}.{name}", ROLES[table].get(name)
            if name not in profiles.get(table, {}):
                known = ", ".join(profiles.get(table, {})) or "no table of that name is there"
                problems.append(Problem(SETTINGS_FILE, f"no such column; there are: {known}", column=place))
            elif role is not None and role[0] in _FIXED:
                problems.append(Problem(SETTINGS_FILE, f"{name} {role[1]}; that cannot be changed", column=place))
            elif (table, name) == ("items", "image") and kind != "ignore":
                problems.append(Problem(SETTINGS_FILE, "a picture can only be left out ('ignore')", column=place))
            elif kind == "text" and table != "items":
                problems.append(Problem(SETTINGS_FILE, "'text' is read for items only", column=place))
    return problems
