"""Which words of a text and which parts of a picture speak for one another, and which against."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from camenn.embeddings.patches import NUM_PATCHES
from camenn.embeddings.store import TokenStore
from camenn.rectify.findings import SCHEMA, Kind
from camenn.rectify.listings import Ints
from camenn.rectify.reading import Stock
from camenn.rectify.space import Floats, Space
from camenn.tables.catalogue import Catalogue
from camenn.tables.vocabulary import Vocabulary

EXPLAINED = (Kind.MISMATCH, Kind.VAGUE_NAME, Kind.WRONG_CATEGORY)
"""Kinds that hold a text against a picture."""
MOST = 2000
"""Findings that are explained, those of most worth. CHOICE: a few days of a reviewer's work."""
MOST_WORDS = 40
_CHUNK = 256
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
Weighed = list[dict[str, str | float]]


def with_evidence(findings: pl.DataFrame, catalogue: Catalogue, stock: Stock, space: Space) -> pl.DataFrame:
    """The same findings with `words` and `patches` of those most worth that hold a text against a picture.

    A word's weight is the cosine of the word alone with the item's picture, less the mean over the listing's words; a
    patch's the cosine of that patch alone with the item's text, less the mean over the patches.
    """
    rows, lines = _chosen(findings, catalogue, stock)
    if not len(rows):
        return findings
    words, patches = findings["words"].to_list(), findings["patches"].to_list()
    texts = _words_of(catalogue, stock, lines)
    for row, of_words, of_patches in zip(
        rows.tolist(), _weigh_words(texts, lines, stock, space), _weigh_patches(lines, stock, space), strict=True
    ):
        words[row], patches[row] = of_words, of_patches
    columns = {"words": words, "patches": patches}
    return findings.with_columns(pl.Series(name, held, SCHEMA[name]) for name, held in columns.items())


def _chosen(findings: pl.DataFrame, catalogue: Catalogue, stock: Stock) -> tuple[Ints, Ints]:
    """Which findings are explained, and the lines of their items."""
    places = pl.DataFrame({"item_id": catalogue.ids.values, "line": np.arange(catalogue.num_items)})
    found = (
        findings.select("item_id", "kind", "worth")
        .with_row_index("row")
        .filter(pl.col("kind").is_in(list(EXPLAINED)))
        .join(places, on="item_id", maintain_order="left")
    )
    whole = stock.has_text[found["line"].to_numpy()] & stock.has_picture[found["line"].to_numpy()]
    most = (
        found.filter(pl.Series(whole, dtype=pl.Boolean)).sort("worth", descending=True, maintain_order=True).head(MOST)
    )
    return most["row"].to_numpy().astype(np.int64), most["line"].to_numpy()


def _words_of(catalogue: Catalogue, stock: Stock, lines: Ints) -> list[list[str]]:
    """The words of names and descriptions in order, as they are written, each once."""
    descriptions = stock.words.descriptions(lines)
    names = catalogue.column("name").gather(lines).fill_null("") if catalogue.has_names else [""] * len(lines)
    found = []
    for name, description in zip(names, descriptions, strict=True):
        distinct: dict[str, str] = {}
        for word in _WORD.findall(f"{name} {description}"):
            distinct.setdefault(word.casefold(), word)
        found.append(list(distinct.values())[:MOST_WORDS])
    return found


def _weigh_words(texts: Sequence[Sequence[str]], lines: Ints, stock: Stock, space: Space) -> Iterator[Weighed]:
    listings, placed = stock.listings, _placed(sorted({word for words in texts for word in words}), stock, space)
    for chunk in _chunks(lines):
        pictures = space.pictures(listings.picture[lines[chunk]], listings.fold[lines[chunk]])
        for words, picture in zip((texts[place] for place in chunk.tolist()), pictures, strict=True):
            known = [word for word in words if word in placed]
            weights = _about_mean(np.array([placed[word] @ picture for word in known]))
            yield [{"word": word, "weight": float(weight)} for word, weight in zip(known, weights, strict=True)]


def _placed(words: list[str], stock: Stock, space: Space) -> dict[str, Floats]:
    """Where each word alone lies; one that the encoder makes nothing of lies nowhere."""
    encoded = stock.words.encode(words) if words else np.zeros((0, 1), np.float32)
    known = np.flatnonzero(encoded.any(axis=1))
    vectors = space.texts(encoded[known]) if len(known) else encoded[known]
    return {words[place]: vector for place, vector in zip(known.tolist(), vectors, strict=True)}


def _weigh_patches(lines: Ints, stock: Stock, space: Space) -> Iterator[list[float]]:
    """Nothing of pictures that were not cut into nine."""
    store = stock.picture_tokens
    for chunk in _chunks(lines):
        cut = np.zeros(len(chunk), dtype=bool) if store is None else _lengths(store, lines[chunk]) == NUM_PATCHES
        weights = _of_patches(store, lines[chunk][cut], stock, space) if store is not None and cut.any() else []
        told = iter(weights)
        yield from (next(told) if whole else [] for whole in cut.tolist())


def _lengths(store: TokenStore, lines: Ints) -> Ints:
    return store.lengths(lines + Vocabulary.FIRST).astype(np.int64)


def _of_patches(store: TokenStore, lines: Ints, stock: Stock, space: Space) -> list[list[float]]:
    listings = stock.listings
    tokens, _ = store.gather(lines + Vocabulary.FIRST)
    placed = space.pictures(tokens.astype(np.float32), np.repeat(listings.fold[lines], NUM_PATCHES))
    texts = space.texts(listings.text[lines])
    cosine = np.einsum("npw,nw->np", placed.reshape(len(lines), NUM_PATCHES, -1), texts)
    weights: list[list[float]] = _about_mean(cosine).astype(np.float64).tolist()
    return weights


def _about_mean(cosine: Floats) -> Floats:
    return cosine - cosine.mean(axis=-1, keepdims=True) if cosine.size else cosine


def _chunks(lines: Ints) -> Iterator[Ints]:
    for start in range(0, len(lines), _CHUNK):
        yield np.arange(start, min(start + _CHUNK, len(lines)))
