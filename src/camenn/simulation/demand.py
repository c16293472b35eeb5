"""The stated probability of a purchase, part by part.

log-odds = base + appeal + taste + personal + price + habit + loyalty + occasion + picture + text + context + listing

Nothing in the sum is noise: every part follows from the tables, the pictures, the names and the past, or belongs
to one item (`appeal`) or one shopper (`personal`, of a few dimensions) and shows in their history.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camenn.simulation.assortment import BRANDS, Assortment
from camenn.simulation.calendar import day, hour, is_weekend
from camenn.simulation.products import CATEGORIES, products
from camenn.simulation.shoppers import DISTRICTS, Shoppers
from camenn.simulation.stores import STORES

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CYCLE_DAYS = dict(zip(CATEGORIES, (4.0, 4.0, 4.0, 3.0, 4.0, 5.0, 6.0, 9.0, 12.0), strict=True))
"""How long a purchase satisfies, by category."""
DEVICES = {"phone": -0.15, "desktop": 0.20, "tablet": 0.05}
"""Where a request comes from, and what it adds to the log-odds."""
PARTS = {
    "appeal": "what everybody grants this item, drawn once per product and once per item",
    "taste": "profile taste (age, household, diet) . (traits, category)",
    "personal": "the shopper's own taste, of 2 dimensions . (traits, category)",
    "price": "-(price sensitivity) x log(price x (1 - discount) / median price of the true category)",
    "habit": "log2(1 + min(times bought, 3)) - 2 exp(-2 x days since / cycle of the category), by product",
    "loyalty": "-1.2 x distance(district, store) + 0.25 log2(1 + min(purchases there, 15)) + 0.30",
    "occasion": "1.1 x (morning x exp(-((hour - 8)/2.5)^2) + evening x exp(-((hour - 19)/3)^2)"
    " + 0.8 weekend x [Friday 15:00 to Sunday]) - 0.35",
    "picture": "pickiness x (freshness seen on the picture - 0.72)",
    "text": "organic and special liking of items so called + brand + 0.55 - 0.65 |size - wanted size|",
    "context": "-0.14 x (position on the page - 3) + device",
    "listing": "what a planted fault takes away",
}
"""The parts of the log-odds besides the base, in words."""
BASE = -2.85
"""Log-odds of a purchase when every part is zero."""


@dataclass(frozen=True, slots=True)
class Impressions:
    """Who is shown what, when: shapes (requests, candidates) and (requests,)."""

    user: IntArray
    at: IntArray
    device: IntArray
    """Place in DEVICES, by request."""
    item: IntArray
    discount: FloatArray
    """Share off the price, by candidate."""


@dataclass(slots=True)
class Memory:
    """What each shopper has bought so far."""

    times: NDArray[np.int32]
    """(people, products)"""
    last_day: NDArray[np.float32]
    """(people, products); long ago where never bought."""
    visits: NDArray[np.int32]
    """(people, stores): items bought from each."""

    @classmethod
    def empty(cls, num_people: int) -> "Memory":
        num_products = len(products())
        return cls(
            np.zeros((num_people, num_products), np.int32),
            np.full((num_people, num_products), -1e4, np.float32),
            np.zeros((num_people, len(STORES)), np.int32),
        )


class Demand:
    """The probability of a purchase, given who, what, when and what was bought before."""

    def __init__(self, assortment: Assortment, shoppers: Shoppers, penalty: FloatArray) -> None:
        """`penalty` is what each item's listing takes away from the log-odds, >= 0: (items,)."""
        self.assortment = assortment
        self.shoppers = shoppers
        category = assortment.category
        marks = np.concatenate([assortment.traits, np.eye(len(CATEGORIES))[category]], axis=1)
        self._marks = marks - marks.mean(axis=0)
        self._relative_price = np.log(assortment.price / _median_by(category, assortment.price))
        self._cycle = np.array([CYCLE_DAYS[product.category] for product in products()])
        homes = np.array([(x, y) for x, y, _ in DISTRICTS.values()])
        shops = np.array([store.place for store in STORES])
        self._distance = np.linalg.norm(homes[:, None] - shops[None], axis=2)
        self._brand = np.array([*BRANDS.values(), 0.0])[assortment.brand]
        self._occasions = assortment.occasions
        self._penalty = penalty

    def parts(self, shown: Impressions, memory: Memory) -> dict[str, FloatArray]:
        """Every part of the log-odds, each (requests, candidates), in the order of PARTS."""
        items, people = self.assortment, self.shoppers
        user, item = shown.user[:, None], shown.item
        price = self._relative_price[item] + np.log1p(-shown.discount)
        misfit = np.abs(items.size[item] - people.wanted_size[user])
        claims = items.organic[item] * people.organic_liking[user] + items.special[item] * people.special_liking[user]
        position = np.arange(1, item.shape[1] + 1) - 3
        return {
            "appeal": items.appeal[item],
            "taste": self.liking(people.profile_taste, shown.user, item),
            "personal": self.liking(people.personal_taste, shown.user, item),
            "price": -people.price_sensitivity[user] * price,
            "habit": self._habit(shown, memory),
            "loyalty": self._loyalty(shown, memory),
            "occasion": self._occasion(shown),
            "picture": people.pickiness[user] * (items.freshness[item] - 0.72),
            "text": claims + self._brand[item] + 0.55 - 0.65 * misfit,
            "context": np.array(list(DEVICES.values()))[shown.device][:, None] - 0.14 * position,
            "listing": -self._penalty[item],
        }

    def liking(self, taste: FloatArray, user: IntArray, item: IntArray) -> FloatArray:
        """How much users like items by a taste (people, marks): user (n,), item (n, ...) -> (n, ...)."""
        return np.asarray(np.einsum("nm,n...m->n...", taste[user], self._marks[item]))

    def _habit(self, shown: Impressions, memory: Memory) -> FloatArray:
        product = self.assortment.product[shown.item]
        times = memory.times[shown.user[:, None], product]
        since = day(shown.at)[:, None] - memory.last_day[shown.user[:, None], product]
        satisfied = np.exp(-2 * since / self._cycle[product])
        return np.asarray(np.log2(1 + np.minimum(times, 3)) - 2 * satisfied)

    def _loyalty(self, shown: Impressions, memory: Memory) -> FloatArray:
        store = self.assortment.store[shown.item]
        distance = self._distance[self.shoppers.district[shown.user][:, None], store]
        visits = memory.visits[shown.user[:, None], store]
        return np.asarray(-1.2 * distance + 0.25 * np.log2(1 + np.minimum(visits, 15)) + 0.30)

    def _occasion(self, shown: Impressions) -> FloatArray:
        clock = hour(shown.at)
        now = np.stack(
            [np.exp(-(((clock - 8) / 2.5) ** 2)), np.exp(-(((clock - 19) / 3) ** 2)), 0.8 * is_weekend(shown.at)]
        )
        return 1.1 * np.asarray(np.einsum("on,nco->nc", now, self._occasions[shown.item])) - 0.35


def _median_by(group: IntArray, values: FloatArray) -> FloatArray:
    """The median of each line's group: (lines,)."""
    medians = np.ones(group.max() + 1)
    for place in np.unique(group):
        medians[place] = np.median(values[group == place])
    return medians[group]
