"""How much each past item matters to a candidate (Zhou et al. 2018, section 4.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from camenn.batches.batch import RequestBatch
from camenn.layers.perceptron import Dice, Perceptron


class TargetAttention(nn.Module):
    """The sum of past items, each weighed by a small network of it and the candidate.

    No softmax, as the paper says. Steps that are not there are not computed.
    """

    def __init__(self, width: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.num_outputs = width
        self.unit = Perceptron(4 * width, hidden, activation=Dice)
        self.outcome = nn.Embedding(3, width)  # CHOICE: what came of a past impression; the paper has purchases alone
        nn.init.normal_(self.outcome.weight, std=0.02)

    def forward(self, items: Tensor, batch: RequestBatch) -> Tensor:
        """items: (items, width) -> (rows, width)."""
        row, step = (batch.history > 0)[batch.request].nonzero(as_tuple=True)
        request = batch.request[row]
        past = items[batch.history[request, step]] + self.outcome(batch.history_outcome[request, step])
        asked = items[batch.candidates[row]]
        weight = self.unit(torch.cat([asked, past, asked - past, asked * past], dim=-1))
        return items.new_zeros(batch.num_rows, self.num_outputs).index_add(0, row, weight[:, None] * past)
