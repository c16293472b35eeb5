"""What a model of several tasks reads: tokens in a sequence, or all fields side by side."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from camenn.batches.batch import PairBatch, RequestBatch
from camenn.layers.dropout import Dropout
from camenn.layers.embedding import InputEmbedding
from camenn.layers.fields import FieldReader
from camenn.layers.masking import Hidden
from camenn.layers.precision import lowered
from camenn.layers.transformer import Memory
from camenn.models.output import ModelInputs


class Pattern(StrEnum):
    """Who looks at whom. Train and serve with the same one."""

    FULL = "full"
    """The paper's: everything sees everything."""
    SHARED_HISTORY = "shared_history"
    """Context and history see only themselves, a candidate sees them and itself: one history serves all candidates.

    DEVIATION: the paper has only full.
    """


@dataclass(frozen=True, slots=True)
class Sequence:
    """Rows of tokens, [CLS] first, and what they may look at besides themselves."""

    vectors: Tensor
    """(rows, length, width)"""
    mask: Tensor
    """(rows, length) bool"""
    memory: Memory | None = None

    @property
    def cls(self) -> Tensor:
        """(rows, width)"""
        return self.vectors[:, 0]


class TokenInput(nn.Module):
    """[CLS], fields, history, text and patches as tokens of one width (Li et al. 2020, sections 3.1 and 3.2)."""

    def __init__(self, embed: InputEmbedding, *, pattern: Pattern, dropout: float) -> None:
        super().__init__()
        self.embed = embed
        self.norm = nn.LayerNorm(embed.width)
        self.dropout = Dropout(dropout)
        self.pattern = pattern
        if pattern is Pattern.SHARED_HISTORY:
            self.request_token = nn.Parameter(torch.randn(embed.width) * 0.02)

    def _finish(self, vectors: Tensor) -> Tensor:
        # CHOICE: norm and dropout over the input, as BERT.
        finished: Tensor = self.dropout(self.norm(vectors))
        return finished

    def requests(self, batch: RequestBatch) -> Sequence:
        """The input of conversion: other features, behaviour sequence, target item (paper, section 3.2).

        CHOICE: one [CLS] a row; the paper puts one before each item, we none at history items.
        """
        tokens = self.embed.items(batch.items)
        context, context_mask = self.embed.context(batch)
        history, history_mask = self.embed.history(batch, tokens)
        shared = torch.cat([context, history], dim=1)
        shared_mask = torch.cat([context_mask, history_mask], dim=1)
        item = torch.cat([tokens.fields[: tokens.num_whole], tokens.text, tokens.image], dim=1)[batch.candidates]
        item_mask = torch.cat([tokens.fields_mask[: tokens.num_whole], tokens.text_mask, tokens.image_mask], dim=1)
        meeting, meeting_mask = self.embed.meeting(batch)
        meeting, meeting_mask = _numbers_as_one(meeting, meeting_mask, num_fields=batch.row_codes.shape[1])
        own = [self.embed.cls.expand(batch.num_rows, 1, -1), meeting, item]
        own_mask = [_real(batch.num_rows, item_mask), meeting_mask, item_mask[batch.candidates]]
        if self.pattern is Pattern.FULL:
            vectors = torch.cat([own[0], shared[batch.request], *own[1:]], dim=1)
            mask = torch.cat([own_mask[0], shared_mask[batch.request], *own_mask[1:]], dim=1)
            return Sequence(self._finish(vectors), mask)
        start = self.request_token.expand(batch.num_requests, 1, -1)
        memory = Memory(
            self._finish(torch.cat([start, shared], dim=1)),
            torch.cat([_real(batch.num_requests, shared_mask), shared_mask], dim=1),
            batch.request,
        )
        return Sequence(self._finish(torch.cat(own, dim=1)), torch.cat(own_mask, dim=1), memory)

    def pairs(self, batch: PairBatch, *, hidden: tuple[Hidden, Hidden] | None = None) -> Sequence:
        """The input of alignment; words and patches that are hidden are not read.

        CHOICE: it carries item tokens alone, so that a swapped text never meets a conversion label.
        """
        tokens = self.embed.items(batch.items)
        text, image = tokens.text[batch.text], tokens.image[batch.image]
        if hidden is not None:
            words, patches = hidden
            text, image = words.cover(text), torch.cat([image[:, :1], patches.cover(image[:, 1:])], dim=1)
        vectors = torch.cat([self.embed.cls.expand(batch.num_rows, 1, -1), text, image], dim=1)
        text_mask, image_mask = tokens.text_mask[batch.text], tokens.image_mask[batch.image]
        mask = torch.cat([_real(batch.num_rows, text_mask), text_mask, image_mask], dim=1)
        return Sequence(self._finish(vectors), mask)


def token_input(
    inputs: ModelInputs,
    *,
    width: int,
    dropout: float,
    token_dropout: float = 0.0,
    pattern: Pattern = Pattern.FULL,
) -> TokenInput:
    """Everything that a shop of these sizes has, as tokens."""
    embed = InputEmbedding(
        num_codes=inputs.num_codes,
        item_fields=inputs.item_fields,
        context_fields=inputs.context_fields,
        num_numbers=inputs.num_numbers,
        text_width=inputs.text_width,
        image_width=inputs.image_width,
        width=width,
        max_text=inputs.max_text,
        max_patches=inputs.max_patches,
        max_steps=inputs.max_steps,
        token_dropout=token_dropout,
    )
    return TokenInput(embed, pattern=pattern, dropout=dropout)


class FlatInput(nn.Module):
    """All fields of a row side by side, as a sequence of one token; a pair has a text and a picture alone."""

    def __init__(self, embed: FieldReader) -> None:
        super().__init__()
        self.embed = embed

    def requests(self, batch: RequestBatch) -> Sequence:
        """(rows, 1, fields x width)"""
        return self._flat(self.embed(batch)[0].rows())

    def pairs(self, batch: PairBatch) -> Sequence:
        """(rows, 1, fields x width), zeros in all fields but text and picture."""
        return self._flat(self.embed.pairs(batch))

    def _flat(self, rows: Tensor) -> Sequence:
        return Sequence(lowered(rows.flatten(1))[:, None], rows.new_ones(rows.shape[0], 1, dtype=torch.bool))


def _numbers_as_one(vectors: Tensor, mask: Tensor, *, num_fields: int) -> tuple[Tensor, Tensor]:
    """(rows, fields and numbers, width) and their mask, the numbers added up to one token.

    CHOICE: a token each is half of a row's tokens, and half its time, for no gain.
    """
    numbers, present = vectors[:, num_fields:], mask[:, num_fields:]
    if numbers.shape[1] == 0:
        return vectors, mask
    total = (numbers * present[..., None]).sum(dim=1, keepdim=True)
    return (
        torch.cat([vectors[:, :num_fields], total], dim=1),
        torch.cat([mask[:, :num_fields], present.any(dim=1, keepdim=True)], dim=1),
    )


def _real(num_rows: int, like: Tensor) -> Tensor:
    return torch.ones(num_rows, 1, dtype=torch.bool, device=like.device)
