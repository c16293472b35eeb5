"""Planted mistakes of careless sellers, with the truth kept beside them."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.simulation.assortment import Assortment
from camenn.simulation.pictures.photographs import blurred
from camenn.simulation.products import CATEGORIES, products
from camenn.simulation.stores import STORES
from camenn.simulation.wording import vague_name


class Fault(StrEnum):
    """What can be wrong with a listing (paper, section 1: `Berries` for strawberries, a cauliflower among fruit)."""

    VAGUE_NAME = "vague_name"
    """A coarser word stands for the product; the description is left."""
    SWAPPED_NAME = "swapped_name"
    """Name and description are another product's."""
    WRONG_CATEGORY = "wrong_category"
    SWAPPED_PICTURE = "swapped_picture"
    """The picture shows another product."""
    BLURRED_PICTURE = "blurred_picture"


COLUMN = {
    Fault.VAGUE_NAME: "name",
    Fault.SWAPPED_NAME: "name",
    Fault.WRONG_CATEGORY: "category",
    Fault.SWAPPED_PICTURE: "image",
    Fault.BLURRED_PICTURE: "image",
}
PENALTY = {
    Fault.VAGUE_NAME: 0.25,
    Fault.SWAPPED_NAME: 0.6,
    Fault.WRONG_CATEGORY: 0.3,
    Fault.SWAPPED_PICTURE: 0.6,
    Fault.BLURRED_PICTURE: 0.35,
}
"""Log-odds of a purchase that each mistake takes away."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which item gets which fault: arrays (faults,)."""

    line: NDArray[np.int64]
    """Line of the assortment; no line is twice here."""
    kind: tuple[Fault, ...]
    other: NDArray[np.int64]
    """Line of an item of another category, of the same shop where there is one, whose words or picture are taken."""

    def penalty(self, num_items: int) -> NDArray[np.float64]:
        """What each item's listing takes away from the log-odds: (items,)."""
        penalty = np.zeros(num_items)
        penalty[self.line] = [PENALTY[kind] for kind in self.kind]
        return penalty


def plan(assortment: Assortment, rate: float, seed: int) -> Plan:
    """Choose round(rate x items) items for each kind of fault, an item for one fault at most."""
    rng = np.random.default_rng([seed, 8])
    each = min(round(rate * len(assortment)), len(assortment) // len(Fault))
    line = rng.permutation(len(assortment))[: each * len(Fault)]
    kind = tuple(fault for fault in Fault for _ in range(each))
    return Plan(line, kind, _others(assortment, line, rng))


def _others(assortment: Assortment, line: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """An item of another category for each line, of the same shop where chance soon finds one."""
    category, store = assortment.category, assortment.store
    other = rng.integers(len(assortment), size=len(line))
    for attempt in range(1000):
        wrong = category[other] == category[line]
        if attempt < 100:
            wrong |= store[other] != store[line]
        if not wrong.any():
            break
        other[wrong] = rng.integers(len(assortment), size=int(wrong.sum()))
    return other


def plant(items: pl.DataFrame, assortment: Assortment, planned: Plan, rate: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The items table with its faults, and the table of faults with the true values."""
    shown = {name: items[name].to_list() for name in ("name", "description", "category", "image")}
    true = {name: list(values) for name, values in shown.items()}
    for line, kind, other in zip(planned.line.tolist(), planned.kind, planned.other.tolist(), strict=True):
        match kind:
            case Fault.VAGUE_NAME:
                shown["name"][line] = vague_name(assortment.facts(line).product, STORES[assortment.store[line]])
            case Fault.SWAPPED_NAME:
                shown["name"][line], shown["description"][line] = true["name"][other], true["description"][other]
            case Fault.WRONG_CATEGORY:
                shown["category"][line] = true["category"][other]
            case Fault.SWAPPED_PICTURE:
                shown["image"][line] = true["image"][other]
            case Fault.BLURRED_PICTURE:
                shown["image"][line] = blurred(true["image"][line])
    faulty = items.with_columns(pl.Series(name, values, dtype=items.schema[name]) for name, values in shown.items())
    return faulty, _record(items, assortment, planned, shown, true, rate)


def _record(
    items: pl.DataFrame,
    assortment: Assortment,
    planned: Plan,
    shown: dict[str, list[object]],
    true: dict[str, list[object]],
    rate: float,
) -> pl.DataFrame:
    lines = planned.line.tolist()
    swapped = {Fault.SWAPPED_NAME, Fault.SWAPPED_PICTURE}
    columns = [COLUMN[kind] for kind in planned.kind]
    is_picture = [column == "image" for column in columns]
    # A picture has no value in words: what it should show stands in its place, and the bytes in `true_image`.
    nouns = [products()[assortment.product[line]].noun for line in lines]
    ids = items["item_id"].to_list()
    return pl.DataFrame(
        {
            "item_id": [ids[line] for line in lines],
            "kind": [str(kind) for kind in planned.kind],
            "column": columns,
            "true_value": [
                n if p else true[c][line] for line, c, n, p in zip(lines, columns, nouns, is_picture, strict=True)
            ],
            "shown_value": [
                None if p else shown[c][line] for line, c, p in zip(lines, columns, is_picture, strict=True)
            ],
            "true_product": nouns,
            "true_category": [CATEGORIES[place] for place in assortment.category[planned.line]],
            "true_description": [true["description"][line] for line in lines],
            "true_image": [true["image"][line] if p else None for line, p in zip(lines, is_picture, strict=True)],
            "other_item_id": [
                ids[other] if kind in swapped else None
                for kind, other in zip(planned.kind, planned.other.tolist(), strict=True)
            ],
            "penalty": [PENALTY[kind] for kind in planned.kind],
            "rate": [rate] * len(lines),
        },
        schema={
            **dict.fromkeys(("item_id", "kind", "column", "true_value", "shown_value"), pl.String),
            **dict.fromkeys(("true_product", "true_category", "true_description"), pl.String),
            "true_image": pl.Binary,
            "other_item_id": pl.String,
            "penalty": pl.Float64,
            "rate": pl.Float64,
        },
    )
