"""What speaks for and against a listing, as numbers: every one of them without the listing's own part in it.

A planted fault must differ from a real one in nothing: what a listing is compared with holds neither the item itself
nor other copies of its picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from camenn.rectify.listings import UNKNOWN, Ints, Listings
from camenn.rectify.nearest import NOTHING, Nearest
from camenn.rectify.space import Floats, Space
from camenn.rectify.wording import SIGNS, Wording

Signals = NDArray[np.float64]

NEIGHBOURS = 10
_NEAREST = 50
_SCALES = (5.0, 10.0, 20.0, 40.0, 80.0)
_CHUNK = 1024
_FLOOR = 1e-4
_SAME = 0.9999

NAMES = (
    "text against picture",
    "text against other texts",
    "picture against other pictures",
    "texts of like pictures",
    "pictures of like texts",
    "a like picture",
    "a like text",
    "another text fits better",
    "a text of its category fits better",
    "text amid its category",
    "text and picture agree on a category",
    "its category before others by both",
    "its category by text",
    "its category before others by text",
    "its category by picture",
    "its category before others by picture",
    "nothing else in its category",
    *SIGNS,
)
OF_TEXT = (
    "a like text",
    "text amid its category",
    "its category by text",
    "its category before others by text",
    "nothing else in its category",
    *SIGNS,
)
"""What can be said of a listing without a picture."""
OF_PICTURE = (
    "a like picture",
    "its category by picture",
    "its category before others by picture",
    "nothing else in its category",
)
"""What can be said of a listing without a text."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Listings in a space."""

    listings: Listings
    text: Floats
    """(n, width)"""
    picture: Floats
    """(n, width)"""

    @classmethod
    def put(cls, listings: Listings, space: Space) -> Placed:
        """Where listings lie: nowhere, at zero, where a text or picture is missing."""
        text, picture = (np.zeros((len(listings), space.width), np.float32) for _ in range(2))
        has_text, has_picture = listings.text.any(axis=1), listings.picture.any(axis=1)
        if has_text.any():
            text[has_text] = space.texts(listings.text[has_text])
        if has_picture.any():
            picture[has_picture] = space.pictures(listings.picture[has_picture], listings.fold[has_picture])
        return cls(listings, text, picture)

    @classmethod
    def shelved(cls, listings: Listings, lines: Ints, space: Space) -> Placed:
        """Those of the lines, part by part; of many listings the vectors as they were before would fill the memory."""
        parts = [cls.put(listings.take(lines[part]), space) for part in _chunks(len(lines))]
        text, picture = (np.concatenate([getattr(one, side) for one in parts]) for side in ("text", "picture"))
        return cls(listings.without_vectors().take(lines), text, picture)

    def take(self, index: Ints | NDArray[np.bool_]) -> Placed:
        """Some of them."""
        return Placed(self.listings.take(index), self.text[index], self.picture[index])


