"""The shop's users, compiled."""

from dataclasses import dataclass

import polars as pl

from camenn.tables.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class People:
    """Users of the users table, then those seen only in events (all profile columns null).

    Row r (2 or more) of `ids` is line r - 2 of `table`.
    """

    ids: Vocabulary
    table: pl.LazyFrame

    @property
    def num_users(self) -> int:
        return len(self.ids.values)
