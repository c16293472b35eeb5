"""How well scores order rows: AUC, AUC within groups, NDCG. NumPy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class GroupedScore:
    """A mean over groups, and what it was taken over."""

    value: float
    """nan where no group counts."""
    num_groups: int
    """Groups that count."""
    num_left_out: int
    """Groups in which the measure has no meaning."""


def checked_rows(values: ArrayLike, labels: ArrayLike) -> tuple[Floats, Truths]:
    """Scores as float64 and labels as truth values, or a ValueError that names what does not fit."""
    scores, marks = np.asarray(values, dtype=np.float64), np.asarray(labels)
    if scores.ndim != 1 or scores.shape != marks.shape:
        raise ValueError(f"scores and labels differ in shape: {scores.shape} and {marks.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    positive = marks == 1
    if not (positive | (marks == 0)).all():
        raise ValueError("labels must be 0 or 1")
    return scores, positive


def group_codes(groups: ArrayLike, length: int) -> tuple[Integers, int]:
    """Any group labels as 0 .. num_groups - 1, and num_groups."""
    labels = np.asarray(groups)
    if labels.shape != (length,):
        raise ValueError(f"groups must name one group a row: {labels.shape} for {length} rows")
    distinct, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int64, copy=False), len(distinct)


def midranks(values: Floats) -> Floats:
    """Rank of each value from 1; equal values share the mean of the ranks they take together.

    Halves are exact in float64, so sums of ranks are exact as well, up to some 10^7 rows.
    """
    return _midranks_within(np.zeros(len(values), dtype=np.int64), values)


def auc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Probability that a positive scores above a negative, a tie counting half: exact, O(n log n).

    nan where the labels are all of one class: nothing is there to be ordered.
    """
    values, positive = checked_rows(scores, labels)
    num_positives = int(positive.sum())
    num_pairs = num_positives * (len(values) - num_positives)
    if num_pairs == 0:
        return float("nan")
    above = midranks(values)[positive].sum() - num_positives * (num_positives + 1) / 2
    return float(above / num_pairs)


def grouped_auc(scores: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> GroupedScore:
    """Mean of the AUC within each group, weighted by the group's number of rows.

    The field's GAUC (Zhu et al. 2017; DIN, Zhou et al. 2018), with impressions as weights. Groups of one
    class have no AUC: they are left out and counted.
    """
    values, positive = checked_rows(scores, labels)
    codes, num_groups = group_codes(groups, len(values))
    num_rows = np.bincount(codes, minlength=num_groups)
    num_positives = np.bincount(codes, weights=positive, minlength=num_groups)
    num_pairs = num_positives * (num_rows - num_positives)
    counts = num_pairs > 0
    rank_sum = np.bincount(codes, weights=_midranks_within(codes, values) * positive, minlength=num_groups)
    above = rank_sum - num_positives * (num_positives + 1) / 2
    within = above[counts] / num_pairs[counts]
    value = float(np.average(within, weights=num_rows[counts])) if counts.any() else float("nan")
    return GroupedScore(value=value, num_groups=int(counts.sum()), num_left_out=int((~counts).sum()))


def ndcg_at_k(scores: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, k: int) -> GroupedScore:
    """Mean over groups of the discounted gain of the first k rows over the best possible; gains are 0 or 1.

    Ties count by expectation: every order of equal scores is as likely as any other (McSherry and Najork
    2008), so the order of rows never matters. Groups without a positive have no best order: they are left out
    and counted.

    Raises ValueError where k is below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    values, positive = checked_rows(scores, labels)
    codes, num_groups = group_codes(groups, len(values))
    num_positives = np.bincount(codes, weights=positive, minlength=num_groups).astype(np.int64)
    longest = int(np.bincount(codes, minlength=1).max(initial=0))
    # gain_before[r]: all that ranks 0 .. r - 1 can give; flat from rank k on
    ranks = np.arange(longest)
    gain_before = np.concatenate([[0.0], np.cumsum(np.where(ranks < k, 1 / np.log2(ranks + 2.0), 0.0))])

    order, run = _runs(codes, -values)
    first, stop = _run_bounds(run)
    start_of_group = np.searchsorted(codes[order], np.arange(num_groups))
    begin = first - start_of_group[codes[order][first]]
    end = stop - start_of_group[codes[order][first]]
    mean_gain = (gain_before[end] - gain_before[begin]) / (end - begin)
    gained = np.bincount(codes[order], weights=mean_gain[run] * positive[order], minlength=num_groups)

    counts = num_positives > 0
    shares = gained[counts] / gain_before[num_positives[counts]]
    value = float(shares.mean()) if counts.any() else float("nan")
    return GroupedScore(value=value, num_groups=int(counts.sum()), num_left_out=int((~counts).sum()))


def _runs(codes: Integers, values: Floats) -> tuple[Integers, Integers]:
    """The order by group, then value, and the number of the run of equal (group, value) at each place."""
    order = np.lexsort((values, codes))
    starts = np.ones(len(order), dtype=bool)
    group, value = codes[order], values[order]
    starts[1:] = (group[1:] != group[:-1]) | (value[1:] != value[:-1])
    return order, np.cumsum(starts) - 1


def _run_bounds(run: Integers) -> tuple[Integers, Integers]:
    """First place of each run, and the first place after it."""
    first = np.flatnonzero(np.diff(run, prepend=-1))
    return first, np.append(first, len(run))[1:]


def _midranks_within(codes: Integers, values: Floats) -> Floats:
    """Mid-ranks from 1 within each group, in the order of the rows given."""
    order, run = _runs(codes, values)
    first, stop = _run_bounds(run)
    group = codes[order][first]
    start_of_group = np.searchsorted(codes[order], group)
    middle = (first + stop + 1) / 2 - start_of_group
    ranks = np.empty(len(values))
    ranks[order] = middle[run]
    return ranks
