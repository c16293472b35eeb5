"""A whole simulated shop, written as an ordinary shop folder with its truth beside it."""

import json
import shutil
import tempfile
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from camenn.errors import ConfigError
from camenn.simulation.account import Request, SimulatedShop, account, statement
from camenn.simulation.assortment import listings, stock
from camenn.simulation.demand import Demand
from camenn.simulation.faults import Fault, plan, plant
from camenn.simulation.logs import logged
from camenn.simulation.shoppers import people, profiles
from camenn.simulation.things import STATEMENT
from camenn.simulation.trading import trade


def simulate_shop(
    target: Path,
    *,
    items: int,
    users: int,
    requests: int,
    seed: int,
    fault_rate: float = 0.02,
    candidates: int = 5,
) -> SimulatedShop:
    """Write a shop folder whose demand is known: the same seed gives the same bytes.

    `items.parquet`, `users.parquet` and `events.parquet` are an ordinary shop. `truth.parquet` holds the probability
    of every event and the parts of its log-odds, line by line, `faults.parquet` what was planted (each of the five
    kinds in `fault_rate` of the items), and `simulation.json` the parameters, the formula and the best possible AUC.

    Raises ConfigError when the target is not empty or a number is out of range; then nothing is written.
    """
    wanted = Request(items, users, requests, candidates, seed, fault_rate)
    _check(target, wanted)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        shop = _write(draft, target, wanted)
        draft.chmod(0o755)
        if target.exists():
            target.rmdir()
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return shop


def _check(target: Path, wanted: Request) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target} is there already and not empty: choose another folder or empty it")
    if wanted.candidates < 1:
        raise ConfigError(f"candidates = {wanted.candidates}: at least 1 item must be shown at a time")
    fewest = max(20, 4 * wanted.candidates)
    if wanted.items < fewest:
        raise ConfigError(f"items = {wanted.items}: at least {fewest} are needed to show {wanted.candidates} at a time")
    if wanted.users < 1 or wanted.requests < 1:
        raise ConfigError(f"users = {wanted.users}, requests = {wanted.requests}: both must be at least 1")
    if not 0 <= wanted.fault_rate <= 1 / len(Fault):
        raise ConfigError(
            f"fault_rate = {wanted.fault_rate}: must lie between 0 and {1 / len(Fault)}, one fault an item"
        )


def _write(folder: Path, target: Path, wanted: Request) -> SimulatedShop:
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        trading = progress.add_task("requests", total=wanted.requests)
        drawing = progress.add_task("pictures", total=wanted.items)
        # The truth comes first: faults change what is written down, never what a thing is.
        assortment = stock(wanted.items, wanted.seed)
        shoppers = people(wanted.users, wanted.seed)
        planned = plan(assortment, wanted.fault_rate, wanted.seed)
        played = trade(
            Demand(assortment, shoppers, planned.penalty(wanted.items)),
            num_requests=wanted.requests,
            num_candidates=wanted.candidates,
            seed=wanted.seed,
            on_requests=lambda count: progress.advance(trading, count),
        )
        honest = listings(assortment, wanted.seed, on_item=lambda: progress.advance(drawing))
    listed, faults = plant(honest, assortment, planned, wanted.fault_rate)
    events, truth = logged(played, assortment.item_id, shoppers.user_id)
    tables = {
        "items": listed.sort("item_id"),
        "users": profiles(shoppers).sort("user_id"),
        "events": events,
        "truth": truth,
        "faults": faults.sort("item_id"),
    }
    for name, table in tables.items():
        _save(table, folder / f"{name}.parquet")
    shop = account(played, target)
    stated = json.dumps(statement(shop, wanted), indent=2, ensure_ascii=False)
    (folder / STATEMENT).write_text(stated + "\n", encoding="utf-8")
    return shop


def _save(table: pl.DataFrame, path: Path) -> None:
    # Pictures do not compress and large pages of them do not stream.
    table.write_parquet(path, row_group_size=2048 if "image" in table.columns else None)
