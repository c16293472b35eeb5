"""A desk over a small shop, and those who sit at it."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from camenn.rectify.ledger import Entry
from camenn.serving.desk.access import Reviewers
from camenn.serving.desk.app import create_desk
from camenn.serving.desk.desk import Desk
from camenn.tables.shop import Shop, open_shop
from findings_factory import finding, write_made_up
from postgresql_server import postgresql, postgresql_server
from toy import toy_items

__all__ = ["postgresql", "postgresql_server"]

TOKENS = {"reviewer_one": "reviewer_one-0123456789-token", "reviewer_two": "reviewer_two-0123456789-token"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Forty items i0 (red apple), i1 (green apple), … of two stores; pictures are bytes; no events."""
    folder = tmp_path / "shop"
    folder.mkdir()
    stores = pl.Series("store", [("North", "South")[number % 2] for number in range(40)])
    toy_items(40).with_columns(stores).write_parquet(folder / "items.parquet")
    return open_shop(folder)


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Five findings, i0 of most worth; may be changed before the desk is opened."""
    return [
        finding("i0", worth=50.0, shown="red apple", probability=0.95),
        finding("i1", "mismatch", worth=40.0, shown="green apple", probability=0.85),
        finding("i2", "poor_picture", worth=30.0, shown=None, probability=0.75),
        finding("i3", "duplicate", worth=20.0, suggestions=[], probability=0.65),
        finding("i4", "odd_price", worth=10.0, shown="5.00", probability=0.55),
    ]


class Reviewer:
    """Somebody who sits at the desk, and reads and presses what its pages show."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def read(self, address: str, status: int = 200) -> str:
        answer = self.client.get(address)
        assert answer.status_code == status, answer.text
        return answer.text

    def look(self, item: str, claim: str = "vague_name", filters: str = "") -> str:
        return self.read(f"/finding?item={item}&claim={claim}{filters}")

    def press(self, page: str, action: str, **form: Any) -> Any:
        """The answer to a decision made on a page as it was read."""
        address = re.search(r'method="post" action="(/finding[^"]+)"', page)
        assert address is not None
        held = {"csrf": field(page, "csrf"), "seen": field(page, "seen"), "action": action}
        return self.client.post(unescape(address[1]), data=held | form)

    def decide(self, item: str, claim: str = "vague_name", action: str = "accept", **form: Any) -> Any:
        return self.press(self.look(item, claim), action, **form)

    def undo(self) -> Any:
        return self.client.post("/undo", data={"csrf": field(self.read("/"), "csrf")})


def field(page: str, name: str) -> str:
    """What a form of the page sends by a name."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return unescape(found[1])


class OpenDesk:
    """A desk at which reviewers sit down by name."""

    def __init__(self, app: Any, opened: list[TestClient]) -> None:
        self.app, self.desk, self._opened = app, app.state.desk, opened

    def __call__(self, name: str) -> Reviewer:
        client = TestClient(self.app, base_url="http://desk.test")
        client.__enter__()
        self._opened.append(client)
        assert client.get("/login", params={"token": TOKENS[name]}).status_code == 200
        return Reviewer(client)


@pytest.fixture
def open_desk(shop: Shop, rows: list[dict[str, Any]], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens the desk: `open_desk()` gives one that signs reviewers in by name: `sit("reviewer_one")`."""
    opened: list[Any] = []

    def open_it(**options: Any) -> OpenDesk:
        folder = tmp_path / "findings"
        if not folder.exists():
            write_made_up(folder, shop, rows)
        app = create_desk(folder, reviewers=options.pop("reviewers", Reviewers(TOKENS)), **options)

        return OpenDesk(app, opened)

    yield open_it
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def sit(open_desk: Callable[..., Any]) -> Any:
    """The open desk."""
    return open_desk()


@pytest.fixture
def reviewer_one(sit: Any) -> Reviewer:
    return sit("reviewer_one")


@pytest.fixture
def desk(sit: Any) -> Desk:
    return sit.desk


@pytest.fixture
def entries(desk: Desk) -> Callable[[], list[Entry]]:
    """What the ledger holds by now."""
    return desk.ledger.entries
