"""All that batches are gathered from: a shop read with a model's features and encoders."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from camenn.batches.batch import Items, Tokens
from camenn.embeddings.patches import NUM_PATCHES
from camenn.embeddings.pooled import pooled_vectors
from camenn.embeddings.store import TokenStore
from camenn.errors import StoreError
from camenn.tables.catalogue import normal_form
from camenn.tables.features import Coding, Features, Field, Side
from camenn.tables.fitting import CHUNK, pieces
from camenn.tables.shop import Shop
from camenn.tables.vocabulary import Vocabulary

_BLOCK = 1 << 20
STORED = (Coding.VALUE, Coding.LIST, Coding.QUANTILE)


@dataclass(frozen=True, slots=True)
class Vectors:
    """One modality of a shop's items."""

    store: TokenStore
    pooled: NDArray[np.float16]
    """(item rows, width)"""
    max_length: int
    """Tokens of an item that are read; the rest is left out."""

    def tokens(self, rows: NDArray[np.int32], num_whole: int) -> Tokens:
        """All tokens of the first `num_whole` rows, pooled vectors of all."""
        vectors, lengths = self.store.gather(rows[:num_whole])
        item = np.repeat(np.arange(num_whole), lengths)
        position = np.arange(len(item)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        if len(position) and position.max() >= self.max_length:
            kept = position < self.max_length
            vectors, item, position = vectors[kept], item[kept], position[kept]
        return Tokens(
            vectors=torch.from_numpy(vectors),
            item=torch.from_numpy(item),
            position=torch.from_numpy(position),
            pooled=torch.from_numpy(self.pooled[rows]),
            present=torch.from_numpy(self.store.lengths(rows) > 0),
            length=int(position.max()) + 1 if len(position) else 0,
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A shop as codes and vectors. Codes lie in memory-mapped files, so memory does not grow with the shop."""

    shop: Shop
    features: Features
    item_codes: NDArray[np.int32]
    """(item rows, item slots); the padding row is all missing, the unseen row carries its unseen id alone."""
    user_codes: NDArray[np.int32]
    """(user rows, profile slots)"""
    event_codes: NDArray[np.int32]
    """(events, slots of the request's own event columns)"""
    row_codes: NDArray[np.int32]
    """(events, slots of the columns that differ between candidates)"""
    text: Vectors | None
    image: Vectors | None

    def present(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(item rows,) twice: items with a text, items with a picture."""
        rows = np.arange(len(self.shop.catalogue.ids), dtype=np.int32)
        none = np.zeros(len(rows), dtype=bool)
        text, image = (none if one is None else one.store.lengths(rows) > 0 for one in (self.text, self.image))
        return text, image

    def whole(self) -> NDArray[np.bool_]:
        """(item rows,): items with a text and a picture, the ones that can be aligned."""
        text, image = self.present()
        return text & image

    def gather(self, rows: NDArray[np.int32], *, num_whole: int, tokens: bool) -> Items:
        """The items at these catalogue rows, as they stand in a batch.

        The first `num_whole` come with all their tokens where `tokens` says so, all with their pooled vectors.
        """
        return Items(
            rows=torch.from_numpy(rows.astype(np.int64)),
            codes=torch.from_numpy(self.item_codes[rows].astype(np.int64)),
            text=None if self.text is None else self.text.tokens(rows, num_whole if tokens else 0),
            image=None if self.image is None else self.image.tokens(rows, num_whole if tokens else 0),
            num_whole=num_whole,
        )


def open_source(
    shop: Shop, features: Features, *, text: TokenStore | None, image: TokenStore | None, text_length: int
) -> Source:
    """Read a shop with fitted features; columns it lacks are missing in every row.

    Raises:
        StoreError: the disk is full.
    """
    return Source(
        shop=shop,
        features=features,
        item_codes=_table_codes(shop.catalogue.table, features, features.of(Side.ITEM)),
        user_codes=_table_codes(shop.people.table, features, features.of(Side.CONTEXT, "users")),
        event_codes=_event_codes(shop, features, Side.CONTEXT),
        row_codes=_event_codes(shop, features, Side.ROW),
        text=None if text is None else Vectors(text, pooled_vectors(text), text_length),
        image=None if image is None else Vectors(image, pooled_vectors(image), NUM_PATCHES),
    )


def _table_codes(table: pl.LazyFrame, features: Features, fields: tuple[Field, ...]) -> NDArray[np.int32]:
    """Codes by row; line l of the table is row l + 2."""
    num_lines = table.select(pl.len()).collect().item()
    codes = _scratch(num_lines + Vocabulary.FIRST, sum(field.slots for field in fields))
    known = set(table.collect_schema().names())
    row = Vocabulary.FIRST
    for piece in pieces(table, [field.column for field in fields if field.column in known]):
        codes[row : row + len(piece)] = features.encode(piece, fields)
        row += len(piece)
    slot = 0
    for field in fields:
        if field.is_id:
            codes[Vocabulary.UNSEEN, slot] = field.offset
        slot += field.slots
    return codes


def _event_codes(shop: Shop, features: Features, side: Side) -> NDArray[np.int32]:
    """Codes of each event's own columns and, as context, of its moment."""
    columns = tuple(f for f in features.of(side, "events") if f.coding in STORED)
    moments = side is Side.CONTEXT and any(f.coding in (Coding.HOUR, Coding.WEEKDAY) for f in features.fields)
    if shop.events is None:
        return np.zeros((0, 0), dtype=np.int32)
    num_slots = sum(field.slots for field in columns)
    codes = _scratch(len(shop.events.at), num_slots + 2 * moments)
    known = set(shop.events.context.collect_schema().names())
    start = 0
    if num_slots:
        for piece in pieces(shop.events.context, [f.column for f in columns if f.column in known]):
            codes[start : start + len(piece), :num_slots] = features.encode(piece, columns)
            start += len(piece)
    if moments:
        for start in range(0, len(codes), CHUNK):
            at = np.asarray(shop.events.at[start : start + CHUNK])
            codes[start : start + len(at), num_slots:] = features.moments(at, time_zone=shop.settings.time_zone)
    return codes


def _scratch(num_rows: int, num_slots: int) -> NDArray[np.int32]:
    """An array of zeros in an unnamed file: the system may write it out, and it goes with the process."""
    if num_rows * num_slots == 0:
        return np.zeros((num_rows, num_slots), dtype=np.int32)
    num_bytes = num_rows * num_slots * np.dtype(np.int32).itemsize
    try:
        with tempfile.TemporaryFile() as file:
            _reserve(file, num_bytes)
            return np.asarray(np.memmap(file, dtype=np.int32, mode="r+", shape=(num_rows, num_slots)))
    except OSError as error:
        raise StoreError(
            f"{tempfile.gettempdir()}: no room for {num_bytes / 2**20:,.0f} MiB of codes: {error.strerror or error}; "
            "free some space there, or name a folder on a larger disk in TMPDIR"
        ) from error


def _reserve(file: IO[bytes], num_bytes: int) -> None:
    """Make the disk space real: a mapped file that has none kills the process without a word when the disk is full."""
    if sys.platform == "linux":
        os.posix_fallocate(file.fileno(), 0, num_bytes)
        return
    for start in range(0, num_bytes, _BLOCK):
        file.write(bytes(min(_BLOCK, num_bytes - start)))
    file.flush()


def text_groups(source_texts: Callable[[int, int], list[str]], num_items: int) -> NDArray[np.int64]:
    """A number an item, equal where the normal forms of the texts are; row 0 and 1 are no items and get 0."""
    groups = np.zeros(num_items + Vocabulary.FIRST, dtype=np.int64)
    for start in range(0, num_items, CHUNK):
        texts = [normal_form(text) for text in source_texts(start, start + CHUNK)]
        hashed = pl.Series(texts, dtype=pl.String).hash(seed=0).to_numpy().view(np.int64)
        groups[Vocabulary.FIRST + start : Vocabulary.FIRST + start + len(hashed)] = hashed
    return groups
