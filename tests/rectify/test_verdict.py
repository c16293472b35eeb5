"""The verdict, end to end on a made-up shop: 360 listings of 30 products, a tenth of them faulty."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from camenn.rectify import verdict
from camenn.rectify.claims import Claim, claims_of_listings
from camenn.rectify.findings import Kind, Side
from camenn.rectify.listings import UNKNOWN
from camenn.rectify.planting import Fault
from camenn.rectify.space import CrossFittedSpace
from camenn.rectify.trial import learn_trust
from camenn.rectify.verdict import Judge, Seen, Tell, quietly
from vector_shop import VectorShop, vector_shop, with_faults


def learn(shop: VectorShop, seen: Seen = Seen.BOTH, *, seed: int = 0, tell: Tell = quietly) -> Judge:
    return Judge.learn(
        shop.listings,
        np.arange(len(shop.listings)),
        lambda right: CrossFittedSpace(right.text, right.picture, right.fold),
        shop.words,
        seed=seed,
        seen=seen,
        tell=tell,
    )


def claims(shop: VectorShop, judge: Judge) -> list[Claim]:
    trust = learn_trust(judge, shop.words, seed=0)
    return list(claims_of_listings(judge, judge.judge(shop.listings), trust, least=0.1))


@pytest.fixture(scope="module")
def dirty() -> tuple[VectorShop, np.ndarray]:
    return with_faults(vector_shop(), share=0.1)


@pytest.fixture(scope="module")
def judge(dirty: tuple[VectorShop, np.ndarray]) -> Judge:
    return learn(dirty[0])


@pytest.fixture(scope="module")
def made(dirty: tuple[VectorShop, np.ndarray], judge: Judge) -> list[Claim]:
    return claims(dirty[0], judge)


def test_faulty_listings_stand_before_right_ones(dirty: tuple[VectorShop, np.ndarray], judge: Judge) -> None:
    shop, fault = dirty
    probability = judge.judge(shop.listings).probability
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert roc_auc_score(fault > 0, 1 - probability[:, Fault.NONE]) > 0.98
    for one in list(Fault)[1:]:
        kept = (fault == one) | (fault == 0)
        assert roc_auc_score(fault[kept] == one, 1 - probability[kept, Fault.NONE]) > 0.95, one


def test_as_many_are_expected_as_there_are(dirty: tuple[VectorShop, np.ndarray], judge: Judge) -> None:
    shop, fault = dirty
    expected = (1 - judge.judge(shop.listings).probability[:, Fault.NONE]).sum()
    assert 0.6 * (fault > 0).sum() < expected < 1.5 * (fault > 0).sum()


def test_each_fault_is_told_for_what_it_is(dirty: tuple[VectorShop, np.ndarray], made: list[Claim]) -> None:
    _, fault = dirty
    expected = {
        Fault.NAME: (Kind.MISMATCH, Side.NAME),
        Fault.PICTURE: (Kind.MISMATCH, Side.PICTURE),
        Fault.VAGUE: (Kind.VAGUE_NAME, Side.NAME),
        Fault.CATEGORY: (Kind.WRONG_CATEGORY, Side.CATEGORY),
    }
    surest = {claim.line: claim for claim in sorted(made, key=lambda claim: claim.probability)}
    told = [
        (surest[line].kind, surest[line].side) == expected[Fault(fault[line])]
        for line in np.flatnonzero(fault).tolist()
        if line in surest
    ]
    assert len(told) > 0.9 * (fault > 0).sum()
    assert np.mean(told) > 0.85


def test_what_is_proposed_first_is_what_was_there(dirty: tuple[VectorShop, np.ndarray], made: list[Claim]) -> None:
    shop, fault = dirty
    right = []
    for claim in made:
        if fault[claim.line] == 0 or claim.probability < 0.5:
            continue
        first = claim.suggestions[0][0]
        right.append(
            shop.listings.category[first] == shop.product[claim.line] // 5
            if claim.kind is Kind.WRONG_CATEGORY
            else shop.product[first] == shop.product[claim.line]
        )
    assert np.mean(right) > 0.8


def test_claims_say_why(made: list[Claim]) -> None:
    for claim in made:
        assert 0.1 <= claim.probability <= 1
        assert claim.correct <= claim.probability + 1e-9
        assert [abs(weight) for _, weight in claim.signs] == sorted((abs(w) for _, w in claim.signs), reverse=True)
        assert {by for _, by, _ in claim.neighbours} == {"text", "picture"}
        assert claim.line not in [line for line, _, _ in claim.neighbours]
        assert [score for _, score in claim.suggestions] == sorted((s for _, s in claim.suggestions), reverse=True)


def test_the_same_seed_twice_makes_the_same_claims(dirty: tuple[VectorShop, np.ndarray], made: list[Claim]) -> None:
    assert claims(dirty[0], learn(dirty[0])) == made


def test_without_categories_names_and_pictures_are_still_judged() -> None:
    shop, fault = with_faults(vector_shop(), share=0.1)
    bare = replace(shop.listings, category=np.full(len(shop.listings), UNKNOWN))
    bare_shop = replace(shop, listings=bare, words=replace(shop.words, categories=()))
    probability = learn(bare_shop).judge(bare).probability
    assert not probability[:, Fault.CATEGORY].any()
    wrong = (fault == Fault.NAME) | (fault == Fault.PICTURE)
    kept = wrong | (fault == 0)
    assert roc_auc_score(wrong[kept], 1 - probability[kept, Fault.NONE]) > 0.95


def test_four_in_ten_faulty_are_still_told_from_the_rest() -> None:
    shop, fault = with_faults(vector_shop(), share=0.4)
    probability = learn(shop).judge(shop.listings).probability
    assert roc_auc_score(fault > 0, 1 - probability[:, Fault.NONE]) > 0.9


@pytest.mark.parametrize("what", ["categories", "pictures"])
def test_where_nothing_can_be_told_nothing_is_claimed(what: str) -> None:
    shop, rng = vector_shop(), np.random.default_rng(0)
    held, order = shop.listings, rng.permutation(len(shop.listings))
    cells = {"category": held.category[order]} if what == "categories" else {"picture": held.picture[order]}
    unrelated = replace(shop, listings=replace(held, **cells))
    probability = learn(unrelated).judge(unrelated.listings).probability
    assert (probability[:, Fault.NONE] < 0.9).sum() < 10


@pytest.mark.parametrize("seen", [Seen.TEXT, Seen.PICTURE])
def test_one_side_alone_tells_a_wrong_category(dirty: tuple[VectorShop, np.ndarray], seen: Seen) -> None:
    shop, fault = dirty
    zeros = np.zeros_like(shop.listings.picture if seen is Seen.TEXT else shop.listings.text)
    held = replace(shop.listings, **{"picture" if seen is Seen.TEXT else "text": zeros})
    probability = learn(replace(shop, listings=held), seen).judge(held).probability
    assert not probability[:, [Fault.NAME, Fault.PICTURE]].any()
    kept = (fault == 0) | (fault == Fault.CATEGORY)
    assert roc_auc_score(fault[kept] > 0, probability[kept, Fault.CATEGORY]) > 0.9


def test_a_poor_picture_explains_that_it_fits_no_name(dirty: tuple[VectorShop, np.ndarray], judge: Judge) -> None:
    verdicts = judge.judge(dirty[0].listings)
    explained = np.zeros(len(dirty[0].listings))
    explained[3] = 0.75
    said = verdicts.without_pictures(explained).probability
    np.testing.assert_allclose(said.sum(axis=1), 1)
    np.testing.assert_allclose(said[3, Fault.PICTURE], 0.25 * verdicts.probability[3, Fault.PICTURE])
    np.testing.assert_array_equal(said[4:], verdicts.probability[4:])


def test_of_many_listings_a_sample_teaches_and_all_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "SAMPLE", 240)
    monkeypatch.setattr(verdict, "_PART", 100)
    shop, fault = with_faults(vector_shop(each=24), share=0.1)
    told: list[tuple[str, int, int]] = []
    judge = learn(shop, tell=lambda *how_far: told.append(how_far))
    assert told[-1] == ("what to compare with", len(fault), len(fault))
    assert len(judge.learned) <= 240
    on_shelf = judge.shelf.placed.listings
    assert len(on_shelf) > 0.8 * len(fault)
    assert on_shelf.text.size == on_shelf.picture.size == 0  # a million of them would fill the memory
    assert (fault[on_shelf.item] > 0).mean() < 0.5 * (fault > 0).mean()
    probability = judge.judge(shop.listings).probability
    assert roc_auc_score(fault > 0, 1 - probability[:, Fault.NONE]) > 0.97
    made = claims(shop, judge)
    assert {claim.line for claim in made} - set(judge.learned.item.tolist())
    assert {line for claim in made for line, _ in claim.suggestions} <= set(on_shelf.item.tolist())
