"""What reviewers decided of findings: a table that is only ever added to, in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import polars as pl
from sqlalchemy import URL, Connection, Engine, insert, inspect, select, text, tuple_
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from camenn.errors import CamennError, DataError
from camenn.rectify.findings import About
from camenn.rectify.ledger_database import DECISIONS, META, METADATA, open_engine

LEDGER = "decisions.db"
_FORMAT = "1"
_KEYS_A_QUERY = 400

Key = tuple[str, str]
"""A finding: its item's id and its kind."""


class Action(StrEnum):
    """What was done about a finding."""

    ACCEPT = "accept"
    REJECT = "reject"
    EDIT = "edit"
    """The claim is right; the reviewer typed what is to stand there."""
    UNDO = "undo"
    """An earlier entry no longer counts."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be recorded of one finding."""

    item_id: str
    kind: str
    action: Action
    seen: int | None
    """Id of the finding's last entry that the reviewer knew of; None where there was none."""
    columns: tuple[str, ...] = ()
    """Of the items table: what it changes; none where it changes nothing."""
    before: str | None = None
    after: str | None = None
    taken_from: str | None = None
    """The item whose cells are taken; None where nothing is, or the text was typed."""
    undoes: int | None = None

    @property
    def key(self) -> Key:
        return self.item_id, self.kind


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision as it stands in the ledger."""

    id: int
    at: datetime
    """UTC."""
    reviewer: str
    item_id: str
    kind: str
    revision: int
    """From 1, counted over the finding's entries."""
    action: Action
    columns: tuple[str, ...]
    before: str | None
    after: str | None
    taken_from: str | None
    batch: str | None
    """Shared by the entries of one act on many findings."""
    model: str
    items: str
    undoes: int | None

    @property
    def key(self) -> Key:
        return self.item_id, self.kind


class StaleDecisionError(CamennError):
    """Somebody decided on the finding since its reviewer looked; nothing was written."""

    def __init__(self, newer: Entry | None) -> None:
        self.newer = newer
        if newer is None:
            told = "the ledger does not hold what this decision rests on"
        else:
            did = {Action.ACCEPT: "accepted", Action.REJECT: "rejected", Action.EDIT: "edited", Action.UNDO: "undid"}
            told = f"{newer.reviewer} {did[newer.action]} this at {newer.at:%H:%M:%S} UTC"
        super().__init__(f"{told}; nothing was written: look again and decide anew")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of decisions that were recorded together."""

    entries: tuple[Entry, ...]
    stale: tuple[Entry, ...]
    """Of the findings that were decided meanwhile, the entries that stand in the way."""


def ledger_url(folder: Path) -> str:
    """Where the decisions on a folder's findings lie unless another ledger is named."""
    return URL.create("sqlite", database=str(folder / LEDGER)).render_as_string()


