"""Comparisons of systems that were judged by the same rows."""

import math

import numpy as np
import pytest

from camenn.metrics.intervals import auc_cluster_interval
from camenn.metrics.paired import auc_draws, difference_over_seeds, holm, over_seeds, ratio_over_seeds, share_draws
from camenn.metrics.ranking import auc

GROUPS = np.repeat(np.arange(80), 5)
DRAWS = 400


def said(seed: int, *, gap: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = (rng.random(len(GROUPS)) < 0.4).astype(float)
    shared = rng.normal(size=len(GROUPS))  # two systems err on much the same rows
    return gap * labels + shared + 0.2 * np.random.default_rng(seed).normal(size=len(GROUPS)), labels


def drawn(seed: int, *, gap: float) -> tuple[float, np.ndarray]:
    scores, labels = said(seed, gap=gap)
    return auc(scores, labels), auc_draws(scores, labels, GROUPS, draws=DRAWS, seed=0)


def test_the_draws_are_those_of_the_interval() -> None:
    scores, labels = said(1, gap=1.0)
    interval = auc_cluster_interval(scores, labels, GROUPS, draws=DRAWS, seed=0)
    low, high = np.quantile(auc_draws(scores, labels, GROUPS, draws=DRAWS, seed=0), [0.025, 0.975])
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_a_draw_is_the_auc_of_the_rows_that_were_drawn() -> None:
    scores, labels = said(1, gap=1.0)
    picked = np.random.default_rng(0).integers(0, 80, size=80, dtype=np.int32)
    rows = np.concatenate([np.flatnonzero(group == GROUPS) for group in picked])
    assert auc_draws(scores, labels, GROUPS, draws=1, seed=0)[0] == pytest.approx(auc(scores[rows], labels[rows]))
    right = scores > 0.5
    assert share_draws(right, GROUPS, draws=1, seed=0)[0] == pytest.approx(right[rows].mean())


def test_a_ratio_is_of_means_and_paired() -> None:
    luck = np.linspace(0.5, 1.5, 101)
    # Half in one seed and twice in the other, whatever the draw.
    ratio = ratio_over_seeds([1.0, 2.0], [2.0, 1.0], [luck, 2 * luck], [2 * luck, luck], seed=0)
    assert ratio.value == pytest.approx(1.0)
    assert (ratio.low, ratio.high) == pytest.approx((0.5, 2.0))


def test_one_class_alone_and_no_rows_have_no_draws() -> None:
    assert np.isnan(auc_draws([0.1, 0.2], [1, 1], [0, 1], draws=3, seed=0)).all()
    assert np.isnan(share_draws([], [], draws=3, seed=0)).all()


def test_a_paired_difference_is_surer_than_either_figure() -> None:
    ours, theirs = [drawn(seed, gap=1.1) for seed in (1, 2, 3)], [drawn(seed, gap=1.0) for seed in (4, 5, 6)]
    values, draws = zip(*ours, strict=True)
    others, other_draws = zip(*theirs, strict=True)
    own = over_seeds(values, draws, seed=0)
    difference = difference_over_seeds(values, others, draws, other_draws, seed=0)
    assert own.value == pytest.approx(np.mean(values))
    assert own.low < own.value < own.high
    assert difference.value == pytest.approx(np.mean(values) - np.mean(others))
    assert difference.high - difference.low < 0.5 * (own.high - own.low)
    assert 0 < difference.low < difference.value < difference.high
    assert difference.p_value < 0.05


def test_luck_in_training_widens_the_interval() -> None:
    value, draws = drawn(1, gap=1.0)
    same = over_seeds([value, value], [draws, draws], seed=0)
    lucky = over_seeds([value - 0.1, value + 0.1], [draws - 0.1, draws + 0.1], seed=0)
    assert lucky.high - lucky.low > same.high - same.low + 0.05


def test_systems_that_agree_do_not_differ() -> None:
    value, draws = drawn(1, gap=1.0)
    difference = difference_over_seeds([value], [value], [draws], [draws], seed=0)
    assert (difference.value, difference.low, difference.high, difference.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_what_has_no_draws_has_no_interval() -> None:
    nothing = np.full(DRAWS, np.nan)
    difference = difference_over_seeds([math.nan], [0.5], [nothing], [nothing], seed=0)
    assert all(map(math.isnan, (difference.value, difference.low, difference.high, difference.p_value)))


def test_no_difference_is_found_in_one_case_of_twenty() -> None:
    found = 0
    for case in range(200):
        rng = np.random.default_rng(case)
        labels = (rng.random(len(GROUPS)) < 0.4).astype(float)
        shared = rng.normal(size=len(GROUPS)) + labels
        values, draws = zip(
            *[
                (auc(scores, labels), auc_draws(scores, labels, GROUPS, draws=100, seed=0))
                for scores in (shared + 0.5 * rng.normal(size=len(GROUPS)) for _ in range(2))
            ],
            strict=True,
        )
        found += difference_over_seeds(values[:1], values[1:], draws[:1], draws[1:], seed=0).p_value < 0.05
    assert 2 <= found <= 22


def test_holm_multiplies_by_how_many_are_left() -> None:
    # the smallest times 3, the next times 2; the last times 1 would fall below the one before, and does not
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.5, math.nan, 0.9]) == pytest.approx([1.0, math.nan, 1.0], nan_ok=True)
    assert holm([]) == []
