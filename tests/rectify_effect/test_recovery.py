"""What is lost and what comes back, on numbers small enough to check by hand."""

import math

import numpy as np
import pytest

from camenn.rectify_effect.recovery import NOT_DEFINED, Scored, effects, further_loss, recovered
from camenn.rectify_effect.versions import Version

SHIFT = np.linspace(-0.02, 0.02, 101)
"""Luck in the requests, which all that is drawn alike shares."""


def by_seed(*values: float, noise: float = 0.0) -> dict[int, Scored]:
    rng = np.random.default_rng(round(1000 * values[0]))
    return {seed: Scored(value, value + SHIFT + noise * rng.normal(size=101)) for seed, value in enumerate(values)}


SCORED = {
    Version.CLEAN: by_seed(0.80, 0.82),
    Version.DIRTY: by_seed(0.70, 0.72),
    Version.AUTOMATIC: by_seed(0.72, 0.74),
    Version.REVIEWED: by_seed(0.75, 0.77),
}


def test_a_share_of_the_loss_comes_back() -> None:
    clean, dirty, automatic, reviewed = effects("A", SCORED)
    assert [one.version for one in (clean, dirty, automatic, reviewed)] == list(Version)
    assert clean.auc.value == pytest.approx(0.81)
    assert clean.deviation == pytest.approx(0.02 / math.sqrt(2))
    assert clean.difference is None
    assert dirty.recovered is None
    assert dirty.difference is not None
    assert dirty.difference.value == pytest.approx(-0.10)
    assert automatic.recovered is not None
    assert automatic.recovered.value == pytest.approx(0.2)
    assert reviewed.recovered is not None
    assert (reviewed.recovered.low, reviewed.recovered.value, reviewed.recovered.high) == pytest.approx((0.5,) * 3)


def test_what_seeds_differ_in_widens_a_share() -> None:
    unlike = {**SCORED, Version.REVIEWED: by_seed(0.71, 0.81)}
    share = recovered(unlike, Version.REVIEWED)
    assert share.value == pytest.approx(0.5)
    assert share.low == pytest.approx(0.1)
    assert share.high == pytest.approx(0.9)


def test_of_no_certain_loss_there_is_no_share() -> None:
    uncertain = {**SCORED, Version.DIRTY: by_seed(0.799, 0.819, noise=0.01)}
    assert recovered(uncertain, Version.REVIEWED) is NOT_DEFINED
    gained = {**SCORED, Version.DIRTY: by_seed(0.85, 0.87)}
    assert recovered(gained, Version.REVIEWED) is NOT_DEFINED
    assert recovered({Version.CLEAN: SCORED[Version.CLEAN]}, Version.REVIEWED) is NOT_DEFINED


def test_seeds_are_paired_and_those_that_failed_left_out() -> None:
    short = {**SCORED, Version.DIRTY: {1: SCORED[Version.DIRTY][1]}}
    dirty = effects("A", short)[1]
    assert dirty.num_seeds == 1
    assert math.isnan(dirty.deviation)
    assert dirty.difference is not None
    assert dirty.difference.value == pytest.approx(-0.10)  # of seed 1 alone
    assert recovered(short, Version.REVIEWED).value == pytest.approx(0.5)


def test_the_reference_loses_less_where_the_other_loses_more() -> None:
    robust = {Version.CLEAN: by_seed(0.78, 0.80), Version.DIRTY: by_seed(0.75, 0.77)}
    further = further_loss(SCORED, robust)
    assert further is not None
    assert (further.low, further.value, further.high) == pytest.approx((0.07,) * 3)
    assert further_loss(SCORED, {}) is None
