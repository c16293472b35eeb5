"""What the desk says of items: their columns, read once and looked up by line."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from camenn.tables.pictures import PictureBytes
from camenn.tables.shop import Shop

STORE_COLUMNS = ("store", "store_id", "shop", "shop_id", "seller", "seller_id", "merchant", "merchant_id")
"""Columns that say which of several stores an item is of; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One item as customers see it."""

    item_id: str
    line: int
    name: str | None
    texts: dict[str, str | None]
    """Its further texts by column."""
    category: str | None
    store: str | None
    price: float | None
    has_picture: bool

    def value(self, column: str) -> str | None:
        """What stands in one of its columns, as text; None for a picture and where nothing does."""
        if column == "price":
            return None if self.price is None else price_text(self.price)
        if column in ("name", "category", "store"):
            value: str | None = getattr(self, column)
            return value
        return self.texts.get(column)


class Listings:
    """The items of a shop."""

    def __init__(self, shop: Shop) -> None:
        catalogue = shop.catalogue
        held = catalogue.table.collect_schema().names()
        self.text_columns = tuple(name for name in catalogue.text_columns if name != "name")
        self.store_column = next((name for name in STORE_COLUMNS if name in held), None)
        kept = ["name", "category", "price", *self.text_columns, *filter(None, [self.store_column])]
        table = catalogue.table.select([pl.col("item_id"), *(name for name in dict.fromkeys(kept) if name in held)])
        self._frame = table.collect().with_columns(_as_text(cs.list()))
        self._line_of = {item_id: line for line, item_id in enumerate(catalogue.ids.values)}
        self.has_picture = _has_picture(shop)

    def __len__(self) -> int:
        return len(self._line_of)

    def line(self, item_id: str) -> int | None:
        """Where an item stands, None for one that is not in the shop."""
        return self._line_of.get(item_id)

    def find(self, item_id: str) -> Listing | None:
        """An item, None for one that is not in the shop."""
        line = self.line(item_id)
        return None if line is None else self.at(line)

    def at(self, line: int) -> Listing:
        """The item in a line of the catalogue."""
        row = self._frame.row(line, named=True)
        return Listing(
            item_id=row["item_id"],
            line=line,
            name=row.get("name"),
            texts={column: row[column] for column in self.text_columns},
            category=_text(row.get("category")),
            store=_text(row.get(self.store_column)) if self.store_column else None,
            price=row["price"] if isinstance(row.get("price"), float | int) else None,
            has_picture=bool(self.has_picture[line]),
        )

    def column(self, name: str) -> pl.Series:
        """One column as text in the order of lines; all null where the items have none."""
        if name not in self._frame.columns:
            return pl.Series(name, [None] * len(self), dtype=pl.String)
        return self._frame[name].cast(pl.String)

    def search(self, words: str, *, most: int) -> list[Listing]:
        """Items whose name or id holds the words, in the order of lines."""
        asked = words.strip().lower()
        if not asked:
            return []
        places = [pl.col(name) for name in ("item_id", "name") if name in self._frame.columns]
        holds = pl.any_horizontal([place.str.to_lowercase().str.contains(asked, literal=True) for place in places])
        lines = self._frame.select(pl.arg_where(holds.fill_null(False))).to_series().head(most)
        return [self.at(line) for line in lines]


def price_text(price: float) -> str:
    """A price with two decimals; the shop's currency is not known."""
    return f"{price:,.2f}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _as_text(lists: pl.Expr) -> pl.Expr:
    return lists.cast(pl.List(pl.String)).list.join("|", ignore_nulls=True)


def _has_picture(shop: Shop) -> NDArray[np.bool_]:
    catalogue = shop.catalogue
    if not catalogue.has_images:
        return np.zeros(catalogue.num_items, dtype=bool)
    if isinstance(catalogue.pictures, PictureBytes):
        return np.diff(catalogue.pictures.offset) > 0
    return catalogue.column("image").is_not_null().to_numpy()
