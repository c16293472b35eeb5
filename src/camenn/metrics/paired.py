"""How sure a comparison of systems is: draws that systems share, over groups of rows and over seeds. NumPy alone."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from camenn.metrics.intervals import NAN, Difference, Estimate, bootstrap_auc, group_draws
from camenn.metrics.ranking import Floats, checked_rows, group_codes


def auc_draws(scores: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, draws: int, seed: int) -> Floats:
    """(draws,) AUC of each draw of whole groups with replacement; nan where a draw holds one class.

    The same groups and seed draw alike, so that two systems' draws can be taken from one another.
    """
    values, positive = checked_rows(scores, labels)
    codes, num_groups = group_codes(groups, len(values))
    if positive.all() or not positive.any():
        return np.full(draws, NAN)
    return bootstrap_auc(values, positive, codes, num_groups, draws=draws, seed=seed)


def share_draws(outcomes: ArrayLike, groups: ArrayLike, *, draws: int, seed: int) -> Floats:
    """(draws,) share of true outcomes of each draw, drawn as `auc_draws` draws."""
    truths = np.asarray(outcomes, dtype=np.float64)
    codes, num_groups = group_codes(groups, len(truths))
    if not num_groups:
        return np.full(draws, NAN)
    true = np.bincount(codes, weights=truths, minlength=num_groups)
    rows = np.bincount(codes, minlength=num_groups)
    return np.array([(w @ true) / (w @ rows) for w in group_draws(num_groups, draws=draws, seed=seed)])


def over_seeds(values: Sequence[float], draws: Sequence[Floats], *, seed: int, confidence: float = 0.95) -> Estimate:
    """The mean over training seeds, and its interval over draws of groups and of seeds.

    values: (seeds,); draws: (seeds, draws). Seeds are drawn with replacement beside the groups, so that luck in
    training counts as luck in the test rows does; few seeds show less of it than there is.
    """
    drawn = _mean_of_drawn_seeds(np.asarray(draws), seed=seed)
    return Estimate(float(np.mean(values)), *_bounds(drawn, confidence))


def difference_over_seeds(
    values: Sequence[float],
    others: Sequence[float],
    draws: Sequence[Floats],
    other_draws: Sequence[Floats],
    *,
    seed: int,
    confidence: float = 0.95,
) -> Difference:
    """Mean of `values` less mean of `others` over the same seeds, paired by draw and by seed.

    The p-value is two-sided, by the normal distribution with the draws' deviation: draws alone could not tell
    values below one over their number.
    """
    drawn = _mean_of_drawn_seeds(np.asarray(draws) - np.asarray(other_draws), seed=seed)
    value = float(np.mean(values) - np.mean(others))
    deviation = float(np.nanstd(drawn)) if np.isfinite(drawn).any() else NAN
    if deviation == 0.0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    return Difference(value, *_bounds(drawn, confidence), math.erfc(abs(value) / deviation / math.sqrt(2)))


def ratio_over_seeds(
    values: Sequence[float],
    others: Sequence[float],
    draws: Sequence[Floats],
    other_draws: Sequence[Floats],
    *,
    seed: int,
    confidence: float = 0.95,
) -> Estimate:
    """Mean of `values` over mean of `others` over the same seeds, paired by draw and by seed.

    Of use where `others` are known not to be zero.
    """
    above, below = (_mean_of_drawn_seeds(np.asarray(one), seed=seed) for one in (draws, other_draws))
    return Estimate(float(np.mean(values) / np.mean(others)), *_bounds(above / below, confidence))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for how many they are (Holm 1979); nan stays nan and is not counted.

    The smallest is multiplied by their number, the next by one less; none falls below one before it, nor above 1.
    """
    known = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    corrected, least = list(p_values), 0.0
    for rank, index in enumerate(sorted(known, key=lambda index: p_values[index])):
        least = max(least, min(1.0, p_values[index] * (len(known) - rank)))
        corrected[index] = least
    return corrected


def _mean_of_drawn_seeds(draws: Floats, *, seed: int) -> Floats:
    """(seeds, draws) -> (draws,): each draw's mean over as many seeds as there are, drawn with replacement."""
    num_seeds, num_draws = draws.shape
    picked = np.random.default_rng([seed, num_seeds]).integers(0, num_seeds, size=(num_seeds, num_draws))
    means: Floats = np.take_along_axis(draws, picked, axis=0).mean(axis=0)
    return means


def _bounds(drawn: Floats, confidence: float) -> tuple[float, float]:
    if not np.isfinite(drawn).any():
        return NAN, NAN
    low, high = np.nanquantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
