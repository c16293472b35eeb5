"""Claims as the table of findings, with what they are worth; and the automatic ones put into a copy of the shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.rectify.claims import Claim
from camenn.rectify.findings import SCHEMA, Kind, Side
from camenn.rectify.survey import prices
from camenn.tables.copying import NewCells, copy_shop
from camenn.tables.shop import Shop
from camenn.tables.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Cells:
    """What stands in a shop's items, by line."""

    ids: pl.Series
    shown: dict[str, pl.Series]
    """Names and categories as the shop writes them."""
    text_columns: tuple[str, ...]
    exposure: NDArray[np.int64] | None
    price: NDArray[np.float64] | None

    @classmethod
    def of(cls, shop: Shop) -> Cells:
        """Read from a shop."""
        catalogue = shop.catalogue
        schema = catalogue.table.collect_schema()
        shown = {name: catalogue.column(name) for name in ("name", "category") if name in schema}
        texts = {
            name: held.list.join("|") if held.dtype == pl.List else held.cast(pl.String) for name, held in shown.items()
        }
        exposure = None
        if shop.events is not None:
            rows = np.bincount(np.asarray(shop.events.item_row), minlength=len(catalogue.ids))
            exposure = rows[Vocabulary.FIRST :]
        columns = tuple(name for name in catalogue.text_columns if name in ("name", "description"))
        return cls(catalogue.ids.values, texts, columns, exposure, prices(shop))

    def columns(self, claim: Claim) -> list[str]:
        """What a correction changes: a wrong name goes with its description, a vague one alone."""
        if claim.mends == "name" and claim.kind is Kind.MISMATCH:
            return list(self.text_columns)
        return [claim.mends] if claim.mends == "image" or claim.mends in self.shown else []

    def value(self, column: str, line: int) -> str | None:
        """What an item shows there; None of a picture."""
        return self.shown[column][line] if column in self.shown else None


def findings_table(shop: Shop, claims: Sequence[Claim], automatic_from: float) -> pl.DataFrame:
    """One row a claim. Of claims that would change the same cell by themselves, the surest does."""
    cells = Cells.of(shop)
    automatic = _automatic(cells, claims, automatic_from)
    rows = [_row(cells, claim, automatic=index in automatic) for index, claim in enumerate(claims)]
    return pl.DataFrame(rows, schema=SCHEMA)


def _automatic(cells: Cells, claims: Sequence[Claim], automatic_from: float) -> set[int]:
    taken: set[tuple[int, str]] = set()
    chosen = set()
    for index in sorted(range(len(claims)), key=lambda index: -claims[index].correct):
        claim = claims[index]
        changed = {(claim.line, column) for column in cells.columns(claim)}
        if claim.correct >= automatic_from and claim.side is not Side.UNCLEAR and changed and not changed & taken:
            chosen.add(index)
            taken |= changed
    return chosen


def _row(cells: Cells, claim: Claim, *, automatic: bool) -> dict[str, object]:
    columns = cells.columns(claim)
    first = columns[0] if columns else ""
    exposure = None if cells.exposure is None else float(cells.exposure[claim.line])
    price = None if cells.price is None or np.isnan(cells.price[claim.line]) else float(cells.price[claim.line])
    return {
        "item_id": cells.ids[claim.line],
        "kind": claim.kind,
        "side": claim.side,
        "reason": claim.reason,
        "probability": min(max(claim.probability, 0.0), 1.0),
        "automatic": automatic,
        "columns": columns,
        "shown": cells.value(first or "name", claim.line),
        "suggestions": [
            {"item_id": cells.ids[line], "value": cells.value(first, line), "score": score}
            for line, score in claim.suggestions
        ],
        "neighbours": [
            {"item_id": cells.ids[line], "by": by, "similarity": cosine} for line, by, cosine in claim.neighbours
        ],
        "words": [],
        "patches": [],
        "signs": [{"sign": sign, "weight": weight} for sign, weight in claim.signs],
        "exposure": exposure,
        "price": price,
        # An item that nobody was shown yet, or without a price, is not worthless.
        "worth": claim.probability * (1.0 if exposure is None else exposure + 1.0) * _price(cells, price),
    }


def _price(cells: Cells, price: float | None) -> float:
    if price is not None and price > 0:
        return price
    return 1.0 if cells.price is None or np.isnan(cells.price).all() else float(np.nanmedian(cells.price))


def write_corrected(shop: Shop, findings: pl.DataFrame, folder: Path) -> None:
    """A copy of the shop in the new folder, with the first suggestion of these findings in place."""
    line_of = dict(zip(shop.catalogue.ids.values.to_list(), range(shop.catalogue.num_items), strict=True))
    taken: dict[str, NDArray[np.int64]] = {}
    for item_id, columns, suggestions in findings.select("item_id", "columns", "suggestions").iter_rows():
        for column in columns:
            lines = taken.setdefault(column, np.arange(shop.catalogue.num_items))
            lines[line_of[item_id]] = line_of[suggestions[0]["item_id"]]
    folder.mkdir()
    copy_shop(shop, folder, {column: NewCells(lines) for column, lines in taken.items()})
