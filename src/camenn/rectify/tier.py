"""Which corrections need nobody: those that are false so rarely that a stated share is not passed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from camenn.rectify.contrast import Signals
from camenn.rectify.suggest import SUGGESTIONS, Suggested

Floats64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SuggestionTrust:
    """How sure the first suggestion is, learned where the truth is known: in planted faults."""

    regression: LogisticRegression | None
    share_right: float
    """Of the planted faults, how many had the truth first."""

    @classmethod
    def learn(cls, suggested: Suggested, right: NDArray[np.bool_]) -> SuggestionTrust:
        """What was suggested for planted faults, and whether the first was the truth (n,)."""
        share = (float(right.sum()) + 1.0) / (len(right) + 2.0)
        if right.all() or not right.any():
            return cls(None, share)
        return cls(LogisticRegression(max_iter=1000).fit(_shape(suggested), right), share)

    def probabilities(self, suggested: Suggested) -> Floats64:
        """(n,)"""
        if self.regression is None:
            return np.full(len(suggested.place), self.share_right)
        found: Floats64 = self.regression.predict_proba(_shape(suggested))[:, 1]
        return found


UNTRIED = SuggestionTrust(None, 0.0)
"""Where no suggestion could be tried none is made without a person."""


def _shape(suggested: Suggested) -> Signals:
    """How good the first is, how far before the second and the third, and how well it fits at all."""
    held = np.where(np.isfinite(suggested.score), suggested.score, -30.0)
    ahead = [held[:, 0] - held[:, place] for place in range(1, min(3, SUGGESTIONS))]
    return np.column_stack([held[:, 0], *ahead, suggested.fit])


@dataclass(frozen=True, slots=True)
class Trial:
    """Corrections of planted faults."""

    correct: Floats64
    """(n,): how probably right each was said to be."""
    right: NDArray[np.bool_]
    """(n,)"""
    weight: Floats64
    """(n,): how many corrections of the shop each stands for."""


NO_TRIAL = Trial(np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Tier:
    """Which corrections nobody need look at."""

    start: float
    """Probability of a right correction from which on they are made; above 1: none is."""
    false: float = 0.0
    """Share of them that is expected to be false."""
    interval: tuple[float, float] = (0.0, 1.0)
    """Of that share, 95%, by how many planted faults it was tried on (Wilson)."""
    num_tried: int = 0
    """Corrections of planted faults that reach the start."""


def automatic_tier(trial: Trial, claimed: Floats64, doubt: Floats64, *, rate: float) -> Tier:
    """The lowest start at which the share of false corrections stays under `rate`.

    claimed (m,): how probably right the shop's own corrections are; doubt (m,): how probably there is nothing to
    correct. False are those that were wrong in the trial, in the numbers that they stand for, and those of what is
    right; this is no trial's to say. None is made that fewer tried ones speak for than would show one that is false.
    """
    own, tried = np.argsort(-claimed, kind="stable"), np.argsort(-trial.correct, kind="stable")
    wrong = np.cumsum(np.append(0.0, (trial.weight * ~trial.right)[tried]))
    weight = np.cumsum(np.append(0.0, trial.weight[tried]))
    squares = np.cumsum(np.append(0.0, trial.weight[tried] ** 2))
    doubted = np.cumsum(doubt[own])
    place = np.searchsorted(-trial.correct[tried], -claimed[own], side="right")
    num = weight[place] ** 2 / np.maximum(squares[place], 1e-12)  # as many of equal weight would say as much (Kish)
    false = (wrong[place] + doubted) / np.maximum(weight[place] + doubted, 1e-12)
    allowed = np.flatnonzero((false <= rate) & (num * rate >= 1.0))
    if not len(allowed):
        return Tier(2.0)
    last = allowed[-1]
    low, high = _wilson(float(false[last]), float(num[last]))
    return Tier(float(claimed[own][last]), float(false[last]), (low, high), int(place[last]))


def _wilson(share: float, num: float) -> tuple[float, float]:
    z = 1.959964
    middle, spread = share + z * z / (2 * num), z * np.sqrt(share * (1 - share) / num + z * z / (4 * num * num))
    low, high = (float(middle + side * spread) / (1 + z * z / num) for side in (-1, 1))
    return max(0.0, low), min(1.0, high)
