"""What suits a user by what others made of items: a low-rank item-to-item filter.

Items that the same users took to, or turned down, more than their rates promised point one way; a user's taste is
the sum of the vectors of past items, each weighed by how its outcome surprised. DEVIATION: beyond the paper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

WIDTH = 32
MAX_ITEMS = 20_000
"""Items with a vector, those most often seen: memory does not grow with the catalogue."""
SHRINK = 50.0
"""Events of no surprise that every item is mixed with; chosen on the validation part of MovieLens, as was WIDTH."""


class Taste:
    """Item vectors a fold of users, from the events of the other folds, so that no user is described by their own."""

    def __init__(self, item: NDArray[np.int32], *, num_items: int, num_folds: int) -> None:
        """item: (events,) the rows that events tell of; the most frequent ones are to have vectors."""
        seen = np.bincount(item, minlength=num_items)
        kept = np.argsort(-seen, kind="stable")[: min(MAX_ITEMS, int((seen > 0).sum()))]
        self._place = np.zeros(num_items, dtype=np.int32)
        self._place[kept] = np.arange(1, len(kept) + 1)
        self._vectors = np.zeros((num_folds, len(kept) + 1, WIDTH), dtype=np.float32)

    def fit(self, fold: int, user: NDArray[np.int32], item: NDArray[np.int32], surprise: NDArray[np.float64]) -> None:
        """Learn the vectors that describe users of `fold`. user, item, surprise: (events,) of the other folds."""
        place = self._place[item]
        known = place > 0
        self._vectors[fold] = item_vectors(user[known], place[known], surprise[known], self._vectors.shape[1])

    def score(
        self,
        fold: NDArray[np.int32],
        past: NDArray[np.int32],
        surprise: NDArray[np.float64],
        candidate: NDArray[np.int32],
        request: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """(rows,) how well each candidate suits the past of who asks.

        fold: (requests,). past, surprise: (requests, steps), surprise 0 where there is no step.
        candidate, request: (rows,).
        """
        vectors = self._vectors[fold[:, None], self._place[past]]
        taste = np.einsum("rs,rsw->rw", surprise.astype(np.float32), vectors)
        suits: NDArray[np.float64] = np.einsum(
            "nw,nw->n", taste[request], self._vectors[fold[request], self._place[candidate]]
        ).astype(np.float64)
        return suits


def item_vectors(
    user: NDArray[np.int32], place: NDArray[np.int32], surprise: NDArray[np.float64], num_places: int
) -> NDArray[np.float32]:
    """(num_places, WIDTH), products of two of which come near the shrunk covariance of their surprises."""
    scale = 1.0 / np.sqrt(np.bincount(place, minlength=num_places) + SHRINK)
    shape: Sequence[int] = (int(user.max(initial=0)) + 1, num_places)
    table = csr_array((surprise * scale[place], (user, place)), shape=shape)
    width = min(WIDTH, min(shape) - 1)
    vectors = np.zeros((num_places, WIDTH), dtype=np.float32)
    if width > 0 and table.data.any():
        start = np.random.default_rng(0).normal(size=min(shape))
        _, strength, directions = svds(table, k=width, v0=start)
        vectors[:, :width] = directions.T * strength
    return vectors
