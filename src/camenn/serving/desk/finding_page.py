"""What the page of one finding shows: the claim, the listing as it is and as it would be, and the evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from camenn.rectify.findings import KIND_NAMES, SIDE_NAMES, Kind, Side
from camenn.serving.desk.listings import Listing, Listings, price_text

MOST_SUGGESTIONS = 9
"""As many as there are keys for."""
MOST_NEIGHBOURS = 6
_STEPS = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text, and how much it spoke: -3 (strongly against the picture) to 3 (strongly for it)."""

    text: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a listing beside what would stand there."""

    label: str
    pieces: tuple[Piece, ...]
    """Empty where nothing stands."""
    concerned: bool
    """Whether a correction would change it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What accepting one of the suggestions would make of the listing."""

    number: int
    source: Listing
    label: str
    score: float | None
    fields: tuple[Field, ...]
    takes_picture: bool


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An item the verdict rests on."""

    listing: Listing
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Patch:
    """One of the nine parts of a picture, with how much it spoke, as a `Piece`."""

    x: int
    y: int
    step: int


@dataclass(frozen=True, slots=True)
class Sign:
    """What moved the log-odds of the claim."""

    name: str
    weight: float
    share: float
    """Of the strongest one, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class FindingPage:
    """All that is shown of a finding but what was decided of it."""

    item_id: str
    kind: Kind
    kind_name: str
    side_name: str
    reason: str
    confidence: float
    worth: float
    exposure: float | None
    automatic: bool
    columns: tuple[str, ...]
    listing: Listing
    fields: tuple[Field, ...]
    picture_concerned: bool
    proposals: tuple[Proposal, ...]
    typed_column: str | None
    """The column that a typed text would go to; None where none could."""
    typed_now: str
    neighbours: dict[str, tuple[Neighbour, ...]]
    """By `text` and by `picture`."""
    other_words: tuple[Piece, ...]
    """Words that spoke but stand in no field."""
    patches: tuple[Patch, ...]
    signs: tuple[Sign, ...]


def finding_page(finding: Mapping[str, Any], listings: Listings) -> FindingPage:
    """What to show of a finding, column by column as `Worklist.at` gives it, whose item is in the shop."""
    listing = listings.find(finding["item_id"])
    assert listing is not None
    kind, columns = Kind(finding["kind"]), tuple(finding["columns"] or ())
    steps = word_steps(finding["words"] or ())
    fields = _fields(listing, listings, steps, columns)
    spoken = {piece.text.casefold() for field in fields for piece in field.pieces if piece.step}
    typed = columns[0] if columns and columns[0] != "image" else None
    return FindingPage(
        item_id=listing.item_id,
        kind=kind,
        kind_name=KIND_NAMES[kind],
        side_name=SIDE_NAMES[Side(finding["side"])],
        reason=finding["reason"] or KIND_NAMES[kind],
        confidence=finding["probability"],
        worth=finding["worth"],
        exposure=finding["exposure"],
        automatic=bool(finding["automatic"]),
        columns=columns,
        listing=listing,
        fields=fields,
        picture_concerned="image" in columns,
        proposals=_proposals(finding, listing, listings, columns),
        typed_column=typed,
        typed_now=(listing.value(typed) or "") if typed else "",
        neighbours=_neighbours(finding["neighbours"] or (), listings),
        other_words=tuple(Piece(word, step) for word, step in steps.items() if word.casefold() not in spoken),
        patches=_patches(finding["patches"] or ()),
        signs=_signs(finding["signs"] or ()),
    )


def word_steps(words: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How much each word spoke, in steps of the strongest; words that hardly did are left out."""
    weights = {row["word"]: row["weight"] for row in words if row["word"] and row["weight"] is not None}
    return {word: step for word, step in zip(weights, _steps(list(weights.values())), strict=True) if step}


def marked(text: str | None, steps: Mapping[str, int]) -> tuple[Piece, ...]:
    """A text cut where words stand that spoke."""
    if not text:
        return ()
    if not steps:
        return (Piece(text),)
    by_word = {word.casefold(): step for word, step in steps.items()}
    longest_first = sorted(by_word, key=len, reverse=True)
    words = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)
    parts = words.split(text)  # what is found stands at the odd places
    return tuple(Piece(part, by_word.get(part.casefold(), 0) if i % 2 else 0) for i, part in enumerate(parts) if part)


