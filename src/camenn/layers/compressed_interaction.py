"""Interactions of fields of rising order, vector-wise (Lian et al. 2018, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from camenn.layers.fields import RowVectors
from camenn.layers.precision import lowered

CHUNK = 2**19
"""Products that are laid out at a time: two megabytes, which stay in a cache."""


class CompressedInteraction(nn.Module):
    """Each layer multiplies its maps with the fields once more and compresses (equation 6); all layers are summed.

    split_half: half of each layer goes on to the next, the other half to the output, as the authors' code has it;
    without, all of it does both, as the paper writes. CHOICE: no activation between layers (the paper's identity).

    The logit is linear in the maps that a layer gives out, so they are not made: their weights are multiplied with
    the head's, and what is left to a layer is one map for each field, sum over h of head[h] weight[i, j, h] state[j],
    yet to be multiplied with field i and summed. So too the maps that only the last layer reads.
    """

    def __init__(self, num_fields: int, maps: Sequence[int], *, split_half: bool) -> None:
        super().__init__()
        self.weights = nn.ParameterList()
        self.kept: list[int] = []
        self.told: list[int] = []
        before = num_fields
        for depth, count in enumerate(maps):
            last = depth == len(maps) - 1
            self.weights.append(torch.empty(num_fields, before, count))
            nn.init.xavier_uniform_(self.weights[-1].flatten(0, 1))
            before = 0 if last else count // 2 if split_half else count
            self.kept.append(before)
            self.told.append(count - before if split_half else count)
        self.head = nn.Linear(sum(self.told), 1, bias=False)

    def forward(self, fields: RowVectors) -> Tensor:
        """-> (rows,) logits."""
        rows = fields.rows()
        first = lowered(rows).transpose(0, 1).flatten(1)  # (fields, rows x width)
        state, told = first, torch.zeros_like(first)
        heads = self.head.weight[0].split(self.told)
        reads = [weight[..., -len(head) :] @ head for weight, head in zip(self.weights, heads, strict=True)]
        for depth, (weight, read) in enumerate(zip(self.weights, reads, strict=True)):
            told = told + read @ state
            kept = weight[..., : self.kept[depth]]
            if depth == len(reads) - 2:
                told = told + interact(first, state, kept @ reads[-1].T)
                break
            if depth < len(reads) - 2:
                state = interact(first, state, kept)
        logits: Tensor = (first * told).unflatten(1, rows.shape[::2]).sum(dim=(0, 2), dtype=rows.dtype)
        return logits


def interact(first: Tensor, state: Tensor, weight: Tensor) -> Tensor:
    """Sum over i, j of weight[i, j, h] first[i] state[j] (equation 6), never laying out all products.

    first: (fields, lines); state: (maps before, lines); weight: (fields, maps before, maps) -> (maps, lines).
    """
    apply: Any = _Interact.apply  # PyTorch does not type it
    made: Tensor = apply(lowered(first), lowered(state), weight)
    return made


class _Interact(torch.autograd.Function):
    """Products are made a chunk of lines at a time, and made again for the gradient."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, state: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(first, state, weight)
        compress = weight.to(first.dtype).flatten(0, 1).T
        return torch.cat([compress @ _products(one, other) for one, other in _chunks(first, state)], dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_made: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first, state, weight = ctx.saved_tensors
        expand = weight.to(first.dtype).flatten(0, 1)
        of_first, of_state = torch.empty_like(first), torch.empty_like(state)
        of_weight = torch.zeros_like(expand.T, dtype=torch.promote_types(first.dtype, torch.float32))
        for one, other, of_one, of_other, of_out in _chunks(first, state, of_first, of_state, of_made):
            of_weight += of_out @ _products(one, other).T
            of_products = (expand @ of_out).unflatten(0, (len(one), len(other)))
            torch.sum(of_products * other, dim=1, out=of_one)
            torch.sum(of_products * one[:, None], dim=0, out=of_other)
        return of_first, of_state, of_weight.T.reshape(weight.shape).to(weight.dtype)


def _products(first: Tensor, state: Tensor) -> Tensor:
    """(fields, lines), (maps before, lines) -> (fields x maps before, lines)"""
    return (first[:, None] * state).flatten(0, 1)


def _chunks(first: Tensor, state: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Of (..., lines), each a chunk of the lines."""
    lines = max(1, CHUNK // (len(first) * len(state)))
    return zip(*(x.split(lines, dim=1) for x in (first, state, *others)), strict=True)
