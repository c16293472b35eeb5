"""Faults planted on purpose in copies of a shop's own listings: what a verdict is learned from.

Nobody has labelled a shop's faults, but a fault can be made: another item's name or picture, a coarser word for a
name, another category. What is planted follows what sellers do (paper, section 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from camenn.rectify.listings import UNKNOWN, Ints, Listings
from camenn.rectify.space import Floats
from camenn.rectify.wording import Wording
from camenn.tables.catalogue import normal_form

PLANTED = 1500
"""Listings that each fault is planted in. CHOICE: more brought nothing."""
_DRAWS = 64


class Fault(IntEnum):
    """What a listing can be; the classes of a verdict."""

    NONE = 0
    NAME = 1
    """Name and description are another product's."""
    PICTURE = 2
    VAGUE = 3
    CATEGORY = 4


@dataclass(frozen=True, slots=True)
class Words:
    """A shop's texts, and how new ones become vectors."""

    wording: Wording
    descriptions: Callable[[Ints], list[str]]
    """What stands behind the names of these lines, "" where nothing does."""
    categories: Sequence[str]
    """By code."""
    encode: Callable[[list[str]], Floats]
    """Texts -> (n, encoder width) pooled vectors."""


def plant(listings: Listings, fault: Fault, words: Words, rng: np.random.Generator) -> Listings:
    """Copies of some listings with a fault in each, PLANTED at most; none where nothing wrong can be put in place."""
    chosen = listings.take(rng.choice(len(listings), PLANTED, replace=len(listings) < PLANTED))
    if fault is Fault.VAGUE:
        return _vague(chosen, listings, words, rng)
    if fault is Fault.CATEGORY:
        other, found = _others(chosen, listings, rng, lambda own, drawn: own.category != drawn.category)
        found &= (chosen.category != UNKNOWN) & (other.category != UNKNOWN)
        return replace(chosen.take(found), category=other.category[found])

    def fits(own: Listings, drawn: Listings) -> NDArray[np.bool_]:
        # A picture comes from its own fold: the map that judges it has not seen it where it belongs.
        near = (own.fold == drawn.fold) | (fault is Fault.NAME)
        return np.asarray((own.name != drawn.name) & (own.group != drawn.group) & near, dtype=bool)

    other, found = _others(chosen, listings, rng, fits, like=rng.random(len(chosen)) < 0.5)
    altered, taken = chosen.take(found), other.take(found)
    if fault is Fault.NAME:
        return replace(altered, text=taken.text, name=taken.name)
    return replace(altered, picture=taken.picture, group=taken.group)


def _others(
    chosen: Listings,
    listings: Listings,
    rng: np.random.Generator,
    fits: Callable[[Listings, Listings], NDArray[np.bool_]],
    *,
    like: NDArray[np.bool_] | None = None,
) -> tuple[Listings, NDArray[np.bool_]]:
    """For each chosen listing another that fits, and whether one was found; where `like`, of the same category, else
    of another.
    """
    like = np.zeros(len(chosen), dtype=bool) if like is None else like
    order = np.argsort(listings.category, kind="stable")
    begin, end = (np.searchsorted(listings.category[order], chosen.category, side) for side in ("left", "right"))
    drawn, missing = np.zeros(len(chosen), np.int64), np.ones(len(chosen), dtype=bool)
    for _ in range(_DRAWS):
        index = np.flatnonzero(missing)
        anywhere = rng.integers(len(listings), size=len(index))
        within = order[rng.integers(begin[index], np.maximum(end[index], begin[index] + 1)) % len(order)]
        drawn[index] = np.where(like[index], within, anywhere)
        own, other = chosen.take(index), listings.take(drawn[index])
        unknown = (own.category == UNKNOWN) | (other.category == UNKNOWN)
        right_kind = ((own.category == other.category) == like[index]) | unknown
        missing[index] = ~(right_kind & fits(own, other))
        if not missing.any():
            break
    return listings.take(drawn), ~missing


def _vague(chosen: Listings, listings: Listings, words: Words, rng: np.random.Generator) -> Listings:
    """Names replaced by a word that says less: the category's, or the one that most other names hold too.

    Half of them keep their description, as half of the sellers do.
    """
    labels = [normal_form(label) for label in words.categories]
    several = np.array([len(set(listings.name[listings.category == code])) > 1 for code in range(len(labels))], bool)
    by_category = (chosen.category != UNKNOWN) & (rng.random(len(chosen)) < 0.5)
    by_category &= several[chosen.category] if len(labels) else False
    names = [
        labels[code] if labelled else words.wording.commonest_word(name)
        for name, code, labelled in zip(chosen.name, chosen.category.tolist(), by_category.tolist(), strict=True)
    ]
    said = words.descriptions(chosen.item)
    kept = rng.random(len(chosen)) < 0.5
    texts = [f"{name}. {rest}" if rest and keep else name for name, rest, keep in zip(names, said, kept, strict=True)]
    vague = np.array(names, dtype=object)
    found = np.flatnonzero((vague != "") & (vague != chosen.name))
    distinct, place = np.unique(np.array(texts, dtype=object)[found].astype(str), return_inverse=True)
    vectors = words.encode(distinct.tolist())
    return replace(chosen.take(found), text=vectors[place.reshape(-1)], name=vague[found])
