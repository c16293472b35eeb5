"""A shop divided: which requests and items are trained on, chosen by and judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camenn.batches.pairs import PairConfig, Pairs, draw_pairs
from camenn.batches.requests import Pieces, RequestConfig, RequestReader, divide
from camenn.batches.source import Source, text_groups
from camenn.tables.split import Part

EVALUATION_SEED = 20200917
"""Evaluation draws its negatives once, the same for every model and training seed.

CHOICE: fixed negatives for evaluation.
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """Requests and alignable items of a shop by part."""

    source: Source
    request_parts: NDArray[np.int8] | None
    """(num_requests,), None without events"""
    item_parts: NDArray[np.int8]
    """(item rows,), -1 for rows that are no items"""
    groups: NDArray[np.int64]
    """(item rows,), equal where normalised texts are"""
    whole: NDArray[np.bool_]
    """(item rows,), items with both a text and a picture"""

    def requests(self, part: Part, config: RequestConfig) -> Pieces | None:
        """The requests of a part, None where there are none."""
        if self.request_parts is None:
            return None
        chosen = np.flatnonzero(self.request_parts == part)
        if len(chosen) == 0:
            return None
        assert self.source.shop.events is not None
        return divide(self.source.shop.events, chosen, max_candidates=config.max_candidates)

    def items(self, part: Part) -> NDArray[np.int32]:
        """Catalogue rows of a part that can be aligned."""
        return np.flatnonzero((self.item_parts == part) & self.whole).astype(np.int32)

    def evaluation_pairs(self, part: Part, config: PairConfig) -> Pairs | None:
        """The fixed pairs a part is judged by, None where fewer than two different texts are left."""
        items = self.items(part)
        if len(np.unique(self.groups[items])) < 2:
            return None
        return draw_pairs(items, self.groups, negatives=config.negatives, rng=np.random.default_rng(EVALUATION_SEED))

    def training_events(self) -> NDArray[np.bool_] | None:
        """(events,) which stand in a training request, None where none does."""
        events = self.source.shop.events
        if events is None or self.request_parts is None or not (self.request_parts == Part.TRAIN).any():
            return None
        return np.repeat(self.request_parts == Part.TRAIN, np.diff(events.request_offset))

    def training_counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many training events each item has, (item rows,), and each user, (user rows,)."""
        shop, train = self.source.shop, self.training_events()
        num_items, num_users = len(shop.catalogue.ids), len(shop.people.ids)
        if shop.events is None or train is None:
            return np.zeros(num_items, dtype=np.int64), np.zeros(num_users, dtype=np.int64)
        return (
            np.bincount(np.asarray(shop.events.item_row)[train], minlength=num_items),
            np.bincount(np.asarray(shop.events.user_row)[train], minlength=num_users),
        )

    def code_counts(self) -> NDArray[np.float64]:
        """(num_codes,) how many training events hold each code; crosses, made when a batch is, are not counted."""
        source, train = self.source, self.training_events()
        counts = np.zeros(source.features.num_codes)
        if source.shop.events is None or train is None:
            return counts
        for codes, owner in (
            (source.item_codes, source.shop.events.item_row),
            (source.user_codes, source.shop.events.user_row),
        ):
            times = np.bincount(np.asarray(owner)[train], minlength=len(codes))
            for slot in range(codes.shape[1]):
                counts += np.bincount(codes[:, slot], weights=times, minlength=len(counts))
        for codes in (source.event_codes, source.row_codes):
            for slot in range(codes.shape[1]):
                counts += np.bincount(codes[train, slot], minlength=len(counts))
        counts[0] = 0
        return counts

    def reader(self, config: RequestConfig) -> RequestReader:
        """A reader whose popularity and item counts, where asked for, rest on training events alone.

        On a shop without a training part, another than the model's, popularity is even and an item's counts missing.
        """
        events, train = self.source.shop.events, self.training_events()
        if events is None or train is None:
            return RequestReader(self.source, config)
        bought = np.asarray(events.item_row)[train & (np.asarray(events.converted) == 1)]
        popularity = np.bincount(bought, minlength=len(self.item_parts))
        return RequestReader(self.source, config, popularity=popularity, counted=train)


def find_parts(source: Source, *, request_parts: NDArray[np.int8] | None, item_parts: NDArray[np.int8]) -> Parts:
    """Work out texts and modalities once for a divided shop."""
    catalogue = source.shop.catalogue
    return Parts(
        source=source,
        request_parts=request_parts,
        item_parts=item_parts,
        groups=text_groups(catalogue.texts, catalogue.num_items),
        whole=source.whole(),
    )
