"""How sure: on mixtures of normal distributions, where frequencies and probabilities are known."""

import numpy as np
import pytest

from camenn.errors import DataError
from camenn.rectify.contrast import FOLDS, ROUNDS, Contrast, Planted

NUM_FAULTS = 4
APART = 3.5
"""Standard deviations between a fault and none: at 2.5 faults are thought 3 points more frequent than they are."""


def drawn(rng: np.random.Generator, fault: np.ndarray) -> np.ndarray:
    """Signals of listings with these faults: fault k moves sign k."""
    signals = rng.normal(size=(len(fault), NUM_FAULTS))
    signals[np.arange(len(fault)), fault] += APART * (fault > 0)
    return signals


def learned(rng: np.random.Generator, signals: np.ndarray, fold: np.ndarray, faults: tuple[int, ...]) -> Contrast:
    """As a judge learns: what looks faulty is left out, and all is done again."""
    trusted = np.ones(len(signals), dtype=bool)
    for _ in range(ROUNDS):
        planted = np.repeat(faults, 1500)
        base = Planted(
            np.concatenate([signals[trusted], drawn(rng, planted)]),
            np.concatenate([np.zeros(trusted.sum(), np.int64), planted]),
            np.concatenate([fold[trusted], rng.integers(FOLDS, size=len(planted))]),
        )
        contrast = Contrast.learn(base, NUM_FAULTS)
        trusted = contrast.probabilities(signals, fold)[:, 0] >= 0.5
    return contrast.with_frequencies_of(signals, fold)


@pytest.mark.parametrize("frequency", [(0.97, 0.02, 0.0, 0.01), (0.9, 0.05, 0.03, 0.02), (0.8, 0.12, 0.05, 0.03)])
def test_frequencies_and_probabilities_are_right_though_what_stands_there_is_not(
    frequency: tuple[float, ...],
) -> None:
    rng = np.random.default_rng(0)
    fault = rng.choice(NUM_FAULTS, size=6000, p=frequency)
    signals, fold = drawn(rng, fault), rng.integers(FOLDS, size=6000)
    contrast = learned(rng, signals, fold, (1, 2, 3))
    np.testing.assert_allclose(contrast.frequency, frequency, atol=0.025)
    probability = contrast.probabilities(signals, fold)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    wrong = 1 - probability[:, 0]
    assert abs(wrong.mean() - (fault > 0).mean()) < 0.025
    for low, high, bound in ((0.1, 0.5, 0.2), (0.5, 0.9, 0.2), (0.9, 1.01, 0.05)):
        band = (wrong >= low) & (wrong < high)
        assert band.sum() >= 50
        assert abs(wrong[band].mean() - (fault[band] > 0).mean()) < bound, (low, high)
    right_kind = probability[fault > 0][:, 1:].argmax(axis=1) + 1 == fault[fault > 0]
    assert right_kind.mean() > 0.9


def test_a_fault_that_could_not_be_planted_has_probability_zero() -> None:
    rng = np.random.default_rng(1)
    fault = rng.choice(NUM_FAULTS, size=2000, p=(0.9, 0.1, 0.0, 0.0))
    signals, fold = drawn(rng, fault), rng.integers(FOLDS, size=2000)
    for faults in ((1, 3), (1,)):
        contrast = learned(rng, signals, fold, faults)
        probability = contrast.probabilities(signals, fold)
        assert (probability[:, [k for k in (1, 2, 3) if k not in faults]] == 0).all()
        assert not contrast.evidence(signals, fold, 2).any()
        assert probability[fault == 1, 1].mean() > 0.5


@pytest.mark.parametrize("faults", [(1, 2, 3), (2, 3), (1,)])
def test_the_evidence_and_the_intercept_are_the_log_odds_against_none(faults: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    fault = rng.choice(NUM_FAULTS, size=1000, p=(0.9, 0.04, 0.03, 0.03))
    signals, fold = drawn(rng, fault), rng.integers(FOLDS, size=1000)
    contrast = learned(rng, signals, fold, faults)
    even = Contrast(contrast.models, np.full(NUM_FAULTS, 1 / NUM_FAULTS)).probabilities(signals, fold)
    for one in faults:
        log_odds = np.log(even[:, one] / even[:, 0])
        added = contrast.evidence(signals, fold, one).sum(axis=1)
        for k in range(FOLDS):
            rest = (log_odds - added)[fold == k]
            assert np.ptp(rest) < 1e-6  # the same for all that one model judges: its intercept


def test_a_listing_is_judged_by_a_model_that_has_not_seen_its_fold() -> None:
    rng = np.random.default_rng(3)
    fault, fold = np.repeat([0, 1], 500), np.tile(np.arange(FOLDS), 200)
    signals = drawn(rng, fault)
    before = Contrast.learn(Planted(signals, fault, fold), 2).probabilities(signals, fold)
    spoiled = signals.copy()
    spoiled[fold == 3] = rng.normal(0, 5, spoiled[fold == 3].shape)
    after = Contrast.learn(Planted(spoiled, fault, fold), 2).probabilities(signals, fold)
    np.testing.assert_allclose(after[fold == 3], before[fold == 3])
    assert np.abs(after - before).max() > 0.01


def test_where_nothing_was_planted_nothing_can_be_learned() -> None:
    nothing = Planted(np.zeros((5, 2)), np.zeros(5, np.int64), np.arange(5))
    with pytest.raises(DataError, match="all listings are the same"):
        Contrast.learn(nothing, 3)
