"""Decisions are written once, by one, and never lost; the same in SQLite and in PostgreSQL."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from camenn.errors import CamennError, DataError
from camenn.rectify.findings import About
from camenn.rectify.ledger import Action, Decision, Entry, Ledger, StaleDecisionError, ledger_url
from camenn.rectify.ledger_database import DECISIONS, open_engine

ABOUT = About(shop="shops/corner", items="ab12", model="cd34", num_items=3)


def decision(item_id: str = "a", *, action: Action = Action.ACCEPT, seen: int | None = None, **given: Any) -> Decision:
    return Decision(item_id, "vague_name", action, seen=seen, **given)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return ledger_url(tmp_path)
    address: str = request.getfixturevalue("postgresql")
    return address


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger.open(url, ABOUT, create=True)
    yield opened
    opened.close()


def test_an_entry_says_who_when_before_after_and_by_which_model(ledger: Ledger) -> None:
    given = decision(columns=("name", "description"), before="Berries", after="Strawberries", taken_from="b")
    written = ledger.record(given, reviewer="reviewer_one")
    [entry] = ledger.entries()
    assert entry == written
    assert (entry.reviewer, entry.revision, entry.action) == ("reviewer_one", 1, Action.ACCEPT)
    assert (entry.columns, entry.before, entry.after) == (("name", "description"), "Berries", "Strawberries")
    assert (entry.taken_from, entry.model, entry.items, entry.undoes) == ("b", "cd34", "ab12", None)
    assert entry.at.utcoffset() is not None


def test_a_decision_on_what_somebody_else_decided_meanwhile_is_refused(ledger: Ledger) -> None:
    first = ledger.record(decision(), reviewer="reviewer_one")
    with pytest.raises(StaleDecisionError, match=r"reviewer_one accepted this at .* nothing was written") as refused:
        ledger.record(decision(action=Action.REJECT), reviewer="reviewer_two")
    assert refused.value.newer == first
    assert ledger.entries() == [first]
    second = ledger.record(decision(action=Action.REJECT, seen=first.id), reviewer="reviewer_two")
    assert second.revision == 2
    assert ledger.standing() == {("a", "vague_name"): second}


def test_a_decision_that_rests_on_an_entry_that_is_not_there_is_refused(ledger: Ledger) -> None:
    with pytest.raises(StaleDecisionError, match="does not hold what this decision rests on"):
        ledger.record(decision(seen=77), reviewer="reviewer_one")
    assert ledger.entries() == []


def test_undo_is_an_entry_and_brings_back_what_was_in_force(ledger: Ledger) -> None:
    accepted = ledger.record(decision(), reviewer="reviewer_one")
    rejected = ledger.record(decision(action=Action.REJECT, seen=accepted.id), reviewer="reviewer_two")
    undone = ledger.record(decision(action=Action.UNDO, seen=rejected.id, undoes=rejected.id), reviewer="reviewer_two")
    assert ledger.standing() == {accepted.key: accepted}
    ledger.record(decision(action=Action.UNDO, seen=undone.id, undoes=accepted.id), reviewer="reviewer_one")
    assert ledger.standing() == {}
    assert [entry.action for entry in ledger.entries()] == ["accept", "reject", "undo", "undo"]
    again = ledger.record(decision(seen=ledger.entries()[-1].id), reviewer="reviewer_one")
    assert ledger.standing() == {again.key: again}


def test_an_entry_is_undone_once(ledger: Ledger) -> None:
    accepted = ledger.record(decision(), reviewer="reviewer_one")
    undone = ledger.record(decision(action=Action.UNDO, seen=accepted.id, undoes=accepted.id), reviewer="reviewer_one")
    with pytest.raises(StaleDecisionError):
        ledger.record(decision(action=Action.UNDO, seen=undone.id, undoes=accepted.id), reviewer="reviewer_one")


def test_of_many_decisions_those_that_somebody_was_quicker_with_are_left_out(ledger: Ledger) -> None:
    quicker = ledger.record(decision("i7", action=Action.REJECT), reviewer="reviewer_two")
    recorded = ledger.record_all([decision(f"i{i}") for i in range(1000)], reviewer="reviewer_one", batch="b1")
    assert recorded.stale == (quicker,)
    assert len(recorded.entries) == 999
    assert {entry.batch for entry in recorded.entries} == {"b1"}
    assert [entry.item_id for entry in recorded.entries[:8]] == [f"i{i}" for i in (0, 1, 2, 3, 4, 5, 6, 8)]
    assert ledger.entries(after=quicker.id) == list(recorded.entries)
    assert ledger.standing()[quicker.key] == quicker


def test_of_reviewers_who_decide_at_once_one_is_written_and_the_others_are_told(ledger: Ledger) -> None:
    told: list[str] = []
    ready = threading.Barrier(4)

    def review(reviewer: str) -> None:
        for item in range(10):
            ready.wait()
            try:
                ledger.record(decision(f"i{item}"), reviewer=reviewer)
            except StaleDecisionError as error:
                told.append(error.newer.item_id if error.newer else "nobody")

    threads = [threading.Thread(target=review, args=(f"r{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = ledger.entries()
    assert sorted(entry.item_id for entry in entries) == sorted(f"i{item}" for item in range(10))
    assert sorted(told) == sorted(f"i{item}" for item in range(10) for _ in range(3))


def test_the_database_itself_refuses_a_second_decision_on_one_state(ledger: Ledger, url: str) -> None:
    entry = ledger.record(decision(), reviewer="reviewer_one")
    row = {name: getattr(entry, name) for name in ("reviewer", "item_id", "kind", "revision", "model", "items")}
    row |= {"at": entry.at.replace(tzinfo=None), "action": "reject", "columns": []}
    engine = open_engine(url)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(DECISIONS), [row])
    engine.dispose()


def test_a_ledger_of_other_items_is_refused(ledger: Ledger, url: str) -> None:
    ledger.record(decision(), reviewer="reviewer_one")
    other = About(shop="shops/other", items="ffff", model="cd34", num_items=3)
    with pytest.raises(DataError, match="decisions on other items than those of shops/other"):
        Ledger.open(url, other, create=True)
    retrained = About(shop="shops/corner", items="ab12", model="ee56", num_items=3)
    again = Ledger.open(url, retrained, create=False)
    assert again.record(decision("b"), reviewer="reviewer_one").model == "ee56"
    again.close()


def test_what_is_no_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / "decisions.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(CamennError, match=r"decisions\.db: the ledger cannot be read or written"):
        Ledger.open(ledger_url(tmp_path), ABOUT, create=True)
    with pytest.raises(DataError, match="no decisions here"):
        Ledger.open(ledger_url(tmp_path / "elsewhere"), ABOUT, create=False)
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(CamennError, match="no address of a database"):
        Ledger.open("decisions.db", ABOUT, create=True)
    with pytest.raises(CamennError, match="lies in sqlite or postgresql"):
        Ledger.open("mysql://desk@localhost/desk", ABOUT, create=True)


def test_a_server_that_does_not_answer_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(CamennError, match="cannot be read or written") as refused:
        Ledger.open(f"postgresql://desk:secret@/desk?host={tmp_path}", ABOUT, create=True)
    assert "secret" not in str(refused.value)


def test_a_kill_loses_no_decision_that_was_answered(tmp_path: Path) -> None:
    code = f"""
