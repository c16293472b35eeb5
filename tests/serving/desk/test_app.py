"""Who may do what: signing in, forms of other sites, product texts as code, pictures, headers."""

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image
from starlette.testclient import TestClient

from camenn.errors import CamennError, DataError, ShopError
from camenn.rectify.findings import FINDINGS
from camenn.rectify.ledger import Entry, ledger_url
from camenn.serving.desk.access import Reviewers
from camenn.serving.desk.app import create_desk
from camenn.serving.desk.requests import STATIC
from camenn.tables.shop import Shop, open_shop
from findings_factory import finding, write_made_up

Entries = Callable[[], list[Entry]]
SCRIPT = "<script>alert('owned')</script>"
REVIEWERS = Reviewers({"reviewer_one": "reviewer_one-0123456789-token"})


@pytest.fixture
def stranger(sit: Any) -> TestClient:
    """Somebody who has not signed in."""
    return TestClient(sit.app, base_url="http://desk.test", follow_redirects=False)


# Signing in


def test_nothing_is_shown_to_one_who_has_not_signed_in(stranger: TestClient, entries: Entries) -> None:
    for address in ("/", "/finding?item=i0&claim=vague_name", "/batch", "/heat", "/next"):
        answer = stranger.get(address)
        assert answer.status_code == 303, address
        assert answer.headers["location"].startswith("/login")
    assert stranger.get("/picture/0").status_code == 401
    for address in ("/finding?item=i0&claim=vague_name", "/undo", "/batch", "/logout"):
        assert stranger.post(address, data={"action": "accept", "preview": "x"}).status_code == 401, address
    assert entries() == []


def test_a_wrong_token_is_told(stranger: TestClient) -> None:
    for answer in (
        stranger.get("/login?token=reviewer_one-0123456789-tokem"),
        stranger.post("/login", data={"token": "reviewer_one"}),
        stranger.post("/login", data={"token": "täuschung"}),
        stranger.post("/login"),
    ):
        assert answer.status_code == 401
        assert "Nobody has this token" in answer.text
        assert "set-cookie" not in answer.headers


