"""Words and patches: what speaks for the other side weighs more than what does not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from camenn.embeddings.store import TokenStore
from camenn.rectify import evidence
from camenn.rectify.evidence import MOST_WORDS, with_evidence
from camenn.rectify.findings import SCHEMA
from camenn.rectify.listings import Listings
from camenn.rectify.planting import Words
from camenn.rectify.reading import Stock
from camenn.rectify.wording import Wording
from camenn.tables.catalogue import Catalogue
from camenn.tables.shop import open_shop
from findings_factory import finding
from vector_shop import PlainSpace

MEANING = {"apple": 0, "red": 1, "pear": 2}
"""Each word its own direction; a picture of an apple points as the word does."""
NAMES = ["Red apple", "pear", "red pear", ""]
DESCRIPTIONS = ["a red apple, red-cheeked", None, "...", None]


def encode(texts: Sequence[str]) -> np.ndarray:
    found = np.zeros((len(texts), 4), np.float32)
    for row, text in enumerate(texts):
        for word in text.casefold().split():
            if word in MEANING:
                found[row, MEANING[word]] += 1
    return found


class Patches:
    """A store of the nine patches of each picture: the first shows an apple, the second a pear, the rest nothing."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.counts = np.array([0, 0, *counts])

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        return self.counts[rows].astype(np.int32)

    def gather(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        one = np.zeros((9, 4), np.float16)
        one[0, 0] = one[1, 2] = one[2:, 3] = 1
        return np.concatenate([one[: self.counts[row]] for row in rows]), self.lengths(rows)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    items = pl.DataFrame(
        {"item_id": ["a", "b", "c", "d"], "name": NAMES, "description": DESCRIPTIONS, "image": [b"x"] * 4}
    )
    items.write_parquet(tmp_path / "items.parquet")
    return open_shop(tmp_path).catalogue


def stock(patches: Any, *, has_text: Sequence[bool] = (True, True, True, False)) -> Stock:
    lines = np.arange(4)
    names = np.array([name.casefold() for name in NAMES], dtype=object)
    picture = np.tile(np.array([1, 0, 0, 0.1], np.float32), (4, 1))  # all show an apple
    held = Listings(lines, encode(NAMES), picture, lines, lines % 5, names, np.full(4, -1))
    words = Words(Wording(names, []), lambda some: [DESCRIPTIONS[line] or "" for line in some], (), encode)
    return Stock(held, np.array(has_text), np.ones(4, dtype=bool), (), words, patches)


def findings(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([row | {"words": [], "patches": []} for row in rows], schema=SCHEMA)


def explained(catalogue: Catalogue, held: Stock, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    return with_evidence(findings(*rows), catalogue, held, PlainSpace(4)).to_dicts()


def test_words_that_fit_the_picture_weigh_more_and_stand_as_they_are_written(catalogue: Catalogue) -> None:
    row = explained(catalogue, stock(Patches([9] * 4)), finding("a", "mismatch"))[0]
    weights = {word["word"]: word["weight"] for word in row["words"]}
    assert list(weights) == ["Red", "apple"]  # each once, in order; "a" and "red-cheeked" mean nothing to the encoder
    assert weights["apple"] > 0 > weights["Red"]
    assert sum(weights.values()) == pytest.approx(0, abs=1e-6)
    cosine = 1 / np.sqrt(1.01)
    assert weights["apple"] == pytest.approx(cosine / 2, abs=1e-5)


def test_patches_that_fit_the_text_weigh_more(catalogue: Catalogue) -> None:
    row_a, row_b = explained(catalogue, stock(Patches([9] * 4)), finding("a", "mismatch"), finding("b"))
    assert int(np.argmax(row_a["patches"])) == 0
    assert int(np.argmax(row_b["patches"])) == 1
    assert len(row_a["patches"]) == 9
    assert sum(row_a["patches"]) == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(row_b["patches"], [-1 / 9, 8 / 9, *[-1 / 9] * 7], atol=1e-3)


def test_pictures_not_cut_into_nine_have_no_patches_and_still_words(catalogue: Catalogue) -> None:
    rows = [finding("a"), finding("b"), finding("c")]
    told = explained(catalogue, stock(Patches([1, 9, 4, 9])), *rows)
    assert [len(row["patches"]) for row in told] == [0, 9, 0]
    assert all(row["words"] for row in told)
    assert [row["patches"] for row in explained(catalogue, stock(None), *rows)] == [[], [], []]


def test_only_findings_that_hold_a_text_against_a_picture_are_explained(catalogue: Catalogue) -> None:
    held = stock(Patches([9] * 4))
    told = explained(catalogue, held, finding("a", "duplicate"), finding("b", "poor_picture"), finding("d", "mismatch"))
    assert not any(row["words"] or row["patches"] for row in told)


def test_those_of_most_worth_come_first_and_no_more_than_stated(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "MOST", 2)
    monkeypatch.setattr(evidence, "_CHUNK", 1)
    rows = [finding("a", worth=1.0), finding("b", worth=3.0), finding("c", worth=2.0)]
    told = explained(catalogue, stock(Patches([9] * 4)), *rows)
    assert [bool(row["words"]) for row in told] == [False, True, True]
    assert [row["item_id"] for row in told] == ["a", "b", "c"]


def test_a_long_text_is_cut(catalogue: Catalogue) -> None:
    held = stock(Patches([9] * 4))
    long = " ".join(f"word{'a' * number}" for number in range(100))
    words = replace(
        held.words, descriptions=lambda some: [long] * len(some), encode=lambda texts: np.ones((len(texts), 4))
    )
    row = explained(catalogue, replace(held, words=words), finding("b"))[0]
    assert len(row["words"]) == MOST_WORDS
    assert row["words"][0]["word"] == "pear"


def test_a_store_is_read_as_it_lies(bundle: Any, shop: Any) -> None:
    store = bundle.open(shop).image.store
    assert isinstance(store, TokenStore)
    assert set(store.lengths(np.arange(2, 10)).tolist()) == {9}
