"""What is wrong with each listing: learned from faults planted in listings of the shop itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from camenn.rectify.contrast import ROUNDS, Contrast, Planted
from camenn.rectify.listings import Listings
from camenn.rectify.planting import Fault, Words, plant
from camenn.rectify.signals import NAMES, OF_PICTURE, OF_TEXT, Placed, Shelf, Signals
from camenn.rectify.space import Space

SHELF = 20_000
"""Listings that a verdict is learned from and others are compared with, at most."""


class Seen(Enum):
    """What listings are judged by: which faults can be told apart, from which signals."""

    BOTH = (tuple(Fault)[1:], NAMES)
    TEXT = ((Fault.VAGUE, Fault.CATEGORY), OF_TEXT)
    PICTURE = ((Fault.CATEGORY,), OF_PICTURE)

    def of(self, signals: Signals) -> Signals:
        """(n, signals): those that say nothing set to zero."""
        return signals * np.isin(NAMES, self.value[1])


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is said of some listings."""

    placed: Placed
    signals: Signals
    """(n, signals)"""
    probability: Signals
    """(n, faults): sums to one."""

    def without_pictures(self, explained: NDArray[np.float64]) -> Verdicts:
        """The same where a wrong picture is otherwise explained with these probabilities (n,)."""
        probability = self.probability.copy()
        probability[:, Fault.NONE] += explained * probability[:, Fault.PICTURE]
        probability[:, Fault.PICTURE] *= 1.0 - explained
        return Verdicts(self.placed, self.signals, probability)


@dataclass(frozen=True, slots=True)
class Judge:
    """What tells right listings from faulty ones, in one shop."""

    space: Space
    shelf: Shelf
    contrast: Contrast
    seen: Seen

    @classmethod
    def learn(
        cls,
        listings: Listings,
        make_space: Callable[[Listings], Space],
        words: Words,
        *,
        seed: int,
        seen: Seen = Seen.BOTH,
    ) -> Judge:
        """Learn from listings that have what is `seen`, of which most are right.

        make_space: the space to compare in, from the listings that are taken for right.

        Raises:
            DataError: no fault can be planted, since all listings are the same.
        """
        rng = np.random.default_rng(seed)
        if len(listings) > SHELF:
            listings = listings.take(np.sort(rng.choice(len(listings), SHELF, replace=False)))
        trusted = np.ones(len(listings), dtype=bool)
        for number in range(ROUNDS):
            right = listings.take(trusted)
            space = make_space(right)
            shelf = Shelf(Placed.put(right, space), words.wording, len(words.categories))
            signals = seen.of(shelf.signals(Placed.put(listings, space)))
            planted = _planted(right, signals[trusted], shelf, space, words, rng, seen)
            contrast = Contrast.learn(planted, len(Fault))
            trusted = contrast.trusted(signals, listings.fold, at_first=number == 0)
        return cls(space, shelf, contrast.with_frequencies_of(signals, listings.fold), seen)

    def judge(self, listings: Listings) -> Verdicts:
        """Of these listings, on the shelf or not."""
        placed = Placed.put(listings, self.space)
        signals = self.seen.of(self.shelf.signals(placed))
        return Verdicts(placed, signals, self.contrast.probabilities(signals, listings.fold))


def _planted(
    right: Listings,
    as_they_stand: Signals,
    shelf: Shelf,
    space: Space,
    words: Words,
    rng: np.random.Generator,
    seen: Seen,
) -> Planted:
    signals, fault, fold = [as_they_stand], [np.zeros(len(right), np.int64)], [right.fold]
    for one in seen.value[0]:
        altered = plant(right, one, words, rng)
        signals.append(seen.of(shelf.signals(Placed.put(altered, space))))
        fault.append(np.full(len(altered), int(one)))
        fold.append(altered.fold)
    return Planted(np.concatenate(signals), np.concatenate(fault), np.concatenate(fold))
