"""Peers and ours in turn on the same rows: medians, ratios to the best peer, test AUCs side by side.

    make bench-peers CAMENN_SHARED=SHARED PEERS_SRC=SOURCES
    python benchmarks/peers/compare.py --models DeepFM,DIN --rounds 3 --short-rows 61440

SHARED/peers holds the peers' scripts, used where they lie. A peer that is not there is named and left out. In the
first round of a model everybody reads all rows, which gives the AUC; in later rounds `--short-rows`. A run whose
threads waited for a processor more than 15 % of the time is tried again, and the quietest counts; what waited longer
all the same is marked. Raw results, results.json and results.md lie under `--out`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from rows_as_shop import grouped

HERE = Path(__file__).parent
MODELS = ("FM", "FFM", "AFM", "DeepFM", "xDeepFM", "DIN", "BST", "MMoE")
OURS = {"CameNN": "32-true", "CameNN bf16": "bf16-mixed"}
"""Ours in each precision; the peers have one."""
MAX_WAIT = 0.15
SPEEDS = {"train_samples_per_s": "training with loading", "infer_samples_per_s": "inference"}


@dataclass(frozen=True, slots=True)
class Library:
    """One side of the comparison."""

    name: str
    script: Path
    models: tuple[str, ...]
    missing: str = ""
    """Why it is left out."""


def libraries(scripts: Path, sources: Path) -> list[Library]:
    """Ours and the peers with what they have; torch-rechub's AFM has no pairs and is none."""

    def lacks(package: str) -> str:
        source = {"deepctr_torch": "DeepCTR-Torch", "torch_rechub": "torch-rechub"}[package]
        if (sources / source).is_dir() or importlib.util.find_spec(package):
            return ""
        return f"neither installed nor in {sources}"

    zoo = (sources / "FuxiCTR" / "model_zoo").is_dir()
    return [
        *(Library(name, HERE / "bench_ours.py", MODELS) for name in OURS),
        Library(
            "DeepCTR-Torch",
            scripts / "bench_deepctr_torch.py",
            ("FM", "AFM", "DeepFM", "xDeepFM", "DIN", "MMoE"),
            lacks("deepctr_torch"),
        ),
        Library(
            "FuxiCTR",
            scripts / "bench_fuxictr.py",
            MODELS,
            "" if zoo else f"no checkout with its model zoo in {sources}; set PEERS_SRC",
        ),
        Library("torch-rechub", scripts / "bench_rechub.py", ("DeepFM", "DIN", "BST", "MMoE"), lacks("torch_rechub")),
    ]


def make_rows(scripts: Path, folder: Path, *, rows: int, test_rows: int, group: int) -> Path:
    """The folder of the rows, made where they are not there yet."""
    made = folder / f"rows-{rows}-{test_rows}"
    if not (made / "test.npz").is_file():
        command = [
            sys.executable,
            scripts / "gen_data.py",
            "--out",
            made,
            "--rows",
            str(rows),
            "--test",
            str(test_rows),
        ]
        subprocess.run(command, check=True)
    if group == 1:
        return made
    together = made.with_name(f"{made.name}-by-{group}")
    together.mkdir(exist_ok=True)
    for split in ("train", "test"):
        with np.load(made / f"{split}.npz") as columns:
            np.savez(together / f"{split}.npz", **grouped(dict(columns), group))
    return together


