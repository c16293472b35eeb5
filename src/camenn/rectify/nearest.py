"""The nearest of many unit vectors, leaving out what a question is about itself."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from camenn.rectify.space import Floats

NOTHING = -2.0
"""Similarity where there is no further neighbour: below that of opposite vectors."""
EXACT = 50_000
"""Vectors up to which all are compared. Beyond, faiss looks into the likeliest cells, where it is installed."""
_COPIES = 16
"""Of one picture in many listings, as many are found where only some cells are looked into."""
_CELLS_LOOKED_INTO = 32
_BLOCK_BYTES = 64 << 20
_Places = NDArray[np.int64]


class Nearest:
    """Vectors to look among: of items, or of anything that may belong to one."""

    def __init__(self, vectors: Floats, item: _Places, group: _Places) -> None:
        """vectors: (n, width) unit vectors; item (n,): what each belongs to; group (n,): equal where two are the same
        picture, negative where that means nothing.
        """
        self.vectors, self._item, self._group = vectors, _Members(item), _Members(group)
        self._held = torch.from_numpy(vectors)
        many = len(vectors) > EXACT and importlib.util.find_spec("faiss") is not None
        self._cells = _cells(vectors, self._group.rank()) if many else None

    def search(self, queries: Floats, *, item: _Places, group: _Places, k: int) -> tuple[_Places, Floats]:
        """The k most similar of each query (q, width) that are neither of its item nor of its group, best first.

        Returns places (q, k) and cosines (q, k); where there are fewer, place 0 and `NOTHING`.
        """
        place = np.zeros((len(queries), k), np.int64)
        similarity = np.full((len(queries), k), NOTHING, np.float32)
        rows = max(1, _BLOCK_BYTES // (4 * max(len(self.vectors), 1)))
        for start in range(0, len(queries) if len(self.vectors) else 0, rows):
            block = slice(start, start + rows)
            look = self._among_all if self._cells is None else self._in_cells
            found, value = look(queries[block], item[block], group[block], k)
            place[block, : found.shape[1]], similarity[block, : found.shape[1]] = found, value
        place[similarity <= NOTHING] = 0
        return place, similarity

    def _among_all(self, queries: Floats, item: _Places, group: _Places, k: int) -> tuple[_Places, Floats]:
        told = torch.from_numpy(queries) @ self._held.T
        for members, own in ((self._item, item), (self._group, group)):
            told[members.of(own)] = NOTHING
        value, found = torch.topk(told, min(k, told.shape[1]), dim=1, sorted=False)
        return _best_first(found.numpy(), value.numpy(), k)

    def _in_cells(self, queries: Floats, item: _Places, group: _Places, k: int) -> tuple[_Places, Floats]:
        assert self._cells is not None
        # Its own item and the copies of its picture may all be among the first.
        value, found = self._cells.search(np.ascontiguousarray(queries), k + _COPIES + 1)
        own = (self._item.key[found] == item[:, None]) | (self._group.key[found] == group[:, None])
        value[own | (found < 0)] = NOTHING
        return _best_first(found, value, k)


class _Members:
    """Which vectors have a key."""

    def __init__(self, key: _Places) -> None:
        """key: (n,)"""
        self.key, self._order = key, np.argsort(key, kind="stable")
        self._sorted = key[self._order]

    def of(self, wanted: _Places) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of `wanted` (q,) and places of the vectors that have the key wanted there, pair by pair."""
        begin, end = (np.searchsorted(self._sorted, wanted, side) for side in ("left", "right"))
        count = end - begin
        row = np.repeat(np.arange(len(wanted)), count)
        step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return torch.from_numpy(row), torch.from_numpy(self._order[np.repeat(begin, count) + step])

    def rank(self) -> _Places:
        """(n,): how many vectors before each have its key; 0 where the key is negative."""
        rank = np.empty(len(self.key), np.int64)
        rank[self._order] = np.arange(len(self.key)) - np.searchsorted(self._sorted, self._sorted)
        return np.where(self.key < 0, 0, rank)


def _best_first(place: _Places, value: Floats, k: int) -> tuple[_Places, Floats]:
    """The first k (q, k); of equal ones the earlier."""
    order = np.lexsort((place, -value), axis=1)[:, :k]
    return np.take_along_axis(place, order, axis=1), np.take_along_axis(value, order, axis=1)


def _cells(vectors: Floats, rank: _Places) -> Any:
    """faiss cannot leave a group out, so of a group only the first few vectors are held."""
    import faiss

    held = np.flatnonzero(rank < _COPIES)
    index: Any = faiss.index_factory(
        vectors.shape[1], f"IVF{round(4 * np.sqrt(len(held)))},SQfp16", faiss.METRIC_INNER_PRODUCT
    )
    index.train(vectors)
    index.add_with_ids(vectors[held], held)
    index.nprobe = _CELLS_LOOKED_INTO
    return index
