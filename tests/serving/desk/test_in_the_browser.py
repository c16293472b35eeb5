"""The desk in a real Chromium: keys, edits, batches, two reviewers, a killed server, narrow screens, accessibility."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from camenn.rectify.findings import read_findings
from camenn.rectify.ledger import Ledger, ledger_url
from camenn.serving.desk.access import Reviewers
from camenn.serving.desk.app import create_desk
from camenn.serving.desk.serve import bound
from camenn.tables.shop import Shop, open_shop
from findings_factory import finding, write_made_up

TOKENS = {"reviewer_one": "reviewer_one-0123456789-token", "reviewer_two": "reviewer_two-0123456789-token"}
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
Sit = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here: install Debian's package chromium")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def folder(shop: Shop, rows: list[dict[str, Any]], tmp_path: Path) -> Path:
    return write_made_up(tmp_path / "findings", shop, rows)


def similarities(item_ids: Any) -> tuple[list[str], Any]:
    return [f"text of {item_id}" for item_id in item_ids], np.eye(len(item_ids)) - 0.3


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """Where a desk answers."""
    app = create_desk(folder, reviewers=Reviewers(TOKENS), similarities=similarities)
    with bound("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def sit(chromium: Browser, address: str) -> Iterator[Sit]:
    """Signs a reviewer in, in a browser of their own. What the browser complains of fails the test."""
    contexts, complaints = [], []

    def sit_down(name: str, *, at: str = address, **options: Any) -> Page:
        context = chromium.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(f"{at}/login?token={TOKENS[name]}")
        return page

    yield sit_down
    for context in contexts:
        context.close()
    refused = "Failed to load resource: the server responded with a status of 4"
    assert [told for told in complaints if not told.startswith(refused)] == []


@pytest.fixture
def entries(folder: Path, address: str) -> Iterator[Callable[[], list[tuple[str, ...]]]]:
    """Who did what to which item, as the ledger holds it by now."""
    ledger = Ledger.open(ledger_url(folder), read_findings(folder)[1], create=False)
    yield lambda: [(entry.reviewer, entry.action.value, entry.item_id) for entry in ledger.entries()]
    ledger.close()


def press(page: Page, key: str, *, until: str) -> None:
    """Press a key and wait until the page says so. While a page is on its way keys do nothing."""
    on_its_way = page.locator(".htmx-request, .htmx-swapping, .htmx-settling")
    expect(on_its_way).to_have_count(0)
    page.keyboard.press(key)
    expect(page.locator("body")).to_contain_text(until)
    expect(on_its_way).to_have_count(0)


def review(page: Page) -> None:
    press(page, "Enter", until="something is wrong with i0")


def test_a_queue_is_reviewed_by_keys_alone(sit: Sit, entries: Any) -> None:
    page = sit("reviewer_one")
    review(page)
    press(page, "2", until="green pear")
    expect(page.locator("[data-proposal='2']")).to_be_visible()
    expect(page.locator("[data-proposal='1']")).to_be_hidden()
    press(page, "a", until="Accepted: red apple → blue pear")
    press(page, "r", until="Rejected: green apple")
    press(page, "s", until="something is wrong with i3")
    press(page, "k", until="something is wrong with i2")
    press(page, "0", until="something is wrong with i2")
    press(page, "a", until="Accepted: i2")
    press(page, "u", until="Undone: what you decided of i2")
    press(page, "q", until="3 open findings")
    assert entries() == [
        ("reviewer_one", "accept", "i0"),
        ("reviewer_one", "reject", "i1"),
        ("reviewer_one", "accept", "i2"),
        ("reviewer_one", "undo", "i2"),
    ]


def test_a_text_is_typed_and_keys_in_a_field_are_letters(sit: Sit, folder: Path, entries: Any) -> None:
    page = sit("reviewer_one")
    review(page)
    page.keyboard.press("e")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("a rusty apple 12?")
    press(page, "Enter", until="Edited: red apple → a rusty apple 12?")
    assert entries() == [("reviewer_one", "edit", "i0")]
    page.keyboard.press("e")
    page.keyboard.press("Escape")
    press(page, "r", until="Rejected: green apple")


def test_what_cannot_be_decided_is_told_in_place(sit: Sit, entries: Any) -> None:
    page = sit("reviewer_one")
    page.goto(page.url + "finding?item=i4&claim=odd_price")
    page.keyboard.press("e")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("cheap")
    press(page, "Enter", until="'cheap' is no price; write a number")
    expect(page.locator("#text")).to_have_value("cheap")
    page.locator("#text").fill("2.50")
    page.locator("#text").press("Enter")
    expect(page.locator(".done")).to_contain_text("Edited: 5.00 → 2.50")
    assert entries() == [("reviewer_one", "edit", "i4")]


def test_a_key_pressed_while_a_decision_is_on_its_way_does_nothing(sit: Sit, entries: Any) -> None:
    page = sit("reviewer_one")
    review(page)
    page.route("**/finding?*", lambda route: (page.wait_for_timeout(300), route.continue_()))
    posted: list[str] = []
    page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
    for key in ("a", "r", "a", "u"):
        page.keyboard.press(key)
    expect(page.locator("h1")).to_contain_text("i1")
    page.wait_for_timeout(600)
    assert len(posted) == 1
    assert entries() == [("reviewer_one", "accept", "i0")]


def test_htmx_evaluates_no_string(sit: Sit) -> None:
    page = sit("reviewer_one")
    # Each place where htmx could evaluate a string asks this first; the content policy allows none either.
    assert page.evaluate("htmx.config.allowEval") is False
    tried = """() => {
        const told = [], before = console.error;
        console.error = message => told.push(message);
        htmx._('window.evaluated = true');
        console.error = before;
        return [told, 'evaluated' in window];
    }"""
    assert page.evaluate(tried) == [["htmx:evalDisallowedError"], False]


def test_many_are_accepted_after_a_look_and_undone_by_one_key(sit: Sit, entries: Any) -> None:
    page = sit("reviewer_one")
    page.select_option("#confidence", "70")
    expect(page.locator("h1")).to_have_text("3 open findings")
    page.get_by_text("Accept all of these").click()
    expect(page.locator("h1")).to_have_text("Accept 3 findings?")
    page.get_by_label("Leave out: green apple → green pear").check()
    page.get_by_role("button", name="Accept 2").click()
    expect(page.locator(".done")).to_contain_text("Accepted: 2 findings")
    assert [entry[1:] for entry in entries()] == [("accept", "i0"), ("accept", "i2")]
    press(page, "u", until="Undone: 2 findings")
    assert [entry[1:] for entry in entries()[2:]] == [("undo", "i0"), ("undo", "i2")]


def test_the_second_of_two_reviewers_is_told(sit: Sit, entries: Any) -> None:
    reviewer_one, reviewer_two = sit("reviewer_one"), sit("reviewer_two")
    for page in (reviewer_one, reviewer_two):
        page.goto(page.url + "finding?item=i0&claim=vague_name")
    press(reviewer_one, "a", until="Accepted: red apple")
    press(reviewer_two, "r", until="reviewer_one accepted this at")
    expect(reviewer_two.get_by_role("alert")).to_contain_text("nothing was written")
    assert entries() == [("reviewer_one", "accept", "i0")]
    press(reviewer_two, "r", until="Rejected: red apple")
    assert entries()[1:] == [("reviewer_two", "reject", "i0")]


def test_a_killed_server_has_lost_nothing(chromium: Browser, sit: Sit, folder: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "reviewers.toml"
    tokens.write_text("".join(f'{name} = "{token}"\n' for name, token in TOKENS.items()))

    def start() -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "camenn.cli", "desk", str(folder), "--port", "0", "--reviewers", str(tokens)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "the desk is open: http" in line, line
        return process, line.split()[-1]

    server, at = start()
    page = sit("reviewer_one", at=at)
    review(page)
    press(page, "a", until="Accepted: red apple")
    press(page, "r", until="Rejected: green apple")
    os.kill(server.pid, signal.SIGKILL)
    server.communicate()
    server, at = start()
    try:
        page = sit("reviewer_one", at=at)
        expect(page.locator("h1")).to_have_text("3 open findings")
        press(page, "u", until="Undone: what you decided of i1")
        press(page, "q", until="4 open findings")
    finally:
        server.send_signal(signal.SIGINT)
        _, told = server.communicate(timeout=20)
    assert "Traceback" not in told


PAGES = [
    "/",
    "/?state=decided",
    "/finding?item=i0&claim=vague_name",
    "/finding?item=i2&claim=poor_picture",
    "/finding?item=i3&claim=duplicate",
    "/batch",
    "/heat?item=i0&item=i1&item=i2&search=pear",
    "/nothing",
]


def test_a_narrow_screen_scrolls_in_one_direction_only(sit: Sit) -> None:
    page = sit("reviewer_one", viewport=NARROW)
    start = page.url.rstrip("/")
    for address in PAGES:
        page.goto(start + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
    page.goto(start + "/finding?item=i0&claim=vague_name")
    accept = page.get_by_role("button", name="Accept").bounding_box()
    assert accept is not None
    assert accept["y"] + accept["height"] <= NARROW["height"]  # at hand without scrolling
    assert min(box.bounding_box()["height"] for box in page.locator(".actions button").all()) >= 40


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "390"])
def test_no_page_violates_the_rules_of_accessibility(sit: Sit, scheme: str, viewport: dict[str, int]) -> None:
    page = sit("reviewer_one", viewport=viewport, color_scheme=scheme)
    start = page.url.rstrip("/")
    page.goto(start + "/finding?item=i1&claim=mismatch")
    press(page, "a", until="Accepted")
    for address in ("/login", *PAGES):
        page.goto(start + address)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
    page.keyboard.press("?")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_dark_and_light_follow_the_system_and_the_switch(sit: Sit) -> None:
    page = sit("reviewer_one", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(ground) == light


def test_keys_can_be_switched_off(sit: Sit, entries: Any) -> None:
    page = sit("reviewer_one")
    review(page)
    page.keyboard.press("?")
    page.get_by_label("Keys without Ctrl or Alt are on").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("a")
    page.wait_for_timeout(300)
    assert entries() == []
    expect(page.locator("h1")).to_contain_text("i0")


def test_the_parts_that_spoke_lie_on_the_picture_and_can_be_hidden(sit: Sit) -> None:
    page = sit("reviewer_one")
    review(page)
    page.locator("[data-picture] img").evaluate("image => image.decode()")
    picture, parts = (page.locator(f"[data-picture] {part}").bounding_box() for part in ("img", "svg"))
    assert picture == parts
    assert picture is not None
    assert picture["height"] >= 240
    page.keyboard.press("p")
    expect(page.locator("[data-picture] svg")).to_be_hidden()


def test_without_scripts_the_buttons_still_work(sit: Sit, entries: Any) -> None:
    page = sit("reviewer_one", java_script_enabled=False)
    page.get_by_role("link", name="Review").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("something is wrong with i1").first).to_be_attached()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".done")).to_contain_text("Undone:")
    assert entries() == [("reviewer_one", "accept", "i0"), ("reviewer_one", "undo", "i0")]


def test_a_name_that_is_a_script_is_only_a_name(
    chromium: Browser, shop: Shop, rows: list[dict[str, Any]], sit: Sit, tmp_path: Path
) -> None:
    name = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    items = pl.read_parquet(shop.folder / "items.parquet").with_columns(name=pl.lit(name), category=pl.lit(name))
    (tmp_path / "odd").mkdir()
    items.write_parquet(tmp_path / "odd" / "items.parquet")
    claims = [finding(f"i{item}", shown=name, reason=name) for item in range(3)]
    odd = write_made_up(tmp_path / "odd-findings", open_shop(tmp_path / "odd"), claims)
    app = create_desk(odd, reviewers=Reviewers(TOKENS))
    with bound("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        page = sit("reviewer_one", at=f"http://127.0.0.1:{listening.getsockname()[1]}")
        press(page, "Enter", until=name)
        press(page, "r", until=f"Rejected: {name}")
        assert page.locator("script:not([src])").count() == 0
        server.should_exit = True
        thread.join(20)


def test_any_items_are_held_against_one_another(sit: Sit) -> None:
    page = sit("reviewer_one")
    review(page)
    page.get_by_role("link", name="Texts against pictures of these items").click()
    expect(page.locator("caption")).to_contain_text("4 of 4 texts are most like their own picture")
    page.get_by_role("link", name="Leave out red apple").click()
    expect(page.locator(".heat tbody tr")).to_have_count(3)
    page.get_by_label("Add an item by name or id").fill("blue box")
    page.get_by_role("button", name="Find").click()
    page.locator(".found a").first.click()
    expect(page.locator(".heat tbody tr")).to_have_count(4)
