"""Many findings accepted at once: what would be done is shown first, and just that is done."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from camenn.rectify.ledger import Decision
from camenn.serving.desk.deciding import RefusedDecisionError, accepted
from camenn.serving.desk.desk import Desk
from camenn.serving.desk.requests import Acting, OfDesk, OfFilters, Signed, page, queue_address, see
from camenn.serving.desk.review import queue_line
from camenn.serving.desk.worklist import Filters, only_open

MOST = 5_000
"""In one batch; the ledger is locked for others while it is written."""
SHOWN = 200
_PREVIEWS = 64
router = APIRouter()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a reviewer was shown, and may now accept."""

    reviewer: str
    filters: Filters
    decisions: dict[int, Decision]
    """By row, most worth first."""


@dataclass(frozen=True, slots=True)
class Previews:
    """The last ones; older ones are asked for again."""

    held: dict[str, Preview] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, preview: Preview) -> str:
        """Remember one; returns its name."""
        name = secrets.token_urlsafe(12)
        with self.lock:
            self.held[name] = preview
            while len(self.held) > _PREVIEWS:
                del self.held[next(iter(self.held))]
        return name

    def take(self, name: str, *, reviewer: str) -> Preview:
        """One that is used up by it. Raises HTTPException 409 where it is not there, or another reviewer's."""
        with self.lock:
            preview = self.held.get(name)
            if preview is None or preview.reviewer != reviewer:
                raise HTTPException(409, "This list is not there any more; nothing was written. Look at it again.")
            del self.held[name]
            return preview


@router.get("/batch")
def preview(request: Request, desk: OfDesk, session: Signed, filters: OfFilters) -> Response:
    """What accepting all open findings that the filters let through would do."""
    desk.worklist.refresh()
    filters = only_open(filters)
    rows = desk.worklist.rows(filters)
    decisions = _decisions(desk, [int(row) for row in rows[:MOST]])
    held: Previews = request.app.state.previews
    kinds = Counter(decision.kind for decision in decisions.values())
    values = {
        "filters": filters,
        "num_rows": len(rows),
        "num_taken": len(decisions),
        "num_changing": sum(bool(decision.columns) for decision in decisions.values()),
        "kinds": kinds.most_common(),
        "lines": [queue_line(desk, row) for row in list(decisions)[:SHOWN]],
        "name": held.keep(Preview(session.reviewer, filters, decisions)) if decisions else "",
    }
    return page(request, "batch.html.j2", values, session=session)


@router.post("/batch")
def accept(
    request: Request,
    desk: OfDesk,
    session: Acting,
    preview: Annotated[str, Form()],
    keep_open: Annotated[list[int] | None, Form()] = None,
) -> Response:
    """Accept what was shown, those left out that were unticked or that somebody decided meanwhile."""
    desk.check_unchanged()
    held: Previews = request.app.state.previews
    shown = held.take(preview, reviewer=session.reviewer)
    left_out = set(keep_open or ())
    decisions = [decision for row, decision in shown.decisions.items() if row not in left_out]
    recorded = desk.ledger.record_all(decisions, reviewer=session.reviewer, batch=secrets.token_hex(8))
    desk.worklist.refresh()
    done = recorded.entries[-1].id if recorded.entries else 0
    address = queue_address(shown.filters, done=done, many=len(recorded.entries), stale=len(recorded.stale))
    return see(address)


def _decisions(desk: Desk, rows: list[int]) -> dict[int, Decision]:
    """The first suggestion of each; without any the claim alone is accepted."""
    decisions = {}
    for row in rows:
        finding = desk.worklist.at(row)
        try:
            number = 1 if finding["suggestions"] else None
            decisions[row] = accepted(finding, desk.listings, number=number, seen=desk.worklist.last_id(row))
        except RefusedDecisionError:  # it stays open, to be looked at
            continue
    return decisions
