"""Corrections tried on planted faults: they say what the same corrections of real faults are worth."""

import numpy as np
import pytest

from camenn.rectify.claims import claims_of_listings
from camenn.rectify.findings import Side
from camenn.rectify.planting import Fault
from camenn.rectify.space import CrossFittedSpace
from camenn.rectify.tier import SuggestionTrust, Trial, automatic_tier
from camenn.rectify.trial import learn_trust, try_corrections
from camenn.rectify.verdict import Judge
from vector_shop import VectorShop, vector_shop, with_faults

Known = tuple[VectorShop, np.ndarray, Judge, dict[Fault, SuggestionTrust], Trial]


@pytest.fixture(scope="module")
def known() -> Known:
    shop, fault = with_faults(vector_shop(each=20), share=0.2)
    judge = Judge.learn(
        shop.listings,
        np.arange(len(shop.listings)),
        lambda right: CrossFittedSpace(right.text, right.picture, right.fold),
        shop.words,
        seed=0,
    )
    trust = learn_trust(judge, shop.words, seed=0)
    return shop, fault, judge, trust, try_corrections(judge, shop.words, trust, len(shop.listings), seed=0)


def test_the_tried_ones_stand_for_as_many_as_there_are(known: Known) -> None:
    shop, fault, judge, trust, trial = known
    assert ((trial.correct >= 0) & (trial.correct <= 1)).all()
    expected = trial.weight[trial.correct > 0.5].sum()
    assert 0.4 * (fault > 0).sum() < expected < 1.3 * (fault > 0).sum()
    again = try_corrections(judge, shop.words, trust, len(shop.listings), seed=0)
    np.testing.assert_array_equal(again.correct, trial.correct)


def test_what_is_said_to_be_right_mostly_is(known: Known) -> None:
    trial = known[-1]
    sure = trial.correct > 0.9
    assert sure.sum() > 100
    assert abs(trial.right[sure].mean() - trial.correct[sure].mean()) < 0.1


def test_real_corrections_are_no_more_often_false_than_the_tried_ones(known: Known) -> None:
    shop, fault, judge, trust, trial = known
    claims = list(claims_of_listings(judge, judge.judge(shop.listings), trust, least=0.1))
    offered = [claim for claim in claims if claim.suggestions and claim.side is not Side.UNCLEAR]
    claimed = np.array([claim.correct for claim in offered])
    tier = automatic_tier(trial, claimed, np.array([1 - claim.probability for claim in offered]), rate=0.05)
    made = [claim for claim in offered if claim.correct >= tier.start]
    assert len(made) > 0.3 * (fault > 0).sum()
    false = 0
    for claim in made:
        first, product = claim.suggestions[0][0], shop.product[claim.line]
        same = (
            shop.listings.category[first] == product // 5
            if claim.mends == "category"
            else shop.product[first] == product
        )
        false += not (fault[claim.line] > 0 and same)
    assert false / len(made) < tier.interval[1] + 0.05
