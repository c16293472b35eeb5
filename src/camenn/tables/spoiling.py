"""Spoiled copies of a shop: the names, categories or pictures of a share of its items put in the wrong place.

For curves of how figures fall as a catalogue gets worse, and for finding the faults again. What was done stands in
`spoiled.parquet`, which is no table of the shop: item_id, what, before, after, other_item_id (whose value it is).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.errors import CamennError, ConfigError, DataError
from camenn.tables.catalogue import Catalogue, normal_form
from camenn.tables.copying import NewCells, copy_shop
from camenn.tables.pictures import PictureBytes
from camenn.tables.schema import Kind, Schema
from camenn.tables.shop import Shop
from camenn.tables.sources.writing import new_folder

What = Literal["names", "categories", "pictures"]
SPOILED = "spoiled.parquet"

# CHOICE: a description goes with its name, further texts of an item stay.
_COLUMNS: Mapping[What, tuple[str, ...]] = {
    "names": ("name", "description"),
    "categories": ("category",),
    "pictures": ("image",),
}
_KINDS = (Kind.TEXT, Kind.CATEGORICAL, Kind.MULTI, Kind.IMAGE)
_UNKNOWN = -1
_DRAWS = 32
_CHUNK = 256
_Codes = NDArray[np.int64]


def spoil_shop(shop: Shop, folder: Path, *, what: What, share: float, seed: int) -> pl.DataFrame:
    """Write a copy of the shop in which round(share x items that have one) names, categories or pictures are wrong.

    A name (with its description) and a picture come from an item of another category where the item's is known, else
    from any other; a category from an item of another. What is put in place differs: names and categories in their
    normal form, pictures in their bytes. The same seed spoils the same items in the same way: those of a smaller share
    are among those of a larger one. The shop itself is only read; see `copy_shop` for what the copy shares with it.
    A spoiled copy can be spoiled in a further way; its `spoiled.parquet` then holds both.

    Returns what `spoiled.parquet` holds of this call, in the items' order. A picture kept as bytes is named by the
    hexadecimal digest of its content (16 bytes of BLAKE2b), one kept as a file by its path.

    Raises:
        ConfigError: there is no such `what`, or `share` is outside 0..1.
        DataError: the shop holds nothing of the kind, or nothing that differs.
        CamennError: `folder` holds anything or lies in the shop; the shop is spoiled in this way already; its tables
            were written to since it was opened; it cannot be read or the copy cannot be written.
    """
    if what not in get_args(What):
        raise ConfigError(f"nothing is called {what!r}; what can be spoiled: {', '.join(get_args(What))}")
    if not 0 <= share <= 1:
        raise ConfigError(f"share = {share}: must lie between 0 and 1")
    if folder.resolve().is_relative_to(shop.folder.resolve()):
        raise CamennError(f"{folder} lies in the shop's folder; name one outside of {shop.folder}")
    try:
        earlier = _earlier(shop, what)
        values, categories = _values(shop, what), _values(shop, "categories")
        _check_enough(shop, what, values)
        rng = np.random.default_rng([seed, get_args(What).index(what)])
        taken_from = _taken_from(_coded(values), _coded(categories), share, rng)
        done = _record(shop, what, values, taken_from)
        with new_folder(folder) as partial:
            copy_shop(shop, partial, dict.fromkeys(_columns(shop.schema, what), NewCells(taken_from)))
            (partial / SPOILED).unlink(missing_ok=True)  # linked: to write into it would write into the shop
            pl.concat([*earlier, done]).write_parquet(partial / SPOILED)
    except pl.exceptions.PolarsError as error:
        raise CamennError(f"{shop.folder} cannot be copied to {folder}: {error}") from error
    return done


def _check_enough(shop: Shop, what: What, values: list[str | None]) -> None:
    distinct = set(values) - {None}
    if not distinct:
        raise DataError(f"{shop.folder}: no item has one of its {what}: there is nothing to spoil")
    if len(distinct) < 2:
        raise DataError(f"{shop.folder}: all {what} are the same: nothing wrong can be put in their place")


def _columns(schema: Schema, what: What) -> tuple[str, ...]:
    """The columns of the items that hold it, as the shop's schema reads them."""
    read = {column.name for kind in _KINDS for column in schema.of("items", kind)}
    return tuple(name for name in _COLUMNS[what] if name in read)


