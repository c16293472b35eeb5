"""Many findings are accepted at once: what was shown, one entry each, nobody overwritten."""

import re
from collections.abc import Callable
from typing import Any

from camenn.rectify.ledger import Entry
from findings_factory import finding

Entries = Callable[[], list[Entry]]


def form(page: str) -> dict[str, str]:
    return {name: re.findall(rf'name="{name}" value="([^"]+)"', page)[-1] for name in ("csrf", "preview")}


def test_what_the_preview_counts_is_what_is_accepted(reviewer_one: Any, entries: Entries) -> None:
    page = reviewer_one.read("/batch?category=apple&confidence=60")
    assert "Accept 4 findings?" in page
    assert "3 take the cells of their first suggestion; 1 say only that the claim is right" in page
    answer = reviewer_one.client.post("/batch", data=form(page))
    assert "Accepted: 4 findings, an entry each" in answer.text
    assert "confidence=60" in str(answer.url)
    assert [(e.item_id, e.action, e.taken_from) for e in entries()] == [
        ("i0", "accept", "i5"),
        ("i1", "accept", "i5"),
        ("i2", "accept", "i5"),
        ("i3", "accept", None),
    ]
    assert len({entry.batch for entry in entries()}) == 1


def test_what_is_left_out_or_was_decided_meanwhile_stays_as_it_is(sit: Any, entries: Entries) -> None:
    reviewer_one, reviewer_two = sit("reviewer_one"), sit("reviewer_two")
    page = reviewer_one.read("/batch")
    reviewer_two.decide("i1", "mismatch", "reject")
    answer = reviewer_one.client.post("/batch", data=form(page) | {"keep_open": ["0", "3"]})
    assert "Accepted: 2 findings" in answer.text
    assert "Another reviewer decided on 1 of them meanwhile; those were left alone" in answer.text
    assert [(e.reviewer, e.item_id) for e in entries()] == [
        ("reviewer_two", "i1"),
        ("reviewer_one", "i2"),
        ("reviewer_one", "i4"),
    ]


def test_nothing_is_written_where_all_were_decided_meanwhile(sit: Any, entries: Entries) -> None:
    reviewer_one, reviewer_two = sit("reviewer_one"), sit("reviewer_two")
    page = reviewer_one.read("/batch?kind=mismatch")
    reviewer_two.decide("i1", "mismatch", "reject")
    answer = reviewer_one.client.post("/batch", data=form(page))
    assert "Nothing was written" in answer.text
    assert len(entries()) == 1


def test_one_undo_takes_a_batch_back(reviewer_one: Any, entries: Entries) -> None:
    reviewer_one.decide("i4", "odd_price", "reject")
    reviewer_one.client.post("/batch", data=form(reviewer_one.read("/batch")))
    assert "5 of 5 decided" in reviewer_one.read("/")
    answer = reviewer_one.undo()
    assert "Undone: 4 findings, an entry each" in answer.text
    assert "1 of 5 decided" in answer.text
    undone = entries()[5:]
    assert {(entry.action, entry.batch) for entry in undone} == {("undo", f"undo-{entries()[1].batch}")}
    assert [entry.undoes for entry in undone] == [entry.id for entry in entries()[1:5]]
    assert "0 of 5 decided" in reviewer_one.undo().text


def test_a_preview_serves_once_and_its_own_reviewer(sit: Any, entries: Entries) -> None:
    reviewer_one, reviewer_two = sit("reviewer_one"), sit("reviewer_two")
    shown = form(reviewer_one.read("/batch"))
    stolen = shown | {"csrf": form(reviewer_two.read("/batch"))["csrf"]}
    assert reviewer_two.client.post("/batch", data=stolen).status_code == 409
    assert reviewer_one.client.post("/batch", data=shown).status_code == 200
    answer = reviewer_one.client.post("/batch", data=shown)
    assert answer.status_code == 409
    assert "not there any more" in answer.text
    assert len(entries()) == 5


def test_findings_whose_suggestion_cannot_be_taken_stay_open(rows: list[dict[str, Any]], open_desk: Any) -> None:
    rows[0]["suggestions"] = [{"item_id": "gone", "value": "Ghost", "score": 1.0}]
    page = open_desk()("reviewer_one").read("/batch")
    assert "Accept 4 findings?" in page
    assert "1 more stay open" in page


def test_a_long_list_is_shown_in_part_and_accepted_whole(rows: list[dict[str, Any]], open_desk: Any) -> None:
    kinds = ("vague_name", "mismatch", "wrong_category", "missing_name", "missing_picture", "shared_picture")
    rows[:] = [finding(f"i{item}", kind, worth=1.0 + item) for item in range(40) for kind in kinds]
    sit = open_desk()
    reviewer_one = sit("reviewer_one")
    page = reviewer_one.read("/batch")
    assert "Accept 240 findings?" in page
    assert page.count('name="keep_open"') == 200
    assert "and 40 more of less worth" in page
    reviewer_one.client.post("/batch", data=form(page))
    assert len(sit.desk.ledger.entries()) == 240
