"""Who is shown what, and what they buy: the days of the simulated town, shopper by shopper at once.

Shoppers do not influence each other, so the k-th request of every shopper is one vectorised step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camenn.simulation.assortment import Assortment
from camenn.simulation.calendar import MICROSECONDS_A_DAY, NUM_DAYS, START, day
from camenn.simulation.demand import BASE, PARTS, Demand, FloatArray, Impressions, IntArray, Memory
from camenn.simulation.products import products
from camenn.simulation.shoppers import Shoppers

_WEEKDAY_SHARES = (0.12, 0.12, 0.12, 0.13, 0.17, 0.19, 0.15)
_RUSHES = ((7.8, 1.6, 0.28), (12.5, 1.8, 0.22), (18.6, 2.2, 0.50))
"""Hours at which people shop: mean, spread, share."""
_EXPOSURE = (0.40, 0.25, 0.20, 0.15)
"""Shares of the slots filled by popularity, by likely taste, by what was bought before, and at random."""
_DISCOUNTS = (0.0, 0.1, 0.2, 0.3)
_DISCOUNT_SHARES = (0.85, 0.06, 0.06, 0.03)


@dataclass(frozen=True, slots=True)
class Trade:
    """All requests in order of time, with their outcome: arrays (requests,) and (requests, candidates)."""

    shown: Impressions
    parts: NDArray[np.float32]
    """(PARTS, requests, candidates)"""
    probability: FloatArray
    converted: NDArray[np.int8]


def trade(
    demand: Demand,
    *,
    num_requests: int,
    num_candidates: int,
    seed: int,
    on_requests: Callable[[int], None],
) -> Trade:
    """Play all requests; `on_requests` is called with how many more are done."""
    rng = np.random.default_rng([seed, 6])
    people, shelf = demand.shoppers, _Shelf(demand, seed)
    user, at, device = _requests(people, num_requests, rng)
    shape = num_requests, num_candidates
    shown = Impressions(user, at, device, np.zeros(shape, np.int64), np.zeros(shape))
    played = Trade(shown, np.zeros((len(PARTS), *shape), np.float32), np.zeros(shape), np.zeros(shape, np.int8))
    memory = Memory.empty(len(people))
    for turn in _turns(user):
        item = shelf.choose(user[turn], at[turn], memory, num_candidates, rng)
        now = Impressions(user[turn], at[turn], device[turn], item, shelf.discounts(item, at[turn]))
        parts = np.stack(list(demand.parts(now, memory).values()))
        probability = 1 / (1 + np.exp(-(BASE + parts.sum(axis=0))))
        bought = rng.random(item.shape) < probability
        _remember(memory, demand.assortment, now, bought)
        shown.item[turn], shown.discount[turn] = item, now.discount
        played.parts[:, turn], played.probability[turn], played.converted[turn] = parts, probability, bought
        on_requests(len(turn))
    return played


def _requests(people: Shoppers, num_requests: int, rng: np.random.Generator) -> tuple[IntArray, IntArray, IntArray]:
    """Who comes when and with what device, in order of time."""
    user = rng.choice(len(people), num_requests, p=people.activity)
    date = rng.choice(NUM_DAYS, num_requests, p=np.resize(_WEEKDAY_SHARES, NUM_DAYS) / (NUM_DAYS / 7))
    means, spreads, shares = (np.array(column) for column in zip(*_RUSHES, strict=True))
    rush = rng.choice(len(_RUSHES), num_requests, p=shares)
    clock = rng.normal(means[rush], spreads[rush]) % 24
    at = START + ((date + clock / 24) * MICROSECONDS_A_DAY).astype(np.int64) // 1_000 * 1_000
    order = np.lexsort((user, at))
    on_phone = np.array([0.85, 0.75, 0.55, 0.40, 0.30])[people.age[user]]
    draw = rng.random(num_requests)
    # 0, 1 and 2 are places in DEVICES.
    device = np.where(draw < on_phone, 0, np.where(draw < on_phone + 0.7 * (1 - on_phone), 1, 2))
    return user[order], at[order], device[order]


def _turns(user: IntArray) -> list[IntArray]:
    """Requests grouped by how many the same user made before: no user is twice in a group."""
    order = np.argsort(user, kind="stable")
    grouped = user[order]
    first = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]])
    rank = np.arange(len(user)) - np.repeat(first, np.diff(np.r_[first, len(user)]))
    by_rank = np.argsort(rank, kind="stable")
    return [np.sort(order[turn]) for turn in np.split(by_rank, np.cumsum(np.bincount(rank))[:-1])]


def _remember(memory: Memory, items: Assortment, shown: Impressions, bought: NDArray[np.bool_]) -> None:
    line, place = np.nonzero(bought)
    user, item = shown.user[line], shown.item[line, place]
    np.add.at(memory.times, (user, items.product[item]), 1)
    np.add.at(memory.visits, (user, items.store[item]), 1)
    memory.last_day[user, items.product[item]] = day(shown.at)[line]


class _Shelf:
    """The platform's choice of what to show; items stand in the order they were listed."""

    def __init__(self, demand: Demand, seed: int) -> None:
        items = demand.assortment
        rng = np.random.default_rng([seed, 7])
        self._demand = demand
        self._listed_at = items.listed_at
        popularity = np.exp(1.2 * items.appeal + rng.normal(0, 0.8, len(items)))
        self._cumulated = np.cumsum(popularity)
        self._by_product = np.lexsort((np.arange(len(items)), items.product))
        self._product_key = items.product[self._by_product] * (len(items) + 1) + self._by_product
        self._offers = rng.choice(_DISCOUNTS, (len(items), -(-NUM_DAYS // 7)), p=_DISCOUNT_SHARES)

    def choose(
        self, user: IntArray, at: IntArray, memory: Memory, num_candidates: int, rng: np.random.Generator
    ) -> IntArray:
        """Different items for each request, all listed by then: (requests, candidates)."""
        num_listed = np.searchsorted(self._listed_at, at, side="right")
        shape = len(user), num_candidates
        way = rng.choice(len(_EXPOSURE), shape, p=_EXPOSURE)
        popular = self._popular(num_listed, (*shape, 3), rng)
        chosen = popular[:, :, 0]
        chosen = np.where(way == 1, self._likely(user, popular, rng), chosen)
        again = self._again(user, num_listed, memory, shape, rng)
        chosen = np.where((way == 2) & (again >= 0), again, chosen)
        chosen = np.where(way == 3, self._any(num_listed, shape, rng), chosen)
        while (twice := _repeated(chosen)).any():
            chosen = np.where(twice, self._any(num_listed, shape, rng), chosen)
        return chosen

    def discounts(self, item: IntArray, at: IntArray) -> FloatArray:
        """Each item's offer of the week, the same for everybody."""
        return self._offers[item, day(at)[:, None].astype(np.int64) // 7]

    def _popular(self, num_listed: IntArray, shape: tuple[int, ...], rng: np.random.Generator) -> IntArray:
        """By popularity, from a long-tailed distribution over what is listed."""
        total = self._cumulated[num_listed - 1].reshape(-1, *([1] * (len(shape) - 1)))
        return np.asarray(np.searchsorted(self._cumulated, rng.random(shape) * total, side="right"))

    def _likely(self, user: IntArray, popular: IntArray, rng: np.random.Generator) -> IntArray:
        """The best of a few popular items, by a rough idea of the shopper's taste."""
        rough = self._demand.liking(self._demand.shoppers.profile_taste, user, popular)
        rough += rng.normal(0, 0.7, popular.shape)
        return np.take_along_axis(popular, rough.argmax(axis=2)[:, :, None], axis=2)[:, :, 0]

    def _again(
        self, user: IntArray, num_listed: IntArray, memory: Memory, shape: tuple[int, int], rng: np.random.Generator
    ) -> IntArray:
        """An item of a product bought before; -1 for who has bought nothing."""
        times = np.cumsum(memory.times[user], axis=1)
        draw = rng.random(shape) * times[:, -1:]
        product = (draw[:, :, None] >= times[:, None, :]).sum(axis=2).clip(max=len(products()) - 1)
        stride = len(self._listed_at) + 1
        start = np.searchsorted(self._product_key, product * stride)
        stop = np.searchsorted(self._product_key, product * stride + num_listed[:, None])
        pick = start + np.floor(rng.random(shape) * (stop - start)).astype(np.int64)
        item = self._by_product[pick.clip(max=len(self._by_product) - 1)]
        return np.where((times[:, -1:] > 0) & (stop > start), item, -1)

    def _any(self, num_listed: IntArray, shape: tuple[int, int], rng: np.random.Generator) -> IntArray:
        return np.floor(rng.random(shape) * num_listed[:, None]).astype(np.int64)


def _repeated(chosen: IntArray) -> NDArray[np.bool_]:
    """True where a request already has the item in an earlier place."""
    same = chosen[:, :, None] == chosen[:, None, :]
    return np.asarray(np.tril(same, -1).any(axis=2))
