"""Past purchases like the candidate, counted one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from batch_factory import IMAGE_WIDTH, TEXT_WIDTH, request_batch
from camenn.batches.batch import RequestBatch, Tokens
from camenn.layers.soft_match import AGES, CENTRES, DEVIATION, SoftMatches


def unit(layer: SoftMatches, name: str, given: Tokens | None, item: int) -> np.ndarray | None:
    """The standardised vector of one item, None where it has none."""
    assert given is not None
    if not given.present[item]:
        return None
    standardise = getattr(layer, name).standardise
    vector = ((given.pooled[item] - standardise.mean) * standardise.scale).numpy()
    return np.asarray(vector / np.linalg.norm(vector))


def cosine(layer: SoftMatches, batch: RequestBatch, one: int, other: int) -> float:
    cosines = []
    for name, given in (("text", batch.items.text), ("image", batch.items.image)):
        first, second = unit(layer, name, given, one), unit(layer, name, given, other)
        if first is not None and second is not None:
            cosines.append(float(first @ second))
    return sum(cosines) / max(len(cosines), 1)


def test_purchases_are_counted_by_likeness_and_age() -> None:
    layer = SoftMatches(TEXT_WIDTH, IMAGE_WIDTH).eval()
    batch = request_batch(num_requests=5, num_candidates=6)
    batch.candidates[-3:] = torch.tensor([1, 2, 3])  # whole, without text, without picture
    batch.history[-1] = torch.tensor([2, 3, 1])
    batch.history_outcome[-1] = torch.tensor([2, 2, 2])
    batch.history_age[-1] = torch.tensor([25, 19, 16])
    for name, given in (("text", batch.items.text), ("image", batch.items.image)):
        assert given is not None
        getattr(layer, name).standardise.fit(given.pooled[1:])
    expected = np.zeros((batch.num_rows, len(CENTRES), len(AGES) + 1))
    for row in range(batch.num_rows):
        request = int(batch.request[row])
        for step in np.flatnonzero(batch.history_outcome[request] == 2):
            likeness = cosine(layer, batch, int(batch.candidates[row]), int(batch.history[request, step]))
            for column, age in enumerate([*AGES, 10**6]):
                if batch.history_age[request, step] <= age:
                    expected[row, :, column] += np.exp(-0.5 * ((likeness - np.array(CENTRES)) / DEVIATION) ** 2)
    counts = layer.counts(batch)
    assert (expected[-1, :, 0] != expected[-1, :, 4]).any()
    assert counts.numpy() == pytest.approx(expected, abs=1e-5)
    with torch.no_grad():
        hidden = torch.relu(layer.hidden(torch.log1p(counts).flatten(1)))
        assert torch.allclose(layer(batch), layer.head(hidden)[:, 0])


def test_requests_of_different_sizes_keep_their_rows() -> None:
    layer = SoftMatches(TEXT_WIDTH, None).eval()
    batch = request_batch(num_requests=3, num_candidates=4)
    whole = layer.similarity(batch)
    rows = torch.tensor([0, 4, 5, 8, 9, 10])
    some = replace(batch, candidates=batch.candidates[rows], request=batch.request[rows])
    assert torch.allclose(layer.similarity(some), whole[rows], atol=1e-6)


def test_nothing_bought_says_the_same_of_every_candidate() -> None:
    layer = SoftMatches(TEXT_WIDTH, IMAGE_WIDTH)
    batch = request_batch()
    batch.history_outcome[:] = torch.where(batch.history > 0, 1, 0)
    assert layer.counts(batch).abs().sum() == 0
    assert len(set(layer(batch).tolist())) == 1
