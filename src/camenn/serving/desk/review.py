"""The queue, one finding at a time, and decisions on it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import Response

from camenn.rectify.ledger import Decision, StaleDecisionError
from camenn.serving.desk.access import Session
from camenn.serving.desk.deciding import RefusedDecisionError, accepted, edited, rejected
from camenn.serving.desk.desk import Desk
from camenn.serving.desk.finding_page import FindingPage, finding_page, sentence
from camenn.serving.desk.requests import (
    Acting,
    OfDesk,
    OfFilters,
    Signed,
    finding_address,
    heat_address,
    page,
    queue_address,
    said,
    see,
)
from camenn.serving.desk.worklist import Filters

ROWS_A_PAGE = 50
router = APIRouter()


@router.get("/")
def queue(
    request: Request,
    desk: OfDesk,
    session: Signed,
    filters: OfFilters,
    number: Annotated[int, Query(alias="page")] = 1,
    done: int = 0,
    many: int = 0,
    stale: int = 0,
) -> Response:
    """The findings that the filters let through, the most worth first."""
    desk.worklist.refresh()
    rows = desk.worklist.rows(filters)
    num_pages = max(1, -(-len(rows) // ROWS_A_PAGE))
    number = min(max(number, 1), num_pages)
    lines = [queue_line(desk, int(row)) for row in rows[(number - 1) * ROWS_A_PAGE : number * ROWS_A_PAGE]]
    values = {
        "filters": filters,
        "lines": lines,
        "num_rows": len(rows),
        "first": (number - 1) * ROWS_A_PAGE + 1,
        "number": number,
        "num_pages": num_pages,
        "choices": {name: desk.worklist.counts(name, filters) for name in ("kind", "category", "store")},
        "done": said(desk, done, many=many, stale=stale),
    }
    return page(request, "queue.html.j2", values, session=session)


def queue_line(desk: Desk, row: int) -> dict[str, Any]:
    """What a list shows of a finding."""
    finding = desk.worklist.at(row)
    listing = desk.listings.find(finding["item_id"])
    return {
        "row": row,
        "finding": finding,
        "listing": listing,
        "sentence": sentence(finding, desk.listings),
        "state": desk.worklist.state(row),
    }


@router.get("/next")
def next_finding(desk: OfDesk, session: Signed, filters: OfFilters, after: int = -1) -> Response:
    """On to the next finding of the queue; to the queue itself where there is none."""
    desk.worklist.refresh()
    return see(_next_address(desk, session, filters, after=after))


@router.get("/finding")
def finding(
    request: Request, desk: OfDesk, session: Signed, filters: OfFilters, item: str, claim: str, done: int = 0
) -> Response:
    """One finding."""
    desk.worklist.refresh()
    row = _row(desk, item, claim)
    desk.worklist.hold(row, reviewer=session.reviewer)
    return _finding_page(request, desk, session, filters, row, done=done)


@router.post("/finding")
def decide(
    request: Request,
    desk: OfDesk,
    session: Acting,
    filters: OfFilters,
    item: str,
    claim: str,
    action: Annotated[Literal["accept", "reject", "edit"], Form()],
    suggestion: Annotated[int | None, Form()] = None,
    text: Annotated[str, Form()] = "",
    seen: Annotated[int, Form()] = 0,
) -> Response:
    """Write a decision and go on to the next finding; what cannot be decided is told, and nothing is written."""
    desk.check_unchanged()
    row = _row(desk, item, claim)
    try:
        decision = _decision(desk, row, action, suggestion=suggestion, text=text, seen=seen or None)
        entry = desk.ledger.record(decision, reviewer=session.reviewer)
    except (StaleDecisionError, RefusedDecisionError) as error:
        desk.worklist.refresh()
        status = 409 if isinstance(error, StaleDecisionError) else 422
        return _finding_page(request, desk, session, filters, row, status=status, problem=str(error), typed=text)
    desk.worklist.refresh()
    return see(_next_address(desk, session, filters, after=row, done=entry.id))


@router.post("/undo")
def undo(desk: OfDesk, session: Acting, filters: OfFilters) -> Response:
    """Undo what the reviewer did last, one decision or a batch."""
    recorded, acts = desk.undo(session.reviewer)
    if not recorded.entries:
        raise HTTPException(409, "There is nothing of yours to undo.")
    last = recorded.entries[-1]
    if len(acts) > 1:
        return see(queue_address(filters, done=last.id, many=len(recorded.entries), stale=len(recorded.stale)))
    return see(finding_address(last.item_id, last.kind, filters, done=last.id))


def _decision(desk: Desk, row: int, action: str, *, suggestion: int | None, text: str, seen: int | None) -> Decision:
    found = desk.worklist.at(row)
    if action == "accept":
        return accepted(found, desk.listings, number=suggestion, seen=seen)
    if action == "edit":
        return edited(found, desk.shop.schema, text=text, seen=seen)
    return rejected(found, seen=seen)


def _row(desk: Desk, item_id: str, kind: str) -> int:
    row = desk.worklist.row(item_id, kind)
    if row is None:
        raise HTTPException(404, f"There is no finding of kind {kind!r} about item {item_id!r}.")
    return row


def _next_address(desk: Desk, session: Session, filters: Filters, *, after: int, done: int = 0) -> str:
    row = desk.worklist.next_row(filters, after=after, reviewer=session.reviewer)
    if row is None:
        return queue_address(filters, done=done)
    item_id, kind = desk.worklist.key(row)
    return finding_address(item_id, kind, filters, done=done)


def _finding_page(
    request: Request,
    desk: Desk,
    session: Session,
    filters: Filters,
    row: int,
    *,
    status: int = 200,
    problem: str = "",
    typed: str | None = None,
    done: int = 0,
) -> Response:
    worklist = desk.worklist
    rows = worklist.rows(filters)
    place = int(np.searchsorted(rows, row))
    before = int(rows[place - 1]) if place > 0 else None
    shown, history = finding_page(worklist.at(row), desk.listings), worklist.history(row)
    values = {
        "shown": shown,
        "row": row,
        "filters": filters,
        "place": place + 1 if place < len(rows) and rows[place] == row else None,
        "num_rows": len(rows),
        "before": None if before is None else finding_address(*worklist.key(before), filters),
        "last_id": worklist.last_id(row) or 0,
        "state": worklist.state(row),
        "history": history,
        "latest": worklist.standing(row) or next(reversed(history), None),
        "problem": problem,
        "typed": shown.typed_now if typed is None else typed,
        "categories": worklist.values["category"] if shown.typed_column == "category" else [],
        "heat": heat_address([shown.item_id, *_evidence(shown)]),
        "done": said(desk, done),
    }
    return page(request, "finding.html.j2", values, session=session, status=status)


def _evidence(shown: FindingPage) -> list[str]:
    sources = [proposal.source.item_id for proposal in shown.proposals]
    return sources + [near.listing.item_id for some in shown.neighbours.values() for near in some]
