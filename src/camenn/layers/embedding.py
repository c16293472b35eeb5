"""From codes and encoder vectors to tokens of one width (paper, sections 3.1 and 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from camenn.batches.batch import NUM_AGES, Items, RequestBatch, Tokens


@dataclass(frozen=True, slots=True)
class Fields:
    """How the slots of a code row divide into fields."""

    slots: tuple[int, ...]
    """Slots of each field; a field of several values takes several."""

    @property
    def num_fields(self) -> int:
        return len(self.slots)


class FieldEmbedding(nn.Module):
    """Other features as tokens.

    CHOICE: one token a field, the mean of its values; none where missing.
    """

    share: Tensor

    def __init__(self, fields: Fields) -> None:
        super().__init__()
        self.fields = fields
        share = torch.zeros(fields.num_fields, sum(fields.slots))
        start = 0
        for number, width in enumerate(fields.slots):
            share[number, start : start + width] = 1.0
            start += width
        self.register_buffer("share", share, persistent=False)

    def forward(self, codes: Tensor, table: nn.Embedding) -> tuple[Tensor, Tensor]:
        """(n, slots) codes of the one table for all fields -> (n, fields, width) tokens, (n, fields) mask."""
        return self.pool(table(codes), codes)

    def pool(self, vectors: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """(n, slots, width) vectors of (n, slots) codes -> (n, fields, width) tokens, (n, fields) mask."""
        present = codes > 0
        if max(self.fields.slots, default=1) == 1:
            return vectors, present
        count = present.to(vectors.dtype) @ self.share.T
        summed = torch.einsum("fs,nsd->nfd", self.share.to(vectors.dtype), vectors)
        return summed / count.clamp_min(1.0)[..., None], count > 0


class Table(nn.Embedding):
    """Vectors of all codes; row 0 is padding and never learns."""

    def __init__(self, num_codes: int, width: int, *, deviation: float) -> None:
        super().__init__(num_codes, width, padding_idx=0)
        nn.init.normal_(self.weight, std=deviation)
        with torch.no_grad():
            self.weight[0].zero_()
        self.in_place = False
        """Whether gradients add up in memory that is kept from step to step; new memory costs as much as they do."""
        self._kept: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        """(...) codes -> (..., width)"""
        if not self.in_place or not input.is_cpu:
            return super().forward(input)
        return _in_place(self.weight, self, input.flatten()).view(*input.shape, self.embedding_dim)

    def gradient(self) -> Tensor:
        """The table's gradient, zeros where this step has none yet."""
        if self.weight.grad is None:
            self._kept = torch.zeros_like(self.weight) if self._kept is None else self._kept.zero_()
            self.weight.grad = self._kept
        return self.weight.grad


class _InPlace(torch.autograd.Function):
    """Rows of a table, which adds what they learn to its gradient by itself, out of autograd's sight."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, table: Table, rows: Tensor) -> Tensor:
        ctx.table = table
        ctx.save_for_backward(rows)
        return weight.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        (rows,), (gradient,) = ctx.saved_tensors, gradients
        ctx.table.gradient().index_add_(0, rows, gradient)[0] = 0.0
        return None, None, None


_in_place: Callable[[Tensor, Table, Tensor], Tensor] = _InPlace.apply


def look_up(table: Table, *blocks: Tensor) -> list[Tensor]:
    """(n, slots) blocks of codes -> their (n, slots, width) vectors.

    Read at once, since each reading has a gradient as large as the table, or as its rows where the table is sparse.
    """
    vectors = table(torch.cat([block.flatten() for block in blocks]))
    sizes = [block.numel() for block in blocks]
    return [
        part.view(*block.shape, table.embedding_dim) for part, block in zip(vectors.split(sizes), blocks, strict=True)
    ]


class NumberEmbedding(nn.Module):
    """Numbers as vectors: one of its own times the value, and a bias (FT-Transformer, Gorishniy et al. 2021)."""

    def __init__(self, num_numbers: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_numbers, width) * 0.02)
        self.bias = nn.Parameter(torch.randn(num_numbers, width) * 0.02)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, numbers), nan where missing -> (rows, numbers, width), (rows, numbers) mask."""
        present = ~torch.isnan(values)
        return torch.nan_to_num(values)[..., None] * self.weight + self.bias, present


