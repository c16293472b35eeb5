"""Figures of what was found, on findings small enough to count by hand."""

from typing import Any

import polars as pl
import pytest

from camenn.rectify.findings import SCHEMA
from camenn.rectify_bench.planting import Planted
from camenn.rectify_bench.scoring import Truth, of_findings, ranked

CLEAN = pl.DataFrame(
    {
        "item_id": list("abcdef"),
        "name": ["Pear", "pear", "Plum", "Plum", "Roll", "Loaf"],
        "category": ["Fruit", "Fruit", "Fruit", "Fruit", "Bakery", "Bakery"],
    }
)


def truth(**faults: tuple[Planted, str | None]) -> Truth:
    planted = pl.DataFrame(
        [{"item_id": item, "fault": str(kind), "other_item_id": other} for item, (kind, other) in faults.items()],
        schema=dict.fromkeys(("item_id", "fault", "other_item_id"), pl.String),
    )
    twice = [f"{item}-again" for item, (kind, _) in faults.items() if kind is Planted.DUPLICATE]
    return Truth.of(CLEAN, [*"abcdef", *twice], planted, again="-again")


def finding(item_id: str, kind: str, probability: float = 0.95, **more: Any) -> dict[str, Any]:
    empty = {name: [] if isinstance(dtype, pl.List) else None for name, dtype in SCHEMA.items()}
    said = {"item_id": item_id, "kind": kind, "side": "unclear", "probability": probability, "automatic": False}
    return {**empty, **said, **more}


def figures(findings: list[dict[str, Any]], known: Truth) -> dict[tuple[str, str], float]:
    found = of_findings(pl.DataFrame(findings, schema=SCHEMA), known)
    return {(one.fault, one.name): one.value for one in found}


def taken_from(*items: str) -> list[dict[str, Any]]:
    return [{"item_id": item, "value": None, "score": 0.0} for item in items]


def test_an_order_that_puts_the_faulty_first_is_perfect() -> None:
    known = truth(a=(Planted.NAME_EASY, "e"), c=(Planted.CATEGORY, "e"))
    found = {
        (one.fault, one.name): one.value for one in ranked(dict(zip("abcdef", (9, 1, 8, 2, 3, 0), strict=True)), known)
    }
    assert found["all", "AUROC"] == found["name_easy", "AUROC"] == found["category", "average precision"] == 1
    assert found["all", "precision at 10%"] == 1  # one of six
    # Each fault is told from the listings without one: of the other fault nothing is said.
    upside_down = ranked(dict(zip("abcdef", (0, 1, 9, 2, 3, 4), strict=True)), known)
    assert {one.fault: one.value for one in upside_down if one.name == "AUROC"} == {
        "all": 0.5,
        "name_easy": 0.0,
        "category": 1.0,
    }


def test_either_of_two_equal_listings_may_be_the_one_too_many() -> None:
    known = truth(b=(Planted.DUPLICATE, None))
    for suspected in ("b", "b-again"):
        found = ranked(dict.fromkeys([*"abcdef", "b-again"], 0.0) | {suspected: 1.0}, known)
        assert next(one.value for one in found if one.fault == "duplicate") == 1
        assert known.is_true(suspected, "duplicate")
    assert not known.is_true("a", "duplicate")


def test_sides_count_where_they_are_told() -> None:
    known = truth(a=(Planted.NAME_EASY, "e"), c=(Planted.PICTURE_HARD, "a"), e=(Planted.NAME_HARD, "f"))
    found = figures(
        [
            finding("a", "mismatch", side="name"),
            finding("c", "mismatch", side="name"),
            finding("e", "mismatch"),
            finding("b", "mismatch", side="name"),  # nothing is wrong with it: no side to tell
        ],
        known,
    )
    assert found["easy", "side right where told"] == 1
    assert found["hard", "side right where told"] == 0
    assert found["hard", "side told"] == 0.5
    assert found["all", "side told"] == pytest.approx(2 / 3)


