"""What all pages of the desk share: the shop, the findings, the ledger, and who is signed in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.errors import CamennError, DataError
from camenn.rectify.applying import check_items
from camenn.rectify.findings import ABOUT, FINDINGS, read_findings
from camenn.rectify.ledger import Entry, Ledger, Recorded, ledger_url
from camenn.serving.desk.access import Reviewers, Sessions
from camenn.serving.desk.deciding import undone
from camenn.serving.desk.listings import Listings
from camenn.serving.desk.pictures import Pictures
from camenn.serving.desk.worklist import Worklist
from camenn.tables.shop import open_shop, tables_digest

Similarities = Callable[[Sequence[str]], tuple[Sequence[str], NDArray[np.float64]]]
"""Of some items' ids their names and (items, items), how like text i is to picture j."""


class ChangedError(CamennError):
    """The shop or the findings were written to since the desk was opened; nothing was decided."""


class Desk:
    """Everything behind the pages. Handlers run in many threads; what changes is locked where it lies."""

    def __init__(
        self,
        folder: Path,
        *,
        shop: Path | None,
        ledger: str | None,
        reviewers: Reviewers,
        similarities: Similarities | None,
    ) -> None:
        """Raises DataError and its kin for findings, a shop or a ledger that cannot be reviewed."""
        self.folder, self.reviewers, self.similarities = folder, reviewers, similarities
        self._files_at_start = _times(folder)
        findings, self.about = read_findings(folder)
        shop_folder = shop if shop is not None else Path(self.about.shop)
        if not shop_folder.is_dir():
            raise DataError(f"{shop_folder}: the shop of these findings is not there; say where it is with --shop")
        self.shop = open_shop(shop_folder)
        self._tables_at_start = tables_digest(shop_folder)
        check_items(self.shop, self.about)
        self.listings = Listings(self.shop)
        _check_known(findings, self.listings, folder)
        self.pictures = Pictures(self.shop.catalogue)
        self.sessions = Sessions()
        self.ledger = Ledger.open(ledger or ledger_url(folder), self.about, create=True)
        self.worklist = Worklist(findings, self.listings, self.ledger)
        self.worklist.refresh()
        self._undoing = threading.Lock()

    def close(self) -> None:
        """Let go of the ledger."""
        self.ledger.close()

    def check_unchanged(self) -> None:
        """Raise ChangedError where what is decided might be about something else by now."""
        if _times(self.folder) != self._files_at_start:
            raise ChangedError(f"the findings in {self.folder} were written again; start the desk again to review them")
        if tables_digest(self.shop.folder) != self._tables_at_start:
            raise ChangedError(
                f"the tables in {self.shop.folder} were written to since the desk was opened; run `camenn rectify` "
                "again, then open the desk on what it found"
            )

    def undo(self, reviewer: str) -> tuple[Recorded, tuple[Entry, ...]]:
        """Undo what the reviewer did last: what was written, and what it undid. Both are empty if there is nothing."""
        with self._undoing:  # else two requests at once would name the same entries
            self.worklist.refresh()
            acts = self.worklist.last_act(reviewer)
            decisions = []
            for entry in acts:
                row = self.worklist.row(*entry.key)
                decisions.append(undone(entry, seen=None if row is None else self.worklist.last_id(row)))
            batch = f"undo-{acts[0].batch}" if acts and acts[0].batch else None
            recorded = self.ledger.record_all(decisions, reviewer=reviewer, batch=batch)
            self.worklist.refresh()
        return recorded, acts


def _times(folder: Path) -> list[tuple[int, int]]:
    try:
        return [(stat.st_size, stat.st_mtime_ns) for stat in ((folder / name).stat() for name in (FINDINGS, ABOUT))]
    except FileNotFoundError:
        return []


def _check_known(findings: pl.DataFrame, listings: Listings, folder: Path) -> None:
    unknown = [item_id for item_id in findings["item_id"] if listings.line(item_id) is None]
    if unknown:
        raise DataError(
            f"{folder / FINDINGS}: item {unknown[0]!r} is not in the shop; undo the edit or run `camenn rectify` again"
        )