from camenn.rectify.findings import About
from camenn.rectify.ledger import Action, Decision, Ledger
ledger = Ledger.open({ledger_url(tmp_path)!r}, About("shops/corner", "ab12", "cd34", 3), create=True)
for number in range(10_000):
    ledger.record(Decision(f"i{{number}}", "mismatch", Action.ACCEPT, seen=None), reviewer="reviewer_one")
    print(number, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 25:
                os.kill(process.pid, signal.SIGKILL)
                answered = [25, *map(int, process.stdout.read().split())]
                break
    ledger = Ledger.open(ledger_url(tmp_path), ABOUT, create=False)
    entries = ledger.entries()
    ledger.close()
    assert len(entries) >= answered[-1] + 1
    assert [entry.item_id for entry in entries] == [f"i{number}" for number in range(len(entries))]


def test_sqlite_syncs_before_it_answers(tmp_path: Path) -> None:
    ledger = Ledger.open(ledger_url(tmp_path), ABOUT, create=True)
    with ledger._engine.begin() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    ledger.close()


def test_the_frame_says_which_decisions_are_in_force(ledger: Ledger) -> None:
    assert ledger.to_frame().is_empty()
    first = ledger.record(decision(columns=("name",), taken_from="b"), reviewer="reviewer_one")
    ledger.record(decision("b", action=Action.REJECT), reviewer="reviewer_one")
    ledger.record(decision(action=Action.UNDO, seen=first.id, undoes=first.id), reviewer="reviewer_one")
    frame = ledger.to_frame()
    assert frame["in_force"].to_list() == [False, True, False]
    assert frame["action"].to_list() == ["accept", "reject", "undo"]
    assert frame["columns"].to_list() == [["name"], [], []]
    assert frame.columns[:-1] == list(Entry.__slots__)
