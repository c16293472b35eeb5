"""Which corrections need nobody: those that are false so rarely that a stated share is not passed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from camenn.rectify.contrast import Signals
from camenn.rectify.suggest import SUGGESTIONS

Floats64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SuggestionTrust:
    """How sure the first suggestion is, learned where the truth is known: in planted faults."""

    regression: LogisticRegression | None
    share_right: float
    """Of the planted faults, how many had the truth first."""

    @classmethod
    def learn(cls, score: Signals, right: NDArray[np.bool_]) -> SuggestionTrust:
        """score (n, SUGGESTIONS) of planted faults, and whether the first suggestion was the truth (n,)."""
        share = (float(right.sum()) + 1.0) / (len(right) + 2.0)
        if right.all() or not right.any():
            return cls(None, share)
        return cls(LogisticRegression(max_iter=1000).fit(_shape(score), right), share)

    def probabilities(self, score: Signals) -> Floats64:
        """(n,)"""
        if self.regression is None:
            return np.full(len(score), self.share_right)
        found: Floats64 = self.regression.predict_proba(_shape(score))[:, 1]
        return found


UNTRIED = SuggestionTrust(None, 0.0)
"""Where no suggestion could be tried none is made without a person."""


def _shape(score: Signals) -> Signals:
    """How good the first is, and how far before the second and the third."""
    held = np.where(np.isfinite(score), score, -30.0)
    return np.column_stack([held[:, 0], *(held[:, 0] - held[:, place] for place in range(1, min(3, SUGGESTIONS)))])


def threshold(probability: Floats64, *, rate: float) -> float:
    """The lowest probability of a right correction from which on no more than `rate` of them are false on average.

    probability (n,): of every correction that could be made. Returns a value above 1 where none may be made unseen.
    """
    ordered = np.sort(probability)[::-1]
    false = np.cumsum(1.0 - ordered) / np.arange(1, len(ordered) + 1)
    allowed = np.flatnonzero(false <= rate)
    return float(ordered[allowed[-1]]) if len(allowed) else 2.0
