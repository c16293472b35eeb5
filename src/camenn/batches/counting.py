"""Fitting counts as features: their centre and spread over training requests."""

from __future__ import annotations

import numpy as np

from camenn.batches.counts import CountReader, count_names
from camenn.batches.parts import Parts
from camenn.batches.requests import stretches
from camenn.tables.features import Features
from camenn.tables.split import Part

SAMPLE = 20_000
"""Requests that are measured."""


def with_counts(parts: Parts) -> Features:
    """The shop's features with counts among them, standardised on the logged candidates of the training part."""
    source, events = parts.source, parts.source.shop.events
    assert events is not None
    assert parts.request_parts is not None
    reader = CountReader(source, events, parts.training_events())
    requests = np.flatnonzero(parts.request_parts == Part.TRAIN)
    if len(requests) > SAMPLE:
        requests = np.sort(np.random.default_rng(0).choice(requests, SAMPLE, replace=False))
    sampled = []
    for some in np.array_split(requests, -(-len(requests) // 512)):
        first = events.request_offset[some]
        request, position = stretches(first, events.request_offset[some + 1] - first)
        user, end, at = np.asarray(events.user_row[first]), np.asarray(events.history_end[some]), events.at[first]
        sampled.append(reader.values(user, end, np.asarray(at), np.asarray(events.item_row[position]), request))
    return source.features.with_numbers(count_names(source), np.concatenate(sampled))
