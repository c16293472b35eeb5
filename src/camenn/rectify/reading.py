"""A shop as listings: what its tables and its encoders say of each item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.batches.source import Vectors
from camenn.bundle import Bundle
from camenn.embeddings.store import TokenStore
from camenn.embeddings.text import TextEncoder, text_encoder
from camenn.rectify.contrast import FOLDS
from camenn.rectify.listings import UNKNOWN, Ints, Listings
from camenn.rectify.planting import Words
from camenn.rectify.space import Floats
from camenn.rectify.wording import Wording
from camenn.tables.catalogue import normal_form
from camenn.tables.schema import Kind
from camenn.tables.shop import Shop
from camenn.tables.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Stock:
    """A shop's items as they stand."""

    listings: Listings
    """Of every line, in order; zeros where a text or picture is missing."""
    has_text: NDArray[np.bool_]
    has_picture: NDArray[np.bool_]
    categories: tuple[str, ...]
    """By code, as the shop writes them."""
    words: Words
    picture_tokens: TokenStore | None
    """Parts of the pictures, by the encoder; None where no pictures are read."""


def read_stock(bundle: Bundle, shop: Shop, *, seed: int) -> Stock:
    """All items of a shop that is encoded with the bundle's encoders.

    Raises:
        StoreError: it is not.
    """
    source = bundle.open(shop)
    catalogue, lines = shop.catalogue, np.arange(shop.catalogue.num_items)
    names = np.array([normal_form(name) for name in catalogue.names(0, len(lines))], dtype=object)
    codes, categories = _categories(shop)
    text, has_text = _pooled(source.text, len(lines))
    picture, has_picture = _pooled(source.image, len(lines))
    group = _groups(picture, has_picture)
    rng = np.random.default_rng([seed, 1])
    listings = Listings(lines, text, picture, group, rng.integers(FOLDS, size=len(lines))[group], names, codes)
    labels = [normal_form(label) for label in categories]
    words = Words(Wording(names, labels), _descriptions(shop), categories, _encoder(bundle))
    tokens = None if source.image is None else source.image.store
    return Stock(listings, has_text, has_picture, categories, words, tokens)


def _pooled(vectors: Vectors | None, num_items: int) -> tuple[Floats, NDArray[np.bool_]]:
    if vectors is None:
        return np.zeros((num_items, 1), np.float32), np.zeros(num_items, dtype=bool)
    rows = np.arange(Vocabulary.FIRST, num_items + Vocabulary.FIRST)
    return vectors.pooled[Vocabulary.FIRST :], vectors.store.lengths(rows) > 0


def _groups(picture: Floats, has_picture: NDArray[np.bool_]) -> Ints:
    """(items,): the first line that has the same picture, by its vector; its own where it has none."""
    group = np.arange(len(picture))
    seen: dict[bytes, int] = {}
    for line in np.flatnonzero(has_picture).tolist():
        group[line] = seen.setdefault(blake2b(picture[line].tobytes(), digest_size=16).digest(), line)
    return group


def _categories(shop: Shop) -> tuple[Ints, tuple[str, ...]]:
    """A code an item, and what each stands for. Items of several categories count as of all of them together."""
    columns = {column.name: column.kind for column in shop.schema.in_table("items")}
    if columns.get("category") not in (Kind.CATEGORICAL, Kind.MULTI):
        return np.full(shop.catalogue.num_items, UNKNOWN), ()
    held = shop.catalogue.column("category")
    written = (held.list.join("|") if held.dtype == pl.List else held.cast(pl.String)).replace("", None)
    values = written.drop_nulls().unique().sort()
    codes = written.replace_strict(values, np.arange(len(values)), default=UNKNOWN, return_dtype=pl.Int64)
    return codes.fill_null(UNKNOWN).to_numpy(), tuple(values.to_list())


def _descriptions(shop: Shop) -> Callable[[Ints], list[str]]:
    columns = [name for name in shop.catalogue.text_columns if name != "name"]

    def read(lines: Ints) -> list[str]:
        if not columns:
            return [""] * len(lines)
        joined = pl.concat_str(columns, separator=". ", ignore_nulls=True).fill_null("")
        found: list[str] = shop.catalogue.table.select(joined.alias("text")).collect()["text"].gather(lines).to_list()
        return found

    return read


def _encoder(bundle: Bundle) -> Callable[[list[str]], Floats]:
    opened: list[TextEncoder] = []  # a pretrained one takes seconds to read

    def encode(texts: list[str]) -> Floats:
        assert bundle.text is not None
        if not opened:
            opened.append(text_encoder(bundle.text.spec))
        tokens, width = opened[0].encode(texts), bundle.text.width
        pooled = [one.mean(axis=0) if len(one) else np.zeros(width, np.float32) for one in tokens]
        return np.stack(pooled).astype(np.float32) if pooled else np.zeros((0, width), np.float32)

    return encode
