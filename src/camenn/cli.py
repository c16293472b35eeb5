"""The command line: one thin function a verb."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markdown import Markdown
from rich.text import Text

from camenn.errors import CamennError

if TYPE_CHECKING:
    from camenn.bundle import Bundle as LoadedBundle
    from camenn.serving.desk.desk import Similarities
    from camenn.tables.shop import Shop as OpenedShop

app = typer.Typer(
    name="camenn",
    help="Rankings that survive a dirty catalogue: check a shop, encode it, train CameNN on it, judge it, recommend.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True)
"""Progress and messages; results go to standard output."""

INTERRUPTED = 130
"""The exit code that typer gives an interrupt."""

Shop = Annotated[Path, typer.Argument(help="The shop's folder.", show_default=False)]
Run = Annotated[Path, typer.Argument(help="A run's folder, or a bundle's.", show_default=False)]
Findings = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder that holds the findings.", show_default=False)
]
FindingsShop = Annotated[Path | None, typer.Option("--shop", help="The shop, where it was moved since.")]
LedgerUrl = Annotated[
    str | None,
    typer.Option("--ledger", help="Where decisions are kept: sqlite:///FILE or postgresql://…; by default in DIR."),
]


@app.command()
def check(shop: Shop) -> None:
    """Look through a shop's tables: counts, what is inferred, everything that is wrong. Exit code 1 if unusable."""
    from camenn.tables.check import check_shop, render_report

    report = check_shop(shop)
    render_report(report, Console())
    raise typer.Exit(0 if report.usable else 1)


@app.command("import")
def import_(
    name: Annotated[str, typer.Argument(help="The data set's name.", show_default=False)],
    source: Annotated[Path, typer.Option("--from", help="The data set's folder.")],
    target: Annotated[Path, typer.Option("--to", help="The shop to write; must not hold anything yet.")],
) -> None:
    """Turn a data set into a shop: grocery-store, movielens-100k, hm-products, uci-online-retail, open-bandit."""
    from camenn.tables.sources import import_source

    import_source(name, source, target)
    console.print(f"wrote {target}; look at it with: camenn check {target}")


@app.command()
def simulate(
    shop: Annotated[Path, typer.Argument(help="The shop to write; must not hold anything yet.", show_default=False)],
    items: Annotated[int, typer.Option(min=1)] = 400,
    users: Annotated[int, typer.Option(min=1)] = 300,
    requests: Annotated[int, typer.Option(min=1)] = 4000,
    seed: int = 0,
) -> None:
    """Make a grocery shop whose truth is known: pictures, names, shoppers, planted faults."""
    from camenn.simulation import simulate_shop

    simulate_shop(shop, items=items, users=users, requests=requests, seed=seed)
    console.print(f"wrote {shop}; look at it with: camenn check {shop}")


@app.command()
def spoil(
    shop: Shop,
    out: Annotated[Path, typer.Argument(help="The shop to write; must not hold anything yet.", show_default=False)],
    what: Annotated[Literal["names", "categories", "pictures"], typer.Option(help="What is put in the wrong place.")],
    share: Annotated[float, typer.Option(min=0, max=1, help="How many of them, from 0 to 1.")],
    seed: Annotated[int, typer.Option(min=0, help="The same one spoils the same items at every share.")] = 0,
) -> None:
    """Copy a shop with some names, categories or pictures put in the wrong place; spoiled.parquet says which."""
    from camenn.embeddings.carry import carry_stores
    from camenn.tables.spoiling import spoil_shop

    done = spoil_shop(_open(shop), out, what=what, share=share, seed=seed)
    carry_stores(shop, out)
    console.print(f"wrote {out}: {len(done):,} {what} are another item's, see {out / 'spoiled.parquet'}")


@app.command()
def encode(
    shop: Shop,
    text: Annotated[str, typer.Option(help='"builtin", a Hugging Face model or folder, or "" for none.')] = "builtin",
    image: Annotated[
        str,
        typer.Option(
            help='"builtin", a model or folder, "cells:MODEL" (one pass over the whole picture, not one a patch), '
            '"timm:NAME", or "" for none.'
        ),
    ] = "builtin",
) -> None:
    """Run frozen encoders over the catalogue. Only what changed is encoded; an interrupted run goes on."""
    from camenn.embeddings.ensure import ensure_stores

    ensure_stores(_open(shop), text=text, image=image, console=console)


