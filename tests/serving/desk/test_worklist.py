"""The worklist keeps pace with the ledger, whoever writes there."""

from pathlib import Path

import polars as pl
import pytest
from starlette.testclient import TestClient

from camenn.rectify.ledger import Action, Decision, Ledger
from camenn.serving.desk import worklist as module
from camenn.serving.desk.access import Reviewers
from camenn.serving.desk.app import create_desk
from camenn.serving.desk.desk import Desk
from camenn.serving.desk.worklist import Filters, State
from camenn.tables.shop import open_shop
from findings_factory import finding, write_made_up


def test_entries_of_other_servers_are_taken_in(desk: Desk, tmp_path: Path) -> None:
    other = Ledger.open(f"sqlite:///{tmp_path / 'findings' / 'decisions.db'}", desk.about, create=False)
    first = other.record(
        Decision("i0", "vague_name", Action.EDIT, seen=None, columns=("name",)), reviewer="reviewer_three"
    )
    desk.worklist.refresh()
    assert desk.worklist.state(0) is State.EDITED
    other.record(Decision("i0", "vague_name", Action.UNDO, seen=first.id, undoes=first.id), reviewer="reviewer_three")
    desk.worklist.refresh()
    assert desk.worklist.state(0) is State.OPEN
    assert desk.worklist.last_id(0) == 2
    assert not desk.worklist.can_undo("reviewer_three")
    other.close()


def test_the_next_finding_is_the_next_in_worth_then_the_first(desk: Desk) -> None:
    def following(after: int, filters: Filters | None = None) -> int | None:
        return desk.worklist.next_row(filters or Filters(), after=after, reviewer="reviewer_one")

    assert [following(after) for after in (-1, 0, 3, 4, 99)] == [0, 1, 4, 0, 0]
    only = Filters(kind="mismatch")
    assert following(-1, only) == 1
    assert following(1, only) is None


def test_a_finding_is_held_for_a_minute_by_one_who_looks_at_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def following(reviewer: str) -> int | None:
        return desk.worklist.next_row(Filters(), after=-1, reviewer=reviewer)

    desk.worklist.hold(0, reviewer="reviewer_one")
    assert (following("reviewer_one"), following("reviewer_two")) == (0, 1)
    desk.worklist.hold(3, reviewer="reviewer_one")
    assert following("reviewer_two") == 0
    desk.worklist.hold(0, reviewer="reviewer_one")
    monkeypatch.setattr(module, "HOLD_S", 0.0)
    desk.worklist.hold(0, reviewer="reviewer_one")
    assert following("reviewer_two") == 0


def test_filters_make_short_addresses() -> None:
    assert Filters().query() == ""
    asked = Filters(kind="mismatch", category="Fish & chips", confidence=80, state="all")
    assert asked.query() == "kind=mismatch&category=Fish+%26+chips&confidence=80&state=all"


def test_a_shop_with_nothing_but_ids_is_reviewed(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    pl.DataFrame({"item_id": ["i0", "i5"]}).write_parquet(tmp_path / "bare" / "items.parquet")
    claims = [finding("i0", "missing_name", shown=None, suggestions=None, neighbours=None)]
    folder = write_made_up(tmp_path / "findings", open_shop(tmp_path / "bare"), claims)
    app = create_desk(folder, reviewers=Reviewers(shared="the token of all"))
    with TestClient(app, base_url="http://desk.test") as client:
        page = client.get("/login?token=the token of all").text
        assert "1 open finding" in page
        assert 'id="category"' not in page
        assert "no picture" in client.get("/next").text
