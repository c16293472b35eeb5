"""Pairs that look wrong are left out while they do: early in training, what is not learned by heart yet tells them.

DEVIATION: beyond the paper; off with pairs.trim_after = 0.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from camenn.batches.batch import move
from camenn.batches.pairing import Pairing
from camenn.batches.source import Source
from camenn.errors import ConfigError
from camenn.layers.aligned_space import AlignedSpace
from camenn.models.output import Model
from camenn.objectives.alignment import IMAGE_TO_TEXT_SHARE
from camenn.training.steps import StepPlan

MIN_ITEMS = 50
"""Of fewer there is no telling what is usual."""
MOST = 0.5
"""Share of the items that may be wrong. CHOICE: half, as in `rectify`; what most items have is right."""
ROUNDS = 100
"""Of expectation maximisation."""
_CHUNK = 4096
_TINY = 1e-9
_Floats = NDArray[np.float64]


class Trimmed(nn.Module):
    """Which items an epoch leaves out. A checkpoint holds it, so that a resumed epoch leaves out the same."""

    rows: Tensor
    """(item rows,) bool"""

    def __init__(self, model: Model, *, num_rows: int) -> None:
        """None at first. Refuse a model that has nothing to tell by.

        Raises:
            ConfigError: the model has no aligned space.
        """
        super().__init__()
        if model.aligned_space is None:
            raise ConfigError(
                "pairs.trim_after: what looks wrong is told by the aligned space, and this model has none; "
                "set model.aligned_width, or leave trim_after out"
            )
        self.spaces = (model.aligned_space,)  # not as a module: its weights are the model's
        self.register_buffer("rows", torch.zeros(num_rows, dtype=torch.bool))

    def update(self, plan: StepPlan) -> None:
        """Look at all items anew, those that are left out too: what looked wrong may come back."""
        found = suspects(self.spaces[0], plan.parts.source, plan.pairing, plan.parts.groups, plan.items)
        self.rows.zero_()
        self.rows[torch.from_numpy(found.astype(np.int64))] = True


def suspects(
    space: AlignedSpace, source: Source, pairing: Pairing, groups: NDArray[np.int64], items: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Those of the items whose text and picture look as if drawn at random; never one that was reviewed.

    groups: (item rows,) equal where texts are.
    """
    text, image = pairing.text[items], pairing.image[items]
    other = np.random.default_rng(0).permutation(len(items))
    apart = groups[text] != groups[text[other]]
    if apart.sum() < MIN_ITEMS:
        return items[:0]
    random = surprises(space, source, text[apart], image[other][apart])
    odd = random_share(surprises(space, source, text, image), random) > 0.5
    return items[odd & ~pairing.reviewed[items]]


def random_share(own: _Floats, random: _Floats) -> _Floats:
    """(n,) probability that each of `own` is of the kind of `random`, (m,), or odder, and not of the other kind.

    Of two normal distributions one is known by `random`; the other, below it, and how many are of which, are found by
    expectation maximisation. Where nothing is wrong that share falls to nothing; of two free distributions (DivideMix,
    Li et al. 2020) one would be made up of the items that are merely hard.
    """
    as_random = _density(np.minimum(own, random.mean()), random.mean(), random.std())
    centre, spread, share = np.quantile(own, 0.25), own.std() / 2, 0.5
    for _ in range(ROUNDS):
        odd = share * as_random / (share * as_random + (1.0 - share) * _density(own, centre, spread))
        share, centre = min(odd.mean(), MOST), np.average(own, weights=1.0 - odd)
        spread = np.sqrt(np.average((own - centre) ** 2, weights=1.0 - odd))
    return np.where(own > centre, odd, 0.0)  # the wider one is denser on both sides


def _density(values: _Floats, centre: float, spread: float) -> _Floats:
    """(n,) of a normal distribution, never quite nothing."""
    spread = max(spread, _TINY)
    density: _Floats = np.exp(-0.5 * ((values - centre) / spread) ** 2) / spread + _TINY
    return density


def surprises(space: AlignedSpace, source: Source, text: NDArray[np.int32], image: NDArray[np.int32]) -> _Floats:
    """(n,) how little each text and picture, given by rows (n,), fit: what the contrast makes least, without dropout.

    The rivals are those that the space remembers.
    """
    device, found = space.log_scale.device, []
    was_training = space.training
    space.eval()
    for start in range(0, len(text), _CHUNK):
        texts = source.gather(text[start : start + _CHUNK], num_whole=0, tokens=False).text
        images = source.gather(image[start : start + _CHUNK], num_whole=0, tokens=False).image
        assert texts is not None
        assert images is not None
        with torch.inference_mode():
            aligned = space(move(texts, device), move(images, device))
            place = torch.arange(len(aligned.text), device=device)
            fit = aligned.evidence(place, place).cpu().double().numpy()
        found.append(-(IMAGE_TO_TEXT_SHARE * fit[:, 1] + (1.0 - IMAGE_TO_TEXT_SHARE) * fit[:, 2]))
    space.train(was_training)
    return np.concatenate(found)
