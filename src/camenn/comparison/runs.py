"""Every system at every seed: trained, judged and measured, each in a process and a folder of its own."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from camenn.comparison.config import ComparisonConfig, Spoiling
from camenn.comparison.processes import Worker, WorkLostError, end_children
from camenn.run_config import RunConfig, config_to_json, parse_config

COST = "cost.json"
ERROR = "error.txt"
ShopVersion = Spoiling | str | None
"""What was done to the shop, as a folder's name says it; None: nothing."""


@dataclass(frozen=True, slots=True)
class RunPlace:
    """One run of a comparison."""

    system: str
    seed: int
    version: ShopVersion
    """Of the shop."""
    folder: Path

    def finished(self, config: RunConfig) -> bool:
        """Whether this very configuration was trained, judged and measured here."""
        try:
            cost = json.loads((self.folder / COST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(cost.get("config") == config_to_json(config)) and (self.folder / "metrics.json").is_file()

    @property
    def name(self) -> str:
        """As messages call it."""
        version = "" if self.version is None else f", {self.version}"
        return f"{self.system}, seed {self.seed}{version}"


def places(config: ComparisonConfig, folder: Path, versions: Iterable[ShopVersion]) -> Iterator[RunPlace]:
    """All runs on these, seed by seed, so that a comparison that is cut short has looked at every system."""
    for version in versions:
        above = folder / "runs" if version is None else folder / "runs" / str(version)
        for seed in config.seeds:
            for system in config.systems:
                yield RunPlace(system, seed, version, above / system / f"seed{seed}")


def run_all(
    config: ComparisonConfig, shops: Mapping[ShopVersion, Path], folder: Path, *, jobs: int, console: Console
) -> list[RunPlace]:
    """Run what is not finished yet, `jobs` at a time; -> the runs that failed, whose `error.txt` says why.

    shops: by version, what is trained on.
    """
    from camenn.training.trainer import with_seed

    asked = places(config, folder, shops)
    waiting = [(place, with_seed(config.systems[place.system], place.seed)) for place in asked]
    waiting = [(place, one) for place, one in waiting if not place.finished(one)]
    threads = max(1, (os.cpu_count() or 1) // jobs)
    failed: list[RunPlace] = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with (
        ThreadPoolExecutor(jobs) as pool,
        Progress(*columns, TimeRemainingColumn(), console=console) as bar,
    ):
        shown = bar.add_task("runs", total=len(waiting))
        running = {
            pool.submit(_run_apart, shops[place.version], one, place.folder, threads): place for place, one in waiting
        }
        try:
            for done in as_completed(running):
                place, said = running[done], done.result()
                if said:
                    failed.append(place)
                    place.folder.mkdir(parents=True, exist_ok=True)
                    (place.folder / ERROR).write_text(said + "\n", encoding="utf-8")
                    console.print(f"{place.name}: failed: {said.splitlines()[0]}", markup=False)
                bar.advance(shown)
        except BaseException:  # an interrupt, most of all
            pool.shutdown(wait=False, cancel_futures=True)
            end_children()
            raise
    return failed


def _run_apart(shop: Path, config: RunConfig, folder: Path, threads: int) -> str:
    """`run_one` in a process of its own, so that its memory is its own and nothing that befalls it ends the others."""
    try:
        with Worker() as worker:
            return worker.run(run_one, str(shop), json.dumps(config_to_json(config)), str(folder), threads)
    except WorkLostError as lost:
        return f"{lost}\n\n{''.join(traceback.format_exception(lost))}"


def run_one(shop: str, settings: str, folder: str, threads: int) -> str:
    """Train and judge one run, then write what it cost; -> what went wrong, "" if nothing."""
    import torch

    from camenn.comparison.cost import measure
    from camenn.embeddings.shards import write_whole
    from camenn.errors import CamennError
    from camenn.evaluation.judge import judge
    from camenn.tables.shop import open_shop
    from camenn.training.trainer import train

    torch.set_num_threads(threads)
    run, quiet = Path(folder), Console(quiet=True)
    config = parse_config(json.loads(settings), where="the comparison")
    try:
        opened = open_shop(Path(shop))
        trained = train(opened, config, run, console=quiet)
        judged = judge(trained.bundle, opened, run, console=quiet, output=quiet)
        cost = asdict(measure(trained.bundle, judged.parts)) | {"config": config_to_json(config)}
    except (CamennError, OSError) as error:
        return str(error) or type(error).__name__
    (run / ERROR).unlink(missing_ok=True)
    write_whole(run / COST, (json.dumps(cost, indent=2) + "\n").encode())
    return ""
