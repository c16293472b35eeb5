"""Verbs about a model: train, judge, compare, tune, recommend."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from camenn.cli.terminal import LedgerUrl, Run, console, extra, load, open_shop

if TYPE_CHECKING:
    from camenn.batches.pairing import Pairing
    from camenn.tables.shop import Shop

verbs = typer.Typer()


@verbs.command()
def train(
    config: Annotated[Path, typer.Option(help="The run's TOML file.")],
    shop: Annotated[Path | None, typer.Option(help="The shop, in place of the configuration's.")] = None,
    run: Annotated[Path | None, typer.Option(help="Where the run is kept; runs/NAME-seedN by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="The training seed, in place of the configuration's.")] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="Findings about the shop; what reviewers decided of them is learned from.")
    ] = None,
    ledger: LedgerUrl = None,
    accelerator: Annotated[str, typer.Option(help="cpu, cuda, mps or auto.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes or GPUs (DDP above one).")] = 1,
) -> None:
    """Train, or go on with a killed run; then evaluate it and write its report."""
    from camenn.errors import ConfigError
    from camenn.evaluation.judge import judge
    from camenn.run_config import read_config
    from camenn.training.trainer import Hardware, with_seed
    from camenn.training.trainer import train as train_model

    settings = read_config(config)
    settings = settings if seed is None else with_seed(settings, seed)
    folder = shop if shop is not None else Path(settings.shop)
    if not settings.shop and shop is None:
        raise ConfigError(f"{config}: names no shop; add `shop = ...` or give --shop")
    if ledger is not None and decisions is None:
        raise ConfigError("--ledger says where decisions are kept; say with --decisions what they are about")
    target = run if run is not None else Path("runs") / f"{config.stem}-seed{settings.training.seed}"
    opened = open_shop(folder.absolute())  # the bundle remembers it, and may be judged from another folder
    pairing = None if decisions is None else _decided(decisions, opened, ledger)
    hardware = Hardware(accelerator, devices)
    trained = train_model(opened, settings, target, pairing=pairing, hardware=hardware, console=console)
    if trained.is_writer:
        judge(trained.bundle, opened, target, console=console, output=Console())


def _decided(findings: Path, shop: Shop, ledger: str | None) -> Pairing | None:
    """What reviewers decided of the shop's texts and pictures; None where that is nothing."""
    with extra("desk"):
        from camenn.rectify.decided import read_decided

    pairing = read_decided(findings, shop, url=ledger)
    if not pairing.decided.any():
        console.print(f"{findings}: nothing is decided yet of names and pictures; training goes on without")
        return None
    corrected = pairing.wrong & pairing.known
    console.print(
        f"decisions on {pairing.decided.sum():,} items: {pairing.wrong.sum():,} whose name and picture do not fit, "
        f"{corrected.sum():,} of them with what does; held-out items are not trained on"
    )
    return pairing


@verbs.command()
def evaluate(
    run: Run,
    shop: Annotated[Path | None, typer.Option(help="Another shop; by default the one it was trained on.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Judge a trained model: AUC, accuracy, calibration, with intervals."""
    from camenn.evaluation.judge import run_metrics, show_metrics

    bundle, opened = load(run, shop)
    found, metrics = run_metrics(bundle, opened, console=console)
    if not found.is_training_shop:
        console.print("a shop this model was not trained on, or one that changed since: all of it is judged, as test")
    if as_json:
        sys.stdout.write(json.dumps(metrics, indent=2) + "\n")
    else:
        show_metrics(metrics, Console())


@verbs.command()
def compare(
    config: Annotated[Path, typer.Argument(help="The comparison's TOML file.", show_default=False)],
    shop: Annotated[Path | None, typer.Option(help="The shop, in place of the configuration's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where runs, tables and figures go; runs/NAME by default.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time; they share the cores.")] = 1,
) -> None:
    """Train systems over the same seeds and write tables and figures. An interrupted one goes on."""
    from camenn.comparison.compare import compare as compare_systems
    from camenn.comparison.config import read_comparison
    from camenn.errors import ConfigError

    settings = read_comparison(config)
    if not settings.shop and shop is None:
        raise ConfigError(f"{config}: names no shop; add `shop = ...` or give --shop")
    folder = out if out is not None else Path("runs") / config.stem
    opened = open_shop((shop if shop is not None else Path(settings.shop)).absolute())
    found = compare_systems(settings, opened, folder, jobs=jobs, console=console)
    for sheet in found.main_sheets:
        Console().print(Markdown(sheet.markdown()))
    console.print(f"tables: {folder / 'tables'}   figures: {folder / 'figures'}   runs: {folder / 'runs'}")
    for place in found.failed:
        console.print(f"failed: {place.name}; why is in {place.folder / 'error.txt'}", markup=False)
    raise typer.Exit(1 if found.failed else 0)


@verbs.command()
def tune(
    comparison: Annotated[Path, typer.Argument(help="The comparison's TOML file.", show_default=False)],
    trials: Annotated[int, typer.Option(min=1, help="For each system, the first as written.", show_default=False)],
    shop: Annotated[Path | None, typer.Option(help="The shop, in place of the comparison's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where trials are kept; runs/NAME-tuned by default.")] = None,
    systems: Annotated[list[str] | None, typer.Option(help="One to tune, once for each; by default all.")] = None,
) -> None:
    """Tune the systems of a comparison on validation, all with the same budget; a killed study goes on."""
    from camenn.comparison.config import read_comparison
    from camenn.comparison.tuning import TUNED
    from camenn.comparison.tuning import tune as tune_systems
    from camenn.errors import ConfigError

    config = read_comparison(comparison)
    if not config.shop and shop is None:
        raise ConfigError(f"{comparison}: names no shop; add `shop = ...` or give --shop")
    opened = open_shop((shop if shop is not None else Path(config.shop)).absolute())
    target = out if out is not None else Path("runs") / f"{comparison.stem}-tuned"
    tune_systems(comparison, opened, target, num_trials=trials, systems=systems or (), console=console)
    console.print(f"wrote {target / TUNED}; compare with: camenn compare {target / TUNED} --out {target}")


@verbs.command()
def recommend(
    run: Run,
    users: Annotated[Path, typer.Option(help="A Parquet or CSV file with a column user_id.")],
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    shop: Annotated[Path | None, typer.Option(help="Another shop; by default the one it was trained on.")] = None,
    k: Annotated[int, typer.Option(min=1, help="Items a user.")] = 20,
    keep_bought: Annotated[bool, typer.Option(help="Whether items bought before may come again.")] = False,
    available: Annotated[Path | None, typer.Option(help="A file with a column item_id: what can be had.")] = None,
) -> None:
    """Rank the catalogue for each user of a list."""
    from camenn.recommend.offline import RecommendConfig, recommend_items, write_recommendations
    from camenn.tables.id_list import read_ids

    bundle, opened = load(run, shop)
    had = None if available is None else read_ids(available, "item_id")
    settings = RecommendConfig(k=k, keep_bought=keep_bought, available=had)
    ranked = recommend_items(bundle, opened, read_ids(users, "user_id"), settings, console=console)
    write_recommendations(ranked, out)
    console.print(f"wrote {len(ranked)} rows to {out}")
