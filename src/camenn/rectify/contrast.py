"""How sure a fault is: a regression that tells planted faults from what stands there, at the frequencies that fit.

What stands there is not all right. What the regression takes for faulty is therefore left out, and all is done once
more without it. How frequent each fault is, which planting cannot tell, is then estimated from everything that stands
there (expectation maximisation over class frequencies, Saerens et al. 2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from camenn.errors import DataError

Signals = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDS = 5
ROUNDS = 3
"""How often what looks faulty is left out and all is done again. CHOICE."""
_ASSUMED = 0.3
"""Share of faults assumed when those that look faulty are left out: rather too many than too few. CHOICE."""
_SUSPECTED = 0.1
"""Share that is left out at first. CHOICE."""
_STEPS = 500
_DOUBT = 0.05
"""Share of further listings that are thought right. CHOICE: where signals tell nothing, any frequency would explain
them as well, and all listings would be called faulty; this settles it, and takes a twentieth of what they do tell.
"""


@dataclass(frozen=True, slots=True)
class Planted:
    """Signals of what stands there, class 0, and of what was planted."""

    signals: Signals
    """(n, signals)"""
    fault: Ints
    """(n,): from 0, nothing planted."""
    fold: Ints
    """(n,): a model is asked only about folds that it has not seen."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A regression a fold, and how frequent each fault is."""

    models: tuple[_Model, ...]
    frequency: NDArray[np.float64]
    """(faults,), of none first."""

    @classmethod
    def learn(cls, planted: Planted, num_faults: int, *, freedom: float = 1.0) -> Contrast:
        """Models from the other folds each; faults assumed to be frequent.

        freedom: the inverse of the weights' penalty.

        Raises:
            DataError: nothing was planted, or all of it is in one fold.
        """
        parts = [planted.fold != fold for fold in range(FOLDS)]
        if any(len(np.unique(planted.fault[part])) < 2 for part in parts):
            raise DataError("no fault could be planted: all listings are the same")
        with threadpool_limits(1, "blas"):  # a hundred weights: threads would only wait for one another
            models = tuple(_Model.fit(planted.signals[part], planted.fault[part], freedom) for part in parts)
        assumed = np.full(num_faults, _ASSUMED / (num_faults - 1))
        assumed[0] = 1.0 - _ASSUMED
        return cls(models, assumed)

    def with_frequencies_of(self, signals: Signals, fold: Ints) -> Contrast:
        """The same models at the frequencies that explain best what stands there: signals (n, ...), fold (n,)."""
        balanced, frequency = self._balanced(signals, fold), self.frequency
        thought = np.full(len(frequency), 0.5)
        thought[0] += _DOUBT * len(balanced)
        for _ in range(_STEPS):
            frequency = (_at(balanced, frequency).sum(axis=0) + thought) / (len(balanced) + thought.sum())
        return Contrast(self.models, frequency)

    def probabilities(self, signals: Signals, fold: Ints) -> Signals:
        """(n, faults): sums to one."""
        return _at(self._balanced(signals, fold), self.frequency)

    def trusted(self, signals: Signals, fold: Ints, *, at_first: bool) -> NDArray[np.bool_]:
        """(n,): what rather has no fault than one is taken for right; half of it at least, since most of it is.

        At first a share of all is left out, however sure: what was learned for right among much that is faulty says
        of nothing that it is.
        """
        right = self.probabilities(signals, fold)[:, 0]
        level = min(0.5, float(np.median(right)))
        if at_first:
            level = max(level, float(np.quantile(right, _SUSPECTED)))
        trusted: NDArray[np.bool_] = right >= level
        return trusted

    def evidence(self, signals: Signals, fold: Ints, fault: int) -> Signals:
        """(n, signals): what each signal adds to the log-odds of a fault against none."""
        added = np.zeros_like(signals)
        for k, model in enumerate(self.models):
            if (fold == k).any():
                added[fold == k] = model.against_none(signals[fold == k], fault)
        return added

    def _balanced(self, signals: Signals, fold: Ints) -> Signals:
        found = np.zeros((len(signals), len(self.frequency)))
        for k, model in enumerate(self.models):
            if (fold == k).any():
                found[np.ix_(fold == k, model.classes)] = model.probabilities(signals[fold == k])
        return found


@dataclass(frozen=True, slots=True)
class _Model:
    scale: StandardScaler
    regression: LogisticRegression

    @classmethod
    def fit(cls, x: Signals, y: Ints, freedom: float) -> _Model:
        scale = StandardScaler().fit(x)
        regression = LogisticRegression(C=freedom, class_weight="balanced", max_iter=1000)
        return cls(scale, regression.fit(scale.transform(x), y))

    @property
    def classes(self) -> list[int]:
        found: list[int] = self.regression.classes_.tolist()
        return found

    def probabilities(self, signals: Signals) -> Signals:
        """(n, classes), were all as frequent."""
        found: Signals = self.regression.predict_proba(self.scale.transform(signals))
        return found

    def against_none(self, signals: Signals, fault: int) -> Signals:
        if fault not in self.classes:
            return np.zeros_like(signals)
        weight = self.regression.coef_
        if len(weight) == 1:  # of two classes scikit-learn keeps one row
            weight = np.concatenate([np.zeros_like(weight), weight])
        added: Signals = self.scale.transform(signals) * (weight[self.classes.index(fault)] - weight[0])
        return added


def _at(balanced: Signals, frequency: NDArray[np.float64]) -> Signals:
    """The same probabilities where faults are as frequent as that."""
    weighed = balanced * frequency
    found: Signals = weighed / weighed.sum(axis=1, keepdims=True)
    return found