def test_a_suggestion_is_right_where_it_brings_back_what_was_there() -> None:
    known = truth(
        a=(Planted.NAME_EASY, "e"),
        b=(Planted.PICTURE_EASY, "f"),
        c=(Planted.CATEGORY, "e"),
        d=(Planted.PICTURE_HARD, "a"),
    )
    found = figures(
        [
            finding("a", "mismatch", side="name", columns=["name"], suggestions=taken_from("f", "b")),
            # What `d` shows is a pear: right for `b`, though `d` is no pear.
            finding("b", "mismatch", side="picture", columns=["image"], suggestions=taken_from("d", "f")),
            finding("c", "wrong_category", side="category", columns=["category"], suggestions=taken_from("a")),
        ],
        known,
    )
    assert found["name_easy", "suggestion right, first"] == 0
    assert found["name_easy", "suggestion right, of five"] == 1
    assert found["picture_easy", "suggestion right, first"] == 1
    assert found["category", "suggestion right, first"] == 1
    assert found["all", "suggestion right, first"] == pytest.approx(2 / 3)


def test_a_suggestion_is_the_cell_that_stands_there_now() -> None:
    known = truth(
        a=(Planted.NAME_EASY, "e"),
        b=(Planted.NAME_EASY, "f"),
        c=(Planted.VAGUE, None),
        d=(Planted.BLUR, None),
        f=(Planted.CATEGORY, "a"),
    )
    assert not known.mends("a", "name", "b")  # a pear that is called a loaf now
    assert known.mends("f", "name", "b")  # what a loaf is called
    assert not known.mends("d", "name", "c")  # a plum whose name says less
    assert not known.mends("c", "image", "d")  # a plum that is blurred
    assert known.mends("c", "name", "d")
    assert known.mends("a", "category", "f")  # a loaf among the fruit
    assert not known.mends("e", "category", "f")


def test_a_correction_is_of_the_cell_that_is_wrong() -> None:
    known = truth(a=(Planted.NAME_EASY, "e"), d=(Planted.DUPLICATE, None))
    assert known.corrects("a", "mismatch", ["name", "description"], "b")
    assert not known.corrects("a", "mismatch", ["image"], "b")
    assert not known.corrects("a", "vague_name", ["name"], "b")
    assert not known.corrects("d-again", "duplicate", [], "c")
    assert not known.corrects("b", "mismatch", ["name"], "b")


def test_what_items_are_may_be_known_beyond_their_names() -> None:
    planted = pl.DataFrame(
        {"item_id": ["a"], "fault": ["name_easy"], "other_item_id": ["e"]},
    )
    known = Truth.of(
        CLEAN,
        list("abcdef"),
        planted,
        again="-again",
        things=dict.fromkeys("abcd", "fruit") | {"e": "bread", "f": "bread"},
    )
    assert known.mends("a", "name", "c")
    part = Truth.of(CLEAN, list("abcdef"), planted, again="-again", things={"a": "fruit", "c": "fruit"})
    assert not part.mends("a", "name", "c")  # names, where not all is known


def test_calibration_is_of_claims_not_of_items() -> None:
    known = truth(a=(Planted.NAME_EASY, "e"))
    found = figures([finding("a", "mismatch", 0.95), finding("a", "wrong_category", 0.95)], known)
    assert found["all", "calibration error"] == pytest.approx(0.45)
    assert found["all", "claims from 0.9 on that are true"] == 0.5


def test_an_automatic_correction_is_false_where_it_does_not_bring_back_the_truth() -> None:
    known = truth(a=(Planted.NAME_EASY, "e"), c=(Planted.CATEGORY, "e"))
    made = {"automatic": True, "columns": ["name"]}
    found = figures(
        [
            finding("a", "mismatch", **made, suggestions=taken_from("b")),
            finding("c", "wrong_category", automatic=True, columns=["category"], suggestions=taken_from("e")),
            finding("d", "vague_name", **made, suggestions=taken_from("c")),  # nothing was wrong
        ],
        known,
    )
    assert found["all", "automatic corrections"] == 3
    assert found["all", "false automatic corrections"] == pytest.approx(2 / 3)
    assert found["all", "faults corrected automatically"] == 0.5
