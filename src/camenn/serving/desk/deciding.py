"""What a reviewer chose, as a decision for the ledger."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from camenn.errors import CamennError
from camenn.rectify.ledger import Action, Decision, Entry
from camenn.serving.desk.finding_page import MOST_SUGGESTIONS
from camenn.serving.desk.listings import Listings
from camenn.tables.schema import Kind, Schema

LONGEST_TEXT = 2000
NO_SUGGESTION = 0
"""The claim is right, and none of the suggestions is."""


class RefusedDecisionError(CamennError):
    """What was asked cannot be decided of this finding; nothing was written."""


def accepted(finding: Mapping[str, Any], listings: Listings, *, number: int | None, seen: int | None) -> Decision:
    """The claim is right. `number` says which suggestion is taken, counted from 1; None where there is none to choose.

    Raises RefusedDecisionError for a suggestion that is not there, or of an item that is not in the shop.
    """
    suggestions, columns = finding["suggestions"] or (), tuple(finding["columns"] or ())
    if number is None or number == NO_SUGGESTION or not columns:
        return Decision(finding["item_id"], finding["kind"], Action.ACCEPT, seen=seen, before=finding["shown"])
    if not 1 <= number <= min(len(suggestions), MOST_SUGGESTIONS):
        raise RefusedDecisionError(
            f"there is no suggestion {number}: this finding has {len(suggestions)}; nothing was written"
        )
    chosen = suggestions[number - 1]
    if chosen["item_id"] is None or listings.line(chosen["item_id"]) is None:
        raise RefusedDecisionError(
            f"suggestion {number} is of item {chosen['item_id']}, which is not in the shop: the findings were edited; "
            "nothing was written"
        )
    return Decision(
        finding["item_id"],
        finding["kind"],
        Action.ACCEPT,
        seen=seen,
        columns=columns,
        before=finding["shown"],
        after=chosen["value"],
        taken_from=chosen["item_id"],
    )


def rejected(finding: Mapping[str, Any], *, seen: int | None) -> Decision:
    """The claim is wrong."""
    return Decision(finding["item_id"], finding["kind"], Action.REJECT, seen=seen, before=finding["shown"])


def edited(finding: Mapping[str, Any], schema: Schema, *, text: str, seen: int | None) -> Decision:
    """The claim is right, and `text` is to stand in the finding's first column.

    Raises RefusedDecisionError where no text can stand there, or not this one.
    """
    columns = tuple(finding["columns"] or ())
    if not columns or columns[0] == "image":
        raise RefusedDecisionError("no text can be put right by this finding; accept or reject it")
    column = columns[0]
    kind = next((one.kind for one in schema.in_table("items") if one.name == column), None)
    if kind is None:
        raise RefusedDecisionError(f"the items have no column {column}: the findings were edited; nothing was written")
    typed = " ".join(text.split())
    if not typed:
        raise RefusedDecisionError("nothing was typed; type what is to stand there, or reject the finding")
    if len(typed) > LONGEST_TEXT or not typed.isprintable():
        raise RefusedDecisionError(f"a text has at most {LONGEST_TEXT:,} letters, all of them printable")
    if kind is Kind.NUMERIC and not _is_number(typed, least=0.0 if column == "price" else -math.inf):
        raise RefusedDecisionError(f"{typed!r} is no {column}; write a number such as 2.50")
    return Decision(
        finding["item_id"],
        finding["kind"],
        Action.EDIT,
        seen=seen,
        columns=(column,),
        before=finding["shown"],
        after=typed,
    )


def undone(entry: Entry, *, seen: int | None) -> Decision:
    """An earlier decision no longer counts."""
    return Decision(
        entry.item_id,
        entry.kind,
        Action.UNDO,
        seen=seen,
        columns=entry.columns,
        before=entry.after,
        after=entry.before,
        undoes=entry.id,
    )


def _is_number(text: str, *, least: float) -> bool:
    try:
        return math.isfinite(float(text)) and float(text) >= least and "_" not in text
    except ValueError:
        return False