class Ledger:
    """Decisions on the findings of one shop's items. Safe to use from many threads and many processes."""

    def __init__(self, engine: Engine, about: About) -> None:
        self._engine, self._about = engine, about

    @classmethod
    def open(cls, url: str, about: About, *, create: bool) -> Self:
        """The ledger at `url` (`sqlite:///FILE`, `postgresql://USER@HOST/NAME`), made if it is not there.

        Raises:
            DataError: there is none and `create` is False; it holds decisions on other items; it is no ledger.
            CamennError: the database cannot be reached or written.
        """
        ledger = cls(open_engine(url), about)
        try:
            with ledger._told():
                if create:
                    METADATA.create_all(ledger._engine)
                elif not ledger._is_there():
                    raise DataError(f"{ledger.name}: no decisions here; review the findings first: camenn desk")
                ledger._check_items(create=create)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        url = self._engine.url
        return str(url.database) if url.drivername.startswith("sqlite") else url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def record(self, decision: Decision, *, reviewer: str) -> Entry:
        """Write one decision. Raises StaleDecisionError where a newer entry than it names is there."""
        recorded = self.record_all([decision], reviewer=reviewer, batch=None)
        if recorded.stale:
            raise StaleDecisionError(recorded.stale[0])
        return recorded.entries[0]

    def record_all(self, decisions: Sequence[Decision], *, reviewer: str, batch: str | None) -> Recorded:
        """Write decisions on different findings in one transaction, those left out that somebody was quicker with.

        Raises:
            StaleDecisionError: an entry that a decision names is not there.
            CamennError: the database cannot be written; then none of them is.
        """
        try:
            with self._told(), self._writing() as connection:
                last = self._last(connection, [decision.key for decision in decisions])
                stale, rows = [], []
                for decision in decisions:
                    newest = last.get(decision.key)
                    if (newest.id if newest else None) == decision.seen:
                        rows.append(self._row(decision, newest, reviewer=reviewer, batch=batch))
                    elif newest is None:
                        raise StaleDecisionError(None)
                    else:
                        stale.append(newest)
                entries: list[Entry] = []
                if rows:
                    written = insert(DECISIONS).returning(DECISIONS, sort_by_parameter_order=True)
                    entries += map(_entry, connection.execute(written, rows).mappings())
        except IntegrityError as error:  # only where something writes past the lock
            raise StaleDecisionError(None) from error
        return Recorded(tuple(entries), tuple(stale))

    def entries(self, *, after: int = 0) -> list[Entry]:
        """All entries with an id above `after`, oldest first."""
        asked = select(DECISIONS).where(DECISIONS.c.id > after).order_by(DECISIONS.c.id)
        with self._told(), self._engine.begin() as connection:
            return [_entry(row) for row in connection.execute(asked).mappings()]

    def standing(self) -> dict[Key, Entry]:
        """The decision in force of each finding that has one."""
        return in_force(self.entries())

    def to_frame(self) -> pl.DataFrame:
        """All entries, oldest first, and whether each is in force: what was learned of pairs, for training."""
        entries = self.entries()
        standing = {entry.id for entry in in_force(entries).values()}
        rows = [asdict(entry) | {"action": entry.action.value, "in_force": entry.id in standing} for entry in entries]
        return pl.DataFrame(rows, schema=_FRAME).with_columns(pl.col("columns").list.drop_nulls())

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that waits for others that write: ids then come in the order in which they are committed."""
        with self._engine.execution_options(camenn_writes=True).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE decisions IN SHARE ROW EXCLUSIVE MODE"))
            yield connection

    def _last(self, connection: Connection, keys: Sequence[Key]) -> dict[Key, Entry]:
        table, last = DECISIONS.c, {}
        for start in range(0, len(keys), _KEYS_A_QUERY):
            part = tuple_(table.item_id, table.kind).in_(keys[start : start + _KEYS_A_QUERY])
            for row in connection.execute(select(DECISIONS).where(part).order_by(table.revision)).mappings():
                last[(row["item_id"], row["kind"])] = _entry(row)
        return last

    def _row(self, decision: Decision, newest: Entry | None, *, reviewer: str, batch: str | None) -> dict[str, Any]:
        given = asdict(decision) | {"action": decision.action.value, "columns": list(decision.columns)}
        del given["seen"]
        return given | {
            "at": datetime.now(UTC).replace(tzinfo=None),
            "reviewer": reviewer,
            "revision": newest.revision + 1 if newest else 1,
            "batch": batch,
            "model": self._about.model,
            "items": self._about.items,
        }

    def _is_there(self) -> bool:
        database = self._engine.url.database
        if self._engine.dialect.name == "sqlite" and not Path(str(database)).is_file():
            return False  # to look into it would make it
        return inspect(self._engine).has_table(DECISIONS.name)

    def _check_items(self, *, create: bool) -> None:
        wanted = {"format": _FORMAT, "items": self._about.items}
        with self._writing() as connection:
            held: dict[str, str] = {row.key: row.value for row in connection.execute(select(META))}
            if not held and create:
                connection.execute(insert(META), [{"key": key, "value": value} for key, value in wanted.items()])
                return
        if held.get("format") != _FORMAT:
            raise DataError(f"{self.name}: format {held.get('format')}, this version reads {_FORMAT}; name another")
        if held.get("items") != self._about.items:
            raise DataError(
                f"{self.name}: holds decisions on other items than those of {self._about.shop}: another shop, or the "
                "items changed since; name another ledger with --ledger, or move this one away"
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise CamennError(f"{self.name}: the ledger cannot be read or written: {reason}") from error


def in_force(entries: Iterable[Entry]) -> dict[Key, Entry]:
    """Of entries in their order, each finding's last decision that was not undone, oldest first."""
    entries = list(entries)
    undone = {entry.undoes for entry in entries}
    counting = [entry for entry in entries if entry.action is not Action.UNDO and entry.id not in undone]
    last = {entry.key: entry for entry in counting}
    return dict(sorted(last.items(), key=lambda found: found[1].id))


def _entry(row: Any) -> Entry:
    held = dict(row)
    at, columns = held["at"].replace(tzinfo=UTC), tuple(held["columns"])
    return Entry(**held | {"at": at, "columns": columns, "action": Action(held["action"])})


_FRAME: dict[str, Any] = {field.name: pl.String() for field in fields(Entry)} | {
    "id": pl.Int64(),
    "at": pl.Datetime("us", "UTC"),
    "revision": pl.Int64(),
    "columns": pl.List(pl.String()),
    "undoes": pl.Int64(),
    "in_force": pl.Boolean(),
}
