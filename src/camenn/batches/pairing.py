"""Which text and which picture belong together: each item's own, unless reviewers decided otherwise.

DEVIATION: beyond the paper; without decisions each item has its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Pairing:
    """What is known of a shop's texts and pictures, by catalogue row."""

    text: NDArray[np.int32]
    """(item rows,): whose text an item has, as corrected; 0 where nobody knows which text and picture fit."""
    image: NDArray[np.int32]
    """(item rows,): whose picture; 0 where the text is."""
    wrong_text: NDArray[np.bool_]
    """(item rows,): the item's own text does not fit its own picture."""
    wrong_image: NDArray[np.bool_]
    """(item rows,): the item's own picture does not fit its own text; both where nobody said which is wrong."""
    reviewed: NDArray[np.bool_]
    """(item rows,): a reviewer said that text and picture, as they stand here, fit."""

    @classmethod
    def own(cls, num_rows: int) -> Self:
        """Every item with its own text and picture, none of them reviewed."""
        rows, no = np.arange(num_rows, dtype=np.int32), np.zeros(num_rows, dtype=bool)
        return cls(rows, rows, no, no, no)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(item rows,): items of which a text and a picture are known to fit, or taken to."""
        return self.text > 0

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """(item rows,): items whose own text and picture do not fit each other."""
        return self.wrong_text | self.wrong_image

    @property
    def decided(self) -> NDArray[np.bool_]:
        """(item rows,): items of which reviewers said anything."""
        return self.wrong | self.reviewed

    @property
    def digest(self) -> str:
        """Of what was decided: the same for decisions that come to the same."""
        digest, rows = hashlib.blake2b(digest_size=8), np.flatnonzero(self.decided)
        digest.update(rows.tobytes())
        for held in (self.text, self.image, self.wrong_text, self.wrong_image, self.reviewed):
            digest.update(held[rows].tobytes())
        return digest.hexdigest()

    def within(self, part: NDArray[np.bool_], *, has_text: NDArray[np.bool_], has_image: NDArray[np.bool_]) -> Pairing:
        """What is known of the items of a part, (item rows,), by that part's texts and pictures alone.

        has_text, has_image: (item rows,). Nothing of another part is among it, so that what is held out stays so.
        """
        known = self.known & part & part[self.text] & part[self.image] & has_text[self.text] & has_image[self.image]
        told = part & has_text & has_image
        return replace(
            self,
            text=np.where(known, self.text, 0).astype(np.int32),
            image=np.where(known, self.image, 0).astype(np.int32),
            wrong_text=self.wrong_text & told,
            wrong_image=self.wrong_image & told,
            reviewed=self.reviewed & known,
        )
