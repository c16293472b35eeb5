"""What is wrong with a catalogue: one row, one claim. Written by `camenn rectify`, read by the desk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl

from camenn.embeddings.shards import write_whole
from camenn.errors import DataError
from camenn.tables.pictures import PictureBytes
from camenn.tables.shop import Shop

FINDINGS, ABOUT = "findings.parquet", "about.json"
_FORMAT = 1
_LINES, _BYTES = 1 << 16, 1 << 24


class Kind(StrEnum):
    """What can be wrong with a listing (paper, section 1)."""

    MISMATCH = "mismatch"
    """Name and picture do not fit each other; `side` says which is wrong."""
    VAGUE_NAME = "vague_name"
    """A more specific name fits better (`Berries` for strawberries)."""
    WRONG_CATEGORY = "wrong_category"
    POOR_PICTURE = "poor_picture"
    """Blurred, dark, tiny, empty, or one that stands in for a missing one; `reason` says which."""
    SHARED_PICTURE = "shared_picture"
    """The same picture stands under another product."""
    DUPLICATE = "duplicate"
    """The same product is listed twice by one shop."""
    MISSING_NAME = "missing_name"
    MISSING_PICTURE = "missing_picture"
    ODD_PRICE = "odd_price"
    """Far from what its like cost."""


class Side(StrEnum):
    """Which side of a listing is wrong."""

    NAME = "name"
    PICTURE = "picture"
    CATEGORY = "category"
    PRICE = "price"
    LISTING = "listing"
    """The listing itself, which should not be there."""
    UNCLEAR = "unclear"
    """Name and picture contradict each other, and nothing says which is right."""


KIND_NAMES = {
    Kind.MISMATCH: "Name and picture differ",
    Kind.VAGUE_NAME: "Vague name",
    Kind.WRONG_CATEGORY: "Wrong category",
    Kind.POOR_PICTURE: "Poor picture",
    Kind.SHARED_PICTURE: "Shared picture",
    Kind.DUPLICATE: "Duplicate",
    Kind.MISSING_NAME: "Missing name",
    Kind.MISSING_PICTURE: "Missing picture",
    Kind.ODD_PRICE: "Odd price",
}
SIDE_NAMES = {
    Side.NAME: "the name is wrong",
    Side.PICTURE: "the picture is wrong",
    Side.CATEGORY: "the category is wrong",
    Side.PRICE: "the price is wrong",
    Side.LISTING: "the listing should not be there",
    Side.UNCLEAR: "which side is wrong is unclear",
}
"""As people are told."""

_SUGGESTION = pl.Struct({"item_id": pl.String, "value": pl.String, "score": pl.Float64})
_NEIGHBOUR = pl.Struct({"item_id": pl.String, "by": pl.String, "similarity": pl.Float64})
_WORD = pl.Struct({"word": pl.String, "weight": pl.Float64})
_SIGN = pl.Struct({"sign": pl.String, "weight": pl.Float64})

SCHEMA: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "kind": pl.String(),
    "side": pl.String(),
    "reason": pl.String(),  # the claim in words, for a person
    "probability": pl.Float64(),  # that the claim is true, calibrated
    "automatic": pl.Boolean(),  # whether `corrected/` holds its first suggestion
    "columns": pl.List(pl.String),  # of the items table, which a correction changes; empty: nobody can say
    "shown": pl.String(),  # what stands there now; null for a picture and where nothing does
    "suggestions": pl.List(_SUGGESTION),  # best first: whose cells to take, and their value (null for a picture)
    "neighbours": pl.List(_NEIGHBOUR),  # what the verdict rests on; by `text` or `picture`
    "words": pl.List(_WORD),  # of the name and description, against (-) or for (+) the picture
    "patches": pl.List(pl.Float64),  # of the picture, 3 x 3 in reading order, against (-) or for (+) the text
    "signs": pl.List(_SIGN),  # what moved the log-odds of the claim, strongest first
    "exposure": pl.Float64(),  # how often it was shown; null in a shop without events
    "price": pl.Float64(),
    "worth": pl.Float64(),  # probability x exposure x price: the order in which to review
}


@dataclass(frozen=True, slots=True)
class About:
    """What findings were made of."""

    shop: str
    """The shop's folder."""
    items: str
    """`items_digest` of the shop; findings of other items are refused."""
    model: str
    """Digest of the bundle's weights."""
    num_items: int
    format: int = _FORMAT


