"""Everything that is said of a row as one vector a field: what models of fields read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from camenn.batches.batch import Items, PairBatch, RequestBatch, Tokens
from camenn.layers.embedding import FieldEmbedding, Fields, NumberEmbedding, Standardise, Table, look_up

START = 0.001
"""Deviation that a field's vector begins with. CHOICE: small, so that one epoch outgrows it."""
NUM_PASTS = 2
"""Fields of the history: what was seen and left, and what was bought."""


@dataclass(frozen=True, slots=True)
class FieldVectors:
    """Some fields of every row; rows that share them point to the same line."""

    vectors: Tensor
    """(lines, fields, width), zeros where missing"""
    mask: Tensor
    """(lines, fields) bool"""
    line: Tensor | None = None
    """(rows,) the line of each row; None: a line a row."""

    def spread(self, of_lines: Tensor) -> Tensor:
        """What was computed once a line, once a row: (lines, ...) -> (rows, ...)."""
        return of_lines if self.line is None else of_lines.index_select(0, self.line)


@dataclass(frozen=True, slots=True)
class RowVectors:
    """All fields of some rows, in three parts: what is of the request, of the item, and of the two together."""

    request: FieldVectors
    item: FieldVectors
    meeting: FieldVectors

    def __iter__(self) -> Iterator[FieldVectors]:
        return iter((self.request, self.item, self.meeting))

    def filled(self) -> list[FieldVectors]:
        """The parts that have a field."""
        return [part for part in self if part.vectors.shape[1]] or [self.meeting]

    def total(self) -> Tensor:
        """(rows, width): the sum of a row's vectors, each part summed once a line."""
        return _sum(part.spread(part.vectors.sum(dim=1)) for part in self.filled())

    def squares(self) -> Tensor:
        """(rows,): the sum of their squares."""
        return _sum(part.spread(part.vectors.square().sum(dim=(1, 2))) for part in self.filled())

    def rows(self) -> Tensor:
        """(rows, fields, width), laid out for what has no cheaper way."""
        return torch.cat([part.spread(part.vectors) for part in self.filled()], dim=1)

    def row_mask(self) -> Tensor:
        """(rows, fields) bool, as `rows`."""
        return torch.cat([part.spread(part.mask) for part in self.filled()], dim=1)

    def split(self, width: int) -> tuple[RowVectors, RowVectors]:
        """The same fields in their first `width` dimensions, and in the others."""
        cuts = [(part, part.vectors.tensor_split([width], dim=-1)) for part in self]
        first, rest = (RowVectors(*(replace(part, vectors=cut[side]) for part, cut in cuts)) for side in (0, 1))
        return first, rest


