"""What is wrong with each listing: learned from faults planted in listings of the shop itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from camenn.rectify.contrast import ROUNDS, Contrast, Planted
from camenn.rectify.listings import Listings
from camenn.rectify.planting import Fault, Words, plant
from camenn.rectify.signals import Placed, Shelf, Signals
from camenn.rectify.space import Space

SHELF = 20_000
"""Listings that a verdict is learned from and others are compared with, at most."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is said of some listings."""

    placed: Placed
    signals: Signals
    """(n, signals)"""
    probability: Signals
    """(n, faults): sums to one."""


@dataclass(frozen=True, slots=True)
class Judge:
    """What tells right listings from faulty ones, in one shop."""

    space: Space
    shelf: Shelf
    contrast: Contrast

    @classmethod
    def learn(cls, listings: Listings, make_space: Callable[[Listings], Space], words: Words, *, seed: int) -> Judge:
        """Learn from listings that have a text and a picture, of which most are right.

        make_space: the space to compare in, from the listings that are taken for right.
        """
        rng = np.random.default_rng(seed)
        if len(listings) > SHELF:
            listings = listings.take(np.sort(rng.choice(len(listings), SHELF, replace=False)))
        trusted = np.ones(len(listings), dtype=bool)
        for _ in range(ROUNDS):
            right = listings.take(trusted)
            space = make_space(right)
            shelf = Shelf(Placed.put(right, space), words.wording, len(words.categories))
            signals = shelf.signals(Placed.put(listings, space))
            contrast = Contrast.learn(_planted(right, signals[trusted], shelf, space, words, rng), len(Fault))
            trusted = contrast.probabilities(signals, listings.fold)[:, Fault.NONE] >= 0.5
        return cls(space, shelf, contrast.with_frequencies_of(signals, listings.fold))

    def judge(self, listings: Listings) -> Verdicts:
        """Of these listings, on the shelf or not."""
        placed = Placed.put(listings, self.space)
        signals = self.shelf.signals(placed)
        return Verdicts(placed, signals, self.contrast.probabilities(signals, listings.fold))


def _planted(
    right: Listings, as_they_stand: Signals, shelf: Shelf, space: Space, words: Words, rng: np.random.Generator
) -> Planted:
    signals, fault, fold = [as_they_stand], [np.zeros(len(right), np.int64)], [right.fold]
    for one in list(Fault)[1:]:
        altered = plant(right, one, words, rng)
        signals.append(shelf.signals(Placed.put(altered, space)))
        fault.append(np.full(len(altered), int(one)))
        fold.append(altered.fold)
    return Planted(np.concatenate(signals), np.concatenate(fault), np.concatenate(fold))
