"""What to put in place of what is wrong: values that other listings of the shop have, never one made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from camenn.rectify.listings import Ints
from camenn.rectify.nearest import NOTHING
from camenn.rectify.planting import Fault
from camenn.rectify.signals import Placed, Shelf, Signals
from camenn.rectify.space import Floats

SUGGESTIONS = 5
_FLOOR = 1e-3
NONE = -1


@dataclass(frozen=True, slots=True)
class Suggested:
    """Whose cells to take, best first."""

    place: Ints
    """(n, SUGGESTIONS): places on the shelf; NONE where there is nothing more to suggest."""
    score: Signals
    """(n, SUGGESTIONS): log-scale, higher is better; falls along a row."""
    fit: Signals
    """(n,): how well the first suits what the listing keeps, whatever else there is; 0 of a category."""


def suggest(shelf: Shelf, asked: Placed, fault: Fault) -> Suggested:
    """For listings with this fault; nothing where what it would be judged by is missing."""
    if fault is Fault.CATEGORY:
        return _categories(shelf, asked)
    kept, given = (asked.text, shelf.placed.picture) if fault is Fault.PICTURE else (asked.picture, shelf.placed.text)
    if fault is Fault.PICTURE:
        place, score = _best(*_pictures(shelf, asked), told=_is_there(kept))
    else:
        place, score = _best(*_texts(shelf, asked, within_category=fault is Fault.VAGUE), told=_is_there(kept))
    return Suggested(place, score, shelf.scale * (kept * given[place[:, 0]]).sum(axis=1, dtype=np.float64))


def _texts(shelf: Shelf, asked: Placed, *, within_category: bool) -> tuple[Ints, Signals]:
    """Texts that fit the picture: by the space, and by what like pictures are called."""
    place, similarity = shelf.fitting_texts(asked)
    near, likeness = shelf.like_pictures(asked)
    score = log_softmax(shelf.scale * similarity, axis=1)
    score = score + _votes(shelf.text_id[place], shelf.text_id[near], shelf.scale * likeness)
    held = shelf.placed.listings
    score[(held.name[place] == asked.listings.name[:, None]) | (similarity <= NOTHING)] = -np.inf
    if within_category:  # a coarse word is right as far as it goes
        score = score - 5.0 * (held.category[place] != asked.listings.category[:, None])
    return _each_name_once(place, score, shelf.name_id)


def _pictures(shelf: Shelf, asked: Placed) -> tuple[Ints, Signals]:
    """Pictures that fit the text: by the space, and those of the listings with the likest text."""
    place, similarity = shelf.fitting_pictures(asked)
    likeness = np.einsum("nw,nkw->nk", asked.text, shelf.placed.text[place])
    score = log_softmax(shelf.scale * similarity, axis=1) + log_softmax(shelf.scale * likeness, axis=1)
    score[similarity <= NOTHING] = -np.inf
    return place, score


def _each_name_once(place: Ints, score: Signals, name_id: Ints) -> tuple[Ints, Signals]:
    """Best first; of several texts with one name only the best counts."""
    order = np.argsort(-score, axis=1, kind="stable")
    place, score = np.take_along_axis(place, order, axis=1), np.take_along_axis(score, order, axis=1)
    code = name_id[place]
    before = np.tri(place.shape[1], k=-1, dtype=bool)
    score[((code[:, :, None] == code[:, None, :]) & before).any(axis=2)] = -np.inf
    return place, score


def _categories(shelf: Shelf, asked: Placed) -> Suggested:
    """Categories of the neighbours, by text and picture; each stands for the likest listing that is in it."""
    told = shelf.told_categories(asked)
    own = asked.listings.category
    told[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
    held = shelf.placed.listings.category
    member = np.full(told.shape[1], NONE)
    member[held[held >= 0]] = np.flatnonzero(held >= 0)
    told[:, member == NONE] = -np.inf
    category = np.argsort(-told, axis=1, kind="stable")[:, :SUGGESTIONS]
    known = _is_there(asked.text) | _is_there(asked.picture)
    place, score = _best(member[category], np.take_along_axis(told, category, axis=1), told=known)
    return Suggested(place, score, np.zeros(len(place)))


def _is_there(vectors: Floats) -> NDArray[np.bool_]:
    return np.asarray(vectors.any(axis=1), dtype=bool)


def _votes(texts: Ints, of_neighbours: Ints, likeness: Floats) -> Signals:
    """(n, k): log-share of the neighbours, the nearer the more, that have each text."""
    weight = np.exp(likeness - likeness.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    votes = np.zeros(texts.shape)
    for neighbour in range(of_neighbours.shape[1]):
        votes += weight[:, neighbour, None] * (texts == of_neighbours[:, neighbour, None])
    logs: Signals = np.log(votes + _FLOOR)
    return logs


def _best(place: Ints, score: Signals, *, told: NDArray[np.bool_]) -> tuple[Ints, Signals]:
    score = np.where(told[:, None], score, -np.inf)
    short = SUGGESTIONS - place.shape[1]
    if short > 0:
        place = np.pad(place, ((0, 0), (0, short)), constant_values=NONE)
        score = np.pad(score, ((0, 0), (0, short)), constant_values=-np.inf)
    order = np.argsort(-score, axis=1, kind="stable")[:, :SUGGESTIONS]
    place, score = np.take_along_axis(place, order, axis=1), np.take_along_axis(score, order, axis=1)
    return np.where(np.isfinite(score), place, NONE), score
