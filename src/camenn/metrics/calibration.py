"""How far probabilities can be taken at their word. NumPy alone."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from camenn.metrics.intervals import Estimate, share_interval, wilson
from camenn.metrics.ranking import Floats, Integers, Truths, checked_rows, midranks

PRIOR = 0.1
"""Weight of the prior of `fit_platt`, in rows: mild, yet enough to keep separable labels finite."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability curve: one entry a bin, in order of probability; empty bins are left out."""

    mean_probability: Floats
    rate: Floats
    """Share of positives among the rows of the bin."""
    low: Floats
    """Wilson's 95% interval of the rate, for independent rows."""
    high: Floats
    count: Integers

    @property
    def error(self) -> float:
        """Mean distance of rate and probability over rows (expected calibration error); nan without rows."""
        if not self.count.sum():
            return float("nan")
        return float(np.average(np.abs(self.rate - self.mean_probability), weights=self.count))


def sigmoid(logits: ArrayLike) -> Floats:
    """Probability of each logit, without overflow at either end."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -np.asarray(logits, dtype=np.float64))))


def log_loss(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean of -log p(label) in nats, from logits: finite however sure the logits are. nan without rows."""
    values, positive = checked_rows(logits, labels)
    if not len(values):
        return float("nan")
    return float(np.logaddexp(0.0, np.where(positive, -values, values)).mean())


def probability_log_loss(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean of -log p(label) in nats; a probability of 0 or 1 counts as one rounding step away from it."""
    values, positive = checked_probabilities(probabilities, labels)
    if not len(values):
        return float("nan")
    step = np.finfo(np.float64).eps
    return float(-np.log(np.clip(np.where(positive, values, 1 - values), step, 1.0)).mean())


def accuracy(probabilities: ArrayLike, labels: ArrayLike, *, groups: ArrayLike | None = None) -> Estimate:
    """Share of rows on the right side of one half, with the interval of `share_interval`.

    CHOICE: one half of the calibrated probability.
    """
    values, positive = checked_probabilities(probabilities, labels)
    return share_interval((values >= 0.5) == positive, groups=groups)


def reliability(probabilities: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> Reliability:
    """Mean probability against rate of positives, in bins of equally many rows.

    Rows of equal probability share a bin, the one of their mean rank, so that no order of rows matters.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    values, positive = checked_probabilities(probabilities, labels)
    place = np.floor((midranks(values) - 0.5) * bins / max(len(values), 1)).astype(np.int64)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    count, num_positives = count[filled], np.bincount(place, weights=positive, minlength=bins)[filled]
    mean = np.bincount(place, weights=values, minlength=bins)[filled] / count
    bounds = [wilson(float(k), float(n)) for k, n in zip(num_positives, count, strict=True)]
    return Reliability(
        mean_probability=mean,
        rate=num_positives / count,
        low=np.array([bound.low for bound in bounds]),
        high=np.array([bound.high for bound in bounds]),
        count=count,
    )


def calibration_error(probabilities: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> float:
    """Expected calibration error over bins of equally many rows; nan without rows.

    Chance alone gives a perfectly calibrated model about 0.8 sqrt(p (1 - p) bins / n).
    """
    return reliability(probabilities, labels, bins=bins).error


def fit_platt(logits: ArrayLike, labels: ArrayLike) -> tuple[float, float]:
    """Scale and bias such that sigmoid(scale * logit + bias) has the least log loss; the scale is positive.

    Newton's method on a convex objective: the log loss summed over rows, plus `PRIOR` * (scale - log scale),
    which is least at 1 and infinite at 0, so that no order is ever turned round, plus `PRIOR` / 2 * bias^2.
    Without rows the answer is (1, 0); labels of one class move the bias as far as the prior lets them.
    DEVIATION: beyond the paper.
    """
    values, positive = checked_rows(logits, labels)
    marks = positive.astype(np.float64)
    point = np.array([1.0, 0.0])
    for _ in range(100):
        residual = sigmoid(point[0] * values + point[1])
        curvature = residual * (1 - residual)
        residual -= marks
        gradient = np.array([values @ residual, residual.sum()])
        gradient += PRIOR * np.array([1 - 1 / point[0], point[1]])
        mixed = values @ curvature
        hessian = np.array([[(values**2) @ curvature, mixed], [mixed, curvature.sum()]])
        hessian += PRIOR * np.diag([1 / point[0] ** 2, 1.0])
        step = np.linalg.solve(hessian, gradient)
        decrement = float(gradient @ step)
        if decrement < 1e-12:
            break
        point = _line_search(values, positive, point, step, decrement)
    return float(point[0]), float(point[1])


def checked_probabilities(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Floats, Truths]:
    """Probabilities and labels as rows of one length, or a ValueError that names what does not fit."""
    values, positive = checked_rows(probabilities, labels)
    if len(values) and (values.min() < 0 or values.max() > 1):
        raise ValueError(f"probabilities must lie within 0 and 1, not {values.min()} .. {values.max()}")
    return values, positive


def _line_search(values: Floats, positive: Truths, point: Floats, step: Floats, decrement: float) -> Floats:
    """Halve Newton's step until the scale stays positive and the objective falls (Armijo)."""
    start, size = _platt_objective(values, positive, point), 1.0
    while size > 1e-10:
        moved = point - size * step
        if moved[0] > 0 and _platt_objective(values, positive, moved) <= start - 1e-4 * size * decrement:
            return np.asarray(moved)
        size /= 2
    return point


def _platt_objective(values: Floats, positive: Truths, point: Floats) -> float:
    loss = np.logaddexp(0.0, np.where(positive, -1.0, 1.0) * (point[0] * values + point[1])).sum()
    scale, bias = float(point[0]), float(point[1])
    return float(loss) + PRIOR * (scale - math.log(scale) + bias**2 / 2)
