"""The findings in order of worth, and what was decided of each, in memory beside the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Literal
from urllib.parse import urlencode

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.metrics.intervals import Estimate, wilson
from camenn.rectify.findings import Kind
from camenn.rectify.ledger import Action, Entry, Key, Ledger, in_force
from camenn.serving.desk.listings import Listings

HOLD_S = 60.0
"""How long a finding that one reviewer looks at is not given to another."""
KINDS = tuple(Kind)
_NONE = -1
_Rows = NDArray[np.int64]


class State(IntEnum):
    """What became of a finding so far."""

    OPEN = 0
    ACCEPTED = 1
    REJECTED = 2
    EDITED = 3


_STATE = {Action.ACCEPT: State.ACCEPTED, Action.REJECT: State.REJECTED, Action.EDIT: State.EDITED}
Shown = Literal["open", "decided", "accepted", "rejected", "edited", "all"]
_SHOWN: dict[Shown, tuple[State, ...]] = {
    "open": (State.OPEN,),
    "decided": (State.ACCEPTED, State.REJECTED, State.EDITED),
    "accepted": (State.ACCEPTED,),
    "rejected": (State.REJECTED,),
    "edited": (State.EDITED,),
    "all": tuple(State),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which findings are looked at; an empty text is no condition."""

    kind: str = ""
    category: str = ""
    store: str = ""
    confidence: int = 0
    """At least so many percent."""
    state: Shown = "open"

    def query(self) -> str:
        """As the query of an address, what is not asked left out."""
        asked = {"kind": self.kind, "category": self.category, "store": self.store}
        more = {"confidence": self.confidence or "", "state": "" if self.state == "open" else self.state}
        return urlencode({name: value for name, value in (asked | more).items() if value})


@dataclass(frozen=True, slots=True)
class Score:
    """How the findings of a kind, or all, did so far."""

    kind: Kind | None
    num_findings: int
    num_accepted: int
    num_rejected: int
    num_edited: int

    @property
    def num_decided(self) -> int:
        return self.num_accepted + self.num_rejected + self.num_edited

    @property
    def precision(self) -> Estimate:
        """Share of the decided ones whose claim was right, with Wilson's interval; nan with none decided."""
        return wilson(self.num_accepted + self.num_edited, self.num_decided)


