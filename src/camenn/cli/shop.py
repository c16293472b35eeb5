"""Verbs about a shop's data: look, make, copy, encode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from camenn.cli.terminal import Shop, console, open_shop

verbs = typer.Typer()


@verbs.command()
def check(shop: Shop) -> None:
    """Look through a shop's tables: counts, what is inferred, everything that is wrong. Exit code 1 if unusable."""
    from camenn.tables.check import check_shop, render_report

    report = check_shop(shop)
    render_report(report, Console())
    raise typer.Exit(0 if report.usable else 1)


@verbs.command("import")
def import_(
    name: Annotated[str, typer.Argument(help="The data set's name.", show_default=False)],
    source: Annotated[Path, typer.Option("--from", help="The data set's folder.")],
    target: Annotated[Path, typer.Option("--to", help="The shop to write; must not hold anything yet.")],
) -> None:
    """Turn a data set into a shop: grocery-store, movielens-100k, hm-products, uci-online-retail, open-bandit."""
    from camenn.tables.sources import import_source

    import_source(name, source, target)
    console.print(f"wrote {target}; look at it with: camenn check {target}")


@verbs.command()
def simulate(
    shop: Annotated[Path, typer.Argument(help="The shop to write; must not hold anything yet.", show_default=False)],
    items: Annotated[int, typer.Option(min=1)] = 400,
    users: Annotated[int, typer.Option(min=1)] = 300,
    requests: Annotated[int, typer.Option(min=1)] = 4000,
    seed: int = 0,
    faults: Annotated[float, typer.Option(min=0, max=0.2, help="Items with each of the five kinds of fault.")] = 0.02,
) -> None:
    """Make a grocery shop whose truth is known: pictures, names, shoppers, planted faults."""
    from camenn.simulation import simulate_shop

    simulate_shop(shop, items=items, users=users, requests=requests, seed=seed, fault_rate=faults)
    console.print(f"wrote {shop}; look at it with: camenn check {shop}")


@verbs.command()
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

    done = spoil_shop(open_shop(shop), out, what=what, share=share, seed=seed)
    carry_stores(shop, out)
    console.print(f"wrote {out}: {len(done):,} {what} are another item's, see {out / 'spoiled.parquet'}")


@verbs.command()
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

    ensure_stores(open_shop(shop), text=text, image=image, console=console)
