"""What needs no verdict: the same picture or listing twice, a price that slipped by a power of ten."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from camenn.rectify.listings import Ints

Probabilities = NDArray[np.float64]

_SLIPS = np.log([0.01, 0.1, 10.0, 100.0])
"""CHOICE: a price that is wrong is most often one with its point in the wrong place."""
_STEPS = 200


def shared_pictures(group: Ints, names: NDArray[np.object_], own: Probabilities) -> tuple[Probabilities, Ints]:
    """How sure it is that an item's picture is another product's, since that one has it too.

    Of the products under one picture one at most is right: each is by its odds among them.

    Args:
        group: (n,), equal where two items have the same picture.
        names: (n,), in their normal form.
        own: (n,), the probability that the picture is the listing's, as judged alone; its name may be wrong.

    Returns:
        (n,) probability, 0 where the picture is the item's alone; (n,) how many names stand under the picture.
    """
    order = np.lexsort((names.astype(str), group))
    found, num_names = np.zeros(len(group)), np.ones(len(group), np.int64)
    for same in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        distinct, product = np.unique(names[same].astype(str), return_inverse=True)
        if len(distinct) < 2:
            continue
        best = np.zeros(len(distinct))
        np.maximum.at(best, product, own[same])
        found[same] = 1.0 - best[product] / max(best.sum(), 1e-9)
        num_names[same] = len(distinct)
    return found, num_names


def duplicates(group: Ints, names: NDArray[np.object_], stores: NDArray[np.object_]) -> Ints:
    """(n,): the first item of the same store with the same name and picture, -1 where it is the first itself."""
    first: dict[tuple[int, str, object], int] = {}
    found = np.full(len(group), -1)
    for line, key in enumerate(zip(group.tolist(), names.tolist(), stores.tolist(), strict=True)):
        before = first.setdefault(key, line)
        if before != line and key[1]:
            found[line] = before
    return found


def odd_prices(price: Probabilities, usual: Probabilities) -> Probabilities:
    """How sure it is that a price has slipped by a power of ten or a hundred, (n,); 0 where one of the two is unknown.

    price, usual: (n,), what an item costs and what its like do; nan or not above zero where unknown. What is usual in
    this shop is learned with how often prices slip (expectation maximisation).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.isfinite(price) & np.isfinite(usual) & (price > 0) & (usual > 0)
    apart = np.log(price[known] / usual[known])
    found = np.zeros(len(price))
    if len(apart) < 2:
        return found
    spread = max(float(np.median(np.abs(apart - np.median(apart)))), 0.05) / np.log(2)
    usual_density = _laplace(apart, spread)
    slipped_density = np.mean([_laplace(apart - slip, spread) for slip in _SLIPS], axis=0)
    share, slipped = 0.01, np.zeros(len(apart))
    for _ in range(_STEPS):
        slipped = share * slipped_density / (share * slipped_density + (1 - share) * usual_density)
        share = (slipped.sum() + 0.5) / (len(apart) + 100.0)
    found[known] = slipped
    return found


def _laplace(apart: Probabilities, spread: float) -> Probabilities:
    density: Probabilities = np.exp(-np.abs(apart) / spread) / (2 * spread) + 1e-12
    return density
