"""What happened before, as numbers: cross features of a candidate, its item and its user (paper, section 3).

A user's own past is counted strictly before the request. What others made of an item comes from training
events of other users, folds of users taking turns, so that no row is described by its own outcome.

DEVIATION: which cross features is ours; what others did is counted over all training moments, later ones too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from camenn.batches.source import Source
from camenn.batches.taste import Taste
from camenn.tables.events import Events
from camenn.tables.features import Coding, Field, Side
from camenn.tables.split import MICROSECONDS_A_DAY

WINDOW = 1000
"""The user's last events that are looked through."""
RECENT = 10
NUM_FOLDS = 10
SHRINK = 5.0
"""Events of the average rate that every rate is mixed with."""
MAX_VALUES = 500
"""An item field of more values than this makes no two items alike."""


def count_names(source: Source) -> list[str]:
    """The counts a shop offers. `over_items`: outcomes less what the items' rates promised; `days`: since bought."""
    alike = [f"user_over_items_alike:{field.name}" for field, _ in _alike_fields(source)]
    return [
        "item_rate", "item_count", "user_rate", "user_count", "user_over_items", "user_over_items_lately",
        "same_item_shown", "same_item_bought", "same_item_days", "suits_taste", *alike,
    ]  # fmt: skip


def _alike_fields(source: Source) -> list[tuple[Field, slice]]:
    """The item fields whose values many items share, and their slots."""
    fields, slot = [], 0
    for field in source.features.of(Side.ITEM):
        if not field.is_id and field.coding in (Coding.VALUE, Coding.LIST) and field.size <= MAX_VALUES:
            fields.append((field, slice(slot, slot + field.slots)))
        slot += field.slots
    return fields


