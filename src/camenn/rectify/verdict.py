"""What is wrong with each listing: learned from faults planted in listings of the shop itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from camenn.rectify.contrast import ROUNDS, Contrast, Planted
from camenn.rectify.listings import Ints, Listings
from camenn.rectify.planting import Fault, Words, plant
from camenn.rectify.signals import NAMES, OF_PICTURE, OF_TEXT, Placed, Shelf, Signals
from camenn.rectify.space import Space

SAMPLE = 20_000
"""Listings that a verdict is learned from, at most. CHOICE: a regression of twenty numbers needs no more."""
_PART = 8192


Tell = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and of how much."""


def quietly(what: str, done: int, of: int) -> None:
    """Nobody is told."""


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
    learned: Listings
    """What was taken for right among those it was learned from."""

    @classmethod
    def learn(
        cls,
        listings: Listings,
        lines: Ints,
        make_space: Callable[[Listings], Space],
        words: Words,
        *,
        seed: int,
        seen: Seen = Seen.BOTH,
        tell: Tell = quietly,
    ) -> Judge:
        """Learn from listings of a shop, those of these lines (n,), that have what is `seen`; most of them are right.

        make_space: the space to compare in, from the listings that are taken for right.

        Raises:
            DataError: no fault can be planted, since all listings are the same.
        """
        rng = np.random.default_rng(seed)
        asked = lines if len(lines) <= SAMPLE else np.sort(rng.choice(lines, SAMPLE, replace=False))
        sample = listings.take(asked)
        trusted = np.ones(len(sample), dtype=bool)
        for number in range(ROUNDS):
            right = sample.take(trusted)
            space = make_space(right)
            shelf = Shelf(Placed.put(right, space), words.wording, len(words.categories))
            signals = seen.of(shelf.signals(Placed.put(sample, space)))
            contrast = Contrast.learn(_planted(right, signals[trusted], shelf, space, words, rng, seen), len(Fault))
            trusted = contrast.trusted(signals, sample.fold, at_first=number == 0)
        if len(sample) < len(lines):
            # A sample tells what is right; what the others are compared with, and what is put in place, are all.
            all_right = _right_ones(listings, lines, shelf, space, contrast, seen, tell)
            shelf = Shelf(Placed.shelved(listings, all_right, space), words.wording, len(words.categories))
            right, signals = sample.take(trusted), seen.of(shelf.signals(Placed.put(sample, space)))
            contrast = Contrast.learn(_planted(right, signals[trusted], shelf, space, words, rng, seen), len(Fault))
        return cls(space, shelf, contrast.with_frequencies_of(signals, sample.fold), seen, right)

    def judge(self, listings: Listings) -> Verdicts:
        """Of these listings, on the shelf or not."""
        placed = Placed.put(listings, self.space)
        signals = self.seen.of(self.shelf.signals(placed))
        return Verdicts(placed, signals, self.contrast.probabilities(signals, listings.fold))


def _right_ones(
    listings: Listings, lines: Ints, shelf: Shelf, space: Space, contrast: Contrast, seen: Seen, tell: Tell
) -> Ints:
    """Which of the lines are taken for right by what a sample taught."""
    signals = []
    for start in range(0, len(lines), _PART):
        part = listings.take(lines[start : start + _PART])
        signals.append(seen.of(shelf.signals(Placed.put(part, space))))
        tell("what to compare with", start + len(part), len(lines))
    return lines[contrast.trusted(np.concatenate(signals), listings.fold[lines], at_first=False)]


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
