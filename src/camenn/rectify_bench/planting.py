"""Known faults planted in a copy of a shop, so that it can be counted which of them are found.

Other than those that a verdict is learned from (`rectify/planting.py`), these stand in the tables and pictures
themselves, among listings that nobody tells apart.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import ImageFilter

from camenn.embeddings.patches import load_picture
from camenn.errors import CamennError, DataError
from camenn.tables.catalogue import normal_form
from camenn.tables.copying import NewCells, copy_shop
from camenn.tables.files import read_tables
from camenn.tables.shop import Shop
from camenn.tables.sources.writing import ROW_GROUP_OF_PICTURES, new_folder

PLANTED = "planted.parquet"
AGAIN = "-again"
"""Behind the identifier of a listing that is there twice."""
_DRAWS = 64
_BLUR = (0.007, 0.03)
"""Standard deviation of the blur, as a share of the picture's shorter side."""
_Ints = NDArray[np.int64]


class Planted(StrEnum):
    """What is put into a shop (issue: easy is another aisle's, hard the same aisle's)."""

    NAME_EASY = "name_easy"
    NAME_HARD = "name_hard"
    PICTURE_EASY = "picture_easy"
    PICTURE_HARD = "picture_hard"
    VAGUE = "vague"
    CATEGORY = "category"
    BLUR = "blur"
    DUPLICATE = "duplicate"


