"""Signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from camenn.serving.desk.access import SESSION_S
from camenn.serving.desk.requests import Acting, OfDesk, cookie_name, page, see

router = APIRouter()


@router.get("/login")
def sign_in(request: Request, desk: OfDesk, token: str = "", name: str = "", to: str = "/") -> Response:
    """The form; or, with a token in the address as the terminal prints it, straight in."""
    return _enter(request, desk, token=token, name=name, to=to) if token else _form(request, desk, to=to)


@router.post("/login")
def enter(
    request: Request,
    desk: OfDesk,
    token: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    to: Annotated[str, Form()] = "/",
) -> Response:
    """Sign in with a token."""
    return _enter(request, desk, token=token, name=name, to=to)


@router.post("/logout")
def leave(request: Request, desk: OfDesk, session: Acting) -> Response:
    """Sign out."""
    desk.sessions.end(request.cookies.get(cookie_name(desk), ""))
    answer = see("/login")
    answer.delete_cookie(cookie_name(desk))
    return answer


def _enter(request: Request, desk: OfDesk, *, token: str, name: str, to: str) -> Response:
    reviewer = desk.reviewers.who(token, name)
    if reviewer is None:
        return _form(request, desk, to=to, problem="Nobody has this token. Copy it whole and try again.", status=401)
    answer = see(_own(to))
    answer.set_cookie(
        cookie_name(desk),
        desk.sessions.begin(reviewer),
        max_age=int(SESSION_S),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


def _form(request: Request, desk: OfDesk, *, to: str, problem: str = "", status: int = 200) -> Response:
    values = {"problem": problem, "to": _own(to), "is_shared": desk.reviewers.shared is not None}
    return page(request, "login.html.j2", values, session=None, status=status)


def _own(to: str) -> str:
    """An address of the desk itself, whatever was asked for."""
    is_own = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if is_own else "/"
