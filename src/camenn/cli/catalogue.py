"""Verbs that put a catalogue right: find, review, apply."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from camenn.cli.terminal import LedgerUrl, Run, Shop, console, extra, load, open_shop

if TYPE_CHECKING:
    from camenn.serving.desk.desk import Similarities


Findings = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder that holds the findings.", show_default=False)
]
FindingsShop = Annotated[Path | None, typer.Option("--shop", help="The shop, where it was moved since.")]

verbs = typer.Typer()


@verbs.command()
def rectify(
    run: Run,
    shop: Annotated[Path, typer.Option(help="The shop whose catalogue is to be put right.")],
    out: Annotated[Path, typer.Option(help="The folder to write; must not hold anything yet.")],
    rate: Annotated[float, typer.Option(min=0, max=1, help="Automatic corrections that may be false.")] = 0.01,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Find what is wrong with a catalogue and what to put in its place; findings.parquet, corrected/."""
    from camenn.rectify.rectify import rectify as rectify_shop
    from camenn.rectify.summary import show_findings

    bundle, opened = load(run, shop)
    found = rectify_shop(bundle, opened, out, rate=rate, seed=seed, console=console)
    show_findings(found, Console())
    console.print(f"findings: {out}   corrected: {out / 'corrected'}   review them with: camenn desk {out}")


@verbs.command("rectify-bench")
def rectify_bench(
    shop: Shop,
    out: Annotated[Path, typer.Option(help="Where results are kept; a bench that was cut short goes on.")],
    run: Annotated[Path | None, typer.Option(help="A run that was trained on another shop.")] = None,
    config: Annotated[Path | None, typer.Option(help="In its place: what to train on each shop with faults.")] = None,
    rates: Annotated[list[float] | None, typer.Option(help="Shares of items with a fault; 0.05 0.1 0.2 0.4.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often each is planted.")] = 5,
) -> None:
    """Plant faults in copies of a shop and count how many are found, beside other methods."""
    from camenn.errors import ConfigError
    from camenn.rectify_bench.bench import TABLES, BenchConfig, bench
    from camenn.run_config import read_config

    if (run is None) == (config is None):
        raise ConfigError("give either --run, a trained run, or --config, what to train")
    training = None if config is None else read_config(config)
    settings = BenchConfig(tuple(rates) if rates else BenchConfig().rates, tuple(range(seeds)), run, training)
    bench(open_shop(shop), settings, out, console=console)
    Console().print(Markdown((out / TABLES).read_text(encoding="utf-8")))


@verbs.command("rectify-effect")
def rectify_effect(
    config: Annotated[Path, typer.Argument(help="A comparison's TOML file; its reference finds.", show_default=False)],
    shop: Annotated[Path | None, typer.Option(help="Taken for clean; by default the configuration's.")] = None,
    rate: Annotated[float, typer.Option(min=0, max=1, help="Share of the items that get a fault.")] = 0.2,
    out: Annotated[Path | None, typer.Option(help="Where all of it goes; runs/NAME by default.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time; they share the cores.")] = 1,
) -> None:
    """Train on a shop, with faults, corrected by itself and by a reviewer: what each does to the ranking."""
    from camenn.comparison.config import read_comparison
    from camenn.errors import ConfigError
    from camenn.rectify_effect.effect import TABLES, measure_effect

    settings = read_comparison(config)
    if not settings.shop and shop is None:
        raise ConfigError(f"{config}: names no shop; add `shop = ...` or give --shop")
    opened = open_shop((shop if shop is not None else Path(settings.shop)).absolute())
    folder = out if out is not None else Path("runs") / config.stem
    found = measure_effect(settings, opened, folder, rate=rate, jobs=jobs, console=console)
    Console().print(Markdown(found.tables))
    console.print(f"tables: {folder / TABLES}   runs: {folder / 'runs'}")
    for place in found.failed:
        console.print(f"failed: {place.name}; why is in {place.folder / 'error.txt'}", markup=False)
    raise typer.Exit(1 if found.failed else 0)


@verbs.command()
def desk(
    findings: Findings,
    host: Annotated[
        str, typer.Option(help="Where it can be reached; by default from this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8501,
    shop: FindingsShop = None,
    ledger: LedgerUrl = None,
    reviewers: Annotated[Path | None, typer.Option(help='A TOML file of lines name = "token".')] = None,
    run: Annotated[Path | None, typer.Option(help="The run that made the findings: for the heat map.")] = None,
) -> None:
    """Open the desk, where people review what `camenn rectify` found."""
    import getpass

    with extra("desk"):
        from camenn.serving.desk.access import read_reviewers, shared_token
        from camenn.serving.desk.serve import serve_desk

    known = shared_token(getpass.getuser()) if reviewers is None else read_reviewers(reviewers)
    serve_desk(
        findings,
        host=host,
        port=port,
        reviewers=known,
        shop=shop,
        ledger_url=ledger,
        similarities=None if run is None else _similarities(run, findings, shop),
        console=console,
    )


def _similarities(run: Path, findings: Path, shop: Path | None) -> Similarities:
    """What a run says of the texts and pictures of the shop that some findings are about."""
    from camenn.rectify.findings import read_findings
    from camenn.serving.desk.similarities import similarities_of

    _, about = read_findings(findings)
    bundle, opened = load(run, shop if shop is not None else Path(about.shop))
    if bundle.digest != about.model:
        console.print(f"{run} is not the model that made these findings; the heat map shows what it sees")
    return similarities_of(bundle, opened)


@verbs.command()
def apply(
    findings: Findings,
    target: Annotated[Path, typer.Option("--to", help="The shop to write; must not hold anything yet.")],
    shop: FindingsShop = None,
    ledger: LedgerUrl = None,
) -> None:
    """Write a corrected copy of a shop from what was decided at the desk; corrections.parquet says what was changed."""
    from camenn.embeddings.carry import carry_stores
    from camenn.rectify.findings import read_findings

    with extra("desk"):
        from camenn.rectify.applying import CORRECTIONS, apply_decisions
        from camenn.rectify.ledger import Ledger, ledger_url

    _, about = read_findings(findings)
    kept = Ledger.open(ledger or ledger_url(findings), about, create=False)
    opened = open_shop(shop if shop is not None else Path(about.shop))
    with contextlib.closing(kept):
        done = apply_decisions(opened, kept, about, target)
    carry_stores(opened.folder, target)
    console.print(
        f"wrote {target}: {done.num_items:,} items corrected, see {target / CORRECTIONS}; "
        f"findings rejected: {done.num_rejected:,}; accepted with nothing to put in place: "
        f"{done.num_without_change:,}; overruled by a later decision: {done.num_overruled:,}"
    )
