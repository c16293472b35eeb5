"""Fields multiplied with one another, two at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from camenn.layers.dropout import Dropout
from camenn.layers.fields import RowVectors
from camenn.layers.precision import lowered

CHUNK = 2**20
"""Numbers of pairs that are laid out at a time: four megabytes, which stay in a cache."""


class Products(nn.Module):
    """The sum of v_i . v_j over all pairs, in linear time (Rendle 2010, equation 5)."""

    def forward(self, fields: RowVectors) -> Tensor:
        """-> (rows,) logits."""
        logits: Tensor = 0.5 * (fields.total().square().sum(dim=-1) - fields.squares())
        return logits


class FieldAwareProducts(nn.Module):
    """The sum of v_(i, field of j) . v_(j, field of i) over all pairs (Juan et al. 2016, equation 4).

    A field's vector holds one latent vector for each field it meets, one after another.
    """

    def __init__(self, num_fields: int) -> None:
        super().__init__()
        self.num_fields = num_fields

    def forward(self, fields: RowVectors) -> Tensor:
        """Fields of (num_fields x latent width) -> (rows,) logits."""
        apply: Any = _MetProducts.apply  # PyTorch does not type it
        logits: Tensor = apply(fields.rows().unflatten(-1, (self.num_fields, -1)))
        return logits


class _MetProducts(torch.autograd.Function):
    """Read a pair at a time; the gradient is written once, where autograd would write and add several."""

    @staticmethod
    def forward(ctx: Any, latent: Tensor) -> Tensor:
        """(rows, field, met field, latent width) -> (rows,)"""
        ctx.save_for_backward(latent)
        total = latent.new_zeros(len(latent))
        for field in range(latent.shape[1] - 1):
            after = slice(field + 1, None)
            total += (latent[:, field, after] * latent[:, after, field]).sum(dim=(1, 2))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_total: Tensor) -> Tensor:
        (latent,) = ctx.saved_tensors
        of_latent = torch.empty_like(latent)
        torch.mul(latent.transpose(1, 2), of_total[:, None, None, None], out=of_latent)
        torch.diagonal(of_latent, dim1=1, dim2=2).zero_()  # a field does not meet itself
        return of_latent


class AttentionalProducts(nn.Module):
    """Element-wise products of pairs, pooled by attention (Xiao et al. 2017, equations 3 to 6)."""

    def __init__(self, num_fields: int, width: int, *, attention_width: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.Linear(width, attention_width)
        self.score = nn.Linear(attention_width, 1, bias=False)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(width, 1, bias=False)

    def forward(self, fields: RowVectors) -> Tensor:
        """-> (rows,) logits; a pair with a missing field gets no attention."""
        vectors, mask = fields.rows(), fields.row_mask()
        apply: Any = _PooledPairs.apply  # PyTorch does not type it
        pooled = apply(lowered(vectors), mask, self.attention.weight, self.attention.bias, self.score.weight)
        logits: Tensor = (self.dropout(pooled).to(vectors.dtype) * self.head.weight).sum(dim=-1)
        return logits


class _PooledPairs(torch.autograd.Function):
    """Pairs, and the attention to them, are made a chunk of rows at a time, and made again for the gradient.

    Each field meets those that follow it, half-way round the circle of fields: pairs are slices, nothing is gathered.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, score: Tensor) -> Tensor:
        """(rows, fields, width), (rows, fields), (attention, width), (attention,), (1, attention) -> (rows, width)"""
        ctx.save_for_backward(vectors, weight, bias, score)
        to_hidden, start, to_score = (x.to(vectors.dtype) for x in (weight, bias, score))
        ctx.attended, pooled = [], []
        for some, there in _chunks(vectors, mask):
            pairs = _pairs(some)
            real = _pairs(there)
            if mask.shape[1] % 2 == 0:
                real[:, -(mask.shape[1] // 2) :] = False  # half-way round, a pair is met from both sides
            scores = (_hidden(pairs, to_hidden, start) @ to_score[0]).view(real.shape)
            scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
            scores = scores.masked_fill_(~real, torch.finfo(scores.dtype).min)
            ctx.attended.append(torch.softmax(scores, dim=1) * real)
            pooled.append(torch.bmm(ctx.attended[-1].to(some.dtype)[:, None], pairs).squeeze(1))
        return torch.cat(pooled)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_pooled: Tensor) -> tuple[Tensor | None, ...]:
        vectors, *parameters = ctx.saved_tensors
        to_hidden, start, to_score = (x.to(vectors.dtype) for x in parameters)
        of_vectors = torch.empty_like(vectors)
        of_weight, of_bias, of_score = (torch.zeros_like(x) for x in parameters)
        chunks = _chunks(vectors, of_vectors, of_pooled)
        for (some, of_some, out), attended in zip(chunks, ctx.attended, strict=True):
            pairs = _pairs(some)
            hidden = _hidden(pairs, to_hidden, start)
            of_attended = torch.bmm(out[:, None], pairs.transpose(1, 2)).squeeze(1).to(attended.dtype)
            told = (attended * of_attended).sum(dim=1, keepdim=True)
            of_scores = (attended * (of_attended - told)).to(some.dtype).flatten()
            of_score += of_scores @ hidden
            of_hidden = torch.ops.aten.threshold_backward(of_scores[:, None] @ to_score, hidden, 0)
            of_weight += of_hidden.T @ pairs.flatten(0, 1)
            of_bias += of_hidden.sum(dim=0)
            of_pairs = (of_hidden @ to_hidden).view(pairs.shape)
            of_pairs = torch.baddbmm(of_pairs, attended.to(some.dtype)[:, :, None], out[:, None])
            of_pairs = of_pairs.unflatten(1, (-1, some.shape[1]))
            torch.sum(of_pairs * _met(some), dim=1, out=of_some)
            for step in range(of_pairs.shape[1]):
                back = of_pairs[:, step] * some
                of_some[:, step + 1 :] += back[:, : -step - 1]
                of_some[:, : step + 1] += back[:, -step - 1 :]
        return of_vectors, None, of_weight, of_bias, of_score


def _chunks(vectors: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Of (rows, ...), each a chunk of the rows; vectors: (rows, fields, width)."""
    rows = max(1, 2 * CHUNK // (vectors.shape[1] ** 2 * vectors.shape[2]))
    return zip(*(x.split(rows) for x in (vectors, *others)), strict=True)


def _met(vectors: Tensor) -> Tensor:
    """(rows, fields, ...) -> (rows, steps, fields, ...): the field that lies some steps on in the circle of fields."""
    num_fields = vectors.shape[1]
    twice = torch.cat([vectors, vectors], dim=1).unfold(1, num_fields, 1)
    return twice[:, 1 : num_fields // 2 + 1].movedim(-1, 2)


def _pairs(vectors: Tensor) -> Tensor:
    """(rows, fields, ...) -> (rows, steps x fields, ...)"""
    return (vectors[:, None] * _met(vectors)).flatten(1, 2)


def _hidden(pairs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """relu(weight pair + bias): (rows, pairs, width) -> (rows x pairs, attention)"""
    return torch.addmm(bias, pairs.flatten(0, 1), weight.T).relu_()