class Worklist:
    """What is to be reviewed. Rows are those of the findings, the most worth first."""

    def __init__(self, findings: pl.DataFrame, listings: Listings, ledger: Ledger) -> None:
        """`findings` as `read_findings` gives them."""
        self.findings = findings
        self._ledger = ledger
        self._row_of = {key: row for row, key in enumerate(findings.select("item_id", "kind").iter_rows())}
        lines = [listings.line(item_id) for item_id in findings["item_id"]]
        at = pl.Series(lines, dtype=pl.Int64)
        self._codes: dict[str, _Rows] = {}
        self.values: dict[str, list[str]] = {"kind": [kind.value for kind in KINDS]}
        """What each filter can be set to."""
        self._codes["kind"] = _coded(findings["kind"], self.values["kind"])
        for name, column in (("category", "category"), ("store", listings.store_column)):
            cells = listings.column(column or "").gather(at)
            self.values[name] = cells.drop_nulls().unique().sort().to_list()
            self._codes[name] = _coded(cells, self.values[name])
        self._confidence = findings["probability"].to_numpy()
        self._state = np.zeros(len(findings), dtype=np.int8)
        self._entries: dict[int, list[Entry]] = {}
        self._acts: dict[str, list[Entry]] = {}
        self._by_id: dict[int, Entry] = {}
        self._undone: set[int] = set()
        self._held: dict[int, tuple[str, float]] = {}
        self._last_id = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.findings)

    def refresh(self) -> None:
        """Take in what the ledger holds since, whoever wrote it."""
        with self._lock:
            touched = set()
            for entry in self._ledger.entries(after=self._last_id):
                self._last_id = entry.id
                self._by_id[entry.id] = entry
                if entry.undoes is not None:
                    self._undone.add(entry.undoes)
                row = self._row_of.get(entry.key)
                if row is not None:  # a model trained since may claim less
                    self._entries.setdefault(row, []).append(entry)
                    touched.add(row)
                    if entry.action is not Action.UNDO:
                        self._acts.setdefault(entry.reviewer, []).append(entry)
            for row in touched:
                standing = self.standing(row)
                self._state[row] = _STATE[standing.action] if standing else State.OPEN

    def row(self, item_id: str, kind: str) -> int | None:
        """Where a finding stands."""
        return self._row_of.get((item_id, kind))

    def key(self, row: int) -> Key:
        """The item and the kind of a finding."""
        item_id, kind = self.findings.select("item_id", "kind").row(row)
        return item_id, kind

    def at(self, row: int) -> dict[str, Any]:
        """A finding, column by column."""
        return self.findings.row(row, named=True)

    def state(self, row: int) -> State:
        return State(int(self._state[row]))

    def history(self, row: int) -> tuple[Entry, ...]:
        """All that was entered of a finding, oldest first."""
        return tuple(self._entries.get(row, ()))

    def standing(self, row: int) -> Entry | None:
        """The decision on a finding that is in force."""
        return next(iter(in_force(self._entries.get(row, ())).values()), None)

    def last_id(self, row: int) -> int | None:
        """The finding's last entry."""
        entries = self._entries.get(row)
        return entries[-1].id if entries else None

    def entry(self, entry_id: int) -> Entry | None:
        return self._by_id.get(entry_id)

    def rows(self, filters: Filters) -> _Rows:
        """The findings that a filter lets through, most worth first."""
        return np.flatnonzero(self._mask(filters))

    def counts(self, name: str, filters: Filters) -> Mapping[str, int]:
        """For each value of a filter, how many findings there are of it under the other filters."""
        codes = self._codes[name][self._mask(filters, without=name)]
        counted = np.bincount(codes[codes != _NONE], minlength=len(self.values[name]))
        return dict(zip(self.values[name], counted.tolist(), strict=True))

    def next_row(self, filters: Filters, *, after: int, reviewer: str) -> int | None:
        """The next finding for a reviewer, from the first again at the end; None where there is none but `after`.

        One that another reviewer looks at comes only when no other is left.
        """
        rows = self.rows(filters)
        rows = rows[rows != after]
        now = time.monotonic()
        with self._lock:
            held = [row for row, (holder, until) in self._held.items() if holder != reviewer and until > now]
        free = rows[~np.isin(rows, held)] if held else rows
        free = free if len(free) else rows
        if not len(free):
            return None
        return int(free[np.searchsorted(free, after) % len(free)])

    def hold(self, row: int, *, reviewer: str) -> None:
        """Remember who looks at a finding; what the reviewer looked at before is free."""
        now = time.monotonic()
        with self._lock:
            self._held = {other: held for other, held in self._held.items() if held[0] != reviewer and held[1] > now}
            self._held[row] = reviewer, now + HOLD_S

    def can_undo(self, reviewer: str) -> bool:
        """Whether the reviewer decided anything that is still in force."""
        with self._lock:
            return self._latest_act(reviewer) is not None

    def last_act(self, reviewer: str) -> tuple[Entry, ...]:
        """What the reviewer did last that is still in force: one decision, or those of one batch."""
        with self._lock:
            latest = self._latest_act(reviewer)
            if latest is None or latest.batch is None:
                return () if latest is None else (latest,)
            same = [entry for entry in self._acts[reviewer] if entry.batch == latest.batch]
            return tuple(entry for entry in same if self._in_force(entry))

    def scores(self) -> list[Score]:
        """How far the review is: all findings first, then each kind that there is."""
        num_states = len(State)
        cells = self._codes["kind"] * num_states + self._state
        table = np.bincount(cells, minlength=len(KINDS) * num_states).reshape(len(KINDS), num_states)
        rows = [(None, table.sum(axis=0)), *zip(KINDS, table, strict=True)]
        return [
            Score(kind, int(row.sum()), *(int(row[state]) for state in (State.ACCEPTED, State.REJECTED, State.EDITED)))
            for kind, row in rows
            if kind is None or row.any()
        ]

    def _latest_act(self, reviewer: str) -> Entry | None:
        acts = self._acts.get(reviewer, [])
        while acts and acts[-1].id in self._undone:
            acts.pop()  # for good; one that another reviewer overruled may come into force again
        return next((entry for entry in reversed(acts) if self._in_force(entry)), None)

    def _in_force(self, entry: Entry) -> bool:
        row = self._row_of.get(entry.key)
        return row is not None and self.standing(row) == entry

    def _mask(self, filters: Filters, *, without: str = "") -> NDArray[np.bool_]:
        mask = np.isin(self._state, _SHOWN[filters.state])
        if filters.confidence > 0:
            mask &= self._confidence >= filters.confidence / 100
        for name, value in (("kind", filters.kind), ("category", filters.category), ("store", filters.store)):
            if value and name != without:
                code = self.values[name].index(value) if value in self.values[name] else _NONE - 1
                mask &= self._codes[name] == code
        return mask


def only_open(filters: Filters) -> Filters:
    """The same filters for what is not decided yet."""
    return replace(filters, state="open")


def _coded(cells: pl.Series, values: list[str]) -> _Rows:
    """Each cell's place among the values, _NONE where it is null."""
    code = {value: place for place, value in enumerate(values)}
    return np.array([_NONE if cell is None else code[cell] for cell in cells], dtype=np.int64)