def run_once(library: Library, model: str, extra: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """What a script reports of one process, or its last words under "error"."""
    done = subprocess.run(
        [sys.executable, library.script, "--model", model, *extra],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    found = re.findall(r"^@@(\{.*\})$", done.stdout, re.MULTILINE)
    if not found:
        return {"lib": library.name, "model": model, "error": (done.stdout + done.stderr)[-1500:]}
    reported: dict[str, Any] = json.loads(found[-1])
    return reported | {"lib": library.name}


def quietest(library: Library, model: str, extra: list[str], environment: dict[str, str], tries: int) -> dict[str, Any]:
    """The run that waited least, of as many as it takes to find one that hardly waited."""
    best: dict[str, Any] | None = None
    for _ in range(tries):
        one = run_once(library, model, extra, environment)
        if "error" in one:
            return one
        if best is None or one["cpu_wait"] < best["cpu_wait"]:
            best = one
        if best["cpu_wait"] <= MAX_WAIT:
            break
    assert best is not None
    return best


def summarise(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line a model and library: medians of the rounds, AUC of the first, and how ours relates to the best peer."""
    lines = []
    for model in MODELS:
        of_model = [run for run in runs if run["model"] == model and "error" not in run]
        medians = {}
        for name in dict.fromkeys(run["lib"] for run in of_model):
            own = [run for run in of_model if run["lib"] == name]
            medians[name] = {speed: statistics.median(run[speed] for run in own) for speed in SPEEDS} | {
                "train_samples_per_s_excl_loading": statistics.median(
                    run["train_samples_per_s_excl_loading"] for run in own
                ),
                "auc": own[0]["auc"],
                "peak_rss_mb": max(run["peak_rss_mb"] for run in own),
                "cpu_wait": max(run["cpu_wait"] for run in own),
                "rounds": len(own),
                "differs": own[0].get("differs", ""),
                "floor": statistics.median(run.get("floor", math.nan) for run in own),
            }
        peers = [name for name in medians if name not in OURS]
        for name, figures in medians.items():
            line = {"model": model, "library": name, **figures}
            if name in OURS and peers:
                line["ratios"] = {s: figures[s] / max(medians[peer][s] for peer in peers) for s in SPEEDS}
            lines.append(line)
    return lines


def verdict(lines: list[dict[str, Any]]) -> list[str]:
    """The geometric mean and the worst of the ratios to the best peer, in each precision and in each model's faster."""
    said = []
    ratios = [line for line in lines if "ratios" in line]
    for speed, title in SPEEDS.items():
        of: dict[str, dict[str, float]] = {}
        for line in ratios:
            ratio = line["ratios"][speed]
            of.setdefault(line["library"], {})[line["model"]] = ratio
            faster = of.setdefault("the faster of a model's two", {})
            faster[line["model"]] = max(ratio, faster.get(line["model"], 0.0))
        for name, values in of.items():
            mean = math.exp(statistics.fmean(math.log(value) for value in values.values()))
            worst = min(values, key=lambda model: values[model])
            said.append(
                f"{title}, {name}: {mean:.2f} times the best peer (geometric mean over {len(values)} models, aim 3), "
                f"worst {values[worst]:.2f} ({worst}, aim 1.5)"
            )
    return said


HEADER = (
    "model",
    "library",
    "train/s",
    "without loading",
    "of floor",
    "infer/s",
    "ratio train",
    "ratio infer",
    "test AUC",
    "MB",
    "waited",
)


def cells(line: dict[str, Any]) -> list[str]:
    """A line of the table."""
    ratios = line.get("ratios", {})
    auc = line["auc"] if isinstance(line["auc"], list) else [line["auc"]]
    return [
        line["model"],
        line["library"],
        f"{line['train_samples_per_s']:,.0f}",
        f"{line['train_samples_per_s_excl_loading']:,.0f}",
        "" if math.isnan(line["floor"]) else f"{line['train_samples_per_s'] / line['floor']:.0%}",
        f"{line['infer_samples_per_s']:,.0f}",
        *(f"{ratios[speed]:.2f}" if speed in ratios else "" for speed in SPEEDS),
        ", ".join(f"{one:.4f}" for one in auc),
        f"{line['peak_rss_mb']:,.0f}",
        f"{line['cpu_wait']:.0%}" + (" (!)" if line["cpu_wait"] > MAX_WAIT else ""),
    ]


def write_results(out: Path, facts: dict[str, Any], lines: list[dict[str, Any]], notes: list[str]) -> None:
    """results.json and results.md."""
    (out / "results.json").write_text(json.dumps({"facts": facts, "lines": lines, "notes": notes}, indent=1))
    table = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    table += ["| " + " | ".join(cells(line)) + " |" for line in lines]
    said = [", ".join(f"{name} {value}" for name, value in facts.items())]
    (out / "results.md").write_text("\n".join([*said, "", *table, "", *(f"- {note}" for note in notes), ""]))


def notes_of(lines: list[dict[str, Any]], runs: list[dict[str, Any]], found: list[Library]) -> list[str]:
    """What differs, who is missing, what failed and what was disturbed."""
    notes = [f"{library.name}: {library.missing}" for library in found if library.missing]
    notes += dict.fromkeys(f"{line['model']}: {line['differs']}" for line in lines if line["differs"])
    for run in runs:
        if "error" in run:
            words = " ".join(run["error"].split())[-200:]
            notes.append(f"{run['lib']} {run['model']} failed: {words}")
    if any(line["cpu_wait"] > MAX_WAIT for line in lines):
        notes.append(f"(!) waited for a processor more than {MAX_WAIT:.0%} of the time: the machine was shared")
    return notes


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--test-rows", type=int, default=50_000)
    parser.add_argument("--short-rows", type=int, default=61_440, help="rows of the rounds after the first")
    parser.add_argument("--short-test-rows", type=int, default=30_720)
    parser.add_argument("--group", type=int, default=1, help="candidates of a request; peers read the same rows")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("build/peers"))
    return parser.parse_args()


def main() -> None:
    asked = parse()
    console = Console(width=150)
    if "CAMENN_SHARED" not in os.environ:
        raise SystemExit("set CAMENN_SHARED to the folder that holds peers/, the benchmark of the peers")
    scripts = Path(os.environ["CAMENN_SHARED"]).absolute() / "peers"
    sources = Path(os.environ.get("PEERS_SRC") or asked.out / "src").absolute()
    out = asked.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    data = make_rows(scripts, out, rows=asked.rows, test_rows=asked.test_rows, group=asked.group)
    environment = {
        "CAMENN_SHARED": str(scripts.parent),
        "PEERS_SRC": str(sources),
        "PEERS_DATA": str(data),
        **dict.fromkeys(("PEERS_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(asked.threads)),
    }
    found = libraries(scripts, sources)
    for library in found:
        if library.missing:
            console.print(f"left out: {library.name}: {library.missing}")
    runs: list[dict[str, Any]] = []
    with (out / "raw.jsonl").open("w") as raw:
        for model in asked.models.split(","):
            able = [library for library in found if not library.missing and model in library.models]
            for round_ in range(asked.rounds):
                short = ["--rows", str(asked.short_rows), "--test-rows", str(asked.short_test_rows)] if round_ else []
                for library in able[round_ % len(able) :] + able[: round_ % len(able)]:
                    extra = short
                    if library.name in OURS:
                        extra = [*short, "--group", str(asked.group), "--precision", OURS[library.name]]
                    run = quietest(library, model, extra, environment, asked.tries)
                    runs.append(run | {"round": round_})
                    raw.write(json.dumps(runs[-1]) + "\n")
                    raw.flush()
                    told = run["error"][-300:] if "error" in run else f"{run['train_samples_per_s']:,.0f} rows/s"
                    console.print(f"{model:8s} round {round_ + 1} {library.name:14s} {told}", highlight=False)
    lines = summarise(runs)
    facts = {
        "date": datetime.date.today().isoformat(),
        "threads": asked.threads,
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "rows": asked.rows,
        "group": asked.group,
    }
    notes = verdict(lines) + notes_of(lines, runs, found)
    write_results(out, facts, lines, notes)
    table = Table(*HEADER, title=", ".join(f"{name} {value}" for name, value in facts.items()))
    for line in lines:
        table.add_row(*cells(line), end_section=line is lines[-1])
    console.print(table)
    for note in notes:
        console.print(note, highlight=False)


if __name__ == "__main__":
    main()
