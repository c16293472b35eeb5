"""What happened before, as numbers: cross features of a candidate, its item and its user (paper, section 3: cross
features). Everything is counted strictly before the request."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from camenn.batches.source import Source
from camenn.tables.events import Events
from camenn.tables.features import Coding, Side

WINDOW = 100
"""The user's last events that are looked through."""
SHRINK = 5.0
"""Events of the average rate that every rate is mixed with."""
MAX_VALUES = 500
"""An item field of more values than this makes no two items alike."""


def count_names(source: Source) -> list[str]:
    """The counts a shop offers."""
    alike = [f"user_rate_alike:{name}" for name, _, _ in _alike_fields(source)]
    return ["item_rate", "item_count", "user_rate", "user_count", "same_item_shown", "same_item_bought", *alike]


def _alike_fields(source: Source) -> list[tuple[str, int, int]]:
    """(name, first slot, last slot) of item fields that many items share."""
    fields, slot = [], 0
    for field in source.features.of(Side.ITEM):
        if not field.is_id and field.coding in (Coding.VALUE, Coding.LIST) and field.size <= MAX_VALUES:
            fields.append((field.name, slot, slot + field.slots))
        slot += field.slots
    return fields


class CountReader:
    """Counts for any candidates of a shop."""

    def __init__(self, source: Source, events: Events, counted: NDArray[np.bool_] | None) -> None:
        """counted: (events,) which events an item's own rate and count rest on; None: all of them."""
        self.source, self.events = source, events
        chosen = np.arange(len(events.at)) if counted is None else np.flatnonzero(counted)
        item, at = np.asarray(events.item_row)[chosen], np.asarray(events.at)[chosen]
        order = np.lexsort((at, item))
        converted = np.asarray(events.converted)[chosen][order]
        self._at = at[order]
        self._bought = np.concatenate([[0], np.cumsum(converted, dtype=np.int64)])
        self._offset = np.searchsorted(item[order], np.arange(len(source.shop.catalogue.ids) + 1))
        self._mean = float(converted.mean()) if len(converted) else 0.0
        self._alike = _alike_fields(source)

    def values(
        self,
        user: NDArray[np.int32],
        end: NDArray[np.int64],
        at: NDArray[np.int64],
        candidate: NDArray[np.int32],
        request: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """(rows, counts) in the order of `count_names`.

        user, end, at: (requests,) the user's row, the position its past ends before, the moment.
        candidate, request: (rows,).
        """
        shown, bought = self._item(candidate, at[request])
        start = np.asarray(self.events.user_offset[user])
        past = (end - start).astype(np.float64)
        user_bought = self.events.purchase_count[end] - self.events.purchase_count[start]
        rows, outcome, real = self._window(start, end)
        same = (rows[request] == candidate[:, None]) & real[request]
        columns: list[NDArray[Any]] = [
            self._rate(shown, bought),
            shown,
            self._rate(past, user_bought)[request],
            past[request],
            same.sum(axis=1),
            (same * outcome[request]).sum(axis=1),
        ]
        codes = self.source.item_codes
        for _, first, last in self._alike:
            alike = _shared(codes[candidate, first:last], codes[rows, first:last], request) * real[request]
            columns.append(self._rate(alike.sum(axis=1), (alike * outcome[request]).sum(axis=1)))
        return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)

    def _rate(self, shown: NDArray[Any], bought: NDArray[Any]) -> NDArray[np.float64]:
        rate: NDArray[np.float64] = (bought + SHRINK * self._mean) / (shown + SHRINK)
        return rate

    def _item(self, item: NDArray[np.int32], at: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times an item was shown and bought strictly before: a binary search in each item's moments at once."""
        first = self._offset[item]
        low, high = first.copy(), self._offset[item + 1].copy()
        while (searching := low < high).any():
            middle = (low + high) // 2
            earlier = searching & (self._at[np.minimum(middle, len(self._at) - 1)] < at)
            low = np.where(earlier, middle + 1, low)
            high = np.where(searching & ~earlier, middle, high)
        return (low - first).astype(np.float64), (self._bought[low] - self._bought[first]).astype(np.float64)

    def _window(
        self, start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int8], NDArray[np.bool_]]:
        """(requests, steps): items, outcomes and reality of each user's last events."""
        length = int(np.minimum(end - start, WINDOW).max(initial=0))
        place = end[:, None] - np.arange(length, 0, -1)
        real = place >= start[:, None]
        place = np.where(real, place, 0)
        return np.asarray(self.events.item_row)[place], np.asarray(self.events.converted)[place], real


def _shared(candidate: NDArray[np.int32], past: NDArray[np.int32], request: NDArray[np.int64]) -> NDArray[np.float32]:
    """(rows, steps): values a candidate shares with each past item. (rows, slots), (requests, steps, slots)."""
    shared = np.zeros((len(candidate), past.shape[1]), dtype=np.float32)
    for slot in range(candidate.shape[1]):
        value = candidate[:, slot, None]
        for other in range(past.shape[2]):
            shared += (past[request, :, other] == value) & (value > 0)
    return shared
