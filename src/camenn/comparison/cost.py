"""What a trained model costs."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from camenn.batches.batch import Batch, move
from camenn.batches.pairs import pair_batch
from camenn.batches.parts import EVALUATION_SEED, Parts
from camenn.bundle import Bundle
from camenn.models.output import Model
from camenn.tables.split import Part

COUNTED = 256
"""Requests, or pairs, that operations are counted on."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run."""

    parameters: int
    operations: float
    """Of matrix products a row scored, two a multiply-add; what is added or looked up is not counted."""
    epochs: int
    epoch_s: float
    """Seconds of training an epoch, loading included."""
    rows_a_second: float
    """Candidates and pairs trained on."""
    peak_bytes: int
    """Resident memory of the whole process at its highest."""


def measure(bundle: Bundle, parts: Parts) -> Cost:
    """What this process has spent on a model that it has just trained and judged."""
    facts: dict[str, Any] = bundle.facts
    epoch_s = facts["training_s"] / max(facts["epochs"], 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(
        parameters=sum(parameter.numel() for parameter in bundle.model.parameters()),
        operations=operations(bundle.model, _sample(bundle, parts)),
        epochs=facts["epochs"],
        epoch_s=epoch_s,
        rows_a_second=facts["rows"] / max(facts["training_s"], 1e-9),
        peak_bytes=peak if sys.platform == "darwin" else 1024 * peak,
    )


def operations(model: Model, batch: Batch) -> float:
    """Of matrix products, a row. Counted in single precision: the counter takes products apart unseen by autocast."""
    counter = FlopCounterMode(display=False)
    device = next(model.parameters()).device
    products = sdpa_kernel(SDPBackend.MATH)  # attention as such, which alone are counted
    with torch.inference_mode(), products, counter:
        model(move(batch, device))
    return counter.get_total_flops() / max(batch.num_rows, 1)


def _sample(bundle: Bundle, parts: Parts) -> Batch:
    """Of the test part: requests, or pairs where it has none."""
    pieces = parts.requests(Part.TEST, bundle.config.requests)
    if pieces is not None:
        chosen = pieces.take(np.arange(min(COUNTED, len(pieces))))
        return parts.reader(bundle.requests_of(parts.source.shop)).batch(chosen, seed=(EVALUATION_SEED,))
    pairs = parts.evaluation_pairs(Part.TEST, bundle.config.pairs)
    assert pairs is not None  # what was judged has one or the other
    return pair_batch(parts.source, parts.groups, pairs.take(slice(0, COUNTED)))
