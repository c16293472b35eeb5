"""How long the desk takes to answer with many findings, over a made-up shop in a temporary folder.

    python benchmarks/desk.py --findings 100000

Times are of whole requests to the real application, SQLite's syncs included, by a client in the same process; pages are
asked for with different filters. What a browser then does with them is not in it.
"""

import argparse
import re
import tempfile
import time
from collections.abc import Callable
from functools import partial
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table
from starlette.testclient import TestClient

from camenn.rectify.findings import SCHEMA, About, Kind, items_digest, write_findings
from camenn.serving.desk.access import Reviewers
from camenn.serving.desk.app import create_desk
from camenn.tables.shop import open_shop

TOKEN = "a token for the benchmark"
CATEGORIES = [f"Category {number}" for number in range(120)]
STORES = [f"Store {number}" for number in range(40)]
WORDS = np.array(
    ["crisp", "ripe", "green", "sweet", "organic", "fresh", "small", "large", "pear", "plum", "fig", "apple"]
)


def write_shop(folder: Path, num_items: int, draw: np.random.Generator) -> None:
    """Items with names, texts, categories and stores; one picture stands for all."""
    folder.mkdir()
    (folder / "one.png").write_bytes(b"\x89PNG, never decoded here")
    words = WORDS[draw.integers(0, len(WORDS), (num_items, 12))]
    pl.DataFrame(
        {
            "item_id": [f"i{number}" for number in range(num_items)],
            "name": [" ".join(row[:3]) for row in words],
            "description": [" ".join(row[3:]) for row in words],
            "category": [CATEGORIES[number] for number in draw.integers(0, len(CATEGORIES), num_items)],
            "store": [STORES[number] for number in draw.integers(0, len(STORES), num_items)],
            "price": draw.lognormal(1.0, 0.7, num_items).round(2),
            "image": "one.png",
        }
    ).write_parquet(folder / "items.parquet")


def write_claims(folder: Path, shop_folder: Path, num_items: int, draw: np.random.Generator) -> None:
    """One finding an item, all kinds in turn, each with three suggestions and eight neighbours."""
    shop, kinds = open_shop(shop_folder), list(Kind)
    others = draw.integers(0, num_items, (num_items, 11))
    probability, exposure = draw.uniform(0.4, 1.0, num_items), draw.integers(1, 5000, num_items)
    rows = [
        {
            "item_id": f"i{number}",
            "kind": kinds[number % len(kinds)].value,
            "side": "name",
            "reason": "the name says less than the picture shows",
            "probability": float(probability[number]),
            "automatic": False,
            "columns": ["name", "description"],
            "shown": "crisp ripe pear",
            "suggestions": [{"item_id": f"i{i}", "value": "green plum", "score": 0.5} for i in others[number, :3]],
            "neighbours": [
                {"item_id": f"i{i}", "by": ("text", "picture")[place % 2], "similarity": 0.6}
                for place, i in enumerate(others[number, 3:])
            ],
            "words": [{"word": "pear", "weight": -0.4}, {"word": "ripe", "weight": 0.2}],
            "patches": [0.1, -0.5, 0.2] * 3,
            "signs": [{"sign": "text against picture", "weight": 2.0}],
            "exposure": float(exposure[number]),
            "price": 2.5,
            "worth": float(probability[number] * exposure[number]),
        }
        for number in range(num_items)
    ]
    folder.mkdir()
    about = About(str(shop_folder), items_digest(shop), "0000", num_items)
    write_findings(pl.DataFrame(rows, schema=SCHEMA), about, folder)


def measure(folder: Path, num_requests: int, draw: np.random.Generator) -> dict[str, list[float]]:
    """Seconds of each request, by what was asked for."""
    began = time.perf_counter()
    app = create_desk(folder, reviewers=Reviewers(shared=TOKEN))
    times: dict[str, list[float]] = {"start of the server": [time.perf_counter() - began]}

    def timed(name: str, ask: Callable[[], None]) -> None:
        start = time.perf_counter()
        ask()
        times.setdefault(name, []).append(time.perf_counter() - start)

    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        client.get("/login", params={"token": TOKEN})

        def read(address: str) -> None:
            assert client.get(address).status_code == 200, address

        for number in range(num_requests):
            category, store = draw.choice(CATEGORIES), draw.choice(STORES)
            page = int(draw.integers(1, 400))
            asked = [f"/?page={page}", f"/?category={category}", f"/?store={store}&confidence=80", "/?kind=odd_price"]
            timed("queue page", partial(read, asked[number % 4]))
        filters = ["", "category=Category+7&", "confidence=70&"]
        for number in range(num_requests):
            query = filters[number % 3]
            address = client.get(f"/next?{query}after={int(draw.integers(0, 1000))}").headers["location"]
            timed("finding page", partial(read, address))
            page_text = client.get(address).text
            timed("decision", partial(decide, client, page_text))
        timed("batch of 5,000, preview", lambda: read("/batch"))
        text = client.get("/batch").text
        form = {name: field(text, name) for name in ("csrf", "preview")}
        timed("batch of 5,000, written", lambda: accept(client, form))
    return times


def decide(client: TestClient, page: str) -> None:
    """Accept the first suggestion of a finding's page."""
    action = re.search(r'id="decision" method="post" action="([^"]+)"', page)
    assert action is not None
    form = {"csrf": field(page, "csrf"), "seen": field(page, "seen"), "action": "accept", "suggestion": "1"}
    assert client.post(unescape(action[1]), data=form).status_code == 303


def accept(client: TestClient, form: dict[str, str]) -> None:
    assert client.post("/batch", data=form).status_code == 303


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=400, help="of each sort")
    asked = parser.parse_args()
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="camenn-desk-") as name:
        write_shop(Path(name) / "shop", asked.findings, draw)
        write_claims(Path(name) / "findings", Path(name) / "shop", asked.findings, draw)
        times = measure(Path(name) / "findings", asked.requests, draw)
    table = Table("ms", "requests", "p50", "p95", "p99", "most", title=f"{asked.findings:,} findings")
    for what, seconds in times.items():
        figures = [*np.percentile(seconds, [50, 95, 99]), max(seconds)]
        table.add_row(what, str(len(seconds)), *(f"{1000 * figure:,.1f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
