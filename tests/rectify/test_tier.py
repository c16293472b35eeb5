"""The automatic tier: no more false corrections than were allowed."""

import numpy as np
import pytest

from camenn.rectify.suggest import SUGGESTIONS
from camenn.rectify.tier import UNTRIED, SuggestionTrust, threshold


@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_the_threshold_keeps_the_expected_share_of_false_corrections(rate: float) -> None:
    rng = np.random.default_rng(0)
    probability = rng.beta(5, 0.5, 5000)
    bound = threshold(probability, rate=rate)
    kept = probability >= bound
    assert kept.any()
    assert (1 - probability[kept]).mean() <= rate
    one_more = probability >= np.sort(probability[~kept])[-1]
    assert (1 - probability[one_more]).mean() > rate
    truth = rng.random(5000) < probability
    assert abs((~truth[kept]).mean() - rate) < 0.02


def test_the_threshold_by_hand() -> None:
    # False of the surest one: 0.01; of two: (0.01 + 0.05) / 2 = 0.03; of three: (0.01 + 0.05 + 0.24) / 3 = 0.1
    probability = np.array([0.76, 0.99, 0.95])
    assert threshold(probability, rate=0.01 + 1e-9) == pytest.approx(0.99)
    assert threshold(probability, rate=0.05) == pytest.approx(0.95)
    assert threshold(probability, rate=0.1 + 1e-9) == pytest.approx(0.76)


def test_where_nothing_is_sure_enough_none_may_be_made() -> None:
    assert threshold(np.array([0.9, 0.8]), rate=0.01) > 1
    assert threshold(np.zeros(0), rate=0.5) > 1
    assert threshold(np.array([1.0, 1.0]), rate=0.0) == 1.0


def test_trust_is_learned_from_how_far_the_first_stands_out() -> None:
    rng = np.random.default_rng(0)
    ahead = rng.exponential(2, 2000)
    score = np.column_stack([np.zeros(2000), -ahead, *([-ahead - 1] * (SUGGESTIONS - 2))])
    right = rng.random(2000) < 1 - np.exp(-ahead)
    trust = SuggestionTrust.learn(score, right)
    sure = trust.probabilities(score)
    assert abs(sure.mean() - right.mean()) < 0.02
    for low, high in ((0, 0.5), (0.5, 0.9), (0.9, 1)):
        band = (sure >= low) & (sure < high)
        assert abs(sure[band].mean() - right[band].mean()) < 0.1
    gone = score.copy()
    gone[:, 1:] = -np.inf  # the only suggestion there is stands out most
    assert (trust.probabilities(gone) >= sure.max() - 1e-9).all()


def test_where_all_or_none_were_right_the_share_is_all_there_is_to_say() -> None:
    score = np.zeros((98, SUGGESTIONS))
    assert SuggestionTrust.learn(score, np.ones(98, dtype=bool)).probabilities(score[:2]).tolist() == [0.99, 0.99]
    assert SuggestionTrust.learn(score, np.zeros(98, dtype=bool)).probabilities(score[:1]).tolist() == [0.01]
    assert SuggestionTrust.learn(score[:0], np.zeros(0, dtype=bool)).share_right == 0.5
    assert UNTRIED.probabilities(score[:1]).tolist() == [0.0]