def _earlier(shop: Shop, what: What) -> list[pl.DataFrame]:
    """What was done to the shop before."""
    path = shop.folder / SPOILED
    if not path.is_file():
        return []
    earlier = pl.read_parquet(path, glob=False)
    if what in earlier["what"]:
        raise CamennError(f"{shop.folder}: its {what} are spoiled already (see {SPOILED}); spoil what it was made from")
    return [earlier]


def _taken_from(values: _Codes, categories: _Codes, share: float, rng: np.random.Generator) -> _Codes:
    """(items,): the line whose value each line is to have, its own where nothing changes.

    A wrong value is drawn for every item, whatever the share: so the items of a smaller share keep theirs.
    """
    lines = np.flatnonzero(values != _UNKNOWN)
    order = rng.permutation(len(lines))
    other = _others(values[lines], categories[lines], rng)
    chosen = order[: round(share * len(lines))]
    taken_from = np.arange(len(values))
    taken_from[lines[chosen]] = lines[other[chosen]]
    return taken_from


def _values(shop: Shop, what: What) -> list[str | None]:
    """What each item has, equal where it counts as the same; None where it has none."""
    catalogue = shop.catalogue
    if _COLUMNS[what][0] not in _columns(shop.schema, what):
        return [None] * catalogue.num_items
    if what == "pictures":
        return _picture_digests(catalogue)
    if what == "names":
        return [normal_form(name) or None for name in catalogue.names(0, catalogue.num_items)]
    column = catalogue.column("category")
    if column.dtype == pl.List:
        return ["|".join(sorted(map(normal_form, pieces or []))) or None for pieces in column.to_list()]
    return [normal_form(category or "") or None for category in column.to_list()]


def _picture_digests(catalogue: Catalogue) -> list[str | None]:
    digests = []
    for start in range(0, catalogue.num_items, _CHUNK):
        for picture in catalogue.images(start, start + _CHUNK):
            content = picture.read_bytes() if isinstance(picture, Path) else picture
            digests.append(None if content is None else hashlib.blake2b(content, digest_size=16).hexdigest())
    return digests


def _coded(values: list[str | None]) -> _Codes:
    """A number a value from 0, _UNKNOWN where there is none."""
    rank = pl.Series(values, dtype=pl.String).rank("dense").cast(pl.Int64) - 1
    return rank.fill_null(_UNKNOWN).to_numpy()


def _others(values: _Codes, categories: _Codes, rng: np.random.Generator) -> _Codes:
    """For each place one with another value (there are two at least), of another category if one is soon found."""
    other = _outside(categories, rng)
    for _ in range(_DRAWS):
        same = values[other] == values
        if not same.any():
            break
        other[same] = _outside(categories, rng)[same]
    same = values[other] == values
    other[same] = _outside(values, rng)[same]
    return other


def _outside(group: _Codes, rng: np.random.Generator) -> _Codes:
    """For each place one of another known group, each equally likely; any at all where there is none or its own is
    unknown.
    """
    order = np.argsort(group, kind="stable")  # unknown ones first
    begin, end = (np.searchsorted(group[order], group, side) for side in ("left", "right"))
    num_unknown = int((group == _UNKNOWN).sum())
    num_others = len(group) - num_unknown - (end - begin)
    free = (group == _UNKNOWN) | (num_others == 0)
    drawn = rng.integers(np.where(free, len(group), num_others)) + np.where(free, 0, num_unknown)
    drawn[~free & (drawn >= begin)] += (end - begin)[~free & (drawn >= begin)]
    return order[drawn]


def _record(shop: Shop, what: What, values: list[str | None], taken_from: _Codes) -> pl.DataFrame:
    lines = np.flatnonzero(taken_from != np.arange(len(taken_from)))
    if what == "pictures" and isinstance(shop.catalogue.pictures, PictureBytes):
        shown = pl.Series(values, dtype=pl.String)
    else:
        shown = shop.catalogue.column(_COLUMNS[what][0])
        shown = shown.list.join("|") if shown.dtype == pl.List else shown
    ids = shop.catalogue.ids.values
    return pl.DataFrame(
        {
            "item_id": ids.gather(lines),
            "what": pl.repeat(what, len(lines), dtype=pl.String, eager=True),
            "before": shown.gather(lines),
            "after": shown.gather(taken_from[lines]),
            "other_item_id": ids.gather(taken_from[lines]),
        }
    )