def _fields(
    listing: Listing, listings: Listings, steps: Mapping[str, int], columns: Sequence[str]
) -> tuple[Field, ...]:
    texts = [("name", "Name"), *((column, column.replace("_", " ").capitalize()) for column in listings.text_columns)]
    fields = [Field(label, marked(listing.value(column), steps), column in columns) for column, label in texts]
    others = [("category", "Category"), ("price", "Price"), ("store", "Store")]
    for column, label in others:
        value = listing.value(column)
        if value is not None or column in columns:
            fields.append(Field(label, marked(value, {}), column in columns))
    return tuple(fields)


def _proposals(
    finding: Mapping[str, Any], listing: Listing, listings: Listings, columns: Sequence[str]
) -> tuple[Proposal, ...]:
    proposals = []
    for number, suggestion in enumerate((finding["suggestions"] or ())[:MOST_SUGGESTIONS], start=1):
        source = listings.find(suggestion["item_id"]) if suggestion["item_id"] is not None else None
        if source is None:  # an edited file; deciding for it is refused as well
            continue
        label = suggestion["value"] or source.name or source.item_id
        theirs = _fields(source, listings, {}, columns)
        taken = {field.label: field for field in theirs if field.concerned}
        then = tuple(taken.get(field.label, field) for field in _fields(listing, listings, {}, columns))
        then = then if columns else theirs  # nothing would change: the two are compared
        proposals.append(Proposal(number, source, label, suggestion["score"], then, "image" in columns))
    return tuple(proposals)


def _neighbours(rows: Sequence[Mapping[str, Any]], listings: Listings) -> dict[str, tuple[Neighbour, ...]]:
    found: dict[str, list[Neighbour]] = {"picture": [], "text": []}
    for row in rows:
        listing = listings.find(row["item_id"]) if row["item_id"] is not None else None
        if listing is not None and row["by"] in found and len(found[row["by"]]) < MOST_NEIGHBOURS:
            found[row["by"]].append(Neighbour(listing, row["similarity"]))
    return {by: tuple(some) for by, some in found.items() if some}


def _patches(weights: Sequence[float | None]) -> tuple[Patch, ...]:
    if len(weights) != 9:
        return ()
    steps = _steps([weight or 0.0 for weight in weights])
    return tuple(Patch(place % 3, place // 3, step) for place, step in enumerate(steps))


def _signs(rows: Sequence[Mapping[str, Any]]) -> tuple[Sign, ...]:
    held = [(row["sign"], row["weight"]) for row in rows if row["sign"] and row["weight"] is not None]
    most = max((abs(weight) for _, weight in held), default=0.0) or 1.0
    return tuple(Sign(name, weight, abs(weight) / most) for name, weight in held)


def _steps(weights: Sequence[float]) -> list[int]:
    most = max(map(abs, weights), default=0.0) or 1.0
    return [round(_STEPS * weight / most) for weight in weights]


def sentence(finding: Mapping[str, Any], listings: Listings) -> str:
    """What a finding's first suggestion would change, in a line."""
    listing = listings.find(finding["item_id"])
    name = (listing.name if listing else None) or finding["item_id"]
    columns, suggestions = finding["columns"] or (), finding["suggestions"] or ()
    if not columns:
        return str(name)
    if not suggestions:
        return str(finding["shown"] or name)
    if columns[0] == "image":
        other = listings.find(suggestions[0]["item_id"] or "")
        return f"{name}: the picture of {(other.name if other else None) or suggestions[0]['item_id']}"
    change = f"{finding['shown'] or 'nothing'} → {suggestions[0]['value'] or 'nothing'}"
    return change if columns[0] == "name" and finding["shown"] else f"{name}: {change}"


def number_text(value: float) -> str:
    """A count or a sum of money, short: 1,234 or 12.5."""
    return f"{value:,.0f}" if abs(value) >= 100 else price_text(value).removesuffix("0").removesuffix(".0")
