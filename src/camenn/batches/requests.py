"""From events to requests: one context, one history, N candidates with labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from camenn.batches.batch import NUM_AGES, RequestBatch
from camenn.batches.counts import CountReader, count_names, latest
from camenn.batches.source import Source
from camenn.errors import ConfigError, DataError
from camenn.tables.events import Events
from camenn.tables.features import Side
from camenn.tables.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestConfig:
    """How requests are read and batched."""

    rows: int = 512
    """Candidates in a training batch, about; a request is never divided below `max_candidates`. CHOICE: batch size."""
    max_candidates: int = 64
    """A request with more candidates becomes several with the same context and history."""
    history: Literal["purchases", "outcomes"] = "purchases"
    """The paper's purchases; or all past impressions, each with its outcome. DEVIATION: "outcomes"."""
    history_length: int = 20
    """CHOICE: the latest 20; 0 leaves the history out."""
    history_tokens: Literal["pooled", "all"] = "pooled"
    """Two tokens an item, or all its tokens."""
    candidate_tokens: Literal["pooled", "all"] = "all"
    """As for the history; always all of them where `history_tokens` is "all"."""
    negatives: int = 4
    """Items drawn for each purchase of a shop that logs purchases alone (paper: 1,257,642 to 5,030,568).

    CHOICE: logged impressions are the negatives; else drawn uniformly, never a purchase of the request.
    """
    negative_sampling: Literal["uniform", "popularity"] = "uniform"


@dataclass(frozen=True, slots=True)
class Pieces:
    """Requests, or parts of long ones: positions `start` to `stop` of the events."""

    request: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.request)

    def take(self, index: NDArray[np.int64]) -> Pieces:
        return Pieces(self.request[index], self.start[index], self.stop[index])


