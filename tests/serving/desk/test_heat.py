"""Texts held against pictures: any items, and what is said where there is no model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from camenn.errors import CamennError
from camenn.serving.desk.similarities import similarities_of
from camenn.tables.shop import open_shop
from camenn.task import Task
from toy import toy_items


def test_without_a_model_the_page_says_so_and_still_finds_items(reviewer_one: Any) -> None:
    page = reviewer_one.read("/heat?item=i0&item=i1&search=blue+box")
    assert "No model is at hand" in page
    assert "Leave out red apple" in page
    assert "blue box" in page
    assert "<table" not in page


def test_each_text_is_held_against_each_picture(open_desk: Any) -> None:
    asked: list[list[str]] = []

    def similarities(item_ids: Any) -> tuple[list[str], Any]:
        asked.append(list(item_ids))
        return [f"text of {item_id}" for item_id in item_ids], np.array([[0.5, -0.25], [0.4, -0.004]])

    reviewer_one = open_desk(similarities=similarities)("reviewer_one")
    page = reviewer_one.read("/heat?item=i1&item=i0&item=i1")
    assert asked == [["i1", "i0"]]
    assert "1 of 2 texts are most like their own picture" in page
    assert '<th scope="row">text of i1</th><td class="l20 own">0.50</td><td class="l0">−0.25</td>' in page
    assert '<td class="l17">0.40</td><td class="l7 own">0.00</td>' in page
    assert "Pick two items or more" in reviewer_one.read("/heat?item=i1")
    assert "Pick two items or more" in reviewer_one.read("/heat")


def test_items_all_alike_have_a_map_too(open_desk: Any) -> None:
    sit = open_desk(similarities=lambda item_ids: (list(item_ids), np.full((len(item_ids), len(item_ids)), 0.5)))
    assert '<td class="l0 own">0.50</td>' in sit("reviewer_one").read("/heat?item=i0&item=i1")


def test_unknown_items_and_too_many_are_told(reviewer_one: Any) -> None:
    assert "There is no item &#39;gone&#39; in the shop" in reviewer_one.read("/heat?item=i0&item=gone", 404)
    many = "&".join(f"item=i{item}" for item in range(13))
    assert "At most 12 items fit" in reviewer_one.read(f"/heat?{many}", 422)
    twelve = "&".join(f"item=i{item}" for item in range(12))
    assert "No more items fit" in reviewer_one.read(f"/heat?{twelve}")


def test_search_finds_names_and_ids_and_takes_nothing_for_a_pattern(reviewer_one: Any) -> None:
    assert reviewer_one.read("/heat?search=RED").count('href="/heat?item=i') == 10
    assert 'href="/heat?item=i39"' in reviewer_one.read("/heat?search=i39")
    assert "No further item" in reviewer_one.read("/heat?search=.*")
    assert reviewer_one.read("/heat?search=%20").count('href="/heat?item=i') == 0


def test_a_run_says_how_like_texts_are_to_pictures(bundle: Any, toy: Path) -> None:
    shop = open_shop(toy / "shop")
    names, matrix = similarities_of(bundle, shop)(["i5", "i0", "i6"])
    assert list(names) == ["green pear", "red apple", "blue pear"]
    assert matrix.shape == (3, 3)
    again = similarities_of(bundle, shop)(["i0", "i5"])[1]
    np.testing.assert_allclose(again, matrix[np.ix_([1, 0], [1, 0])], atol=1e-5)  # whatever stands beside them


def test_items_without_a_picture_or_a_text_have_no_similarity(bundle: Any, tmp_path: Path) -> None:
    items = toy_items(8).with_columns(
        pl.when(pl.col("item_id") == "i1").then(None).otherwise(pl.col("image")).alias("image"),
        *(
            pl.when(pl.col("item_id") == "i2").then(None).otherwise(pl.col(name)).alias(name)
            for name in ("name", "description")
        ),
    )
    (tmp_path / "shop").mkdir()
    items.write_parquet(tmp_path / "shop" / "items.parquet")
    shop = open_shop(tmp_path / "shop")
    bundle.encode(shop)
    names, matrix = similarities_of(bundle, shop)(["i0", "i1", "i2"])
    assert list(names) == ["red apple", "green apple", "i2"]
    assert np.isnan(matrix).tolist() == [[False, True, False], [False, True, False], [True, True, True]]


def test_a_run_that_holds_no_texts_against_pictures_is_told(bundle: Any, toy: Path, tmp_path: Path) -> None:
    shop = open_shop(toy / "shop")
    with pytest.raises(CamennError, match="does not hold texts against pictures"):
        similarities_of(replace(bundle, model=FakeRanker()), shop)
    (tmp_path / "shop").mkdir()
    toy_items(8).drop("image").write_parquet(tmp_path / "shop" / "items.parquet")
    bare = open_shop(tmp_path / "shop")
    bundle.encode(bare)
    with pytest.raises(CamennError, match="no texts and pictures to hold against each other"):
        similarities_of(bundle, bare)


class FakeRanker:
    """A model that knows conversion alone."""

    tasks = (Task.CONVERSION,)


def test_what_cannot_be_compared_is_a_dash(open_desk: Any) -> None:
    matrix = np.array([[0.5, np.nan], [np.nan, np.nan]])
    page = open_desk(similarities=lambda item_ids: (list(item_ids), matrix))("reviewer_one").read(
        "/heat?item=i0&item=i1"
    )
    assert '<td class="l0 own">0.50</td><td class="l0">–</td>' in page
    assert "1 of 2 texts are most like their own picture" in page
    nothing = np.full((2, 2), np.nan)
    sit = open_desk(similarities=lambda item_ids: (list(item_ids), nothing))
    assert "0 of 2 texts" in sit("reviewer_one").read("/heat?item=i0&item=i1")
