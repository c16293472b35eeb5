"""A corrected copy of a shop, from the decisions in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from camenn.errors import CamennError, DataError
from camenn.rectify.findings import About, items_digest
from camenn.rectify.ledger import Action, Entry, Ledger
from camenn.tables.copying import NewCells, copy_shop
from camenn.tables.shop import Shop
from camenn.tables.sources.writing import new_folder

CORRECTIONS = "corrections.parquet"
_SCHEMA = {
    "item_id": pl.String(),
    "kind": pl.String(),
    "columns": pl.List(pl.String()),
    "before": pl.String(),
    "after": pl.String(),
    "taken_from": pl.String(),
    "reviewer": pl.String(),
    "at": pl.Datetime("us", "UTC"),
}
Cells = dict[str, dict[int, tuple[Entry, int | str]]]
"""By column and line: which decision puts what there, the cell of another line or a typed text."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of the decisions."""

    corrections: pl.DataFrame
    """What `corrections.parquet` holds: the decisions that changed cells, oldest first."""
    num_items: int
    """Items with a changed cell."""
    num_rejected: int
    num_without_change: int
    """Accepted, and yet there is nothing to put in place: a duplicate, a picture without another."""
    num_overruled: int
    """Decisions all of whose columns a later one on the same item changed."""


def check_items(shop: Shop, about: About) -> None:
    """Raise DataError unless the shop's items are those that the findings were made of."""
    if items_digest(shop) != about.items:
        raise DataError(
            f"{shop.folder}: its items are not those that the findings were made of: another shop, or it changed "
            "since; name the right one with --shop, or run `camenn rectify` again"
        )


def apply_decisions(shop: Shop, ledger: Ledger, about: About, folder: Path) -> Applied:
    """Write a copy of the shop into the new folder, corrected by the decisions in force.

    An accepted suggestion takes the cells of its columns from another item, as that item had them before any
    correction; a typed text goes into the first column. Where decisions on different findings of one item change the
    same column, the latest counts. Tables in which nothing changed are the shop's own files, linked. What was done
    stands beside them in `corrections.parquet`.

    Raises:
        DataError: the shop's items are not those of the findings, or a decision names an item or column that is not
            there or a text that its column cannot hold.
        CamennError: the folder holds anything or lies in the shop; the shop cannot be read or the copy written.
    """
    if folder.resolve().is_relative_to(shop.folder.resolve()):
        raise CamennError(f"{folder} lies in the shop's folder; name one outside of {shop.folder}")
    check_items(shop, about)
    standing = list(ledger.standing().values())
    wanted = [entry for entry in standing if entry.action is not Action.REJECT]
    changing = changes(wanted)
    cells = cells_of(shop, ledger, changing)
    effective = _in_effect(cells, changing)
    corrections = _corrections(effective)
    try:
        with new_folder(folder) as partial:
            copy_shop(shop, partial, _new_cells(cells, shop.catalogue.num_items))
            (partial / CORRECTIONS).unlink(missing_ok=True)  # linked: to write into it would write into the shop
            corrections.write_parquet(partial / CORRECTIONS)
    except pl.exceptions.PolarsError as error:
        raise CamennError(f"{shop.folder} cannot be copied to {folder}: {error}") from error
    return Applied(
        corrections=corrections,
        num_items=corrections["item_id"].n_unique(),
        num_rejected=len(standing) - len(wanted),
        num_without_change=len(wanted) - len(changing),
        num_overruled=len(changing) - len(effective),
    )


def changes(standing: Sequence[Entry]) -> list[Entry]:
    """The decisions that put something in a cell, another item's or typed."""
    return [
        entry
        for entry in standing
        if entry.action is not Action.REJECT and entry.columns and (entry.taken_from or entry.action is Action.EDIT)
    ]


def lines_of(shop: Shop, ledger: Ledger, entries: Sequence[Entry]) -> dict[str, int]:
    """The line of each item, by id. Raises DataError where a decision names one that is not in the shop."""
    line_of = {item_id: line for line, item_id in enumerate(shop.catalogue.ids.values)} if entries else {}
    for entry in entries:
        for item_id in (entry.item_id, entry.taken_from):
            if item_id is not None and item_id not in line_of:
                raise DataError(f"{ledger.name}: decision {entry.id} names item {item_id!r}, which is not in the shop")
    return line_of


def cells_of(shop: Shop, ledger: Ledger, changing: Sequence[Entry]) -> Cells:
    """By column, what the decisions put there; they come oldest first.

    Raises:
        DataError: a decision names an item or a column that is not in the shop.
    """
    line_of = lines_of(shop, ledger, changing)
    columns = {column.name for column in shop.schema.in_table("items")}
    cells: Cells = {}
    for entry in changing:
        for column in entry.columns[:1] if entry.action is Action.EDIT else entry.columns:
            if column not in columns:
                raise DataError(f"{ledger.name}: decision {entry.id} names column {column!r}, which the shop has not")
            source = line_of[entry.taken_from] if entry.taken_from is not None else str(entry.after)
            cells.setdefault(column, {})[line_of[entry.item_id]] = entry, source
    return cells


def _new_cells(cells: Cells, num_items: int) -> dict[str, NewCells]:
    new = {}
    for column, by_line in cells.items():
        taken_from, written = np.arange(num_items), {}
        for line, (_, source) in by_line.items():
            if isinstance(source, str):
                written[line] = source
            else:
                taken_from[line] = source
        new[column] = NewCells(taken_from, written)
    return new


def _in_effect(cells: Cells, changing: Sequence[Entry]) -> list[tuple[Entry, list[str]]]:
    """The decisions that put something somewhere, with the columns in which it stayed."""
    stayed: dict[int, list[str]] = {}
    for column, by_line in cells.items():
        for entry, _ in by_line.values():
            stayed.setdefault(entry.id, []).append(column)
    return [(entry, stayed[entry.id]) for entry in changing if entry.id in stayed]


def _corrections(effective: Sequence[tuple[Entry, list[str]]]) -> pl.DataFrame:
    rows = [{name: getattr(entry, name) for name in _SCHEMA} | {"columns": columns} for entry, columns in effective]
    return pl.DataFrame(rows, schema=_SCHEMA)