class Standardise(nn.Module):
    """Encoder vectors with mean 0 and deviation 1 in each dimension, as measured on the training items."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def fit(self, vectors: Tensor) -> None:
        """Measure (tokens, width) vectors of training items."""
        vectors = vectors.double()
        self.mean.copy_(vectors.mean(dim=0))
        deviation = vectors.std(dim=0, correction=0)
        self.scale.copy_(1.0 / deviation.clamp_min(1e-3 * deviation.mean() + 1e-6))

    def forward(self, vectors: Tensor) -> Tensor:
        """(..., width) -> (..., width) in single precision."""
        return (vectors.to(self.mean.dtype) - self.mean) * self.scale


class ModalityEmbedding(nn.Module):
    """Tokens of one modality: projected encoder output + position + segment (paper, equations 1 and 2).

    CHOICE: text and patches have positions of their own; fields have none.
    DEVIATION: vectors are standardised and projected before the sum; encoders differ in width and scale.
    """

    def __init__(self, encoder_width: int, width: int, *, max_length: int, token_dropout: float) -> None:
        super().__init__()
        self.standardise = Standardise(encoder_width)
        self.project = nn.Linear(encoder_width, width)
        self.position = nn.Embedding(max_length, width)
        self.segment = nn.Parameter(torch.randn(width) * 0.02)
        self.token_dropout = token_dropout
        nn.init.normal_(self.position.weight, std=0.02)

    def forward(self, tokens: Tokens, num_items: int) -> tuple[Tensor, Tensor]:
        """All tokens of the first `num_items` items, (num_items, length, width), and their (num_items, length) mask."""
        embedded = self.project(self.standardise(tokens.vectors)) + self.position(tokens.position) + self.segment
        padded = embedded.new_zeros(num_items * tokens.length, embedded.shape[-1])
        mask = torch.zeros(num_items * tokens.length, dtype=torch.bool, device=embedded.device)
        place = tokens.item * tokens.length + tokens.position
        kept = torch.ones_like(place, dtype=torch.bool)
        if self.training and self.token_dropout > 0.0:
            kept = torch.rand(place.shape, device=place.device) >= self.token_dropout
        padded = padded.index_copy(0, place, embedded)
        mask[place] = kept
        return padded.view(num_items, tokens.length, -1), mask.view(num_items, tokens.length)

    def at_each_place(self, vector: Tensor, length: int) -> Tensor:
        """(length, width): the token that a projected (width,) vector is at each place."""
        return vector + self.position.weight[:length] + self.segment

    def pooled(self, tokens: Tokens) -> Tensor:
        """(items, width): one token an item, the projection of its mean vector; zeros where it has none."""
        vectors: Tensor = self.project(self.standardise(tokens.pooled)) + self.segment
        return vectors * tokens.present[:, None]


@dataclass(frozen=True, slots=True)
class ItemTokens:
    """The distinct items of a batch as tokens; a modality the batch lacks has length 0."""

    fields: Tensor
    """(items, fields, width)"""
    fields_mask: Tensor
    text: Tensor
    """(whole items, text_length, width)"""
    text_mask: Tensor
    image: Tensor
    """(whole items, 1 + patches, width): [SEP] before the patches."""
    image_mask: Tensor

    @property
    def num_whole(self) -> int:
        return self.text.shape[0]


class InputEmbedding(nn.Module):
    """Everything a model reads, as tokens of one width: fields, history, texts, pictures, [CLS] and [SEP]."""

    def __init__(
        self,
        *,
        num_codes: int,
        item_fields: Fields,
        context_fields: Fields,
        num_numbers: int,
        text_width: int | None,
        image_width: int | None,
        width: int,
        max_text: int,
        max_patches: int,
        max_steps: int,
        token_dropout: float,
    ) -> None:
        super().__init__()
        self.width = width
        self.table = Table(num_codes, width, deviation=0.02)  # CHOICE
        self.item_fields = FieldEmbedding(item_fields)
        self.context_fields = FieldEmbedding(context_fields)
        self.numbers = NumberEmbedding(num_numbers, width)
        self.text = _modality(text_width, width, max_text, token_dropout)
        self.image = _modality(image_width, width, max_patches, token_dropout)
        self.cls = nn.Parameter(torch.randn(width) * 0.02)
        self.sep = nn.Parameter(torch.randn(width) * 0.02)
        self.step = nn.Embedding(max_steps, width)
        self.outcome = nn.Embedding(3, width)
        self.age = nn.Embedding(NUM_AGES, width)
        for embedding in (self.step, self.outcome, self.age):
            nn.init.normal_(embedding.weight, std=0.02)

    def items(self, items: Items) -> ItemTokens:
        """The distinct items, each token projected once; a modality without tokens enters as its pooled vector."""
        fields, fields_mask = self.item_fields(items.codes, self.table)
        text, text_mask = self._tokens(self.text, items.text, items)
        image, image_mask = self._tokens(self.image, items.image, items)
        if image.shape[1]:
            sep = self.sep.to(image.dtype).expand(image.shape[0], 1, -1)
            image = torch.cat([sep, image], dim=1)
            image_mask = torch.cat([image_mask.any(dim=1, keepdim=True), image_mask], dim=1)
        return ItemTokens(fields, fields_mask, text, text_mask, image, image_mask)

    def context(self, batch: RequestBatch) -> tuple[Tensor, Tensor]:
        """One token a field of profile and moment: (requests, fields, width) and the mask."""
        tokens: tuple[Tensor, Tensor] = self.context_fields(batch.context, self.table)
        return tokens

    def meeting(self, batch: RequestBatch) -> tuple[Tensor, Tensor]:
        """What is said of one candidate in one request: (rows, fields and numbers, width) and the mask."""
        numbers, present = self.numbers(batch.row_numbers)
        fields = self.table(batch.row_codes)
        return torch.cat([fields, numbers], dim=1), torch.cat([batch.row_codes > 0, present], dim=1)

    def history(self, batch: RequestBatch, tokens: ItemTokens) -> tuple[Tensor, Tensor]:
        """The behaviour sequence, latest step last: (requests, steps x tokens an item, width) and its mask.

        CHOICE: an item is two tokens, the first of its fields and pooled text, the second of its pooled
        picture; or, where the batch holds them, all its tokens. Each carries the step's place, outcome and age,
        which are ours too.
        """
        steps = batch.history.shape[1]
        back = torch.arange(steps - 1, -1, -1, device=batch.history.device)  # 0 is the latest: growth moves nothing
        moment = self.step(back) + self.outcome(batch.history_outcome) + self.age(batch.history_age)
        items, masks = self._whole(tokens) if batch.history_whole else self._pair(batch.items, tokens)
        real = masks[batch.history] & (batch.history > 0)[..., None]
        return (items[batch.history] + moment[:, :, None]).flatten(1, 2), real.flatten(1, 2)

    def _pair(self, items: Items, tokens: ItemTokens) -> tuple[Tensor, Tensor]:
        """(items, 1 or 2, width): pooled text with fields, pooled picture."""
        first = (tokens.fields * tokens.fields_mask[..., None]).sum(dim=1)
        if self.text is not None and items.text is not None:
            first = first + self.text.pooled(items.text)
        real = torch.ones(first.shape[0], dtype=torch.bool, device=first.device)
        if self.image is None or items.image is None:
            return first[:, None], real[:, None]
        pair = torch.stack([first, self.image.pooled(items.image)], dim=1)
        return pair, torch.stack([real, items.image.present], dim=1)

    def _whole(self, tokens: ItemTokens) -> tuple[Tensor, Tensor]:
        """(items, 1 + text + patches, width): fields, then every token."""
        first = (tokens.fields * tokens.fields_mask[..., None]).sum(dim=1, keepdim=True)
        real = torch.ones(first.shape[:2], dtype=torch.bool, device=first.device)
        whole = torch.cat([first, tokens.text, tokens.image[:, 1:]], dim=1)
        return whole, torch.cat([real, tokens.text_mask, tokens.image_mask[:, 1:]], dim=1)

    def _tokens(self, modality: ModalityEmbedding | None, tokens: Tokens | None, items: Items) -> tuple[Tensor, Tensor]:
        if modality is None or tokens is None:
            device = self.cls.device
            empty = torch.zeros(items.num_whole, 0, self.width, device=device)
            return empty, torch.zeros(items.num_whole, 0, dtype=torch.bool, device=device)
        if tokens.length == 0:
            return modality.pooled(tokens)[: items.num_whole, None], tokens.present[: items.num_whole, None]
        padded: tuple[Tensor, Tensor] = modality(tokens, items.num_whole)
        return padded


def _modality(encoder_width: int | None, width: int, max_length: int, token_dropout: float) -> ModalityEmbedding | None:
    if encoder_width is None:
        return None
    return ModalityEmbedding(encoder_width, width, max_length=max_length, token_dropout=token_dropout)
