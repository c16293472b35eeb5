"""How sure a figure is: DeLong and bootstrap intervals of AUC, Wilson intervals of shares. NumPy alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from camenn.metrics.ranking import Floats, Integers, Truths, auc, checked_rows, group_codes, midranks

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its interval; nan where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of two figures on the same rows, its interval, and the chance of one as large by luck."""

    value: float
    low: float
    high: float
    p_value: float


def auc_interval(scores: ArrayLike, labels: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """AUC with DeLong's interval for independent rows, on the logit scale so that it stays within 0 and 1.

    DeLong et al. 1988, by the mid-ranks of Sun and Xu 2014: O(n log n). A perfect order has no DeLong
    variance; its bound comes from pairs that are independent of one another (see `_perfect_bound`). With one
    class alone everything is nan; with a single row of a class the AUC stands and its interval is nan.
    """
    values, positive = checked_rows(scores, labels)
    num_positives, num_negatives = int(positive.sum()), int((~positive).sum())
    if min(num_positives, num_negatives) == 0:
        return Estimate(NAN, NAN, NAN)
    value = auc(values, positive)
    if value in (0.0, 1.0):
        return _perfect_bound(value, min(num_positives, num_negatives), confidence=confidence)
    if min(num_positives, num_negatives) == 1:
        return Estimate(value, NAN, NAN)
    of_positives, of_negatives = _placements(values, positive)
    variance = of_positives.var(ddof=1) / num_positives + of_negatives.var(ddof=1) / num_negatives
    reach = _normal_quantile(confidence) * math.sqrt(variance) / (value * (1 - value))
    centre = math.log(value / (1 - value))
    return Estimate(value, _logistic(centre - reach), _logistic(centre + reach))


def auc_cluster_interval(
    scores: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike,
    *,
    draws: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """AUC with a percentile bootstrap interval over whole groups: rows of one group stand or fall together.

    `groups` holds one label a row. Each draw takes as many groups as there are, with replacement; draws that
    happen to hold one class alone are left out. The interval is nan where fewer than two groups hold a
    positive, or a negative. The same seed gives the same interval.
    """
    values, positive = checked_rows(scores, labels)
    codes, num_groups = group_codes(groups, len(values))
    value = auc(values, positive)
    if math.isnan(value):
        return Estimate(NAN, NAN, NAN)
    num_holding = min(len(np.unique(codes[positive])), len(np.unique(codes[~positive])))
    if value in (0.0, 1.0):
        return _perfect_bound(value, min(num_holding, num_groups // 2), confidence=confidence)
    if num_holding < 2:
        return Estimate(value, NAN, NAN)
    drawn = bootstrap_auc(values, positive, codes, num_groups, draws=draws, seed=seed)
    low, high = np.nanquantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(low), float(high))


def auc_difference(
    scores: ArrayLike, other_scores: ArrayLike, labels: ArrayLike, *, confidence: float = 0.95
) -> Difference:
    """AUC of `scores` less AUC of `other_scores` on the same rows: DeLong's paired test, independent rows.

    Two models err on much the same rows, so the difference is known far better than either AUC. nan with
    fewer than two rows of a class.
    """
    values, positive = checked_rows(scores, labels)
    others, _ = checked_rows(other_scores, labels)
    num_positives, num_negatives = int(positive.sum()), int((~positive).sum())
    difference = auc(values, positive) - auc(others, positive)
    if min(num_positives, num_negatives) < 2:
        return Difference(difference, NAN, NAN, NAN)
    of_positives, of_negatives = (
        placed - others_placed
        for placed, others_placed in zip(_placements(values, positive), _placements(others, positive), strict=True)
    )
    variance = of_positives.var(ddof=1) / num_positives + of_negatives.var(ddof=1) / num_negatives
    deviation = math.sqrt(variance)
    if deviation == 0:  # the same order, or one that differs by the same amount everywhere
        return Difference(difference, difference, difference, 1.0 if difference == 0 else 0.0)
    reach = _normal_quantile(confidence) * deviation
    p_value = math.erfc(abs(difference) / deviation / math.sqrt(2))
    return Difference(difference, difference - reach, difference + reach, p_value)


def wilson(num_successes: float, num_trials: float, *, confidence: float = 0.95) -> Estimate:
    """Share of successes with Wilson's interval; nan with no trial."""
    if num_trials <= 0:
        return Estimate(NAN, NAN, NAN)
    z, share = _normal_quantile(confidence), num_successes / num_trials
    spread = z * math.sqrt(share * (1 - share) / num_trials + z * z / (4 * num_trials**2))
    centre, shrink = share + z * z / (2 * num_trials), 1 + z * z / num_trials
    # the share itself is always inside; the bounds reach it exactly at 0 and 1, up to rounding
    low, high = (centre - spread) / shrink, (centre + spread) / shrink
    return Estimate(share, min(max(low, 0.0), share), max(min(high, 1.0), share))


def share_interval(outcomes: ArrayLike, *, groups: ArrayLike | None = None, confidence: float = 0.95) -> Estimate:
    """Share of true outcomes with Wilson's interval; rows of one group are not counted as independent.

    With groups, the number of rows is divided by the design effect: the variance that the groups show over
    the one that independent rows would have (never below 1). Where all outcomes agree no variance shows, and
    each group counts as one row. nan with no row.
    """
    truths = np.asarray(outcomes, dtype=bool)
    num_rows, share = len(truths), float(truths.mean()) if len(truths) else NAN
    if groups is None or num_rows == 0:
        return wilson(float(truths.sum()), num_rows, confidence=confidence)
    codes, num_groups = group_codes(groups, num_rows)
    if share in (0.0, 1.0) or num_groups < 2:
        return wilson(share * num_groups, num_groups, confidence=confidence)
    residuals = np.bincount(codes, weights=truths - share, minlength=num_groups)
    variance = float((residuals**2).sum()) * num_groups / (num_groups - 1)
    design_effect = max(1.0, variance / (num_rows * share * (1 - share)))
    num_effective = num_rows / design_effect
    return wilson(share * num_effective, num_effective, confidence=confidence)


def _placements(values: Floats, positive: Truths) -> tuple[Floats, Floats]:
    """For each positive the share of negatives below it, for each negative that of positives above it."""
    ranks, highs, lows = midranks(values), values[positive], values[~positive]
    of_positives = (ranks[positive] - midranks(highs)) / len(lows)
    of_negatives = 1 - (ranks[~positive] - midranks(lows)) / len(highs)
    return of_positives, of_negatives


def _perfect_bound(value: float, num_pairs: int, *, confidence: float) -> Estimate:
    """Interval of an AUC of exactly 0 or 1 from pairs (positive, negative) that share no row or group.

    Such pairs are independent, and each is in order with probability AUC: all of them in order is the
    Clopper-Pearson case of no failure. Conservative, and never a point.
    """
    if num_pairs == 0:
        return Estimate(value, NAN, NAN)
    bound = ((1 - confidence) / 2) ** (1 / num_pairs)
    return Estimate(value, bound, 1.0) if value == 1.0 else Estimate(value, 0.0, 1 - bound)


def group_draws(num_groups: int, *, draws: int, seed: int) -> Iterator[Integers]:
    """How often each group comes in each draw of as many groups as there are, with replacement: (num_groups,)."""
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield np.bincount(rng.integers(0, num_groups, size=num_groups, dtype=np.int32), minlength=num_groups)


def bootstrap_auc(
    values: Floats, positive: Truths, codes: Integers, num_groups: int, *, draws: int, seed: int
) -> Floats:
    """AUC of each draw, rows weighted by how often their group came; nan for one class. O(n) a draw."""
    order = np.argsort(values[~positive])
    negatives, negative_group = values[~positive][order], codes[~positive][order]
    positive_group = codes[positive]
    below = np.searchsorted(negatives, values[positive], side="left")
    up_to = np.searchsorted(negatives, values[positive], side="right")
    weight_before = np.zeros(len(negatives) + 1, dtype=np.int64)  # integers: a running sum is 6 times faster
    result = np.full(draws, NAN)
    for draw, drawn in enumerate(group_draws(num_groups, draws=draws, seed=seed)):
        weights = drawn.astype(np.int16)
        np.cumsum(weights[negative_group], dtype=np.int64, out=weight_before[1:])
        of_positives = weights[positive_group].astype(np.float64)
        num_pairs = float(weight_before[-1]) * of_positives.sum()
        if num_pairs > 0:
            twice_above = (weight_before[below] + weight_before[up_to]) @ of_positives
            result[draw] = twice_above / (2 * num_pairs)
    return result


def _normal_quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _logistic(value: float) -> float:
    return 0.5 * (1 + math.tanh(value / 2))
