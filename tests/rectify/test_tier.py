"""The automatic tier: no more false corrections than were allowed."""

import numpy as np
import pytest

from camenn.rectify.suggest import SUGGESTIONS, Suggested
from camenn.rectify.tier import NO_TRIAL, UNTRIED, SuggestionTrust, Trial, automatic_tier


def trial(correct: np.ndarray, right: np.ndarray, weight: float = 1.0) -> Trial:
    return Trial(correct, right, np.full(len(correct), weight))


@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_the_share_of_false_corrections_stays_under_the_rate(rate: float) -> None:
    rng = np.random.default_rng(0)
    said, claimed = rng.beta(5, 0.5, 5000), rng.beta(5, 0.5, 1000)
    right = rng.random(5000) < said - 0.003  # more is said than holds
    tier = automatic_tier(trial(said, right, 0.2), claimed, np.zeros(1000), rate=rate)
    kept = said >= tier.start
    assert tier.num_tried == kept.sum()
    assert tier.false == pytest.approx((~right[kept]).mean())
    assert tier.interval[0] < tier.false <= rate < tier.interval[1] < 2.5 * rate
    lower = np.sort(claimed[claimed < tier.start])[::-1]
    assert all((~right[said >= one]).mean() > rate for one in lower.tolist())


def test_the_tier_by_hand() -> None:
    # 200 at 0.99 are right; of 200 at 0.9 twenty are wrong: 20 / 400 in all.
    said = np.repeat([0.99, 0.9], 200)
    right = np.concatenate([np.ones(380, dtype=bool), np.zeros(20, dtype=bool)])
    claimed = np.array([0.9, 0.99, 0.995])
    assert automatic_tier(trial(said, right), claimed, np.zeros(3), rate=0.01).start == 0.99
    assert automatic_tier(trial(said, right), claimed, np.zeros(3), rate=0.05).start == 0.9
    # Nobody tried anything as sure as 0.995.
    assert automatic_tier(trial(said, right), np.array([0.995]), np.zeros(1), rate=0.01).start > 1
    # What is thought right counts as false with what is left of the probability: 3 / (200 + 3) are too many.
    doubt = np.array([0.0, 1.5, 1.5])
    assert automatic_tier(trial(said, right), claimed, doubt, rate=0.01).start > 1
    found = automatic_tier(trial(said, right), claimed, doubt, rate=0.02)
    assert found.false == pytest.approx(3 / 203)
    # Rare faults weigh as much as there are of them.
    weight = np.concatenate([np.full(380, 1.0), np.full(20, 0.01)])
    assert automatic_tier(Trial(said, right, weight), claimed, np.zeros(3), rate=0.01).start == 0.9


def test_too_few_tried_ones_show_nothing() -> None:
    said = np.full(99, 0.999)
    assert automatic_tier(trial(said, said > 0), said[:5], np.zeros(5), rate=0.01).start > 1
    said = np.full(100, 0.999)
    tier = automatic_tier(trial(said, said > 0), said[:5], np.zeros(5), rate=0.01)
    assert tier.start == 0.999
    assert tier.interval == (0.0, pytest.approx(0.037, abs=1e-3))
    assert automatic_tier(NO_TRIAL, said, np.zeros(100), rate=0.5).start > 1
    assert automatic_tier(trial(said, said > 0), np.zeros(0), np.zeros(0), rate=0.5).start > 1
    assert automatic_tier(trial(said, said > 0), said, np.zeros(100), rate=0.0).start > 1


def suggested(score: np.ndarray, fit: np.ndarray | None = None) -> Suggested:
    place = np.zeros(score.shape, np.int64)
    return Suggested(place, score, np.zeros(len(score)) if fit is None else fit)


def test_trust_is_learned_from_how_far_the_first_stands_out() -> None:
    rng = np.random.default_rng(0)
    ahead = rng.exponential(2, 2000)
    score = np.column_stack([np.zeros(2000), -ahead, *([-ahead - 1] * (SUGGESTIONS - 2))])
    right = rng.random(2000) < 1 - np.exp(-ahead)
    trust = SuggestionTrust.learn(suggested(score), right)
    sure = trust.probabilities(suggested(score))
    assert abs(sure.mean() - right.mean()) < 0.02
    for low, high in ((0, 0.5), (0.5, 0.9), (0.9, 1)):
        band = (sure >= low) & (sure < high)
        assert abs(sure[band].mean() - right[band].mean()) < 0.1
    gone = score.copy()
    gone[:, 1:] = -np.inf  # the only suggestion there is stands out most
    assert (trust.probabilities(suggested(gone)) >= sure.max() - 1e-9).all()


def test_a_first_that_stands_out_but_does_not_fit_is_trusted_less() -> None:
    rng = np.random.default_rng(1)
    score, fit = np.tile([0.0, -5.0, -5.0, -5.0, -5.0], (1000, 1)), rng.normal(size=1000)
    trust = SuggestionTrust.learn(suggested(score, fit), rng.random(1000) < 1 / (1 + np.exp(-4 * fit)))
    low, high = trust.probabilities(suggested(score[:2], np.array([-1.0, 1.0])))
    assert low < 0.1 < 0.9 < high


def test_where_all_or_none_were_right_the_share_is_all_there_is_to_say() -> None:
    score = np.zeros((98, SUGGESTIONS))
    everything, nothing = np.ones(98, dtype=bool), np.zeros(98, dtype=bool)
    two = suggested(score[:2])
    assert SuggestionTrust.learn(suggested(score), everything).probabilities(two).tolist() == [0.99, 0.99]
    assert SuggestionTrust.learn(suggested(score), nothing).probabilities(two).tolist() == [0.01, 0.01]
    assert UNTRIED.probabilities(two).tolist() == [0.0, 0.0]
