"""What every request brings: the desk, the reviewer, the filters; and answers that are pages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import urlencode

import jinja2
from fastapi import Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from camenn.rectify.findings import KIND_NAMES, Kind
from camenn.serving.desk.access import Session
from camenn.serving.desk.desk import Desk
from camenn.serving.desk.finding_page import number_text
from camenn.serving.desk.worklist import Filters, Shown, State

NUM_HEAT_ITEMS = 12
"""More do not fit beside one another."""
STATIC = files("camenn.serving.desk") / "static"


class NotSignedInError(Exception):
    """Nobody is signed in; pages lead to the sign-in, everything else is refused."""


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _session(request: Request) -> Session:
    desk = _desk(request)
    session = desk.sessions.find(request.cookies.get(cookie_name(desk), ""))
    if session is None:
        raise NotSignedInError
    return session


def _acting(request: Request, csrf: Annotated[str, Form()] = "") -> Session:
    """The session of a form that one of its own pages made."""
    session = _session(request)
    if not session.is_own(csrf):
        raise HTTPException(403, "This form was not made by a page of yours; nothing was written. Open the desk again.")
    return session


def _filters(
    kind: str = "", category: str = "", store: str = "", confidence: int = 0, state: Shown = "open"
) -> Filters:
    return Filters(kind=kind, category=category, store=store, confidence=confidence, state=state)


OfDesk = Annotated[Desk, Depends(_desk)]
Signed = Annotated[Session, Depends(_session)]
Acting = Annotated[Session, Depends(_acting)]
OfFilters = Annotated[Filters, Depends(_filters)]


def cookie_name(desk: Desk) -> str:
    """One for each catalogue: browsers do not tell apart the ports of a machine."""
    return f"desk-{desk.about.items[:12]}"


def finding_address(item_id: str, kind: str, filters: Filters, *, done: int = 0) -> str:
    """Where a finding is reviewed."""
    asked: dict[str, Any] = {"item": item_id, "claim": kind} | ({"done": done} if done else {})
    return "/finding?" + "&".join(filter(None, [urlencode(asked), filters.query()]))


def queue_address(filters: Filters, *, page: int = 1, done: int = 0, many: int = 0, stale: int = 0) -> str:
    """Where the findings are listed."""
    asked = {"page": page if page > 1 else 0, "done": done, "many": many, "stale": stale}
    query = "&".join(
        filter(None, [filters.query(), urlencode({name: value for name, value in asked.items() if value})])
    )
    return f"/?{query}" if query else "/"


def heat_address(item_ids: Sequence[str]) -> str:
    """Where texts are held against pictures of some items."""
    return "/heat?" + urlencode([("item", item_id) for item_id in dict.fromkeys(item_ids)][:NUM_HEAT_ITEMS])


def see(address: str) -> RedirectResponse:
    """Go on there by reading."""
    return RedirectResponse(address, status_code=303)


def said(desk: Desk, entry_id: int, *, many: int = 0, stale: int = 0) -> dict[str, Any] | None:
    """What was just done, for a line at the top of the page; None where nothing was."""
    entry = desk.worklist.entry(entry_id)
    return {"entry": entry, "many": many, "stale": stale} if entry is not None or stale else None


def page(
    request: Request, template: str, values: dict[str, Any], *, session: Session | None, status: int = 200
) -> HTMLResponse:
    """A page with what all of them show around it."""
    desk = _desk(request)
    around: dict[str, Any] = {"session": session, "scores": desk.worklist.scores() if session else []}
    around["can_undo"] = session is not None and desk.worklist.can_undo(session.reviewer)
    text = _ENVIRONMENT.get_template(template).render(around | values)
    return HTMLResponse(text, status_code=status)


def _static_address(name: str) -> str:
    content = hashlib.blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={content}"


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("camenn.serving.desk"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {
    "static": {name: _static_address(name) for name in ("desk.css", "desk.js", "htmx.min.js", "icon.svg")},
    "kind_name": lambda kind: KIND_NAMES[Kind(kind)],
    "short": number_text,
    "State": State,
    "finding_address": finding_address,
    "queue_address": queue_address,
}
