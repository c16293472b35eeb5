"""What decisions say of texts and pictures, each case by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camenn.batches.pairing import Pairing
from camenn.errors import DataError
from camenn.rectify.decided import pairing_of, read_decided
from camenn.rectify.findings import About, items_digest
from camenn.rectify.ledger import Action, Decision, Entry, Ledger, ledger_url
from camenn.tables.shop import Shop, open_shop
from findings_factory import finding, write_made_up
from toy import toy_items, write_toy_shop

BOTH = ("name", "description")
TEXT: dict[str, Any] = {"columns": BOTH, "taken_from": "i5"}
PICTURE: dict[str, Any] = {"columns": ("image",), "taken_from": "i9"}
ROW, FIVE, NINE = 2, 7, 11
"""Of the items i0, i5 and i9."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return open_shop(write_toy_shop(tmp_path_factory.mktemp("decided") / "shop", num_requests=20))


@pytest.fixture
def ledger(shop: Shop, tmp_path: Path) -> Iterator[Ledger]:
    about = About(str(shop.folder), items_digest(shop), "cd34", shop.catalogue.num_items)
    opened = Ledger.open(ledger_url(tmp_path), about, create=True)
    yield opened
    opened.close()


def decide(ledger: Ledger, kind: str = "mismatch", action: str = "accept", item: str = "i0", **given: Any) -> Entry:
    last = [entry.id for entry in ledger.entries() if entry.key == (item, kind)]
    decision = Decision(item, kind, Action(action), seen=last[-1] if last else None, **given)
    return ledger.record(decision, reviewer="reviewer_one")


def of(pairing: Pairing, row: int = ROW) -> tuple[int, int, bool, bool, bool]:
    """Whose text, whose picture, wrong text, wrong picture, reviewed."""
    held = (pairing.text, pairing.image, pairing.wrong_text, pairing.wrong_image, pairing.reviewed)
    text, image, *flags = (one[row].item() for one in held)
    return (text, image, *flags)


CASES: dict[str, tuple[list[tuple[str, str, dict[str, Any]]], tuple[int, int, bool, bool, bool]]] = {
    "another's text": ([("mismatch", "accept", TEXT)], (FIVE, ROW, True, False, True)),
    "another's picture": ([("mismatch", "accept", PICTURE)], (ROW, NINE, False, True, True)),
    "nothing in its place": ([("mismatch", "accept", {})], (0, 0, True, True, False)),
    "a typed name": ([("mismatch", "edit", {"columns": ("name",), "after": "plum"})], (0, 0, True, False, False)),
    "confirmed": ([("mismatch", "reject", {})], (ROW, ROW, False, False, True)),
    "vague, another's name alone": (
        [("vague_name", "accept", {"columns": ("name",), "taken_from": "i5"})],
        (ROW, ROW, False, False, False),
    ),
    "vague, a typed name": ([("vague_name", "edit", {"columns": ("name",), "after": "x"})], (ROW, ROW, *[False] * 3)),
    "poor, another's picture": ([("poor_picture", "accept", PICTURE)], (ROW, NINE, False, False, True)),
    "poor, none in its place": ([("poor_picture", "accept", {})], (ROW, ROW, False, False, False)),
    "shared, another's picture": ([("shared_picture", "accept", PICTURE)], (ROW, NINE, False, True, True)),
    "shared, and one's it is": ([("shared_picture", "accept", {})], (ROW, ROW, False, False, False)),
    "another category": (
        [("wrong_category", "accept", {"columns": ("category",), "taken_from": "i5"})],
        (ROW, ROW, False, False, False),
    ),
    "both replaced, together seen by nobody": (
        [("mismatch", "accept", TEXT), ("poor_picture", "accept", PICTURE)],
        (0, 0, True, False, False),
    ),
    "text, then its name typed": (
        [("mismatch", "accept", TEXT), ("vague_name", "edit", {"columns": ("name",), "after": "plum"})],
        (0, 0, True, False, False),
    ),
    "confirmed, and its picture another's": (
        [("mismatch", "reject", {}), ("shared_picture", "accept", PICTURE)],
        (ROW, NINE, False, True, True),
    ),
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_each_decision_says_what_it_can_say_and_no_more(shop: Shop, ledger: Ledger, case: str) -> None:
    decisions, expected = CASES[case]
    for kind, action, given in decisions:
        decide(ledger, kind, action, **given)
    pairing = pairing_of(shop, ledger)
    assert of(pairing) == expected
    others = np.delete(np.arange(len(pairing.text)), ROW)
    own = Pairing.own(len(pairing.text))
    assert (pairing.text[others] == own.text[others]).all()
    assert (pairing.image[others] == own.image[others]).all()
    assert not pairing.decided[others].any()


def test_what_was_undone_is_not_learned_and_what_it_overruled_is(shop: Shop, ledger: Ledger) -> None:
    decide(ledger, "mismatch", "reject")
    accepted = decide(ledger, "mismatch", "accept", **TEXT)
    assert of(pairing_of(shop, ledger))[0] == FIVE
    decide(ledger, "mismatch", "undo", undoes=accepted.id)
    assert of(pairing_of(shop, ledger)) == (ROW, ROW, False, False, True)


def test_a_decision_on_what_the_shop_has_not_is_told(shop: Shop, ledger: Ledger) -> None:
    decide(ledger, "mismatch", "reject", item="gone")
    with pytest.raises(DataError, match="names item 'gone', which is not in the shop"):
        pairing_of(shop, ledger)


def test_findings_that_nobody_reviewed_say_nothing(shop: Shop, tmp_path: Path) -> None:
    folder = write_made_up(tmp_path / "findings", shop, [finding("i0", "mismatch")])
    assert not read_decided(folder, shop).decided.any()
    assert not list(folder.glob("*.db"))
    with pytest.raises(DataError, match="no decisions here"):
        read_decided(folder, shop, url=ledger_url(tmp_path / "elsewhere"))


def test_findings_of_another_shop_and_of_another_state_of_it_are_refused(shop: Shop, tmp_path: Path) -> None:
    folder = write_made_up(tmp_path / "findings", shop, [finding("i0", "mismatch")])
    other = write_toy_shop(tmp_path / "other", num_requests=20)
    toy_items(39).write_parquet(other / "items.parquet")
    with pytest.raises(DataError, match="its items are not those that the findings were made of"):
        read_decided(folder, open_shop(other))
    foreign = write_made_up(tmp_path / "foreign", open_shop(other), [finding("i0", "mismatch")])
    _open_ledger(foreign, open_shop(other)).close()
    with pytest.raises(DataError, match="holds decisions on other items"):
        read_decided(folder, shop, url=ledger_url(foreign))


def _open_ledger(folder: Path, shop: Shop) -> Ledger:
    about = About(str(shop.folder), items_digest(shop), "cd34", shop.catalogue.num_items)
    return Ledger.open(ledger_url(folder), about, create=True)
