"""Errors a user can act on: what is wrong, where, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


class CamennError(Exception):
    """Anything the command line reports in one line, without a traceback."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a shop's tables."""

    table: str
    """`items`, `users`, `events`, or `shop.toml`."""
    message: str
    """What is wrong and what to do, in a sentence."""
    column: str | None = None
    rows: tuple[int, ...] = ()
    """First few row numbers, counted from 1 over the table's files in name order."""
    num_rows: int | None = None
    """How many rows are concerned in all."""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = self.table if self.column is None else f"{self.table}.{self.column}"
        rows = (
            f" (rows {', '.join(map(str, self.rows))}{', …' if (self.num_rows or 0) > len(self.rows) else ''})"
            if self.rows
            else ""
        )
        return f"{where}: {self.message}{rows}"


class ShopError(CamennError):
    """The shop's tables cannot be used; `problems` says all of it at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConfigError(CamennError):
    """A run's configuration is not usable: an unknown key, a wrong type, a value out of range."""


class EncoderError(CamennError):
    """An encoder is not there or cannot run; the message says what to install or fetch."""


class StoreError(CamennError):
    """An embedding store is missing, half written or of another encoder, or the disk has no room for what is mapped."""


class BundleError(CamennError):
    """A saved model is incomplete, altered or does not fit what it is asked."""


class DataError(CamennError):
    """The data holds too little for what was asked, such as a split without any positive."""