def write_findings(findings: pl.DataFrame, about: About, folder: Path) -> None:
    """Write findings, most worth first, and what they were made of. Each file is whole or not there."""
    ordered = findings.select(list(SCHEMA)).cast(pl.Schema(SCHEMA)).sort("worth", descending=True, maintain_order=True)
    partial = folder / f".partial-{FINDINGS}"
    ordered.write_parquet(partial)
    write_whole(folder / ABOUT, json.dumps(asdict(about), indent=1, ensure_ascii=False).encode())
    partial.replace(folder / FINDINGS)


def read_findings(folder: Path) -> tuple[pl.DataFrame, About]:
    """Findings, most worth first, and what they were made of.

    Raises:
        DataError: there are none, or a file was altered so that it can no longer be read as findings: which column or
            row, and what is wrong with it.
    """
    try:
        findings = pl.read_parquet(folder / FINDINGS, glob=False)
        about = About(**json.loads((folder / ABOUT).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise DataError(f"{folder}: no findings here ({error.filename or FINDINGS}); run `camenn rectify`") from None
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
        raise DataError(f"{folder}: cannot be read as findings: {error}; run `camenn rectify` again") from None
    if about.format != _FORMAT:
        raise DataError(f"{folder / ABOUT}: format {about.format}, this version reads {_FORMAT}; run `camenn rectify`")
    _check(findings, folder / FINDINGS)
    return findings.select(list(SCHEMA)).sort("worth", descending=True, maintain_order=True), about


def _check(findings: pl.DataFrame, path: Path) -> None:
    for name, dtype in SCHEMA.items():
        if name not in findings.columns:
            raise DataError(f"{path}: the column {name} is missing; run `camenn rectify` again")
        if findings.schema[name] != dtype:
            raise DataError(f"{path}: {name} is {findings.schema[name]}, not {dtype}; run `camenn rectify` again")
    wrong = {
        "item_id": pl.col("item_id").is_null(),
        "kind": ~pl.col("kind").is_in(list(Kind)).fill_null(False),
        "side": ~pl.col("side").is_in(list(Side)).fill_null(False),
        "probability": ~pl.col("probability").is_between(0, 1).fill_null(False),
        "worth": ~pl.col("worth").is_finite().fill_null(False),
        "kind of item": pl.struct("item_id", "kind").is_duplicated(),
    }
    for name, condition in wrong.items():
        rows = findings.select(pl.arg_where(condition)).to_series()
        if len(rows):
            what = "stands twice" if name == "kind of item" else "holds what it cannot hold"
            raise DataError(f"{path}: {name} {what} in row {rows[0] + 1}; undo the edit or run `camenn rectify` again")


def items_digest(shop: Shop) -> str:
    """Digest of what findings speak of: ids, texts, categories and pictures of the items, in the catalogue's order.

    A picture that is a file counts by its path, one kept as bytes by its content. Prices, which change by the day, are
    left out. The same for a copy of the shop.
    """
    digest, catalogue = hashlib.blake2b(digest_size=16), shop.catalogue
    held = catalogue.table.collect_schema()
    for name in ("item_id", *catalogue.text_columns, "category", "image"):
        if name not in held:
            continue
        digest.update(f"{name}\0".encode())
        cells = pl.col(name).list.join("|") if held[name] == pl.List else pl.col(name).cast(pl.String)
        for start in range(0, catalogue.num_items, _LINES):
            part = catalogue.table.slice(start, _LINES).select(cells).collect().to_series()
            lengths = part.str.len_bytes().cast(pl.Int64).fill_null(-1)  # no cell runs into the next
            digest.update(lengths.to_numpy().tobytes() + "".join(part.drop_nulls()).encode())
    if isinstance(catalogue.pictures, PictureBytes):
        digest.update(catalogue.pictures.offset.tobytes())
        for start in range(0, len(catalogue.pictures.content), _BYTES):
            digest.update(catalogue.pictures.content[start : start + _BYTES].tobytes())
    return digest.hexdigest()
