"""The nearest of many unit vectors, leaving out what a question is about itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camenn.rectify.space import Floats

NOTHING = -2.0
"""Similarity where there is no further neighbour: below that of opposite vectors."""
_BLOCK_BYTES = 64 << 20
_Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Nearest:
    """Vectors to look among: of items, or of anything that may belong to one."""

    vectors: Floats
    """(n, width) unit vectors"""
    item: _Places
    """(n,): the item that each belongs to."""
    group: _Places
    """(n,): equal where two are the same picture."""

    def search(self, queries: Floats, *, item: _Places, group: _Places, k: int) -> tuple[_Places, Floats]:
        """The k most similar of each query (q, width) that are neither of its item nor of its group, best first.

        Returns places (q, k) and cosines (q, k); where there are fewer, place 0 and `NOTHING`.
        """
        k_held = min(k, len(self.vectors))
        place = np.zeros((len(queries), k), np.int64)
        similarity = np.full((len(queries), k), NOTHING, np.float32)
        rows = max(1, _BLOCK_BYTES // (4 * max(len(self.vectors), 1)))
        for start in range(0, len(queries) if k_held else 0, rows):
            block = slice(start, start + rows)
            found = queries[block] @ self.vectors.T
            found[(self.item == item[block, None]) | (self.group == group[block, None])] = NOTHING
            best = np.argpartition(-found, k_held - 1, axis=1)[:, :k_held]
            value = np.take_along_axis(found, best, axis=1)
            order = np.argsort(-value, axis=1, kind="stable")
            place[block, :k_held] = np.take_along_axis(best, order, axis=1)
            similarity[block, :k_held] = np.take_along_axis(value, order, axis=1)
        return place, similarity
