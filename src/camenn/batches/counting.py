"""Fitting counts as features: their centre and spread over training requests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from camenn.batches.counts import count_names
from camenn.batches.parts import Parts
from camenn.batches.requests import Askers, RequestConfig
from camenn.tables.features import Features
from camenn.tables.split import Part

SAMPLE = 20_000
"""Requests that are measured."""


def with_counts(parts: Parts, config: RequestConfig) -> Features:
    """The shop's features with counts among them, standardised on the training part."""
    source = parts.source
    names = count_names(source)
    blank = source.features.with_numbers(names, np.zeros((1, len(names))))
    reader = replace(parts, source=replace(source, features=blank)).reader(config)
    assert parts.request_parts is not None
    requests = np.flatnonzero(parts.request_parts == Part.TRAIN)
    if len(requests) > SAMPLE:
        requests = np.sort(np.random.default_rng(0).choice(requests, SAMPLE, replace=False))
    events, sampled = reader.events, []
    for some in np.array_split(requests, -(-len(requests) // 512)):
        first, size = events.request_offset[some], np.diff(events.request_offset)[some]
        user, at = np.asarray(events.user_row[first]), np.asarray(events.at[first])
        askers = Askers(user, np.asarray(events.history_end[some]), at, np.zeros((len(some), 0), dtype=np.int32))
        request = np.repeat(np.arange(len(some)), size)
        position = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + first[request]
        sampled.append(reader.counts(askers, np.asarray(events.item_row[position]), request))
    return source.features.with_numbers(names, np.concatenate(sampled))
