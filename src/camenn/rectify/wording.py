"""What a name says without its meaning: how long, how common, how much of it other names say more exactly."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\d_]{2,}")
SIGNS = ("name stands under others too", "words in the name", "name is its category's", "longer names hold its words")


def words_of(name: str) -> frozenset[str]:
    """The words of a name in its normal form, without numbers and single letters."""
    return frozenset(_WORD.findall(name))


class Wording:
    """The names and categories of a shop."""

    def __init__(self, names: NDArray[np.object_], categories: Sequence[str]) -> None:
        """names (items,): by the catalogue's line, in their normal form; categories: by code, likewise."""
        self._names = names
        self._count = Counter(names.tolist())
        self._categories = [words_of(category) for category in categories]
        self._holding: defaultdict[str, set[str]] = defaultdict(set)
        for name in self._count:
            for word in words_of(name):
                self._holding[word].add(name)
        self._known: dict[tuple[str, int], tuple[float, float, float]] = {}

    def commonest_word(self, name: str) -> str:
        """The word of a name that most other names hold too, "" where no other does."""
        held = [(len(self._holding[word]), word) for word in words_of(name) if len(self._holding[word]) > 1]
        return max(held)[1] if held else ""

    def signs(
        self, items: NDArray[np.int64], names: NDArray[np.object_], categories: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(n, len(SIGNS)) of these names and categories (-1: unknown), if these items (n,) had them."""
        rows = [
            (float(np.log1p(self._count[name] - (name == own))), *self._of(name, category))
            for name, category, own in zip(names.tolist(), categories.tolist(), self._names[items], strict=True)
        ]
        return np.array(rows, np.float64).reshape(len(rows), len(SIGNS))

    def _of(self, name: str, category: int) -> tuple[float, float, float]:
        if (name, category) not in self._known:
            words = words_of(name)
            is_category = bool(words) and category >= 0 and words <= self._categories[category]
            holding = set.intersection(*(self._holding[word] for word in words)) if words else set()
            longer = sum(words < words_of(other) for other in holding)
            self._known[name, category] = float(np.log1p(len(words))), float(is_category), float(np.log1p(longer))
        return self._known[name, category]