class PooledEmbedding(nn.Module):
    """An item's pooled text or picture as one field: standardised, divided by its usual length, then mapped.

    Under Adam what is made of a long vector moves many times as fast as a row of the table, and content is learned by
    heart before the other fields say anything. CHOICE: of about length one.
    """

    def __init__(self, encoder_width: int, width: int) -> None:
        super().__init__()
        self.standardise = Standardise(encoder_width)
        self.project = nn.Linear(encoder_width, width)
        nn.init.normal_(self.project.weight, std=START)
        nn.init.zeros_(self.project.bias)

    def forward(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """(items, 1, width), zeros where missing, and the (items, 1) mask."""
        mask = tokens.present[:, None]
        vectors = self.standardise(tokens.pooled) * self.project.in_features**-0.5
        return (self.project(vectors) * mask)[:, None], mask


class FieldReader(nn.Module):
    """Profile, moment, history, item, text, picture, crosses and counts: one vector a field."""

    def __init__(
        self,
        *,
        num_codes: int,
        item_fields: Fields,
        context_fields: Fields,
        num_row_fields: int,
        num_numbers: int,
        text_width: int | None,
        image_width: int | None,
        num_pasts: int,
        width: int,
    ) -> None:
        super().__init__()
        self.table = Table(num_codes, width, deviation=START)
        self.item_fields = FieldEmbedding(item_fields)
        self.context_fields = FieldEmbedding(context_fields)
        self.numbers = NumberEmbedding(num_numbers, width)
        self.text = None if text_width is None else PooledEmbedding(text_width, width)
        self.image = None if image_width is None else PooledEmbedding(image_width, width)
        self.past = nn.ModuleList([nn.Linear(width, width, bias=False) for _ in range(num_pasts)])
        self.num_request_fields = context_fields.num_fields + len(self.past)
        self.num_item_fields = item_fields.num_fields + (text_width is not None) + (image_width is not None)
        self.num_meeting_fields = num_row_fields + num_numbers

    @property
    def num_fields(self) -> int:
        return self.num_request_fields + self.num_item_fields + self.num_meeting_fields

    def forward(self, batch: RequestBatch) -> tuple[RowVectors, Tensor]:
        """Every field of every row, each embedded once.

        Beside them the fields of every item of the batch, those of the history too: (items, fields, width).
        """
        of_item, of_context, of_row = look_up(self.table, batch.items.codes, batch.context, batch.row_codes)
        items = self._items(batch.items, self.item_fields.pool(of_item, batch.items.codes))
        context = self.context_fields.pool(of_context, batch.context)
        whole = batch.items.num_whole
        of_request = [context, self._history(batch, items.vectors)] if len(self.past) else [context]
        fields = RowVectors(
            _fields(of_request, _line(batch.request, batch.num_requests)),
            FieldVectors(items.vectors[:whole], items.mask[:whole], _line(batch.candidates, whole)),
            _fields([(of_row, batch.row_codes > 0), self._numbers(batch.row_numbers)], None),
        )
        return fields, items.vectors

    def _items(self, items: Items, fields: tuple[Tensor, Tensor]) -> FieldVectors:
        """Fields, text, picture of each item, an item a line; a modality that the batch lacks is missing."""
        blocks = [fields]
        for embedding, tokens in ((self.text, items.text), (self.image, items.image)):
            if embedding is not None:
                blocks.append(_missing(fields[0]) if tokens is None else embedding(tokens))
        return _fields(blocks, None)

    def pairs(self, batch: PairBatch) -> Tensor:
        """(rows, fields, width): the text of one item and the picture of another, every other field missing."""
        width = self.table.embedding_dim
        rows = self.table.weight.new_zeros(batch.num_rows, self.num_fields, width)
        place = self.num_request_fields + self.item_fields.fields.num_fields
        given = ((self.text, batch.items.text, batch.text), (self.image, batch.items.image, batch.image))
        for embedding, tokens, whose in given:
            if embedding is None:
                continue
            if tokens is not None:
                vectors, _ = embedding(tokens)
                rows[:, place] = vectors[whose, 0]
            place += 1
        return rows

    def _numbers(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, numbers, width), zeros where missing, and the mask."""
        vectors, mask = self.numbers(values)
        return vectors * mask[..., None], mask

    def _history(self, batch: RequestBatch, items: Tensor) -> tuple[Tensor, Tensor]:
        """(requests, 2, width): what was seen and left, and what was bought, each the mean of its items' sums."""
        steps = items.sum(dim=1)[batch.history]
        real = torch.stack([(batch.history_outcome == outcome) & (batch.history > 0) for outcome in (1, 2)], dim=1)
        count = real.sum(dim=2)
        means = torch.einsum("ros,rsw->row", real.to(steps.dtype), steps) / count.clamp_min(1)[..., None]
        # the mean of no step is zero, and so is what is mapped from it
        return torch.stack([project(means[:, n]) for n, project in enumerate(self.past)], dim=1), count > 0


def _line(of_rows: Tensor, num_lines: int) -> Tensor | None:
    """The line of each row; None where they are the rows themselves, one after another."""
    in_order = torch.arange(num_lines, device=of_rows.device) if num_lines == len(of_rows) else None
    return None if in_order is not None and torch.equal(of_rows, in_order) else of_rows


def _fields(blocks: list[tuple[Tensor, Tensor]], line: Tensor | None) -> FieldVectors:
    """Blocks of fields, zeros where missing, side by side."""
    blocks = [block for block in blocks if block[0].shape[1]] or blocks[:1]
    if len(blocks) == 1:
        return FieldVectors(*blocks[0], line)
    return FieldVectors(
        torch.cat([vectors for vectors, _ in blocks], dim=1), torch.cat([mask for _, mask in blocks], dim=1), line
    )


def _sum(of_parts: Iterator[Tensor]) -> Tensor:
    first, *others = of_parts
    for one in others:
        first = first + one
    return first


def _missing(like: Tensor) -> tuple[Tensor, Tensor]:
    """One field that no line has: (lines, 1, width) zeros and their mask."""
    return like.new_zeros(like.shape[0], 1, like.shape[2]), torch.zeros(
        like.shape[0], 1, dtype=torch.bool, device=like.device
    )
