"""Findings are listed, looked at and decided; what cannot be decided is told and nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from camenn.rectify.ledger import Entry
from camenn.serving.desk.desk import Desk

Entries = Callable[[], list[Entry]]


def in_order(page: str, *texts: str) -> bool:
    places = [page.find(text) for text in texts]
    return -1 not in places and places == sorted(places)


def test_the_queue_lists_the_most_worth_first(reviewer_one: Any) -> None:
    page = reviewer_one.read("/")
    assert "5 open findings" in page
    assert in_order(page, "red apple → green pear", "green apple → green pear", "the picture of", "yellow apple")


def test_the_filters_narrow_the_queue(reviewer_one: Any) -> None:
    assert "1 open finding" in reviewer_one.read("/?kind=mismatch")
    assert "3 open findings" in reviewer_one.read("/?confidence=70")
    assert "3 open findings" in reviewer_one.read("/?store=North")
    assert "4 open findings" in reviewer_one.read("/?category=apple")
    assert "1 open finding" in reviewer_one.read("/?category=apple&store=South&confidence=80")
    assert "No finding is like that" in reviewer_one.read("/?category=soup")
    assert 'value="mismatch">Name and picture differ (1)' in reviewer_one.read("/?kind=odd_price")


def test_a_filter_that_cannot_be_read_is_told(reviewer_one: Any) -> None:
    assert "confidence:" in reviewer_one.read("/?confidence=much", 422)
    assert "state:" in reviewer_one.read("/?state=asleep", 422)
    assert "4 open findings" not in reviewer_one.read("/?page=99999&category=pear")


def test_the_page_of_a_finding_shows_the_listing_the_proposal_and_the_evidence(reviewer_one: Any) -> None:
    page = reviewer_one.look("i1", "mismatch")
    assert in_order(
        page, "something is wrong with i1", "As listed", "Proposed", "Suggestions", "Why", "Nearest by picture"
    )
    assert 'src="/picture/1"' in page
    assert 'src="/picture/5"' in page
    assert '<mark class="against s3" title="speaks against the picture">apple</mark>' in page
    assert '<mark class="for s1" title="speaks for the picture">fine make</mark>' in page
    assert page.count('width="1" height="1"') == 4  # parts of the picture that spoke
    assert 'data-proposal="1"' in page
    assert 'data-proposal="2"' in page


def test_an_accepted_finding_is_written_and_the_next_one_is_shown(reviewer_one: Any, entries: Entries) -> None:
    answer = reviewer_one.decide("i0", suggestion="2")
    assert answer.status_code == 200
    assert "item=i1&claim=mismatch" in str(answer.url)
    assert "Accepted: red apple → blue pear" in answer.text
    [entry] = entries()
    assert (entry.reviewer, entry.item_id, entry.kind, entry.action) == ("reviewer_one", "i0", "vague_name", "accept")
    assert (entry.columns, entry.before, entry.after, entry.taken_from) == (("name",), "red apple", "blue pear", "i6")
    assert "1 of 5 decided" in answer.text


def test_accepted_with_none_of_the_suggestions_changes_nothing(reviewer_one: Any, entries: Entries) -> None:
    reviewer_one.decide("i0", suggestion="0")
    reviewer_one.decide("i3", "duplicate")
    assert [(entry.action, entry.columns, entry.taken_from) for entry in entries()] == [("accept", (), None)] * 2


def test_a_typed_text_is_written(reviewer_one: Any, entries: Entries) -> None:
    reviewer_one.decide("i1", "mismatch", "edit", text="  Granny   Smith ")
    reviewer_one.decide("i4", "odd_price", "edit", text="2.50")
    assert [(entry.action, entry.columns, entry.after) for entry in entries()] == [
        ("edit", ("name",), "Granny Smith"),
        ("edit", ("price",), "2.50"),
    ]


@pytest.mark.parametrize(
    ("item", "claim", "action", "form", "told"),
    [
        ("i0", "vague_name", "accept", {"suggestion": "3"}, "there is no suggestion 3: this finding has 2"),
        ("i0", "vague_name", "accept", {"suggestion": "-1"}, "there is no suggestion -1"),
        ("i0", "vague_name", "edit", {"text": "   "}, "nothing was typed"),
        ("i0", "vague_name", "edit", {"text": "x" * 2001}, "at most 2,000 letters"),
        ("i0", "vague_name", "edit", {"text": "a\u202eb"}, "all of them printable"),
        ("i2", "poor_picture", "edit", {"text": "a picture"}, "no text can be put right by this finding"),
        ("i3", "duplicate", "edit", {"text": "a name"}, "no text can be put right by this finding"),
        ("i4", "odd_price", "edit", {"text": "cheap"}, "&#39;cheap&#39; is no price; write a number"),
        ("i4", "odd_price", "edit", {"text": "-1"}, "is no price"),
        ("i4", "odd_price", "edit", {"text": "nan"}, "is no price"),
    ],
)
def test_what_cannot_be_decided_is_told_and_not_written(
    reviewer_one: Any, entries: Entries, item: str, claim: str, action: str, form: dict[str, str], told: str
) -> None:
    answer = reviewer_one.decide(item, claim, action, **form)
    assert answer.status_code == 422
    assert told in answer.text
    assert entries() == []


def test_a_form_that_is_none_of_ours_is_told(reviewer_one: Any, entries: Entries) -> None:
    page = reviewer_one.look("i0")
    for form in ({"action": "destroy"}, {"suggestion": "first"}, {"seen": "yesterday"}):
        assert reviewer_one.press(page, **{"action": "accept", **form}).status_code == 422
    assert entries() == []


def test_a_suggestion_of_an_item_that_is_not_in_the_shop_is_refused(rows: list[dict[str, Any]], open_desk: Any) -> None:
    rows[0]["suggestions"] = [{"item_id": "gone", "value": "Ghost", "score": 1.0}]
    sit = open_desk()
    answer = sit("reviewer_one").decide("i0", suggestion="1")
    assert answer.status_code == 422
    assert "item gone, which is not in the shop" in answer.text
    assert "Ghost" not in sit("reviewer_one").look("i0")


def test_a_finding_that_is_not_there_is_told(reviewer_one: Any) -> None:
    assert "There is no finding of kind &#39;vague_name&#39; about item &#39;i9&#39;" in reviewer_one.read(
        "/finding?item=i9&claim=vague_name", 404
    )
    assert reviewer_one.client.post("/finding?item=i9&claim=mismatch", data={"csrf": "no"}).status_code in (403, 422)


def test_a_second_reviewer_is_told_and_overwrites_nothing(sit: Any, entries: Entries) -> None:
    reviewer_one, reviewer_two = sit("reviewer_one"), sit("reviewer_two")
    page = reviewer_two.look("i0")
    reviewer_one.decide("i0", suggestion="1")
    answer = reviewer_two.press(page, "reject")
    assert answer.status_code == 409
    assert "reviewer_one accepted this at" in answer.text
    assert "Accepted by reviewer_one" in answer.text
    assert len(entries()) == 1
    again = reviewer_two.press(answer.text, "reject")
    assert again.status_code == 200
    assert [(entry.reviewer, entry.action) for entry in entries()] == [
        ("reviewer_one", "accept"),
        ("reviewer_two", "reject"),
    ]


def test_what_one_reviewer_looks_at_is_not_given_to_another(sit: Any) -> None:
    reviewer_one, reviewer_two = sit("reviewer_one"), sit("reviewer_two")
    assert "item=i0" in str(reviewer_one.client.get("/next").url)
    assert "item=i1" in str(reviewer_two.client.get("/next").url)
    assert "item=i0" in str(reviewer_two.client.get("/next?kind=vague_name").url)  # no other is left


def test_what_is_skipped_comes_again_at_the_end(reviewer_one: Any, desk: Desk) -> None:
    rows = []
    after = -1
    for _ in range(6):
        answer = reviewer_one.client.get(f"/next?after={after}")
        rows.append(str(answer.url).split("item=")[1][:2])
        after = desk.worklist.row(rows[-1], str(answer.url).split("claim=")[1]) or 0
    assert rows == ["i0", "i1", "i2", "i3", "i4", "i0"]


def test_the_filters_go_along_from_one_finding_to_the_next(reviewer_one: Any) -> None:
    page = reviewer_one.look("i0", filters="&category=apple&confidence=70")
    answer = reviewer_one.press(page, "accept", suggestion="1")
    assert "item=i1&claim=mismatch" in str(answer.url)
    assert "category=apple&confidence=70" in str(answer.url)
    reviewer_one.press(answer.text, "reject")
    last = reviewer_one.press(reviewer_one.look("i2", "poor_picture", "&category=apple&confidence=70"), "reject")
    assert last.url.path == "/"
    assert "No finding is like that" in last.text


def test_undo_takes_back_the_last_decision_and_shows_it(reviewer_one: Any, entries: Entries) -> None:
    reviewer_one.decide("i0", suggestion="1")
    reviewer_one.decide("i1", "mismatch", "reject")
    answer = reviewer_one.undo()
    assert "item=i1&claim=mismatch" in str(answer.url)
    assert "Undone: what you decided of i1" in answer.text
    assert "1 of 5 decided" in answer.text
    reviewer_one.undo()
    assert "0 of 5 decided" in reviewer_one.read("/")
    assert [entry.action for entry in entries()] == ["accept", "reject", "undo", "undo"]
    answer = reviewer_one.undo()
    assert answer.status_code == 409
    assert "nothing of yours to undo" in answer.text


def test_undo_never_touches_what_another_decided(sit: Any, entries: Entries) -> None:
    reviewer_one, reviewer_two = sit("reviewer_one"), sit("reviewer_two")
    reviewer_one.decide("i0", suggestion="1")
    reviewer_two.decide("i0", action="reject")
    assert reviewer_one.undo().status_code == 409
    assert "Accepted by reviewer_one" in reviewer_two.undo().text
    assert [(entry.reviewer, entry.action) for entry in entries()] == [
        ("reviewer_one", "accept"),
        ("reviewer_two", "reject"),
        ("reviewer_two", "undo"),
    ]
    reviewer_one.undo()
    assert entries()[-1].undoes == entries()[0].id


def test_precision_runs_along_by_kind(reviewer_one: Any) -> None:
    reviewer_one.decide("i0", suggestion="1")
    reviewer_one.decide("i1", "mismatch", "reject")
    page = reviewer_one.decide("i4", "odd_price", "edit", text="2").text
    assert "precision <b>67%</b>" in page
    queue = reviewer_one.read("/?state=decided")
    assert "3 decided findings" in queue
    assert "100% <small>21–100</small>" in queue
    assert "0% <small>0–79</small>" in queue
    assert "1 rejected finding" in reviewer_one.read("/?state=rejected")


def test_what_is_decided_elsewhere_shows_at_once(reviewer_one: Any, desk: Desk) -> None:
    from camenn.rectify.ledger import Action, Decision

    desk.ledger.record(Decision("i0", "vague_name", Action.REJECT, seen=None), reviewer="reviewer_three")
    desk.ledger.record(
        Decision("i30", "mismatch", Action.REJECT, seen=None), reviewer="reviewer_three"
    )  # no finding of ours
    assert "4 open findings" in reviewer_one.read("/")
    assert "Rejected by reviewer_three" in reviewer_one.look("i0")


def test_no_findings_are_a_page_too(rows: list[dict[str, Any]], open_desk: Any) -> None:
    rows.clear()
    reviewer_one = open_desk()("reviewer_one")
    assert "The catalogue has no findings" in reviewer_one.read("/")
    assert reviewer_one.client.get("/next").url.path == "/"
    assert "Nothing that is open is like that" in reviewer_one.read("/batch")


def test_nothing_is_decided_about_a_shop_or_findings_that_were_written_to_since(
    reviewer_one: Any, desk: Desk, entries: Entries, tmp_path: Path
) -> None:
    page = reviewer_one.look("i0")
    items = tmp_path / "shop" / "items.parquet"
    before = items.read_bytes()
    pl.read_parquet(items).with_columns(name=pl.lit("new")).write_parquet(items)
    answer = reviewer_one.press(page, "accept", suggestion="1")
    assert answer.status_code == 409
    assert "were written to since the desk was opened" in answer.text
    assert entries() == []
    assert before != items.read_bytes()


def test_findings_written_again_are_told(reviewer_one: Any, entries: Entries, tmp_path: Path) -> None:
    page = reviewer_one.look("i0")
    (tmp_path / "findings" / "findings.parquet").touch()
    answer = reviewer_one.press(page, "accept", suggestion="1")
    assert answer.status_code == 409
    assert "start the desk again" in answer.text
    assert entries() == []


def test_a_listing_without_name_picture_or_suggestions_is_shown(
    rows: list[dict[str, Any]], open_desk: Any, shop: Any
) -> None:
    bare: dict[str, Any] = dict.fromkeys(("suggestions", "neighbours", "words", "patches", "signs"), None)
    rows[0] |= bare | {"columns": None, "reason": None, "exposure": None, "shown": None}
    page = open_desk()("reviewer_one").look("i0")
    assert "Nothing can be put in its place" in page
    assert "Nothing more is known" in page


def test_two_servers_share_a_ledger_in_postgresql(open_desk: Any, postgresql: str) -> None:
    here, there = open_desk(ledger_url=postgresql), open_desk(ledger_url=postgresql)
    reviewer_one, reviewer_two = here("reviewer_one"), there("reviewer_two")
    page = reviewer_two.look("i0")
    assert reviewer_one.decide("i0", suggestion="1").status_code == 200
    answer = reviewer_two.press(page, "reject")
    assert answer.status_code == 409
    assert "reviewer_one accepted this at" in answer.text
    assert "1 of 5 decided" in reviewer_two.read("/")
    reviewer_one.undo()
    assert "0 of 5 decided" in reviewer_two.read("/")
    assert [entry.action for entry in there.desk.ledger.entries()] == ["accept", "undo"]
