"""From verdicts to claims: which listing, what is wrong, how sure, what to put in place, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from camenn.rectify.contrast import Ints, Signals
from camenn.rectify.findings import Kind, Side
from camenn.rectify.listings import Listings
from camenn.rectify.nearest import NOTHING
from camenn.rectify.planting import Fault
from camenn.rectify.signals import NAMES, Placed, Shelf
from camenn.rectify.space import Floats
from camenn.rectify.suggest import NONE, Suggested, suggest
from camenn.rectify.tier import UNTRIED, SuggestionTrust
from camenn.rectify.verdict import Judge, Verdicts

NEIGHBOURS = 3
SIGNS = 4
SURE_OF_SIDE = 0.8
"""Share of a mismatch's probability from which on one side is named. CHOICE."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing said of one item."""

    line: int
    kind: Kind
    side: Side
    reason: str
    probability: float
    correct: float = 0.0
    """Probability that the claim is true and its first suggestion right; 0 where nothing is suggested."""
    mends: str = ""
    """`name`, `category` or `image`: what a correction changes."""
    suggestions: tuple[tuple[int, float], ...] = ()
    """Lines whose cells to take, and their scores, best first."""
    neighbours: tuple[tuple[int, str, float], ...] = ()
    """Lines, by `text` or `picture`, and cosine."""
    signs: tuple[tuple[str, float], ...] = ()
    """What moved the log-odds most."""


_SAYS = {
    Fault.NAME: (Kind.MISMATCH, Side.NAME, "name", "The name does not fit the picture."),
    Fault.PICTURE: (Kind.MISMATCH, Side.PICTURE, "image", "The picture does not fit the name."),
    Fault.VAGUE: (Kind.VAGUE_NAME, Side.NAME, "name", "The name says less than others do of pictures like this one."),
    Fault.CATEGORY: (Kind.WRONG_CATEGORY, Side.CATEGORY, "category", "Name and picture belong to another category."),
}
_UNCLEAR = "Name and picture do not fit each other, and nothing says which of them is right."
_OF_RULE: dict[Kind, tuple[Fault | None, Side, str]] = {
    Kind.POOR_PICTURE: (Fault.PICTURE, Side.PICTURE, "image"),
    Kind.SHARED_PICTURE: (Fault.PICTURE, Side.PICTURE, "image"),
    Kind.MISSING_PICTURE: (Fault.PICTURE, Side.PICTURE, "image"),
    Kind.MISSING_NAME: (Fault.NAME, Side.NAME, "name"),
    Kind.DUPLICATE: (None, Side.LISTING, ""),
    Kind.ODD_PRICE: (None, Side.PRICE, ""),
}


def claims_of_listings(
    judge: Judge, verdicts: Verdicts, trust: Mapping[Fault, SuggestionTrust], *, least: float
) -> Iterator[Claim]:
    """What a judge says of some listings, each claim at least this probable."""
    found = verdicts.probability
    mismatch = found[:, Fault.NAME] + found[:, Fault.PICTURE]
    by_name = found[:, Fault.NAME] >= found[:, Fault.PICTURE]
    chosen = {
        Fault.NAME: (mismatch >= least) & by_name,
        Fault.PICTURE: (mismatch >= least) & ~by_name,
        Fault.VAGUE: found[:, Fault.VAGUE] >= least,
        Fault.CATEGORY: found[:, Fault.CATEGORY] >= least,
    }
    for fault, index in chosen.items():
        said = mismatch if fault in (Fault.NAME, Fault.PICTURE) else found[:, fault]
        yield from _claims(judge, verdicts, np.flatnonzero(index), fault, said, trust.get(fault, UNTRIED))


def _claims(
    judge: Judge, verdicts: Verdicts, index: Ints, fault: Fault, said: Signals, trust: SuggestionTrust
) -> Iterator[Claim]:
    kind, side, mends, reason = _SAYS[fault]
    asked, own = verdicts.placed.take(index), verdicts.probability[index, fault]
    evidence = judge.contrast.evidence(verdicts.signals[index], asked.listings.fold, fault)
    for row, claim in enumerate(_with_suggestions(judge.shelf, asked, fault, own, trust)):
        clear = kind is not Kind.MISMATCH or own[row] >= SURE_OF_SIDE * said[index[row]]
        yield replace(
            claim,
            kind=kind,
            side=side if clear else Side.UNCLEAR,
            reason=reason if clear else _UNCLEAR,
            probability=float(said[index[row]]),
            mends=mends,
            signs=_strongest(NAMES, evidence[row]),
        )


def _with_suggestions(
    shelf: Shelf, asked: Placed, fault: Fault, probability: Signals, trust: SuggestionTrust
) -> Iterator[Claim]:
    """Claims of listings that have a fault with these probabilities (n,), of which all else is still to be said."""
    if not len(asked.listings):
        return
    suggested = suggest(shelf, asked, fault)
    right = trust.probabilities(suggested) * probability
    near = {"picture": shelf.like_pictures(asked), "text": shelf.like_texts(asked)}
    for row, line in enumerate(asked.listings.item.tolist()):
        suggestions = _suggestions(shelf, suggested, row)
        yield Claim(
            line=line,
            kind=Kind.MISMATCH,
            side=Side.UNCLEAR,
            reason="",
            probability=float(probability[row]),
            correct=float(right[row]) if suggestions else 0.0,
            suggestions=suggestions,
            neighbours=tuple(_neighbours(shelf, near, row)),
        )


def claims_of_rule(
    judge: Judge | None,
    listings: Listings,
    probability: Signals,
    kind: Kind,
    reasons: Sequence[str],
    trust: Mapping[Fault, SuggestionTrust],
) -> Iterator[Claim]:
    """Claims of one kind about these listings (n,), with what to put in place where a judge knows the shop."""
    fault, side, mends = _OF_RULE[kind]
    if judge is None or fault is None:
        bare = [
            Claim(line, kind, side, "", float(p)) for line, p in zip(listings.item.tolist(), probability, strict=True)
        ]
    else:
        placed = Placed.put(listings, judge.space)
        bare = list(_with_suggestions(judge.shelf, placed, fault, probability, trust.get(fault, UNTRIED)))
    for claim, reason in zip(bare, reasons, strict=True):
        yield replace(claim, kind=kind, side=side, reason=reason, mends=mends if claim.suggestions else "")


def _suggestions(shelf: Shelf, suggested: Suggested, row: int) -> tuple[tuple[int, float], ...]:
    item = shelf.placed.listings.item
    found = zip(suggested.place[row].tolist(), suggested.score[row].tolist(), strict=True)
    return tuple((int(item[place]), score) for place, score in found if place != NONE)


def _neighbours(shelf: Shelf, near: Mapping[str, tuple[Ints, Floats]], row: int) -> Iterator[tuple[int, str, float]]:
    for by, (place, similarity) in near.items():
        if not similarity[row].any():  # there is nothing to be like
            continue
        for one, cosine in zip(place[row, :NEIGHBOURS].tolist(), similarity[row, :NEIGHBOURS].tolist(), strict=True):
            if cosine > NOTHING:
                yield int(shelf.placed.listings.item[one]), by, cosine


def _strongest(names: Sequence[str], added: Signals) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-np.abs(added))[:SIGNS]
    return tuple((names[place], float(added[place])) for place in order.tolist())