@app.command()
def train(
    config: Annotated[Path, typer.Option(help="The run's TOML file.")],
    shop: Annotated[Path | None, typer.Option(help="The shop, in place of the configuration's.")] = None,
    run: Annotated[Path | None, typer.Option(help="Where the run is kept; runs/NAME-seedN by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="The training seed, in place of the configuration's.")] = None,
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
    target = run if run is not None else Path("runs") / f"{config.stem}-seed{settings.training.seed}"
    opened = _open(folder.absolute())  # the bundle remembers it, and may be judged from another folder
    trained = train_model(opened, settings, target, hardware=Hardware(accelerator, devices), console=console)
    if trained.is_writer:
        judge(trained.bundle, opened, target, console=console, output=Console())


@app.command()
def evaluate(
    run: Run,
    shop: Annotated[Path | None, typer.Option(help="Another shop; by default the one it was trained on.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Judge a trained model: AUC, accuracy, calibration, with intervals."""
    from camenn.evaluation.judge import run_metrics, show_metrics

    bundle, opened = _load(run, shop)
    found, metrics = run_metrics(bundle, opened, console=console)
    if not found.is_training_shop:
        console.print("a shop this model was not trained on, or one that changed since: all of it is judged, as test")
    if as_json:
        sys.stdout.write(json.dumps(metrics, indent=2) + "\n")
    else:
        show_metrics(metrics, Console())


@app.command()
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
    opened = _open((shop if shop is not None else Path(settings.shop)).absolute())
    found = compare_systems(settings, opened, folder, jobs=jobs, console=console)
    for sheet in found.main_sheets:
        Console().print(Markdown(sheet.markdown()))
    console.print(f"tables: {folder / 'tables'}   figures: {folder / 'figures'}   runs: {folder / 'runs'}")
    for place in found.failed:
        console.print(f"failed: {place.name}; why is in {place.folder / 'error.txt'}", markup=False)
    raise typer.Exit(1 if found.failed else 0)


@app.command()
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
    opened = _open((shop if shop is not None else Path(config.shop)).absolute())
    target = out if out is not None else Path("runs") / f"{comparison.stem}-tuned"
    tune_systems(comparison, opened, target, num_trials=trials, systems=systems or (), console=console)
    console.print(f"wrote {target / TUNED}; compare with: camenn compare {target / TUNED} --out {target}")


@app.command()
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

    bundle, opened = _load(run, shop)
    found = rectify_shop(bundle, opened, out, rate=rate, seed=seed, console=console)
    show_findings(found, Console())
    console.print(f"findings: {out}   corrected: {out / 'corrected'}   review them with: camenn desk {out}")


@app.command("rectify-bench")
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
    bench(_open(shop), settings, out, console=console)
    Console().print(Markdown((out / TABLES).read_text(encoding="utf-8")))


@app.command()
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

    bundle, opened = _load(run, shop)
    had = None if available is None else read_ids(available, "item_id")
    settings = RecommendConfig(k=k, keep_bought=keep_bought, available=had)
    ranked = recommend_items(bundle, opened, read_ids(users, "user_id"), settings, console=console)
    write_recommendations(ranked, out)
    console.print(f"wrote {len(ranked)} rows to {out}")


@app.command()
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

    with _extra("desk"):
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
    bundle, opened = _load(run, shop if shop is not None else Path(about.shop))
    if bundle.digest != about.model:
        console.print(f"{run} is not the model that made these findings; the heat map shows what it sees")
    return similarities_of(bundle, opened)


@app.command()
def apply(
    findings: Findings,
    target: Annotated[Path, typer.Option("--to", help="The shop to write; must not hold anything yet.")],
    shop: FindingsShop = None,
    ledger: LedgerUrl = None,
) -> None:
    """Write a corrected copy of a shop from what was decided at the desk; corrections.parquet says what was changed."""
    from camenn.embeddings.carry import carry_stores
    from camenn.rectify.findings import read_findings

    with _extra("desk"):
        from camenn.rectify.applying import CORRECTIONS, apply_decisions
        from camenn.rectify.ledger import Ledger, ledger_url

    _, about = read_findings(findings)
    kept = Ledger.open(ledger or ledger_url(findings), about, create=False)
    opened = _open(shop if shop is not None else Path(about.shop))
    with contextlib.closing(kept):
        done = apply_decisions(opened, kept, about, target)
    carry_stores(opened.folder, target)
    console.print(
        f"wrote {target}: {done.num_items:,} items corrected, see {target / CORRECTIONS}; "
        f"findings rejected: {done.num_rejected:,}; accepted with nothing to put in place: "
        f"{done.num_without_change:,}; overruled by a later decision: {done.num_overruled:,}"
    )


@contextlib.contextmanager
def _extra(name: str) -> Iterator[None]:
    """Say how to install what an extra brings and is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("camenn"):
            raise
        raise CamennError(f"{error.name} is not installed; it comes with: pip install 'camenn[{name}]'") from None


def _load(run: Path, shop: Path | None) -> tuple[LoadedBundle, OpenedShop]:
    """A run's model, on the GPU where there is one, and the shop it is asked about, encoded."""
    from camenn.bundle import Bundle
    from camenn.embeddings.pretrained import choose_device

    bundle = Bundle.from_pretrained(run, device=choose_device(None))
    opened = _open(shop if shop is not None else Path(bundle.facts["shop"]))
    bundle.encode(opened, console=console)
    return bundle, opened


def _open(folder: Path) -> OpenedShop:
    from camenn.tables.shop import open_shop

    with console.status("") as status:
        return open_shop(folder, progress=lambda step: status.update(f"{folder}: {step}"))


def _told(error: CamennError | OSError) -> str:
    """What went wrong; for a file that cannot be read or written, which one and why."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename2 or error.filename}: {error.strerror}"  # the second is what was to be renamed to
    return str(error) or type(error).__name__


def main() -> None:
    """Entry point: errors a user can act on come as a line, not as a traceback."""
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_path=False, show_time=False)],
    )
    logging.getLogger("camenn").setLevel(logging.INFO)
    try:
        app()
    except (CamennError, OSError) as error:
        for line in _told(error).splitlines():
            console.print(Text.assemble(("error:", "red"), " ", line), soft_wrap=True)
        sys.exit(1)
    except SystemExit as left:
        if left.code == INTERRUPTED:
            console.print("interrupted; start the same command again to go on")
        raise


if __name__ == "__main__":
    main()
