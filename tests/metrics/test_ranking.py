"""Ranking metrics: by hand, against scikit-learn, and what must hold for any scores."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from camenn.metrics.ranking import auc, grouped_auc, midranks, ndcg_at_k


@st.composite
def ranked_rows(draw, max_groups=6):
    """Scores from a handful of values, so that ties are the rule; labels; groups."""
    size = draw(st.integers(1, 40))
    scores = draw(st.lists(st.integers(-3, 3), min_size=size, max_size=size))
    labels = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    groups = draw(st.lists(st.integers(0, max_groups - 1), min_size=size, max_size=size))
    return np.array(scores, dtype=float), np.array(labels), np.array(groups)


def test_ties_share_the_mean_of_their_ranks():
    # sorted: 1 | 2 2 2 | 5 -> ranks 1 | 2 3 4 | 5
    assert midranks(np.array([2.0, 5.0, 2.0, 1.0, 2.0])).tolist() == [3.0, 5.0, 3.0, 1.0, 3.0]


def test_auc_counts_the_pairs_in_order_and_half_of_the_ties():
    scores, labels = [0.9, 0.4, 0.4, 0.2, 0.1], [1, 1, 0, 0, 1]
    # 0.9 beats 0.4 and 0.2: 2; 0.4 ties with 0.4 and beats 0.2: 1.5; 0.1 beats neither: 0
    assert auc(scores, labels) == pytest.approx((2 + 1.5 + 0) / (3 * 2))


@pytest.mark.parametrize("label", [0, 1])
def test_auc_of_one_class_is_not_defined(label):
    assert math.isnan(auc([0.1, 0.2, 0.3], [label] * 3))
    assert math.isnan(auc([], []))


def test_auc_agrees_with_scikit_learn_on_many_rows_with_ties():
    rng = np.random.default_rng(3)
    labels = rng.random(20_000) < 0.2
    scores = np.round(rng.normal(size=20_000) + 0.7 * labels, 1)
    assert len(np.unique(scores)) < 100
    assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_auc_is_exact_where_scores_span_the_whole_range_of_floats():
    # neighbouring differences overflow: equality must not be asked of a difference
    assert auc([-1.7e308, 1.7e308, -1.7e308], [0, 1, 1]) == 0.75


@given(ranked_rows())
@settings(deadline=None)
def test_auc_is_the_share_of_ordered_pairs(rows):
    scores, labels, _ = rows
    positives, negatives = scores[labels == 1], scores[labels == 0]
    pairs = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positives for n in negatives]
    if pairs:
        assert auc(scores, labels) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
    else:
        assert math.isnan(auc(scores, labels))


@given(ranked_rows())
@settings(deadline=None)
def test_auc_turns_over_with_the_scores_and_ignores_what_keeps_the_order(rows):
    scores, labels, _ = rows
    value = auc(scores, labels)
    if not math.isnan(value):
        assert auc(-scores, labels) == pytest.approx(1 - value)
        assert auc(np.exp(scores), labels) == value


def test_grouped_auc_weighs_groups_by_their_rows_and_leaves_out_groups_of_one_class():
    scores = [3, 2, 1, 0, 1, 2, 5, 4, 9]
    labels = [1, 0, 1, 0, 1, 0, 1, 1, 0]
    groups = ["a", "a", "a", "a", "b", "b", "c", "c", "d"]
    # a: 3 beats 2 and 0, 1 beats 0: 3 of 4 pairs, 4 rows; b: 0 of 1 pair, 2 rows; c, d: one class
    result = grouped_auc(scores, labels, groups)
    assert result.value == pytest.approx((4 * 3 / 4 + 2 * 0) / (4 + 2))
    assert (result.num_groups, result.num_left_out) == (2, 2)


@given(ranked_rows())
@settings(deadline=None)
def test_grouped_auc_is_the_mean_of_the_auc_of_each_group(rows):
    scores, labels, groups = rows
    each = [(auc(scores[groups == g], labels[groups == g]), (groups == g).sum()) for g in np.unique(groups)]
    defined = [(value, size) for value, size in each if not math.isnan(value)]
    result = grouped_auc(scores, labels, groups)
    assert (result.num_groups, result.num_left_out) == (len(defined), len(each) - len(defined))
    if defined:
        expected = sum(value * size for value, size in defined) / sum(size for _, size in defined)
        assert result.value == pytest.approx(expected, abs=1e-12)
    else:
        assert math.isnan(result.value)


def test_grouped_auc_ignores_a_shift_of_a_whole_group():
    rng = np.random.default_rng(0)
    scores, labels, groups = rng.normal(size=300), rng.random(300) < 0.3, rng.integers(0, 40, 300)
    shifted = scores + rng.normal(size=40)[groups] * 100
    assert grouped_auc(shifted, labels, groups) == grouped_auc(scores, labels, groups)
    assert auc(shifted, labels) != pytest.approx(auc(scores, labels), abs=0.01)


def test_ndcg_discounts_by_the_logarithm_of_the_rank():
    # order: 0, 1, 0, 1 -> positives at ranks 2 and 4; the best order has them at ranks 1 and 2
    gained = 1 / math.log2(3) + 1 / math.log2(5)
    best = 1 / math.log2(2) + 1 / math.log2(3)
    result = ndcg_at_k([4, 3, 2, 1], [0, 1, 0, 1], [7, 7, 7, 7], k=10)
    assert result.value == pytest.approx(gained / best)
    # cut at 2 the positive at rank 4 is worth nothing, yet the best order still holds two
    assert ndcg_at_k([4, 3, 2, 1], [0, 1, 0, 1], [7] * 4, k=2).value == pytest.approx(1 / math.log2(3) / best)


def test_ndcg_of_ties_is_the_mean_over_their_orders():
    # one positive among three equal scores: rank 1, 2 or 3, each as likely
    expected = (1 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)) / 3
    assert ndcg_at_k([1, 1, 1], [0, 0, 1], [0, 0, 0], k=10).value == pytest.approx(expected)
    assert ndcg_at_k([1, 1, 1], [1, 0, 0], [0, 0, 0], k=10).value == pytest.approx(expected)


def test_ndcg_leaves_out_groups_without_a_positive_and_counts_them():
    result = ndcg_at_k([2, 1, 2, 1], [1, 0, 0, 0], [0, 0, 1, 1], k=10)
    assert (result.value, result.num_groups, result.num_left_out) == (1.0, 1, 1)
    assert math.isnan(ndcg_at_k([1.0], [0], [0], k=10).value)
    assert math.isnan(ndcg_at_k([], [], [], k=10).value)


@given(ranked_rows(), st.integers(1, 12))
@settings(deadline=None)
def test_ndcg_agrees_with_scikit_learn(rows, k):
    scores, labels, groups = rows
    each = [
        ndcg_score([labels[groups == g]], [scores[groups == g]], k=k)
        if (groups == g).sum() > 1
        else 1.0  # scikit-learn refuses a single row; its only order is the best
        for g in np.unique(groups)
        if labels[groups == g].any()
    ]
    result = ndcg_at_k(scores, labels, groups, k=k)
    assert result.num_groups == len(each)
    if each:
        assert result.value == pytest.approx(np.mean(each), abs=1e-12)


@given(ranked_rows(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_rows_never_matters(rows, random):
    scores, labels, groups = rows
    order = list(range(len(scores)))
    random.shuffle(order)
    shuffled = scores[order], labels[order], groups[order]
    for measure in (grouped_auc, lambda *given: ndcg_at_k(*given, k=3)):
        before, after = measure(*rows), measure(*shuffled)
        assert after.value == pytest.approx(before.value, abs=1e-12, nan_ok=True)
        assert (after.num_groups, after.num_left_out) == (before.num_groups, before.num_left_out)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.1, 0.2], [1], "shape"),
        ([[0.1]], [[1]], "shape"),
        ([0.1, float("nan")], [0, 1], "finite"),
        ([0.1, float("inf")], [0, 1], "finite"),
        ([0.1, 0.2], [0, 2], "0 or 1"),
        ([0.1, 0.2], [0, float("nan")], "0 or 1"),
    ],
)
def test_what_does_not_fit_is_refused(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        auc(scores, labels)


def test_a_group_is_asked_for_every_row():
    with pytest.raises(ValueError, match="groups"):
        grouped_auc([0.1, 0.2], [0, 1], [0])
    with pytest.raises(ValueError, match="at least 1"):
        ndcg_at_k([0.1], [1], [0], k=0)