class Shelf:
    """The listings that others are compared with."""

    def __init__(self, placed: Placed, wording: Wording, num_categories: int) -> None:
        held = placed.listings
        # A shop without categories has one that nothing is in.
        self.placed, self._wording, self._num_categories = placed, wording, max(num_categories, 1)
        self._pictures = Nearest(placed.picture, held.item, held.group)
        self._texts = Nearest(placed.text, held.item, held.group)
        self._place = np.full(int(held.item.max(initial=0)) + 1, -1)
        self._place[held.item] = np.arange(len(held))
        _, first, text_id = np.unique(np.round(placed.text, 4), axis=0, return_index=True, return_inverse=True)
        self.text_id = text_id.reshape(-1)
        """(n,): equal where two listings have the same text."""
        # A text that no other item has is not its item's rival once the item is asked about with another.
        sole = np.bincount(self.text_id)[self.text_id][first] == 1
        nobody = np.full(len(first), -1)
        self._distinct = Nearest(placed.text[first], np.where(sole, held.item[first], -1), nobody)
        self._first = first
        self.name_id = np.unique(held.name.astype(str), return_inverse=True)[1].reshape(-1)
        """(n,): equal where two listings have the same name."""
        self._pairs, self._num_pairs = np.unique(self._pair(self.text_id, held.category), return_counts=True)
        known = held.category >= 0
        self._in_category = np.bincount(held.category[known], minlength=self._num_categories).astype(np.float64)
        self._sum = np.zeros((self._num_categories, placed.text.shape[1]))
        np.add.at(self._sum, held.category[known], placed.text[known])
        self.scale = self._best_scale()

    def signals(self, placed: Placed) -> Signals:
        """(n, len(NAMES)) of listings, which may be on the shelf themselves."""
        chunks = [self._chunk(placed.take(index)) for index in _chunks(len(placed.listings))]
        return np.concatenate(chunks) if chunks else np.zeros((0, len(NAMES)))

    def like_pictures(self, asked: Placed) -> tuple[Ints, Floats]:
        """The listings on the shelf whose pictures are most like each, best first: places (n, k), cosines (n, k)."""
        return self._pictures.search(asked.picture, **self._about(asked))

    def like_texts(self, asked: Placed) -> tuple[Ints, Floats]:
        """The same of texts."""
        return self._texts.search(asked.text, **self._about(asked))

    def fitting_pictures(self, asked: Placed) -> tuple[Ints, Floats]:
        """The listings whose pictures fit each text best, likewise."""
        return self._pictures.search(asked.text, **self._about(asked))

    def fitting_texts(self, asked: Placed) -> tuple[Ints, Floats]:
        """A listing of each text that fits the picture best, likewise; no text twice."""
        item = asked.listings.item
        place, similarity = self._distinct.search(asked.picture, item=item, group=np.full(len(item), -2), k=_NEAREST)
        return self._first[place], similarity

    def told_categories(self, asked: Placed) -> Signals:
        """(n, categories): log-probability of each by text and picture together."""
        return self._told(asked, self.like_texts(asked)) + self._told(asked, self.like_pictures(asked))

    def _best_scale(self) -> float:
        """How sharply likeness tells a listing's own text from the others."""
        chosen = np.arange(len(self.text_id))[:2000]
        told = self.placed.picture[chosen] @ self._distinct.vectors.T
        own = np.arange(len(chosen)), self.text_id[chosen]
        return max(_SCALES, key=lambda scale: float(log_softmax(scale * told, axis=1)[own].mean()))

    def _chunk(self, asked: Placed) -> Signals:
        scale, category = self.scale, asked.listings.category
        by_picture, by_text, across = self.like_pictures(asked), self.like_texts(asked), self.fitting_pictures(asked)
        fit = scale * (asked.text * asked.picture).sum(axis=1)
        rivals, in_category = self._rivals(asked)
        by = {"text": self._told(asked, by_text), "picture": self._told(asked, by_picture)}
        both = by["text"] + by["picture"]
        signals = {
            "text against picture": fit,
            "text against other texts": fit - logsumexp(scale * rivals, axis=1),
            "picture against other pictures": fit - logsumexp(scale * across[1], axis=1),
            "texts of like pictures": self._agreement(asked.text, self.placed.text, by_picture),
            "pictures of like texts": self._agreement(asked.picture, self.placed.picture, by_text),
            "a like picture": scale * by_picture[1][:, 0],
            "a like text": scale * by_text[1][:, 0],
            "another text fits better": scale * rivals.max(axis=1) - fit,
            "a text of its category fits better": scale * in_category - fit,
            "text amid its category": self._amid(asked),
            "text and picture agree on a category": logsumexp(both, axis=1),
        }
        # Where nothing else is in a category, that others are elsewhere says nothing against it.
        alone = (category >= 0) & (self._others_in_category(asked.listings) == 0)
        signals["its category before others by both"] = np.where(alone, 0.0, _before_others(both, category))
        for side, told in by.items():
            signals[f"its category by {side}"] = np.where(alone, 0.0, _own(told, category))
            signals[f"its category before others by {side}"] = np.where(alone, 0.0, _before_others(told, category))
        signals["nothing else in its category"] = alone
        wording = self._wording.signs(asked.listings.item, asked.listings.name, category)
        return np.column_stack([*signals.values(), wording]).astype(np.float64)

    def _about(self, asked: Placed) -> dict[str, Any]:
        return {"item": asked.listings.item, "group": asked.listings.group, "k": _NEAREST}

    def _rivals(self, asked: Placed) -> tuple[Floats, Floats]:
        """Likeness of each picture to other texts than the listing's (n, k), and to the best in its category (n,)."""
        listings = asked.listings
        place, similarity = self.fitting_texts(asked)
        similarity[np.einsum("nw,nkw->nk", asked.text, self.placed.text[place]) > _SAME] = NOTHING
        mine = self._place_of(listings.item)
        own_pair = self._pair(self.text_id[mine], self.placed.listings.category[mine])
        pair = self._pair(self.text_id[place], listings.category[:, None])
        found = np.minimum(np.searchsorted(self._pairs, pair), len(self._pairs) - 1)
        count = np.where(self._pairs[found] == pair, self._num_pairs[found], 0)
        count -= (pair == own_pair[:, None]) & (mine >= 0)[:, None]
        held = (count > 0) & (listings.category >= 0)[:, None]
        return similarity, np.where(held, similarity, -1.0).max(axis=1)

    def _agreement(self, own: Floats, held: Floats, found: tuple[Ints, Floats]) -> Floats:
        """Likeness to what the nearest on the other side have, the nearer the more (n,)."""
        place, similarity = found[0][:, :NEIGHBOURS], found[1][:, :NEIGHBOURS]
        weight = np.exp(self.scale * (similarity - similarity[:, :1]))
        weight /= weight.sum(axis=1, keepdims=True)
        likeness: Floats = self.scale * (weight * np.einsum("nw,nkw->nk", own, held[place])).sum(axis=1)
        return likeness

    def _told(self, asked: Placed, found: tuple[Ints, Floats]) -> Signals:
        """(n, categories): log-probabilities by the nearest, the nearer the more; rarer categories before others."""
        place, similarity = found
        weight = np.exp(self.scale / 2 * (similarity - similarity[:, :1]))
        category = self.placed.listings.category[place]
        told = np.zeros((len(place), self._num_categories + 1))
        np.add.at(told, (np.arange(len(place))[:, None], category), weight)  # unknown ones fall into the last
        told = told[:, :-1]
        mine = self._place_of(asked.listings.item)
        held = np.where(mine >= 0, self.placed.listings.category[mine], UNKNOWN)
        num = np.repeat(self._in_category[None], len(place), axis=0)
        num[np.flatnonzero(held >= 0), held[held >= 0]] -= 1
        told /= np.sqrt(np.maximum(num, 0.5))
        told /= np.maximum(told.sum(axis=1, keepdims=True), 1e-12)
        logs: Signals = np.log(told + _FLOOR)
        return logs

    def _others_in_category(self, listings: Listings) -> Signals:
        """(n,): how many other items on the shelf are in the category of each; 0 where it has none."""
        mine = self._place_of(listings.item)
        there = (mine >= 0) & (self.placed.listings.category[mine] == listings.category)
        known = listings.category >= 0
        return np.where(known, self._in_category[np.where(known, listings.category, 0)] - there, 0.0)

    def _amid(self, asked: Placed) -> Signals:
        """Likeness of a text to the middle of its category (n,)."""
        listings = asked.listings
        known = listings.category >= 0
        mine = self._place_of(listings.item)
        there = (mine >= 0) & (self.placed.listings.category[mine] == listings.category)
        middle = self._sum[np.where(known, listings.category, 0)] - there[:, None] * self.placed.text[mine]
        middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
        return self.scale * np.where(known, (asked.text * middle).sum(axis=1), 0.0)

    def _place_of(self, item: Ints) -> Ints:
        """Where items stand on the shelf, -1 of those that do not."""
        place = self._place[np.minimum(item, len(self._place) - 1)]
        return np.where(item < len(self._place), place, -1)

    def _pair(self, text_id: Ints, category: Ints) -> Ints:
        return text_id * (self._num_categories + 1) + category + 1


def _chunks(num: int) -> Iterator[Ints]:
    for start in range(0, num, _CHUNK):
        yield np.arange(start, min(start + _CHUNK, num))


def _own(told: Signals, category: Ints) -> Signals:
    return np.where(category >= 0, told[np.arange(len(told)), np.maximum(category, 0)], 0.0)


def _before_others(told: Signals, category: Ints) -> Signals:
    """What speaks for the category more than for any other (n,); 0 where there is none or no other."""
    if told.shape[1] < 2:
        return np.zeros(len(told))
    own = np.maximum(category, 0)
    others = told.copy()
    others[np.arange(len(told)), own] = -np.inf
    return np.where(category >= 0, told[np.arange(len(told)), own] - others.max(axis=1), 0.0)
