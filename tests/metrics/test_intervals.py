"""Intervals: the arithmetic by hand, against textbook formulas, and how often they hold the truth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score

from camenn.metrics.intervals import (
    auc_cluster_interval,
    auc_difference,
    auc_interval,
    share_interval,
    wilson,
)

Z = norm.ppf(0.975)


def normal_scores(rng, size, *, gap, rate=0.3):
    """Scores of two normals `gap` apart, whose true AUC is Phi(gap / sqrt 2)."""
    labels = rng.random(size) < rate
    return rng.normal(size=size) + gap * labels, labels


def pair_wins(scores, labels):
    """Matrix positives x negatives: 1 in order, one half tied, 0 otherwise."""
    difference = scores[labels][:, None] - scores[~labels][None, :]
    return (difference > 0) + 0.5 * (difference == 0)


def test_delong_by_hand():
    scores, labels = np.array([4.0, 2.0, 3.0, 1.0, 0.0]), np.array([True, True, False, False, False])
    # wins of 4: 3, 1, 0 -> 3 of 3; wins of 2: 1, 0 -> 2 of 3. Each negative is beaten by: 3: 1/2, 1: 1, 0: 1
    of_positives, of_negatives = [3 / 3, 2 / 3], [1 / 2, 1, 1]
    value = sum(of_positives) / 2
    variance = np.var(of_positives, ddof=1) / 2 + np.var(of_negatives, ddof=1) / 3
    logit, reach = math.log(value / (1 - value)), Z * math.sqrt(variance) / (value * (1 - value))
    estimate = auc_interval(scores, labels)
    assert estimate.value == pytest.approx(value) == pytest.approx(5 / 6)
    assert estimate.low == pytest.approx(1 / (1 + math.exp(-(logit - reach))))
    assert estimate.high == pytest.approx(1 / (1 + math.exp(-(logit + reach))))


@pytest.mark.parametrize("decimals", [0, 6])
def test_delong_agrees_with_the_matrix_of_all_pairs(decimals):
    scores, labels = normal_scores(np.random.default_rng(1), 400, gap=1.0)
    scores = np.round(scores, decimals)
    wins = pair_wins(scores, labels)
    variance = wins.mean(1).var(ddof=1) / wins.shape[0] + wins.mean(0).var(ddof=1) / wins.shape[1]
    value = wins.mean()
    estimate = auc_interval(scores, labels)
    assert estimate.value == pytest.approx(value)
    half_width = (math.log(estimate.high / (1 - estimate.high)) - math.log(estimate.low / (1 - estimate.low))) / 2
    assert half_width == pytest.approx(Z * math.sqrt(variance) / (value * (1 - value)))


def test_delong_holds_the_true_auc_about_95_times_in_100():
    rng = np.random.default_rng(7)
    truth, held = norm.cdf(1.5 / math.sqrt(2)), 0
    for _ in range(400):
        estimate = auc_interval(*normal_scores(rng, 120, gap=1.5))
        held += estimate.low <= truth <= estimate.high
    assert 0.92 <= held / 400 <= 0.98


def test_a_perfect_order_is_not_a_certain_one():
    scores, labels = np.arange(20.0), np.arange(20) >= 14
    estimate = auc_interval(scores, labels)  # 6 positives, 14 negatives: 6 pairs that share no row
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(binomtest(6, 6).proportion_ci().low)
    turned = auc_interval(-scores, labels)
    assert (turned.low, turned.value, turned.high) == (0.0, 0.0, pytest.approx(1 - estimate.low))


def test_the_interval_of_one_class_is_not_defined():
    for estimate in (
        auc_interval([1.0, 2.0], [1, 1]),
        auc_cluster_interval([1.0, 2.0], [0, 0], [0, 1]),
        auc_interval([], []),
    ):
        assert all(math.isnan(part) for part in (estimate.value, estimate.low, estimate.high))


def test_a_single_positive_has_an_auc_but_no_interval():
    estimate = auc_interval([3.0, 1.0, 2.0, 5.0], [1, 0, 0, 0])
    assert estimate.value == pytest.approx(2 / 3)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_a_single_group_gives_the_bootstrap_nothing_to_draw():
    estimate = auc_cluster_interval([3.0, 1.0, 2.0, 5.0], [1, 0, 1, 0], [4, 4, 4, 4])
    assert estimate.value == 2 / 4  # 3 and 2 beat 1, nothing beats 5
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_positives_of_one_group_alone_say_nothing_of_other_groups():
    # negatives come from two groups, both positives from one
    scores, labels = [4.0, 2.0, 3.0, 1.0], [1, 1, 0, 0]
    assert math.isnan(auc_cluster_interval(scores, labels, [0, 0, 1, 2]).low)
    assert auc_cluster_interval(scores, labels, [0, 3, 1, 2]).low >= 0


def test_draws_of_one_class_alone_are_left_out():
    # of four groups drawn, all hold the same class in 2 of 16 draws
    estimate = auc_cluster_interval([4.0, 2.0, 3.0, 1.0], [1, 1, 0, 0], [0, 1, 2, 3])
    assert (estimate.value, estimate.low, estimate.high) == (0.75, 0.0, 1.0)


def test_the_bootstrap_of_single_row_groups_agrees_with_delong():
    scores, labels = normal_scores(np.random.default_rng(5), 3_000, gap=1.0)
    single = auc_cluster_interval(scores, labels, np.arange(3_000))
    delong = auc_interval(scores, labels)
    assert single.value == delong.value
    assert single.high - single.low == pytest.approx(delong.high - delong.low, rel=0.1)


def test_the_bootstrap_widens_as_the_formula_for_clusters_says():
    # every row eight times over: eight times the rows, not one more fact
    scores, labels = normal_scores(np.random.default_rng(5), 1_500, gap=1.0)
    groups = np.arange(1_500)
    once = auc_cluster_interval(scores, labels, groups)
    copied = auc_cluster_interval(np.repeat(scores, 8), np.repeat(labels, 8), np.repeat(groups, 8))
    rows_alone = auc_interval(np.repeat(scores, 8), np.repeat(labels, 8))
    assert copied == once
    assert (once.high - once.low) / (rows_alone.high - rows_alone.low) == pytest.approx(math.sqrt(8), rel=0.1)


def test_the_bootstrap_agrees_with_obuchowski_on_requests():
    rng = np.random.default_rng(11)
    groups = np.repeat(np.arange(600), 5)
    labels = rng.random(3_000) < 0.3
    scores = rng.normal(size=3_000) + labels + rng.normal(size=600)[groups]
    wins = pair_wins(scores, labels)
    value = wins.mean()
    # Obuchowski 1997: sum the placements of each cluster, then take the variance over clusters
    positive_part = np.bincount(groups[labels], weights=wins.mean(1) - value, minlength=600) / wins.shape[0]
    negative_part = np.bincount(groups[~labels], weights=wins.mean(0) - value, minlength=600) / wins.shape[1]
    deviation = math.sqrt(((positive_part + negative_part) ** 2).sum() * 600 / 599)
    estimate = auc_cluster_interval(scores, labels, groups)
    assert estimate.high - estimate.low == pytest.approx(2 * Z * deviation, rel=0.1)


def test_a_bootstrap_draw_counts_ties_half():
    rng = np.random.default_rng(2)
    labels, groups = rng.random(400) < 0.4, rng.integers(0, 80, 400)
    coarse = np.round(rng.normal(size=400) + labels)
    estimate = auc_cluster_interval(coarse, labels, groups)
    drawn = []
    for _ in range(400):
        rows = np.concatenate([np.flatnonzero(groups == g) for g in rng.integers(0, 80, 80)])
        drawn.append(roc_auc_score(labels[rows], coarse[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert estimate.low == pytest.approx(low, abs=0.015)
    assert estimate.high == pytest.approx(high, abs=0.015)


def test_the_bootstrap_repeats_itself_with_a_seed_and_only_then():
    scores, labels = normal_scores(np.random.default_rng(5), 300, gap=1.0)
    groups = np.arange(300) // 3
    assert auc_cluster_interval(scores, labels, groups, seed=4) == auc_cluster_interval(scores, labels, groups, seed=4)
    assert auc_cluster_interval(scores, labels, groups, seed=4) != auc_cluster_interval(scores, labels, groups, seed=5)


def test_a_perfect_order_of_groups_is_bounded_by_its_groups():
    scores, labels, groups = np.tile([1.0, 0.0], 10), np.tile([1, 0], 10), np.repeat(np.arange(10), 2)
    # ten requests, each with both: five pairs of requests without one in common
    estimate = auc_cluster_interval(scores, labels, groups)
    assert estimate.low == pytest.approx(0.025 ** (1 / 5))


def test_the_paired_difference_agrees_with_the_matrix_of_all_pairs():
    rng = np.random.default_rng(9)
    scores, labels = normal_scores(rng, 500, gap=1.0)
    others = scores + rng.normal(size=500)
    wins = pair_wins(scores, labels) - pair_wins(others, labels)
    deviation = math.sqrt(wins.mean(1).var(ddof=1) / wins.shape[0] + wins.mean(0).var(ddof=1) / wins.shape[1])
    difference = auc_difference(scores, others, labels)
    assert difference.value == pytest.approx(roc_auc_score(labels, scores) - roc_auc_score(labels, others))
    assert difference.low == pytest.approx(wins.mean() - Z * deviation)
    assert difference.high == pytest.approx(wins.mean() + Z * deviation)
    assert difference.p_value == pytest.approx(2 * norm.sf(abs(wins.mean()) / deviation))


def test_pairing_tells_apart_what_two_intervals_cannot():
    rng = np.random.default_rng(9)
    scores, labels = normal_scores(rng, 2_000, gap=1.0)
    others = scores + 0.4 * rng.normal(size=2_000)
    first, second = auc_interval(scores, labels), auc_interval(others, labels)
    assert first.low < second.high  # the two intervals overlap
    assert auc_difference(scores, others, labels).low > 0


def test_chance_alone_is_called_significant_about_five_times_in_100():
    rng, called = np.random.default_rng(3), 0
    for _ in range(400):
        scores, labels = normal_scores(rng, 200, gap=1.0)
        noise, other_noise = rng.normal(size=(2, 200))
        called += auc_difference(scores + noise, scores + other_noise, labels).p_value < 0.05
    assert 0.02 <= called / 400 <= 0.09


def test_a_model_does_not_differ_from_itself():
    scores, labels = normal_scores(np.random.default_rng(1), 100, gap=1.0)
    difference = auc_difference(scores, 2 * scores, labels)
    assert (difference.value, difference.low, difference.high, difference.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_the_difference_of_a_single_positive_has_no_interval():
    difference = auc_difference([3.0, 1.0, 2.0], [1.0, 2.0, 3.0], [1, 0, 0])
    assert difference.value == 1.0
    assert math.isnan(difference.p_value)


@given(st.integers(1, 500), st.data())
@settings(deadline=None)
def test_wilson_agrees_with_scipy(num_trials, data):
    num_successes = data.draw(st.integers(0, num_trials))
    expected = binomtest(num_successes, num_trials).proportion_ci(method="wilson")
    estimate = wilson(num_successes, num_trials)
    assert estimate.value == num_successes / num_trials
    assert estimate.low == pytest.approx(expected.low, abs=1e-12)
    assert estimate.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_no_trial_gives_no_share():
    assert math.isnan(wilson(0, 0).value)
    assert math.isnan(share_interval([]).value)
    assert math.isnan(share_interval([], groups=[]).low)


def test_confidence_must_be_a_share():
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, confidence=95)


def test_the_design_effect_by_hand():
    outcomes, groups = [1, 1, 1, 0, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1, 2, 2]
    # share 4/8; sums of (outcome - share) by group: 3/2, -3/2, 0
    variance = ((3 / 2) ** 2 + (3 / 2) ** 2) * 3 / 2
    num_effective = 8 / (variance / (8 * (4 / 8) * (4 / 8)))
    estimate, expected = share_interval(outcomes, groups=groups), wilson(num_effective / 2, num_effective)
    assert estimate.low == pytest.approx(expected.low)
    assert estimate.high == pytest.approx(expected.high)


def test_copies_of_a_row_do_not_narrow_the_share():
    outcomes = np.random.default_rng(0).random(200) < 0.9
    once = share_interval(outcomes, groups=np.arange(200))
    copied = share_interval(np.repeat(outcomes, 10), groups=np.repeat(np.arange(200), 10))
    naive = share_interval(np.repeat(outcomes, 10))
    assert copied.value == pytest.approx(once.value)
    assert copied.low == pytest.approx(once.low, rel=1e-3)
    assert copied.high - copied.low > 2.5 * (naive.high - naive.low)


def test_groups_of_one_row_change_the_share_hardly_at_all():
    outcomes = np.random.default_rng(0).random(500) < 0.8
    grouped, plain = share_interval(outcomes, groups=np.arange(500)), share_interval(outcomes)
    assert grouped.low == pytest.approx(plain.low, abs=1e-3)


def test_where_all_outcomes_agree_each_group_counts_once():
    estimate = share_interval(np.ones(100, bool), groups=np.repeat(np.arange(5), 20))
    assert estimate == wilson(5, 5)
