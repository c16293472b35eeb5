"""Memory and time of a large shop: made in a temporary folder, compiled, read at random, encoded, trained on.

    python benchmarks/large_shop.py --items 1000000 --users 500000 --events 10000000

Each step runs in a process of its own, so that its peak is its own. "anonymous" is memory that the process
holds; "resident" adds mapped files, which the system takes back when it needs the room. Linux only.
"""

import argparse
import multiprocessing
import random
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from camenn.batches.requests import RequestConfig
from camenn.embeddings.ensure import ensure_store
from camenn.models.camenn import CamennConfig
from camenn.models.inputs import Pattern
from camenn.objectives.multi_task import MultiTaskObjective
from camenn.run_config import EncoderConfig, RunConfig
from camenn.tables.features import FeatureConfig
from camenn.tables.shop import open_shop
from camenn.training.optimizer import build_optimizer
from camenn.training.prepare import prepare
from camenn.training.steps import StepPlan, prefetch

FILE_ROWS = 500_000
NUM_READS = 1000
HISTORY = 50
NUM_STEPS = 20


def make_shop(folder: Path, num_items: int, num_users: int, num_events: int) -> None:
    """Items with names, texts and prices, events with two context columns; busy users and items are few."""
    draw = np.random.default_rng(0)
    words = np.array(["crisp", "ripe", "green", "sweet", "organic", "fresh", "small", "large", "pear", "plum", "fig"])
    for number, start in enumerate(range(0, num_items, FILE_ROWS)):
        rows = np.arange(start, min(start + FILE_ROWS, num_items))
        text = pl.Series([" ".join(some) for some in words[draw.integers(0, len(words), (len(rows), 12))]])
        pl.DataFrame(
            {
                "item_id": pl.Series(rows).cast(pl.String),
                "name": text.str.slice(0, 20),
                "description": text,
                "category": pl.Series(draw.integers(0, 300, len(rows))).cast(pl.String),
                "price": draw.lognormal(1.0, 0.7, len(rows)),
            }
        ).write_parquet(folder / f"items-{number:03d}.parquet")
    for number, start in enumerate(range(0, num_events, FILE_ROWS)):
        size = min(FILE_ROWS, num_events - start)
        pl.DataFrame(
            {
                "user_id": pl.Series((num_users * draw.random(size) ** 2).astype(np.int64)).cast(pl.String),
                "item_id": pl.Series((num_items * draw.random(size) ** 2).astype(np.int64)).cast(pl.String),
                "at": pl.from_epoch(pl.Series(draw.integers(1_600_000_000, 1_700_000_000, size))),
                "converted": draw.random(size) < 0.2,
                "device": draw.choice(np.array(["phone", "tablet", "desk"]), size),
                "minutes_on_site": draw.exponential(5.0, size),
            }
        ).write_parquet(folder / f"events-{number:03d}.parquet")


def compile_shop(folder: Path) -> None:
    open_shop(folder)


def open_and_read(folder: Path) -> None:
    """Candidates, outcomes, history and texts of requests at random."""
    shop = open_shop(folder)
    events = shop.events
    assert events is not None
    for request in random.Random(0).choices(range(events.num_requests), k=NUM_READS):
        begin, end = events.request_offset[request : request + 2]
        past = slice(max(events.user_offset[events.user_row[begin]], events.history_end[request] - HISTORY), end)
        events.converted[begin:end].sum()
        for row in events.item_row[past][-1:]:
            shop.catalogue.texts(int(row) - 2, int(row) - 1)


def encode_texts(folder: Path) -> None:
    ensure_store(open_shop(folder), "text", "builtin", console=Console(quiet=True))


def train_some_steps(folder: Path, *, ids: bool, counts: bool) -> None:
    """From the compiled shop to NUM_STEPS optimiser steps of 512 candidates, 64 wide, histories of 20."""
    config = RunConfig(
        encoders=EncoderConfig(image=""),
        features=FeatureConfig(ids=ids, counts=counts),
        requests=RequestConfig(history="outcomes", candidate_tokens="pooled"),
        model=CamennConfig(width=64, heads=4, pattern=Pattern.SHARED_HISTORY),
    )
    prepared = prepare(open_shop(folder), config, console=Console(quiet=True))
    objective = MultiTaskObjective(prepared.model, config.objective)
    optimizer = build_optimizer(objective, config.training)
    plan = StepPlan(prepared.parts, config, tasks=prepared.model.tasks)
    steps = list(enumerate(plan.epoch(0)[:NUM_STEPS]))
    for _, batches in prefetch(plan, steps, epoch=0):
        loss, _ = objective(batches)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def do_nothing(folder: Path) -> None:
    pass


def _memory() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if "Rss" in name}


def _measured(step: Callable[..., None], arguments: tuple[object, ...]) -> tuple[float, float, float]:
    peak = {"anonymous": 0, "resident": 0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            now = _memory()
            peak["anonymous"] = max(peak["anonymous"], now["RssAnon"])
            peak["resident"] = max(peak["resident"], now["RssAnon"] + now["RssFile"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    step(*arguments)
    took = time.perf_counter() - began
    time.sleep(0.05)
    done.set()
    watcher.join()
    return took, peak["anonymous"] / 1024, peak["resident"] / 1024


def measure(step: Callable[..., None], *arguments: object) -> tuple[float, float, float]:
    """Seconds, peak anonymous MiB and peak resident MiB of the step in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:  # what goes wrong there is raised here
        return pool.submit(_measured, step, arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    asked = parser.parse_args()
    table = Table("step", title=f"{asked.items:,} items, {asked.users:,} users, {asked.events:,} events")
    for heading in ("seconds", "anonymous MiB", "resident MiB"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        steps: dict[str, tuple[Callable[..., None], tuple[object, ...]]] = {
            "imports only": (do_nothing, (folder,)),
            "make the tables": (make_shop, (folder, asked.items, asked.users, asked.events)),
            "check and compile": (compile_shop, (folder,)),
            f"open, read {NUM_READS:,} requests": (open_and_read, (folder,)),
            "encode the texts": (encode_texts, (folder,)),
            f"train {NUM_STEPS} steps": (partial(train_some_steps, ids=False, counts=False), (folder,)),
            "the same with counts": (partial(train_some_steps, ids=False, counts=True), (folder,)),
            "the same with ids": (partial(train_some_steps, ids=True, counts=False), (folder,)),
        }
        for what, (step, arguments) in steps.items():
            seconds, anonymous, resident = measure(step, *arguments)
            print(f"{what}: {seconds:.1f} s, {anonymous:,.0f} MiB anonymous, {resident:,.0f} MiB resident", flush=True)
            table.add_row(what, f"{seconds:.1f}", f"{anonymous:,.0f}", f"{resident:,.0f}")
        for what, files in (("tables", "*.parquet"), ("compiled", ".camenn/**/*")):
            size = sum(path.stat().st_size for path in folder.glob(files) if path.is_file())
            table.add_row(f"{what} on disk, MiB", "", "", f"{size / 2**20:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
