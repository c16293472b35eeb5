"""Alignment pairs: the text of one item beside the picture of another (paper, section 3.4, tasks 1 and 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from camenn.batches.batch import PairBatch
from camenn.batches.pairing import Pairing
from camenn.batches.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PairConfig:
    """How alignment pairs are drawn and batched."""

    items: int = 128
    """Items in a training batch; each gives a positive and its negatives. CHOICE: batch size."""
    negatives: int = 1
    """Negatives of each task an item. CHOICE: one a task, drawn within the batch."""
    epochs: float = 1.0
    """Passes over the items while the requests are passed once; without requests an epoch is one pass."""
    trim_after: int = 0
    """Epochs after which items whose text and picture look wrong are left out of an epoch; 0: none ever is.

    DEVIATION: beyond the paper.
    """


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of catalogue rows. Positives count for both tasks and stand first."""

    text: NDArray[np.int32]
    image: NDArray[np.int32]
    labels: NDArray[np.float32]
    image_to_text: NDArray[np.bool_]
    text_to_image: NDArray[np.bool_]
    anchor: NDArray[np.int32]
    """The item a pair was made from."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.int64] | slice) -> Pairs:
        return Pairs(
            self.text[index],
            self.image[index],
            self.labels[index],
            self.image_to_text[index],
            self.text_to_image[index],
            self.anchor[index],
        )


def draw_pairs(
    items: NDArray[np.int32],
    groups: NDArray[np.int64],
    *,
    negatives: int,
    rng: np.random.Generator,
    pairing: Pairing | None = None,
) -> Pairs:
    """Every item with its text and picture, `negatives` times a task with another's from `items`, and what is wrong.

    groups: by catalogue row; items of one group share their normalised text and are never negatives of one
    another. An item for which twenty draws find no other group gets no negative. An ITA negative has
    another's text, a TIA negative another's picture.
    pairing: which text and picture an item has, its own by default. Those of its own that do not fit are a negative
    more; where nobody knows what does, the only pair.
    DEVIATION: never of equal text; that would label a match as wrong.
    """
    pairing = Pairing.own(len(groups)) if pairing is None else pairing
    wrong, items = items[pairing.wrong[items]], items[pairing.known[items]]
    text, image = pairing.text, pairing.image

    def fit(anchor: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.bool_]:
        together: NDArray[np.bool_] = groups[text[anchor]] == groups[text[other]]
        together |= image[anchor] == image[other]
        return together

    anchor = np.repeat(items, 2 * negatives)
    other = rng.choice(items, len(anchor))
    for _ in range(20):
        same = fit(anchor, other)
        if not same.any():
            break
        other[same] = rng.choice(items, int(same.sum()))
    kept = ~fit(anchor, other)
    is_text = np.tile(np.arange(2 * negatives) < negatives, len(items))[kept]
    anchor, other = anchor[kept], other[kept]
    positive, count = np.ones(len(items), dtype=bool), len(items)
    return Pairs(
        text=np.concatenate([text[items], text[np.where(is_text, other, anchor)], wrong]),
        image=np.concatenate([image[items], image[np.where(is_text, anchor, other)], wrong]),
        labels=np.concatenate([np.ones(count), np.zeros(len(anchor) + len(wrong))]).astype(np.float32),
        image_to_text=np.concatenate([positive, is_text, pairing.wrong_text[wrong]]),
        text_to_image=np.concatenate([positive, ~is_text, pairing.wrong_image[wrong]]),
        anchor=np.concatenate([items, anchor, wrong]),
    )


def pair_batch(source: Source, groups: NDArray[np.int64], pairs: Pairs) -> PairBatch:
    """The pairs with the tokens of their items, each distinct item gathered once."""
    distinct, place = np.unique(np.concatenate([pairs.text, pairs.image]), return_inverse=True)
    rows = np.concatenate([[0], distinct]).astype(np.int32)
    text, image = np.split(place + 1, 2)
    return PairBatch(
        items=source.gather(rows, num_whole=len(rows), tokens=True),
        text=torch.from_numpy(text),
        image=torch.from_numpy(image),
        labels=torch.from_numpy(pairs.labels),
        image_to_text=torch.from_numpy(pairs.image_to_text),
        text_to_image=torch.from_numpy(pairs.text_to_image),
        text_group=torch.from_numpy(groups[rows]),
    )
