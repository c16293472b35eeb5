"""Calibration: by hand, against scikit-learn, and what must hold for any logits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.metrics import log_loss as sklearn_log_loss

from camenn.metrics.calibration import (
    PRIOR,
    accuracy,
    calibration_error,
    fit_platt,
    log_loss,
    probability_log_loss,
    reliability,
    sigmoid,
)
from camenn.metrics.intervals import wilson
from camenn.metrics.ranking import auc


def drawn(rng, size, *, scale=1.0, bias=0.0):
    """Logits, and labels drawn from sigmoid(scale * logit + bias)."""
    logits = rng.normal(scale=2, size=size)
    return logits, (rng.random(size) < sigmoid(scale * logits + bias)).astype(int)


def test_log_loss_by_hand():
    # sigmoid(log 3) = 3/4, sigmoid(-log 4) = 1/5
    value = log_loss([math.log(3), -math.log(4)], [1, 1])
    assert value == pytest.approx((-math.log(3 / 4) - math.log(1 / 5)) / 2)


def test_log_loss_stays_finite_and_exact_where_probabilities_round_to_one():
    assert log_loss([800.0, -800.0], [0, 1]) == pytest.approx(800.0)
    assert log_loss([800.0, -800.0], [1, 0]) == 0.0
    assert log_loss([-40.0], [0]) == pytest.approx(math.exp(-40), rel=1e-12)


def test_both_log_losses_agree_with_scikit_learn():
    logits, labels = drawn(np.random.default_rng(0), 2_000)
    expected = sklearn_log_loss(labels, sigmoid(logits))
    assert log_loss(logits, labels) == pytest.approx(expected, rel=1e-12)
    assert probability_log_loss(sigmoid(logits), labels) == pytest.approx(expected, rel=1e-12)


def test_a_certain_probability_that_is_wrong_costs_one_rounding_step():
    assert probability_log_loss([1.0], [0]) == pytest.approx(-math.log(np.finfo(float).eps))
    assert probability_log_loss([0.0, 1.0], [0, 1]) == 0.0


def test_sigmoid_keeps_small_probabilities_and_does_not_overflow():
    assert sigmoid([-40.0, 0.0]).tolist() == pytest.approx([math.exp(-40), 0.5], rel=1e-12)
    assert sigmoid([-1e5, 1e5]).tolist() == [0.0, 1.0]


def test_reliability_bins_hold_equally_many_rows():
    probabilities, labels = [0.1, 0.2, 0.3, 0.4, 0.8, 0.9], [0, 1, 0, 0, 1, 1]
    curve = reliability(probabilities, labels, bins=3)
    assert curve.count.tolist() == [2, 2, 2]
    assert curve.mean_probability.tolist() == pytest.approx([0.15, 0.35, 0.85])
    assert curve.rate.tolist() == [0.5, 0.0, 1.0]
    assert curve.low[0] == wilson(1, 2).low
    assert curve.high[0] == wilson(1, 2).high
    # |0.5 - 0.15|, |0 - 0.35|, |1 - 0.85|, two rows of six each
    assert calibration_error(probabilities, labels, bins=3) == pytest.approx((0.35 + 0.35 + 0.15) / 3)


def test_equal_probabilities_share_a_bin_whatever_their_order():
    labels = np.random.default_rng(0).random(1_000) < 0.3
    curve = reliability(np.full(1_000, 0.3), labels)
    assert curve.count.tolist() == [1_000]
    assert curve.error == pytest.approx(abs(labels.mean() - 0.3))
    # split by row order instead, ten bins would each be off by chance
    assert curve.error < np.mean([abs(part.mean() - 0.3) for part in np.split(np.sort(labels), 10)])


def test_the_calibration_error_of_drawn_labels_is_what_chance_gives():
    rng = np.random.default_rng(1)
    probabilities = rng.uniform(0.1, 0.9, size=50_000)
    labels = rng.random(50_000) < probabilities
    assert calibration_error(probabilities, labels) < 0.01
    assert calibration_error(np.clip(probabilities + 0.1, 0, 1), labels) == pytest.approx(0.1, abs=0.01)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.integers(0, 1)), max_size=30), st.integers(1, 8))
@settings(deadline=None)
def test_reliability_loses_no_row(rows, bins):
    probabilities, labels = [p for p, _ in rows], [y for _, y in rows]
    curve = reliability(probabilities, labels, bins=bins)
    assert curve.count.sum() == len(rows)
    assert curve.rate @ curve.count == pytest.approx(sum(labels))
    assert curve.mean_probability @ curve.count == pytest.approx(sum(probabilities))
    assert (np.diff(curve.mean_probability) > 0).all()
    assert math.isnan(curve.error) if not rows else 0 <= curve.error <= 1


def test_accuracy_takes_one_half_as_a_yes():
    probabilities, labels = [0.5, 0.49, 0.7, 0.2], [1, 1, 0, 0]
    estimate = accuracy(probabilities, labels)
    assert estimate.value == 2 / 4 == accuracy_score(labels, np.asarray(probabilities) >= 0.5)
    assert estimate == wilson(2, 4)


def test_accuracy_of_repeated_items_is_less_sure():
    rng = np.random.default_rng(0)
    probabilities, labels = np.repeat(rng.random(50), 20), np.repeat(rng.random(50) < 0.5, 20)
    clustered = accuracy(probabilities, labels, groups=np.repeat(np.arange(50), 20))
    assert clustered.high - clustered.low > 3 * np.ptp([accuracy(probabilities, labels).low, clustered.value])


@pytest.mark.parametrize(("scale", "bias"), [(0.4, 0.0), (1.7, -1.0), (1.0, 2.0)])
def test_platt_finds_what_the_labels_were_drawn_with(scale, bias):
    found = fit_platt(*drawn(np.random.default_rng(0), 40_000, scale=scale, bias=bias))
    assert found == pytest.approx((scale, bias), abs=0.06)


def test_platt_agrees_with_unpenalised_logistic_regression_where_rows_are_many():
    logits, labels = drawn(np.random.default_rng(4), 20_000, scale=0.6, bias=-0.5)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], labels)
    assert fit_platt(logits, labels) == pytest.approx((model.coef_[0, 0], model.intercept_[0]), abs=1e-4)


def test_platt_is_at_the_least_of_its_objective():
    logits, labels = drawn(np.random.default_rng(4), 60, scale=0.6, bias=-0.5)

    def objective(scale, bias):
        loss = len(logits) * log_loss(scale * logits + bias, labels)
        return loss + PRIOR * (scale - math.log(scale) + bias**2 / 2)

    scale, bias = fit_platt(logits, labels)
    for moved in [(scale + 1e-3, bias), (scale - 1e-3, bias), (scale, bias + 1e-3), (scale, bias - 1e-3)]:
        assert objective(*moved) > objective(scale, bias)


def test_platt_mends_over_confidence():
    logits, labels = drawn(np.random.default_rng(4), 5_000, scale=0.3)
    scale, bias = fit_platt(logits, labels)
    assert calibration_error(sigmoid(logits), labels) > 0.1
    assert calibration_error(sigmoid(scale * logits + bias), labels) < 0.03


def test_platt_never_turns_the_order_round():
    logits, labels = drawn(np.random.default_rng(4), 2_000, scale=-1.0)
    scale, bias = fit_platt(logits, labels)
    assert 0 < scale < 0.01
    assert auc(scale * logits + bias, labels) == auc(logits, labels)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]])
def test_platt_stays_finite_on_separable_labels(labels):
    scale, bias = fit_platt([-2.0, -1.0, 1.0, 2.0], labels)
    assert 0 < scale < 100
    assert abs(bias) < 100


def test_platt_of_no_rows_changes_nothing():
    assert fit_platt([], []) == (1.0, 0.0)


@given(st.lists(st.tuples(st.floats(-1e4, 1e4, allow_subnormal=False), st.integers(0, 1)), min_size=1, max_size=20))
@settings(deadline=None)
def test_platt_is_finite_positive_and_no_worse_than_leaving_the_logits_alone(rows):
    logits, labels = np.array([z for z, _ in rows]), np.array([y for _, y in rows])
    scale, bias = fit_platt(logits, labels)
    assert scale > 0
    assert math.isfinite(scale)
    assert math.isfinite(bias)
    # the prior costs PRIOR at (1, 0); the fit can only be better by the whole objective
    gain = len(rows) * (log_loss(logits, labels) - log_loss(scale * logits + bias, labels))
    assert gain >= PRIOR * (scale - math.log(scale) - 1 + bias**2 / 2) - 1e-6 * max(1.0, abs(gain))


@pytest.mark.parametrize("measure", [accuracy, calibration_error, reliability, probability_log_loss])
def test_what_is_no_probability_is_refused(measure):
    with pytest.raises(ValueError, match="within 0 and 1"):
        measure([0.2, 1.2], [0, 1])
    with pytest.raises(ValueError, match="shape"):
        measure([0.2], [0, 1])


def test_bins_are_at_least_one():
    with pytest.raises(ValueError, match="bins"):
        reliability([0.2], [0], bins=0)


def test_no_rows_have_no_loss():
    assert math.isnan(log_loss([], []))
    assert math.isnan(probability_log_loss([], []))
    assert math.isnan(calibration_error([], []))
    assert math.isnan(accuracy([], []).value)