def test_the_cookie_is_kept_from_scripts_and_other_sites(stranger: TestClient, sit: Any) -> None:
    answer = stranger.post("/login", data={"token": "reviewer_one-0123456789-token", "to": "/heat"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/heat"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    secure = TestClient(sit.app, base_url="https://desk.test", follow_redirects=False)
    assert "Secure" in secure.post("/login", data={"token": "reviewer_one-0123456789-token"}).headers["set-cookie"]


@pytest.mark.parametrize("to", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", ""])
def test_signing_in_leads_nowhere_else(stranger: TestClient, to: str) -> None:
    answer = stranger.post("/login", data={"token": "reviewer_one-0123456789-token", "to": to})
    assert answer.headers["location"] == "/"


def test_one_comes_back_to_the_page_that_was_asked_for(stranger: TestClient) -> None:
    asked = stranger.get("/finding?item=i0&claim=vague_name").headers["location"]
    page = stranger.get(asked).text
    assert 'name="to" value="/finding?item=i0&amp;claim=vague_name"' in page


def test_signing_out_ends_the_session(reviewer_one: Any) -> None:
    csrf = re.findall('name="csrf" value="([^"]+)"', reviewer_one.read("/"))[0]
    cookies = dict(reviewer_one.client.cookies)
    assert "Sign in" in reviewer_one.client.post("/logout", data={"csrf": csrf}).text
    reviewer_one.client.cookies.update(cookies)
    assert reviewer_one.client.get("/", follow_redirects=False).status_code == 303


def test_with_a_shared_token_reviewers_say_their_name(open_desk: Any) -> None:
    sit = open_desk(reviewers=Reviewers(shared="a-token-that-is-shared", default_name="somebody"))
    client = TestClient(sit.app, base_url="http://desk.test")
    assert "Your name" in client.get("/login").text
    assert ">somebody ·<" in client.get("/login?token=a-token-that-is-shared").text
    entered = client.post("/login", data={"token": "a-token-that-is-shared", "name": " Ann\u202ee & Co "})
    assert ">Anne &amp; Co ·<" in entered.text


# Forms of other sites


def test_a_form_without_the_pages_own_token_is_refused(reviewer_one: Any, entries: Entries) -> None:
    page = reviewer_one.look("i0")
    for csrf in ("", "wrong", "x" * 43):
        answer = reviewer_one.press(page, "accept", suggestion="1", csrf=csrf)
        assert answer.status_code == 403
        assert "not made by a page of yours" in answer.text
    for address in ("/undo", "/batch", "/logout"):
        assert reviewer_one.client.post(address, data={"preview": "x"}).status_code == 403
    assert entries() == []


def test_a_token_of_another_session_is_refused(sit: Any, entries: Entries) -> None:
    reviewer_one, reviewer_two = sit("reviewer_one"), sit("reviewer_two")
    stolen = reviewer_two.look("i0")
    assert reviewer_one.press(stolen, "accept").status_code == 403
    assert entries() == []


# Texts and pictures of the shop


def test_texts_of_the_shop_are_never_code(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    texts = {name: [SCRIPT, f'"{SCRIPT}'] for name in ("name", "description", "category", "store")}
    pl.DataFrame({"item_id": ["i0", f"i5{SCRIPT}"], **texts}).write_parquet(tmp_path / "shop" / "items.parquet")
    rows = [
        finding(
            "i0",
            reason=SCRIPT,
            shown=SCRIPT,
            words=[{"word": "script", "weight": 1.0}, {"word": SCRIPT, "weight": 2.0}],
        )
        | {
            "suggestions": [{"item_id": f"i5{SCRIPT}", "value": SCRIPT, "score": 1.0}],
            "neighbours": [{"item_id": f"i5{SCRIPT}", "by": "text", "similarity": 1.0}],
            "signs": [{"sign": SCRIPT, "weight": 1.0}],
            "patches": None,
        },
        finding(f"i5{SCRIPT}", "odd_price", suggestions=None, neighbours=None),
    ]
    folder = write_made_up(tmp_path / "findings", open_shop(tmp_path / "shop"), rows)
    with TestClient(create_desk(folder, reviewers=REVIEWERS), base_url="http://desk.test") as client:
        client.get("/login?token=reviewer_one-0123456789-token")
        addresses = ["/", "/batch", "/next", f"/heat?item=i0&search={SCRIPT}", f"/?kind={SCRIPT}&category={SCRIPT}"]
        addresses += [f"/finding?item={SCRIPT}&claim={SCRIPT}", f"/?state={SCRIPT}", f"/login?to=/{SCRIPT}"]
        for address in addresses:
            text = client.get(address).text
            assert "<script>" not in text.replace('<script src="/static/', ""), address
            assert "owned" not in text or "&lt;script&gt;" in text


def test_pictures_come_by_line_and_are_told_apart_by_their_bytes(reviewer_one: Any) -> None:
    whole = reviewer_one.client.get("/picture/0")
    assert whole.headers["content-type"] == "image/png"
    assert whole.content.startswith(b"\x89PNG")
    assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
    small = reviewer_one.client.get("/picture/0?small=1")
    assert small.headers["content-type"] == "image/jpeg"
    again = reviewer_one.client.get("/picture/0", headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert reviewer_one.client.get("/picture/40").status_code == 404
    assert reviewer_one.client.get("/picture/-1").status_code == 404
    assert reviewer_one.client.get("/picture/one.png").status_code == 422
    assert reviewer_one.client.get("/picture/../items.parquet").status_code in (404, 422)


def test_pictures_that_lie_outside_damaged_huge_or_run_as_code_are_not_sent(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    (shop / "pictures").mkdir(parents=True)
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    tiff = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(tiff, "TIFF")
    contents = {
        "bomb.png": buffer.getvalue(),
        "code.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "torn.jpg": b"\xff\xd8\xff\xe0 torn",
        "scan.tiff": tiff.getvalue(),
        "page.png": b"<html><script>alert(1)</script></html>",
    }
    for name, content in contents.items():
        (shop / "pictures" / name).write_bytes(content)
    (tmp_path / "secret.png").write_bytes(b"\x89PNG secret")
    images = [*(f"pictures/{name}" for name in contents), "pictures/gone.png", None]
    table = pl.DataFrame({"item_id": [f"i{place}" for place in range(len(images))], "name": "Pear", "image": images})
    table.write_parquet(shop / "items.parquet")
    rows = [finding("i0", suggestions=None, neighbours=None)]
    folder = write_made_up(tmp_path / "findings", open_shop(shop), rows)
    with TestClient(create_desk(folder, reviewers=REVIEWERS), base_url="http://desk.test") as client:
        client.get("/login?token=reviewer_one-0123456789-token")
        for small in ("", "?small=1"):
            status = [client.get(f"/picture/{line}{small}").status_code for line in range(len(images))]
            assert status == [415, 415, 415, 200, 415, 404, 404], small
        assert client.get("/picture/3").headers["content-type"] == "image/jpeg"
        assert "81,000,000 pixels" in client.get("/picture/0").text
        link = shop / "pictures" / "torn.jpg"
        link.unlink()
        link.symlink_to(tmp_path / "secret.png")
        answer = client.get("/picture/2")
        assert answer.status_code == 500
        assert b"secret" not in answer.content.replace(b"secret.png", b"")


# What goes along


def test_pages_allow_no_code_of_others_and_are_not_kept(reviewer_one: Any) -> None:
    answer = reviewer_one.client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert " style=" not in answer.text + reviewer_one.look("i0")
    assert " onclick" not in answer.text + reviewer_one.look("i0")
    assert reviewer_one.client.get("/static/desk.js").headers["x-content-type-options"] == "nosniff"


def test_what_is_no_page_is_told(reviewer_one: Any) -> None:
    assert "There is no such page" in reviewer_one.read("/nothing", 404)
    assert reviewer_one.client.get("/static/../app.py").status_code == 404
    assert reviewer_one.client.get("/docs").status_code == 404
    assert reviewer_one.client.delete("/").status_code == 405


def test_too_much_is_not_read(stranger: TestClient) -> None:
    assert stranger.post("/login", data={"token": "x" * (1 << 20)}).status_code == 413
    assert stranger.post("/login", content=iter([b"token=", b"x"])).status_code == 413


def test_htmx_is_the_file_that_was_pinned() -> None:
    digest = hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest()
    assert digest in (STATIC / "htmx.txt").read_text()


# What cannot be reviewed


def test_findings_of_another_shop_are_refused(shop: Shop, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    folder = write_made_up(tmp_path / "findings", shop, rows)
    pl.DataFrame({"item_id": ["i0"], "name": ["Pear"]}).write_parquet(shop.folder / "items.parquet")
    with pytest.raises(DataError, match="its items are not those that the findings were made of"):
        create_desk(folder, reviewers=REVIEWERS)


def test_a_shop_that_was_moved_is_found_where_it_is_now(shop: Shop, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    folder = write_made_up(tmp_path / "findings", shop, rows)
    shop.folder.rename(tmp_path / "moved")
    with pytest.raises(DataError, match="is not there; say where it is with --shop"):
        create_desk(folder, reviewers=REVIEWERS)
    with TestClient(create_desk(folder, shop=tmp_path / "moved", reviewers=REVIEWERS)) as client:
        assert client.get("/login").status_code == 200
    (tmp_path / "empty").mkdir()
    with pytest.raises(ShopError, match="there is no items"):
        create_desk(folder, shop=tmp_path / "empty", reviewers=REVIEWERS)


def test_findings_that_were_edited_are_refused(shop: Shop, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no findings here"):
        create_desk(tmp_path, reviewers=REVIEWERS)
    folder = write_made_up(tmp_path / "findings", shop, [*rows, finding("gone")])
    with pytest.raises(DataError, match="item 'gone' is not in the shop"):
        create_desk(folder, reviewers=REVIEWERS)
    pl.read_parquet(folder / FINDINGS).with_columns(kind=pl.lit("soup")).write_parquet(folder / FINDINGS)
    with pytest.raises(DataError, match="kind holds what it cannot hold"):
        create_desk(folder, reviewers=REVIEWERS)


def test_a_ledger_of_another_shop_is_refused(
    shop: Shop, rows: list[dict[str, Any]], open_desk: Any, tmp_path: Path
) -> None:
    open_desk()("reviewer_one").decide("i0", suggestion="1")
    (tmp_path / "other").mkdir()
    pl.DataFrame({"item_id": ["i0"], "name": ["Pear"]}).write_parquet(tmp_path / "other" / "items.parquet")
    other = write_made_up(
        tmp_path / "other-findings", open_shop(tmp_path / "other"), [finding("i0", suggestions=None, neighbours=None)]
    )
    with pytest.raises(DataError, match="decisions on other items"):
        create_desk(other, reviewers=REVIEWERS, ledger_url=ledger_url(tmp_path / "findings"))
    with pytest.raises(CamennError, match="no address of a database"):
        create_desk(other, reviewers=REVIEWERS, ledger_url="here")