class CountReader:
    """Counts for any candidates of a shop."""

    def __init__(self, source: Source, events: Events, counted: NDArray[np.bool_] | None) -> None:
        """counted: (events,) which events tell of items; None: none do, and an item's counts are missing."""
        self.source, self.events = source, events
        num_rows = len(source.shop.catalogue.ids)
        self._shown = np.zeros((num_rows, NUM_FOLDS), dtype=np.float32)
        self._bought = np.zeros_like(self._shown)
        chosen = np.flatnonzero(counted) if counted is not None else np.zeros(0, dtype=np.int64)
        user, item = np.asarray(events.user_row)[chosen], np.asarray(events.item_row)[chosen]
        converted = np.asarray(events.converted)[chosen]
        np.add.at(self._shown, (item, user % NUM_FOLDS), 1.0)
        np.add.at(self._bought, (item, user % NUM_FOLDS), converted)
        total = float(self._shown.sum())
        self._mean = float(self._bought.sum()) / total if total else float("nan")
        self._all_shown, self._all_bought = self._shown.sum(axis=1), self._bought.sum(axis=1)
        self._alike = _alike_fields(source)
        self._centring = float(events.has_outcomes)  # purchases alone all surprise alike: less their mean, by nothing
        self._taste = self._fit_taste(user, item, converted) if total else None

    def _fit_taste(self, user: NDArray[np.int32], item: NDArray[np.int32], converted: NDArray[np.int8]) -> Taste:
        taste = Taste(item, num_items=len(self._shown), num_folds=NUM_FOLDS)
        for fold in range(NUM_FOLDS):
            others = user % NUM_FOLDS != fold
            who, what = user[others], item[others]
            over = self._surprise(converted[others], what, np.full(1, fold, dtype=np.int32))
            usual = np.bincount(who, over) / (np.bincount(who) + SHRINK)
            taste.fit(fold, who, what, over - self._centring * usual[who])
        return taste

    def _surprise(
        self, outcome: NDArray[np.int8], item: NDArray[np.int32], fold: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """What came of events less what the items' rates promised; where purchases alone are logged, each counts 1."""
        if not self.events.has_outcomes:
            return np.ones(outcome.shape)
        surprise: NDArray[np.float64] = outcome - self._item(item, fold)[1]
        return surprise

    def values(
        self,
        user: NDArray[np.int32],
        end: NDArray[np.int64],
        at: NDArray[np.int64],
        candidate: NDArray[np.int32],
        request: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """(rows, counts) in the order of `count_names`, nan where nothing can be counted.

        user, end, at: (requests,) the user's row, the position its past ends before, the moment in microseconds.
        candidate, request: (rows,).
        """
        fold = user % NUM_FOLDS
        shown, rate = self._item(candidate, fold[request])
        start = np.asarray(self.events.user_offset[user])
        past = (end - start).astype(np.float64)
        user_bought = self.events.purchase_count[end] - self.events.purchase_count[start]
        place, real = latest(start, end, most=WINDOW)
        rows, outcome = np.asarray(self.events.item_row)[place], np.asarray(self.events.converted)[place]
        days = (at[:, None] - np.asarray(self.events.at)[place]) / MICROSECONDS_A_DAY
        over = np.where(real, self._surprise(outcome, rows, fold[:, None]), 0.0)
        usual = _shrunk_mean(over, real)
        suits = np.full(len(candidate), np.nan)
        if self._taste is not None:
            unusual = np.where(real, over - self._centring * usual[:, None], 0.0)
            suits = self._taste.score(fold, rows, unusual, candidate, request)
        same = (rows[request] == candidate[:, None]) & real[request]
        since = np.where(same & (outcome[request] == 1), days[request], np.inf).min(axis=1, initial=np.inf)
        columns: list[NDArray[Any]] = [
            rate,
            shown,
            ((user_bought + SHRINK * 0.5) / (past + SHRINK))[request],
            past[request],
            usual[request],
            _shrunk_mean(over[:, -RECENT:], real[:, -RECENT:])[request],
            same.sum(axis=1),
            (same * outcome[request]).sum(axis=1),
            np.where(np.isfinite(since), since, np.nan),
            suits,
        ]
        codes = self.source.item_codes
        for field, slots in self._alike:
            shared = _shared(codes[candidate, slots], codes[rows, slots], request, unseen=field.offset)
            alike = shared * real[request]
            columns.append(_shrunk_mean(over[request], alike))
        return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)

    def _item(self, item: NDArray[np.int32], fold: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[Any]]:
        """How often others were shown an item, and their shrunk rate of conversion."""
        shown = self._all_shown[item] - self._shown[item, fold]
        bought = self._all_bought[item] - self._bought[item, fold]
        known = np.where(np.isnan(self._mean), np.nan, shown)
        return known, (bought + SHRINK * self._mean) / (shown + SHRINK)


def latest(
    start: NDArray[np.int64], end: NDArray[np.int64], *, most: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(requests, steps) the last places from `start` on and before `end`, latest last, and which of them there are.

    start, end: (requests,). Steps are as many as the longest stretch needs, at most `most`, at least one unless
    that is none; a step that is not there carries place 0.
    """
    longest = int(np.minimum(end - start, most).max(initial=min(1, most)))
    place = end[:, None] - np.arange(longest, 0, -1)
    real = place >= start[:, None]
    return np.where(real, place, 0), real


def _shrunk_mean(values: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float64]:
    """Weighed mean over the last axis, drawn to 0 where little weighs; (rows, steps) each."""
    mean: NDArray[np.float64] = (values * weights).sum(axis=1) / (weights.sum(axis=1) + SHRINK)
    return mean


def _shared(
    candidate: NDArray[np.int32], past: NDArray[np.int32], request: NDArray[np.int64], *, unseen: int
) -> NDArray[np.float32]:
    """(rows, steps): values a candidate shares with each past item. (rows, slots), (requests, steps, slots).

    Two values that training never saw need not be one, so they make nothing alike.
    """
    shared = np.zeros((len(candidate), past.shape[1]), dtype=np.float32)
    for slot in range(candidate.shape[1]):
        value = candidate[:, slot, None]
        for other in range(past.shape[2]):
            shared += (past[request, :, other] == value) & (value > 0) & (value != unseen)
    return shared
