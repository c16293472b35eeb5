"""Suggestions and corrections tried on faults planted on purpose, where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from camenn.rectify.claims import Claim, claims_of_listings
from camenn.rectify.findings import Side
from camenn.rectify.listings import Listings
from camenn.rectify.planting import Fault, Words, plant
from camenn.rectify.signals import Placed
from camenn.rectify.suggest import NONE, suggest
from camenn.rectify.tier import UNTRIED, SuggestionTrust, Trial
from camenn.rectify.verdict import Judge

_SUGGESTED = 500
"""Planted faults of each kind in which suggestions are tried."""
_CORRECTED = 1000
"""Planted faults of each kind in which corrections are tried, if the shop has as many listings."""
_MENDS = {Fault.NAME: "name", Fault.PICTURE: "image", Fault.VAGUE: "name", Fault.CATEGORY: "category"}


def learn_trust(judge: Judge, words: Words, *, seed: int) -> dict[Fault, SuggestionTrust]:
    """How sure the first suggestion for each fault is."""
    rng = np.random.default_rng([seed, 3])
    held, on_shelf, trust = judge.learned, judge.shelf.placed.listings, {}
    for fault in list(Fault)[1:]:
        planted = plant(held, fault, words, rng)
        planted = planted.take(np.arange(min(len(planted), _SUGGESTED)))
        trust[fault] = UNTRIED
        if len(planted):
            suggested = suggest(judge.shelf, Placed.put(planted, judge.space), fault)
            first = on_shelf.take(suggested.place[:, 0])
            truth = held.take(np.searchsorted(held.item, planted.item))
            same = first.category == truth.category if fault is Fault.CATEGORY else first.name == truth.name
            trust[fault] = SuggestionTrust.learn(suggested, same & (suggested.place[:, 0] != NONE))
    return trust


def try_corrections(
    judge: Judge, words: Words, trust: Mapping[Fault, SuggestionTrust], num: int, *, seed: int
) -> Trial:
    """Every correction that would be made of planted faults, each by models that have not seen its fold.

    num: listings in the shop, of which each fault is as frequent as the judge thinks.
    """
    rng = np.random.default_rng([seed, 4])
    shelf = judge.shelf.placed.listings
    correct, right, weight = [], [], []
    for fault in list(Fault)[1:]:
        planted = plant(judge.learned, fault, words, rng)
        _, once = np.unique(planted.item, return_index=True)  # one listing's corrections stand or fall together
        planted = planted.take(np.sort(rng.permutation(once)[:_CORRECTED]))
        for claim in claims_of_listings(judge, judge.judge(planted), trust, least=0.0):
            if claim.suggestions and claim.side is not Side.UNCLEAR:
                correct.append(claim.correct)
                right.append(claim.mends == _MENDS[fault] and _mends(claim, judge.learned, shelf))
                weight.append(num * float(judge.contrast.frequency[fault]) / len(planted))
    return Trial(np.array(correct), np.array(right, dtype=bool), np.array(weight))


def _mends(claim: Claim, held: Listings, shelf: Listings) -> bool:
    """Whether the first suggestion is what was there before the fault was planted."""
    truth = held.take(np.searchsorted(held.item, [claim.line]))
    first = shelf.take(np.searchsorted(shelf.item, [claim.suggestions[0][0]]))
    same = first.category == truth.category if claim.mends == "category" else first.name == truth.name
    return bool(same[0])
