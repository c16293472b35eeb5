"""The command line: one thin function a verb."""

from __future__ import annotations

import logging
import sys

import typer
from rich.logging import RichHandler
from rich.text import Text

from camenn.cli import catalogue, model, shop
from camenn.cli.terminal import console
from camenn.errors import CamennError

app = typer.Typer(
    name="camenn",
    help="Rankings that survive a dirty catalogue: check a shop, encode it, train CameNN on it, judge it, recommend.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verbs in (shop.verbs, model.verbs, catalogue.verbs):
    app.add_typer(verbs)

INTERRUPTED = 130
"""The exit code that typer gives an interrupt."""


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
