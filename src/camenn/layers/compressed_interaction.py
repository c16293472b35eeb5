"""Interactions of fields of rising order, vector-wise (Lian et al. 2018, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from camenn.layers.fields import RowVectors


class CompressedInteraction(nn.Module):
    """Each layer multiplies its maps with the fields once more and compresses (equation 6); all layers are summed.

    split_half: half of each layer goes on to the next, the other half to the output, as the authors' code has it;
    without, all of it does both, as the paper writes. CHOICE: no activation between layers (the paper's identity).
    """

    def __init__(self, num_fields: int, maps: Sequence[int], *, split_half: bool) -> None:
        super().__init__()
        self.split_half = split_half
        self.weights = nn.ParameterList()
        before, told = num_fields, 0
        for depth, count in enumerate(maps):
            last = depth == len(maps) - 1
            self.weights.append(torch.empty(num_fields, before, count))
            nn.init.xavier_uniform_(self.weights[-1].flatten(0, 1))
            kept = count // 2 if split_half and not last else count
            told += count - kept if split_half and not last else count
            before = kept
        self.head = nn.Linear(told, 1, bias=False)

    def forward(self, fields: RowVectors) -> Tensor:
        """-> (rows,) logits."""
        first = fields.rows().transpose(1, 2)  # (rows, width, fields): maps lie last, where products run
        state, told = first, []
        for depth, weight in enumerate(self.weights):
            made = interact(first, state, weight)
            if self.split_half and depth < len(self.weights) - 1:
                state, out = made.split([made.shape[-1] // 2, made.shape[-1] - made.shape[-1] // 2], dim=-1)
            else:
                state = out = made
            told.append(out.sum(dim=1))
        logits: Tensor = self.head(torch.cat(told, dim=-1)).squeeze(-1)
        return logits


def interact(first: Tensor, state: Tensor, weight: Tensor) -> Tensor:
    """Sum over i, j of weight[i, j, h] first[..., i] state[..., j] (equation 6), never laying out all products.

    first: (rows, width, fields); state: (rows, width, maps before); weight: (fields, maps before, maps)
    -> (rows, width, maps).
    """
    made = first.new_zeros(*state.shape[:-1], weight.shape[-1])
    for field in range(weight.shape[0]):
        made = made + first[..., field, None] * (state @ weight[field])
    return made
