"""What reviewers decided, as pairs to train on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camenn.batches.pairing import Pairing
from camenn.rectify.applying import Cells, cells_of, changes, check_items, lines_of
from camenn.rectify.findings import Kind, read_findings
from camenn.rectify.ledger import LEDGER, Action, Entry, Ledger, ledger_url
from camenn.tables.shop import Shop
from camenn.tables.vocabulary import Vocabulary

NOBODYS = Vocabulary.PADDING
"""In place of a row: a text of which there are no vectors."""


def read_decided(folder: Path, shop: Shop, *, url: str | None = None) -> Pairing:
    """What the decisions in force on a folder's findings say of the shop's texts and pictures.

    url: of the ledger; by default the one beside the findings, which is empty as long as there is none.

    Raises:
        DataError: there are no findings; the shop's items are not those of the findings, or the ledger's are not; there
            is no ledger at `url`; a decision names what the shop has not.
        CamennError: the database cannot be reached.
    """
    _, about = read_findings(folder)
    check_items(shop, about)
    if url is None and not (folder / LEDGER).is_file():
        return Pairing.own(len(shop.catalogue.ids))
    with contextlib.closing(Ledger.open(url or ledger_url(folder), about, create=False)) as ledger:
        return pairing_of(shop, ledger)


def pairing_of(shop: Shop, ledger: Ledger) -> Pairing:
    """Which texts and pictures belong together after the decisions in force.

    Own text and picture are known not to fit where a mismatch was accepted or edited, or another picture taken for one
    that several products show. What was taken from another item fits what was kept. Where both were replaced nobody
    looked at the two together, and what was typed has no vectors: then own text and picture stay as they were, or none
    if they are wrong. A rejected mismatch says that own text and picture fit; it says nothing against what was
    suggested, which may be another name of the same thing.

    Raises:
        DataError: a decision names an item or a column that is not in the shop.
    """
    standing = list(ledger.standing().values())
    row_of = {item_id: line + Vocabulary.FIRST for item_id, line in lines_of(shop, ledger, standing).items()}
    cells = cells_of(shop, ledger, changes(standing))
    own = Pairing.own(len(shop.catalogue.ids))
    text = _source(own.text, cells, [name for name in ("name", "description") if name in shop.catalogue.text_columns])
    image = _source(own.image, cells, ["image"])
    wrong_text, wrong_image, confirmed = (np.zeros(len(own.text), dtype=bool) for _ in range(3))
    for entry in standing:
        row = row_of[entry.item_id]
        if _is_against(entry):
            wrong_text[row] |= entry.columns != ("image",)
            wrong_image[row] |= not entry.columns or "image" in entry.columns
        confirmed[row] |= entry.kind == Kind.MISMATCH and entry.action is Action.REJECT
    wrong = wrong_text | wrong_image
    corrected = ((text != own.text) ^ (image != own.image)) & (text != NOBODYS) & (image != NOBODYS)
    kept = np.where(wrong, NOBODYS, own.text)
    return Pairing(
        text=np.where(corrected, text, kept).astype(np.int32),
        image=np.where(corrected, image, kept).astype(np.int32),
        wrong_text=wrong_text,
        wrong_image=wrong_image,
        reviewed=corrected | (confirmed & ~wrong),
    )


def _is_against(entry: Entry) -> bool:
    """Whether a decision says that an item's own text and picture do not fit."""
    if entry.kind == Kind.SHARED_PICTURE:  # of the products that show it, it is one's: whose, only a new picture tells
        return entry.action is Action.ACCEPT and entry.taken_from is not None
    return entry.kind == Kind.MISMATCH and entry.action is not Action.REJECT


def _source(own: NDArray[np.int32], cells: Cells, columns: Iterable[str]) -> NDArray[np.int32]:
    """(item rows,): the item from which all of these columns are taken, NOBODYS where they are several's or typed."""
    source, taken = own.copy(), [cells.get(column, {}) for column in columns]
    for line in set().union(*taken):
        source[line + Vocabulary.FIRST] = _one(line, taken)
    return source


def _one(line: int, taken: Iterable[Mapping[int, tuple[Entry, int | str]]]) -> int:
    found = {by_line[line][1] if line in by_line else line for by_line in taken}
    one = found.pop()
    return NOBODYS if found or isinstance(one, str) else one + Vocabulary.FIRST
