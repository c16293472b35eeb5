"""What a catalogue claims: this item has this text, this picture, this category."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from camenn.rectify.space import Floats

Ints = NDArray[np.int64]
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Listings:
    """Listings as they stand, or with something altered on purpose: arrays over listings."""

    item: Ints
    """(n,): the catalogue's line."""
    text: Floats
    """(n, encoder width): pooled vectors of name and description, zeros where there is none."""
    picture: Floats
    """(n, encoder width): pooled vectors of the picture, zeros where there is none."""
    group: Ints
    """(n,): equal where two pictures are the same."""
    fold: Ints
    """(n,): which part of the shop the picture is in, when a map is fitted on the others."""
    name: NDArray[np.object_]
    """(n,) str: names in their normal form."""
    category: Ints
    """(n,): code of the category, UNKNOWN where there is none."""

    def __len__(self) -> int:
        return len(self.item)

    def without_vectors(self) -> Listings:
        """The same of many listings, whose vectors would fill the memory."""
        none = np.zeros((len(self), 0), np.float32)
        return replace(self, text=none, picture=none)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Listings:
        """Some of them."""
        return Listings(
            self.item[index],
            self.text[index],
            self.picture[index],
            self.group[index],
            self.fold[index],
            self.name[index],
            self.category[index],
        )
