"""What a model is fed: requests, not rows, and alignment pairs. Masks are True where real."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

NUM_AGES = 26
"""Buckets of a history step's age: padding, then powers of two of a second, up to a year and beyond."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Encoder vectors of some items, ragged: token t belongs to item `item[t]` at place `position[t]`."""

    vectors: Tensor
    """(tokens, width) as stored, half precision or single."""
    item: Tensor
    """(tokens,) int64, index into the items, ascending."""
    position: Tensor
    """(tokens,) int64, place within the item, from 0."""
    pooled: Tensor
    """(items, width) mean over each item's tokens, zeros where it has none."""
    present: Tensor
    """(items,) bool, whether the item has any token."""
    length: int
    """The most tokens an item has; 0 where only pooled vectors were gathered."""


@dataclass(frozen=True, slots=True)
class Items:
    """The distinct items of a batch. Index 0 is padding."""

    rows: Tensor
    """(items,) int64 catalogue rows. No model reads them."""
    codes: Tensor
    """(items, item_slots) int64 feature codes, 0 where missing."""
    text: Tokens | None
    image: Tokens | None
    num_whole: int
    """Items before this index come with all their tokens, the rest with their pooled vectors alone."""


@dataclass(frozen=True, slots=True)
class RequestBatch:
    """Requests with their candidates. Context and history stand once a request, item tokens once an item."""

    items: Items
    context: Tensor
    """(requests, context_slots) int64 codes of the user's profile and the moment."""
    history: Tensor
    """(requests, steps) int64 index into `items`, latest last, 0 where shorter."""
    history_outcome: Tensor
    """(requests, steps) int64: 0 padding, 1 seen and not converted, 2 converted."""
    history_age: Tensor
    """(requests, steps) int64: bucket of the time from the step to the request."""
    history_whole: bool
    """Whether history items enter as all their tokens, or as two pooled ones."""
    candidates: Tensor
    """(rows,) int64 index into `items`."""
    request: Tensor
    """(rows,) int64 which request a row is a candidate of, ascending."""
    row_codes: Tensor
    """(rows, row_slots) int64 codes of one candidate in one request: varying event columns, crossed fields."""
    row_numbers: Tensor
    """(rows, numbers) float32, standardised, nan where missing: what was counted of a candidate, its item and user."""
    labels: Tensor
    """(rows,) float32, 1 where converted."""

    @property
    def num_requests(self) -> int:
        return self.context.shape[0]

    @property
    def num_rows(self) -> int:
        return self.candidates.shape[0]


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Alignment pairs: the text of one item beside the picture of another."""

    items: Items
    text: Tensor
    """(rows,) int64 index into `items`: whose text."""
    image: Tensor
    """(rows,) int64 index into `items`: whose picture."""
    labels: Tensor
    """(rows,) float32, 1 where they fit: both of one item, unless reviewers decided otherwise."""
    image_to_text: Tensor
    """(rows,) bool, whether the row counts for ITA; a positive counts for both tasks."""
    text_to_image: Tensor
    """(rows,) bool, whether the row counts for TIA."""
    text_group: Tensor
    """(items,) int64: items of one number share their normalised text, so they are no negatives of one another."""

    @property
    def num_rows(self) -> int:
        return self.labels.shape[0]


Batch = RequestBatch | PairBatch
MovableT = TypeVar("MovableT", bound=Tokens | Items | RequestBatch | PairBatch)


def move(value: MovableT, device: torch.device) -> MovableT:
    """The same batch with every tensor on `device`."""

    def moved(field: Any) -> Any:
        if isinstance(field, Tensor):
            return field.to(device, non_blocking=True)
        if isinstance(field, (Tokens, Items)):
            return move(field, device)
        return field

    fields = {f.name: moved(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return dataclasses.replace(value, **fields)
