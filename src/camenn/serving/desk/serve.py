"""The desk as a running server."""

import socket
from pathlib import Path

import uvicorn
from rich.console import Console

from camenn.errors import CamennError
from camenn.serving.desk.access import Reviewers
from camenn.serving.desk.app import create_desk
from camenn.serving.desk.desk import Similarities

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve_desk(
    folder: Path,
    *,
    host: str,
    port: int,
    reviewers: Reviewers,
    shop: Path | None,
    ledger_url: str | None,
    similarities: Similarities | None,
    console: Console,
) -> None:
    """Serve the desk until it is interrupted. Raises CamennError where that cannot be."""
    app = create_desk(folder, reviewers=reviewers, shop=shop, ledger_url=ledger_url, similarities=similarities)
    with bound(host, port) as listening:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
        token = f"/login?token={reviewers.shared}" if reviewers.shared else ""
        console.print(f"the desk is open: {address}{token}", soft_wrap=True, highlight=False, markup=False)
        if host not in _LOOPBACK:
            console.print("others can reach it, and tokens pass in the clear: put a server with TLS before it")
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False
        )  # addresses hold tokens
        uvicorn.Server(config).run(sockets=[listening])


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens, on any free port for 0. Raises CamennError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise CamennError(
            f"cannot listen on {host}, port {port}: {error.strerror}; name another with --port"
        ) from error
