"""What is shown of a finding: which words are marked and how strongly, and what it would change in a line."""

from typing import Any

import pytest

from camenn.serving.desk.finding_page import Piece, finding_page, marked, number_text, sentence, word_steps
from camenn.serving.desk.listings import Listings
from camenn.tables.shop import Shop
from findings_factory import finding

GONE = {"item_id": "gone", "value": None, "score": 1.0}


def test_words_are_marked_where_they_stand_whole_and_as_strongly_as_they_spoke() -> None:
    steps = word_steps(
        [
            {"word": "berry", "weight": -0.9},
            {"word": "red berry", "weight": 0.3},
            {"word": "C++", "weight": 0.6},
            {"word": "hardly", "weight": 0.1},
            {"word": "silent", "weight": None},
        ]
    )
    assert steps == {"berry": -3, "red berry": 1, "C++": 2}
    assert marked("Red berry, BERRY, blueberry, C++", steps) == (
        Piece("Red berry", 1),
        Piece(", "),
        Piece("BERRY", -3),
        Piece(", blueberry, "),
        Piece("C++", 2),
    )
    assert marked("plain", {}) == (Piece("plain"),)
    assert marked(None, steps) == marked("", steps) == ()
    assert word_steps([]) == {}


@pytest.mark.parametrize(
    ("kind", "changed", "line"),
    [
        ("vague_name", {"shown": "apple"}, "apple → green pear"),
        ("missing_name", {"shown": None}, "red apple: nothing → green pear"),
        ("wrong_category", {"shown": "cup"}, "red apple: cup → green pear"),
        ("poor_picture", {"shown": None}, "red apple: the picture of green pear"),
        ("duplicate", {}, "red apple"),
        ("odd_price", {"shown": "9.99", "suggestions": []}, "9.99"),
        ("poor_picture", {"suggestions": [GONE]}, "red apple: the picture of gone"),
    ],
)
def test_a_line_says_what_would_change(shop: Shop, kind: str, changed: dict[str, Any], line: str) -> None:
    assert sentence(finding("i0", kind, **changed), Listings(shop)) == line


def test_a_proposal_is_the_listing_with_the_cells_of_the_other_item(shop: Shop) -> None:
    page = finding_page(finding("i0", "mismatch"), Listings(shop))
    first = {field.label: (field.pieces[0].text, field.concerned) for field in page.proposals[0].fields}
    assert first == {
        "Name": ("green pear", True),
        "Description": ("a pear of fine make", True),
        "Category": ("apple", False),
        "Price": ("1.00", False),
        "Store": ("North", False),
    }
    assert page.typed_column == "name"
    assert page.typed_now == "red apple"
    assert not page.proposals[0].takes_picture


def test_two_listings_are_compared_where_nothing_would_change(shop: Shop) -> None:
    page = finding_page(finding("i0", "duplicate"), Listings(shop))
    assert [field.pieces[0].text for field in page.proposals[0].fields][:3] == [
        "green pear",
        "a pear of fine make",
        "pear",
    ]
    assert page.typed_column is None


def test_patches_that_are_not_nine_are_not_shown(shop: Shop) -> None:
    listings = Listings(shop)
    assert finding_page(finding("i0", patches=[0.5] * 8), listings).patches == ()
    assert finding_page(finding("i0", patches=[None] * 9), listings).patches[4].step == 0
    middle = finding_page(finding("i0", patches=[0.0] * 4 + [-2.0] + [0.5] * 4), listings).patches
    assert [(patch.x, patch.y, patch.step) for patch in middle[4:6]] == [(1, 1, -3), (2, 1, 1)]


def test_numbers_are_short() -> None:
    assert [number_text(value) for value in (1234.5, 99.5, 7.0, 0.25)] == ["1,234", "99.5", "7", "0.25"]
