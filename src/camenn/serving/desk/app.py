"""The desk as a web application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from camenn.embeddings.patches import PictureError
from camenn.errors import CamennError
from camenn.serving.desk import batch, entrance, heat, review
from camenn.serving.desk.access import Reviewers
from camenn.serving.desk.desk import ChangedError, Desk, Similarities
from camenn.serving.desk.pictures import tag
from camenn.serving.desk.requests import NotSignedInError, OfDesk, Signed, cookie_name, page, see

MOST_BYTES = 1 << 20
"""Of a request's body."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_PICTURE_HEADERS = {
    "Cache-Control": "private, max-age=600",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def create_desk(
    folder: Path,
    *,
    reviewers: Reviewers,
    shop: Path | None = None,
    ledger_url: str | None = None,
    similarities: Similarities | None = None,
) -> FastAPI:
    """The desk for the findings in `folder`.

    `shop`: where the shop lies, if it was moved since. `ledger_url`: where decisions are kept, in `folder` if None.
    `similarities`: gives of some items' ids their names and (items, items), text i with picture j; without it there
    is no heat map.

    Raises:
        CamennError: the findings, the shop or the ledger cannot be used, or do not belong together.
    """
    desk = Desk(folder, shop=shop, ledger=ledger_url, reviewers=reviewers, similarities=similarities)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(title="CameNN desk", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.desk = desk
    app.state.previews = batch.Previews()
    for part in (entrance, review, batch, heat):
        app.include_router(part.router)
    app.include_router(_pictures)
    app.mount("/static", StaticFiles(packages=[("camenn.serving.desk", "static")]))
    app.add_middleware(_Guard)
    app.add_exception_handler(NotSignedInError, _not_signed_in)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(CamennError, _told)
    return app


_pictures = APIRouter()


@_pictures.get("/picture/{line}")
def picture(request: Request, desk: OfDesk, session: Signed, line: int, small: bool = False) -> Response:
    """The picture of the item in a line of the catalogue."""
    if not 0 <= line < len(desk.listings):
        return PlainTextResponse("there is no such item", status_code=404)
    try:
        found = desk.pictures.small(line) if small else desk.pictures.whole(line)
    except (PictureError, OSError) as error:
        return PlainTextResponse(f"this picture cannot be shown: {error}", status_code=415)
    if found is None:
        return PlainTextResponse("this item has no picture", status_code=404)
    headers = {
        "ETag": tag(found),
        "Cache-Control": "private, max-age=600",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


def _message(request: Request, status: int, message: str) -> Response:
    desk: Desk = request.app.state.desk
    session = desk.sessions.find(request.cookies.get(cookie_name(desk), ""))
    return page(request, "message.html.j2", {"message": message, "status": status}, session=session, status=status)


def _not_signed_in(request: Request, _error: Exception) -> Response:
    if request.method != "GET":
        return _message(request, 401, "You are not signed in any more; nothing was written. Sign in and do it again.")
    if request.url.path.startswith("/picture/"):
        return PlainTextResponse("sign in first", status_code=401)
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return see("/login" if asked == "/" else f"/login?to={quote(asked, safe='')}")


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    message = error.detail if isinstance(error, HTTPException) else "There is no such page."
    return _message(request, error.status_code, message)


def _misread(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = "; ".join(f"{one['loc'][-1]}: {one['msg'].lower()}" for one in error.errors())
    return _message(request, 422, f"This request cannot be read ({told}); nothing was written.")


def _told(request: Request, error: Exception) -> Response:
    return _message(request, 409 if isinstance(error, ChangedError) else 500, str(error))


class _Guard:
    """Headers that keep a browser from doing more than the pages need, and a bound on what is sent here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = dict(scope["headers"])
        length = sent.get(b"content-length", b"0")
        if b"transfer-encoding" in sent or not length.isdigit() or int(length) > MOST_BYTES:
            await PlainTextResponse("too much was sent", status_code=413)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if headers.get("Content-Type", "").startswith("text/html"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, guarded)
