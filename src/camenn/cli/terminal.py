"""What the verbs share: where they speak, their most common arguments, how they open what they are asked about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from camenn.errors import CamennError

if TYPE_CHECKING:
    from camenn.bundle import Bundle as LoadedBundle
    from camenn.tables.shop import Shop as OpenedShop

console = Console(stderr=True)
"""Progress and messages; results go to standard output."""

Shop = Annotated[Path, typer.Argument(help="The shop's folder.", show_default=False)]
Run = Annotated[Path, typer.Argument(help="A run's folder, or a bundle's.", show_default=False)]
LedgerUrl = Annotated[
    str | None,
    typer.Option(
        "--ledger", help="Where decisions are kept: sqlite:///FILE or postgresql://…; by default with the findings."
    ),
]


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
    """Say how to install what an extra brings and is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("camenn"):
            raise
        raise CamennError(f"{error.name} is not installed; it comes with: pip install 'camenn[{name}]'") from None


def load(run: Path, shop: Path | None) -> tuple[LoadedBundle, OpenedShop]:
    """A run's model, on the GPU where there is one, and the shop it is asked about, encoded."""
    from camenn.bundle import Bundle
    from camenn.embeddings.pretrained import choose_device

    bundle = Bundle.from_pretrained(run, device=choose_device(None))
    opened = open_shop(shop if shop is not None else Path(bundle.facts["shop"]))
    bundle.encode(opened, console=console)
    return bundle, opened


def open_shop(folder: Path) -> OpenedShop:
    """A shop, told while it is checked and compiled."""
    from camenn.tables.shop import open_shop as open_quietly

    with console.status("") as status:
        return open_quietly(folder, progress=lambda step: status.update(f"{folder}: {step}"))
