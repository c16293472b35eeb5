"""How much each past item matters to a candidate (Zhou et al. 2018, section 4.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.batches.batch import RequestBatch
from camenn.layers.perceptron import Dice, Perceptron
from camenn.layers.precision import lowered, ragged_linear


class TargetAttention(nn.Module):
    """The sum of past items, each weighed by a small network of it and the candidate.

    The network reads the candidate, the past item, their difference and their product. No softmax, as the paper says.
    Steps that are not there are not computed.
    """

    def __init__(self, width: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.num_outputs = width
        self.unit = Perceptron(4 * width, hidden, activation=Dice)
        self.outcome = nn.Embedding(3, width)  # CHOICE: what came of a past impression; the paper has purchases alone
        nn.init.normal_(self.outcome.weight, std=0.02)

    def forward(self, items: Tensor, batch: RequestBatch) -> Tensor:
        """items: (items, width) -> (rows, width)."""
        there = batch.history > 0
        outcome = functional.one_hot(batch.history_outcome[there], 3).to(items.dtype) @ self.outcome.weight
        past = items.index_select(0, batch.history[there]) + outcome  # once a request
        row, step = there[batch.request].nonzero(as_tuple=True)
        if batch.num_requests < batch.num_rows:
            place = (there.flatten().cumsum(0) - 1).view(there.shape)
            past = past.index_select(0, place[batch.request[row], step])
        asked = items.index_select(0, batch.candidates).index_select(0, row)
        weight = self._weigh(lowered(asked), lowered(past)).to(items.dtype)
        return items.new_zeros(batch.num_rows, self.num_outputs).index_add(0, row, weight[:, None] * past)

    def _weigh(self, asked: Tensor, past: Tensor) -> Tensor:
        """(pairs, width) twice -> (pairs,); the difference is linear, so its weights join those of its parts."""
        hidden = torch.cat([asked, past, asked * past], dim=1)
        for place, layer in enumerate(self.unit.layers):
            if not isinstance(layer, nn.Linear):
                hidden = layer(hidden)
                continue
            weight = layer.weight
            if place == 0:
                of_asked, of_past, of_difference, of_product = weight.chunk(4, dim=1)
                weight = torch.cat([of_asked + of_difference, of_past - of_difference, of_product], dim=1)
            hidden = ragged_linear(hidden, weight, layer.bias)
        return hidden.squeeze(-1)