def stretches(start: NDArray[np.int64], size: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stretches of places one after another: which stretch a place is of, and the place. start, size: (stretches,)."""
    owner = np.repeat(np.arange(len(size)), size)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(size) - size, size) + start[owner]


def divide(events: Events, requests: NDArray[np.int64], *, max_candidates: int) -> Pieces:
    """The requests, long ones in several pieces."""
    start, stop = events.request_offset[requests], events.request_offset[requests + 1]
    count = -(-(stop - start) // max_candidates)
    owner, part = stretches(np.zeros_like(count), count)
    begin = start[owner] + part * max_candidates
    return Pieces(requests[owner], begin, np.minimum(begin + max_candidates, stop[owner]))


@dataclass(frozen=True, slots=True)
class Askers:
    """Who asks when: what a request is besides its candidates."""

    user: NDArray[np.int32]
    """(requests,) user rows"""
    end: NDArray[np.int64]
    """(requests,) the user's events before this position are the past"""
    at: NDArray[np.int64]
    """(requests,) microseconds"""
    codes: NDArray[np.int32]
    """(requests, slots) codes of the request's own event columns and its moment"""


class RequestReader:
    """Makes batches of any requests of a shop. What it draws depends on the seed it is given alone."""

    def __init__(
        self,
        source: Source,
        config: RequestConfig,
        *,
        popularity: NDArray[np.int64] | None = None,
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        """popularity: (item rows,) purchases in training data, where negatives are drawn by it; None: even.
        counted: (events,) which events tell of items, where counts are features; None: none.

        Raises:
            DataError: the shop has no events, or the model counts what this version does not.
            ConfigError: past outcomes are asked of a shop that logs purchases alone.
        """
        if source.shop.events is None:
            raise DataError(f"{source.shop.folder}: the shop has no events, so there are no requests to read")
        self.source = source
        self.events: Events = source.shop.events
        self.config = config
        if config.history == "outcomes" and not self.events.has_outcomes:
            raise ConfigError(
                'requests.history = "outcomes" needs a `converted` column in events; this shop logs purchases alone, '
                'which "purchases" reads'
            )
        self._counts = None
        if source.features.numbers:
            names, offered = [number.name for number in source.features.numbers], count_names(source)
            if names != offered:
                raise DataError(
                    f"the model counts {', '.join(names)}, this version {', '.join(offered)}; train it again"
                )
            self._counts = CountReader(source, self.events, counted)
        self._place = np.zeros(len(source.shop.catalogue.ids), dtype=np.int64)
        self._drawn_share = None
        if config.negative_sampling == "popularity" and popularity is not None:
            weight = popularity[Vocabulary.FIRST :] + 1.0
            self._drawn_share = np.cumsum(weight) / weight.sum()

    def rows_an_event(self) -> int:
        """Candidates that an event becomes."""
        return 1 if self.events.has_outcomes else 1 + self.config.negatives

    def batch(self, pieces: Pieces, *, seed: tuple[int, ...]) -> RequestBatch:
        """One batch of these pieces; seed: what the sampled negatives depend on.

        Raises:
            DataError: negatives are to be drawn from a catalogue of a single item.
        """
        request, position = stretches(pieces.start, pieces.stop - pieces.start)
        candidate = np.asarray(self.events.item_row[position])
        label = np.asarray(self.events.converted[position]).astype(np.float32)
        row_codes = np.asarray(self.source.row_codes[position])
        if not self.events.has_outcomes:
            positives = self._positives(pieces)
            candidate, label, request, row_codes = self._with_negatives(candidate, request, row_codes, positives, seed)
        first = self.events.request_offset[pieces.request]
        user = np.asarray(self.events.user_row[first])
        own = self.source.event_codes[first]
        end = np.asarray(self.events.history_end[pieces.request])
        return self.assemble(
            Askers(user, end, np.asarray(self.events.at[first]), own), candidate, request, row_codes, label
        )

    def assemble(
        self,
        askers: Askers,
        candidate: NDArray[np.int32],
        request: NDArray[np.int64],
        row_codes: NDArray[np.int32],
        label: NDArray[np.float32],
    ) -> RequestBatch:
        """Gather each distinct item once and let histories and candidates point to it.

        candidate, request, row_codes, label: (rows,) or (rows, slots).
        """
        context = np.concatenate([self.source.user_codes[askers.user], askers.codes], axis=1)
        rows, outcome, age = self.history(askers)
        whole_history = self.config.history_tokens == "all"
        whole = distinct_rows(np.concatenate([candidate, rows.ravel()]) if whole_history else candidate)
        whole = np.concatenate([[0], whole[whole > 0]]).astype(np.int32)
        self._place[whole] = np.arange(len(whole))
        others = distinct_rows(rows.ravel())
        others = others[(self._place[others] == 0) & (others > 0)]
        distinct = np.concatenate([whole, others]).astype(np.int32)
        self._place[distinct] = np.arange(len(distinct))
        candidates, steps = self._place[candidate], self._place[rows]
        self._place[distinct] = 0
        tokens = self.config.candidate_tokens == "all" or whole_history
        return RequestBatch(
            items=self.source.gather(distinct, num_whole=len(whole), tokens=tokens),
            context=torch.from_numpy(context.astype(np.int64)),
            history=torch.from_numpy(steps),
            history_outcome=torch.from_numpy(outcome),
            history_age=torch.from_numpy(age),
            history_whole=whole_history,
            candidates=torch.from_numpy(candidates),
            request=torch.from_numpy(request),
            row_codes=torch.from_numpy(self._row_codes(context, candidate, request, row_codes)),
            row_numbers=torch.from_numpy(self._row_numbers(askers, candidate, request)),
            labels=torch.from_numpy(label),
        )

    def history(self, askers: Askers) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Items, outcomes and ages, (requests, steps), of each asker's last events.

        Steps without an event carry the padding item. Batches are as long as their longest history.
        """
        events, end = self.events, askers.end
        start = np.asarray(events.user_offset[askers.user])
        of_purchases = self.config.history == "purchases"
        if of_purchases:
            start, end = events.purchase_count[start], events.purchase_count[end]
        place, real = latest(start, end, most=self.config.history_length)
        if of_purchases and len(events.purchase_position):
            place = np.asarray(events.purchase_position)[place]
        rows = np.where(real, events.item_row[place], 0).astype(np.int32)
        outcome = np.where(real, np.asarray(events.converted)[place] + 1, 0).astype(np.int64)
        age = np.where(real, age_bucket(askers.at[:, None] - np.asarray(events.at)[place]), 0)
        return rows, outcome, age

    def _row_numbers(
        self, askers: Askers, candidate: NDArray[np.int32], request: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """(rows, counts) standardised; none where the model counts nothing."""
        if self._counts is None:
            return np.zeros((len(candidate), 0), dtype=np.float32)
        counted = self._counts.values(askers.user, askers.end, askers.at, candidate, request)
        return self.source.features.standardise(counted)

    def _row_codes(
        self,
        context: NDArray[np.int32],
        candidate: NDArray[np.int32],
        request: NDArray[np.int64],
        row_codes: NDArray[np.int32],
    ) -> NDArray[np.int64]:
        """Codes of one candidate in one request: varying event columns, then crosses."""
        features = self.source.features
        needed = {part for field in features.fields for part in field.parts}
        known: dict[str, NDArray[np.int32]] = {}
        blocks = (
            (Side.CONTEXT, context[request]),
            (Side.ITEM, self.source.item_codes[candidate]),
            (Side.ROW, row_codes),
        )
        for side, codes in blocks if needed else ():
            slot = 0
            for field in features.of(side):
                if field.name in needed:
                    known[field.name] = codes[:, slot]
                slot += field.slots
        crossed = features.cross(known) if needed else np.zeros((len(request), 0), dtype=np.int32)
        return np.concatenate([row_codes, crossed], axis=1).astype(np.int64)

    def _positives(self, pieces: Pieces) -> NDArray[np.int64]:
        """What no piece may draw, as piece x items + item: all purchases of its request, also those of other pieces."""
        first = self.events.request_offset[pieces.request]
        piece, position = stretches(first, self.events.request_offset[pieces.request + 1] - first)
        return np.unique(piece * len(self._place) + np.asarray(self.events.item_row[position]))

    def _with_negatives(
        self,
        bought: NDArray[np.int32],
        request: NDArray[np.int64],
        row_codes: NDArray[np.int32],
        positives: NDArray[np.int64],
        seed: tuple[int, ...],
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64], NDArray[np.int32]]:
        """Each purchase followed by items drawn anew, none of them a positive of the same request."""
        if self.source.shop.catalogue.num_items == 1:
            raise DataError(
                f"{self.source.shop.folder}: no negative can be drawn beside the only item of the catalogue; "
                "add items, or a column `converted` to events that tell too what was seen and not bought"
            )
        rng = np.random.default_rng(seed)
        num_item_rows = len(self._place)
        each = np.repeat(request, self.config.negatives)
        drawn = self._draw(rng, len(each))
        for _ in range(20):
            taken = np.isin(each * num_item_rows + drawn, positives)
            if not taken.any():
                break
            drawn[taken] = self._draw(rng, int(taken.sum()))
        free = ~np.isin(each * num_item_rows + drawn, positives)  # a basket of nearly everything leaves none to draw
        candidate = np.concatenate([bought, drawn[free]])
        owner = np.concatenate([request, each[free]])
        label = np.zeros(len(candidate), dtype=np.float32)
        label[: len(bought)] = 1.0
        codes = np.concatenate([row_codes, np.repeat(row_codes, self.config.negatives, axis=0)[free]])
        order = np.argsort(owner, kind="stable")
        return candidate[order], label[order], owner[order], codes[order]

    def _draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int32]:
        if self._drawn_share is None:
            return rng.integers(Vocabulary.FIRST, len(self._place), count, dtype=np.int32)
        drawn = np.searchsorted(self._drawn_share, rng.random(count), side="right")
        return (np.minimum(drawn, len(self._drawn_share) - 1) + Vocabulary.FIRST).astype(np.int32)


def distinct_rows(rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """What `numpy.unique` gives, in a fraction of the time: numbers this short sort faster than they hash."""
    ordered = np.sort(rows)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def age_bucket(age: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bucket 1 to NUM_AGES - 1 of an age in microseconds: its power of two in seconds; 0 is kept for padding."""
    seconds = np.maximum(age // 1_000_000, 1)
    return np.minimum(np.log2(seconds).astype(np.int64) + 1, NUM_AGES - 1)


def plan_batches(pieces: Pieces, *, rows: int, rows_an_event: int) -> Iterator[NDArray[np.int64]]:
    """Consecutive pieces of about `rows` candidates in all, as indices."""
    size = (pieces.stop - pieces.start) * rows_an_event
    number = (np.cumsum(size) - size) // rows
    bounds = np.flatnonzero(np.diff(number, prepend=-1))
    for start, stop in zip(bounds, np.append(bounds[1:], len(pieces)), strict=True):
        yield np.arange(start, stop)