_WITHIN_CATEGORIES = (Planted.NAME_HARD, Planted.PICTURE_HARD, Planted.VAGUE, Planted.CATEGORY)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done, by line."""

    fault: dict[int, Planted] = field(default_factory=dict)
    name: dict[int, int] = field(default_factory=dict)
    """Whose name and description a line gets."""
    picture: dict[int, int] = field(default_factory=dict)
    category: dict[int, int] = field(default_factory=dict)
    vague: dict[int, str] = field(default_factory=dict)


def plant_faults(
    shop: Shop, folder: Path, *, rate: float, seed: int, kinds: Collection[Planted] = tuple(Planted)
) -> pl.DataFrame:
    """Write a copy of the shop in which a share of the items has one fault each, of these kinds equally.

    A listing that is there twice is a row more. What was done stands in `planted.parquet`: item_id, fault, and
    other_item_id, whose value it has.

    Raises:
        DataError: the shop has no names or no pictures, or is too small for one fault of each kind.
        CamennError: `folder` holds anything.
    """
    catalogue = shop.catalogue
    if not (catalogue.has_names and catalogue.has_images):
        raise DataError(f"{shop.folder}: faults are planted in names and pictures; the shop lacks one of them")
    rng = np.random.default_rng([seed, round(rate * 1000)])
    plan = _plan(shop, rate, kinds, rng)
    if not plan.fault:
        raise DataError(f"{shop.folder}: too few items for a share of {rate}")
    lines = np.arange(catalogue.num_items)
    texts = [column for column in ("name", "description") if column in catalogue.text_columns]
    cells: dict[str, NewCells] = {}
    for column in texts:
        written = {line: name if column == "name" else "" for line, name in plan.vague.items()}
        cells[column] = NewCells(_taken(lines, plan.name), dict(written))
    cells["image"] = NewCells(_taken(lines, plan.picture), _blurred(shop, plan, rng))
    if plan.category:
        cells["category"] = NewCells(_taken(lines, plan.category))
    record = _record(shop, plan)
    with new_folder(folder) as partial:
        copy_shop(shop, partial, cells)
        _list_again(shop, partial, [line for line, fault in plan.fault.items() if fault is Planted.DUPLICATE])
        record.write_parquet(partial / PLANTED)
    return record


def _plan(shop: Shop, rate: float, wanted: Collection[Planted], rng: np.random.Generator) -> _Plan:
    catalogue, plan = shop.catalogue, _Plan()
    names = np.array([normal_form(name) for name in catalogue.names(0, catalogue.num_items)], dtype=object)
    labels = _labels(shop)
    names_in: dict[str, set[str]] = {}
    for name, label in zip(names.tolist(), labels.tolist(), strict=True):
        names_in.setdefault(label, set()).add(name)
    kinds = [kind for kind in Planted if kind in wanted and (len(names_in) > 1 or kind not in _WITHIN_CATEGORIES)]
    each = round(rate * catalogue.num_items / len(kinds))
    waiting = [line for line in rng.permutation(catalogue.num_items).tolist() if names[line]]
    for kind in kinds:
        left, done = [], 0
        for line in waiting:
            if done < each and _put(plan, kind, line, names, labels, names_in, rng):
                plan.fault[line] = kind
                done += 1
            else:
                left.append(line)
        waiting = left
    return plan


def _labels(shop: Shop) -> NDArray[np.object_]:
    """(items,): categories as the shop writes them, "" where there is none."""
    catalogue = shop.catalogue
    if "category" not in catalogue.table.collect_schema():
        return np.full(catalogue.num_items, "", dtype=object)
    held = catalogue.column("category")
    held = held.list.join("|") if held.dtype == pl.List else held.cast(pl.String)
    return held.fill_null("").to_numpy().astype(object)


def _put(
    plan: _Plan,
    kind: Planted,
    line: int,
    names: NDArray[np.object_],
    labels: NDArray[np.object_],
    names_in: Mapping[str, set[str]],
    rng: np.random.Generator,
) -> bool:
    """Whether this fault can be planted in this line; if so it is in the plan."""
    if kind in (Planted.BLUR, Planted.DUPLICATE):
        return True
    if kind is Planted.VAGUE:
        if not labels[line] or len(names_in[labels[line]]) < 2 or normal_form(labels[line]) == names[line]:
            return False
        plan.vague[line] = labels[line]
        return True
    other = rng.integers(len(names), size=_DRAWS)
    if kind in (Planted.NAME_HARD, Planted.PICTURE_HARD):
        other = rng.permutation(np.flatnonzero(labels == labels[line]))
        fits = names[other] != names[line]
    else:
        fits = (names[other] != names[line]) & ((labels[other] != labels[line]) | (len(names_in) == 1))
    fits &= names[other] != ""
    if not fits.any():
        return False
    taken = {Planted.CATEGORY: plan.category, Planted.NAME_EASY: plan.name, Planted.NAME_HARD: plan.name}
    taken.get(kind, plan.picture)[line] = int(other[fits][0])
    return True


def _taken(lines: _Ints, source: Mapping[int, int]) -> _Ints:
    taken = lines.copy()
    taken[list(source)] = list(source.values())
    return taken


def _blurred(shop: Shop, plan: _Plan, rng: np.random.Generator) -> dict[int, str | bytes]:
    blurred: dict[int, str | bytes] = {}
    for line in [line for line, fault in plan.fault.items() if fault is Planted.BLUR]:
        source = shop.catalogue.images(line, line + 1)[0]
        if source is None:
            continue
        picture = load_picture(source.read_bytes() if isinstance(source, Path) else source, at_least=1 << 14)
        spread = min(picture.size) * float(rng.uniform(*_BLUR))
        content = io.BytesIO()
        picture.filter(ImageFilter.GaussianBlur(spread)).save(content, "JPEG", quality=88)
        blurred[line] = content.getvalue()
    return blurred


def _list_again(shop: Shop, target: Path, lines: list[int]) -> None:
    """Rows that are there already, once more under another identifier, in a file of their own."""
    if not lines:
        return
    tables, _ = read_tables(target)
    files = tables["items"].files
    whole = pl.concat([file.frame for file in files], how="diagonal_relaxed").with_row_index("camenn:line")
    rows = whole.filter(pl.col("camenn:line").is_in(lines)).drop("camenn:line").collect()
    again = rows["item_id"].cast(pl.String) + AGAIN
    if rows.schema["item_id"].is_integer():
        largest = shop.catalogue.ids.values.cast(pl.Int64).max()
        again = pl.Series(range(int(str(largest)) + 1, int(str(largest)) + 1 + len(rows)))
    rows = rows.with_columns(item_id=again.cast(rows.schema["item_id"]))
    path = target / f"items-{AGAIN.strip('-')}{files[0].path.suffix}"
    if path.exists():
        raise CamennError(f"{shop.folder}: has a file {path.name} of its own")
    if path.suffix == ".csv":
        rows.write_csv(path)
    else:
        rows.write_parquet(path, row_group_size=ROW_GROUP_OF_PICTURES if "image" in rows.columns else None)


def _record(shop: Shop, plan: _Plan) -> pl.DataFrame:
    ids = shop.catalogue.ids.values
    others = plan.name | plan.picture | plan.category
    rows = [
        {"item_id": ids[line], "fault": str(fault), "other_item_id": ids[others[line]] if line in others else None}
        for line, fault in sorted(plan.fault.items())
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("item_id", "fault", "other_item_id"), pl.String))
