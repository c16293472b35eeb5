"""The behaviour sequence with the candidate at its end, through a transformer (Chen et al. 2019, section 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.batches.batch import NUM_AGES, RequestBatch
from camenn.layers.precision import lowered, ragged_linear
from camenn.layers.transformer import TransformerBlock


class BehaviourTransformer(nn.Module):
    """Past items and the candidate with the time between them as their position; what comes out at the candidate.

    CHOICE: the candidate's output alone, as section 2.3 says. Figure 1 draws all of them side by side; with weights of
    its own for each place that learns far more slowly. CHOICE: an item's fields are mapped to the transformer's width;
    time gaps by powers of two of a second.
    """

    def __init__(
        self,
        item_width: int,
        *,
        width: int,
        heads: int,
        num_blocks: int,
        feed_forward: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.num_outputs = width
        self.project = nn.Linear(item_width, width)
        self.gap = nn.Embedding(NUM_AGES, width)
        self.outcome = nn.Embedding(3, width)  # CHOICE: what came of a past impression; the paper has clicks alone
        # 0 of both is the candidate's own
        for embedding in (self.gap, self.outcome):
            nn.init.normal_(embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(
            TransformerBlock(
                width, heads=heads, dropout=dropout, activation=functional.leaky_relu, feed_forward=feed_forward
            )
            for _ in range(num_blocks)
        )

    def forward(self, items: Tensor, batch: RequestBatch) -> Tensor:
        """items: (items, item width) -> (rows, width)."""
        # Looked up in one table each, since the gradient of an indexed tensor takes a CPU several times as long; and in
        # single precision, in which its sums are exact enough.
        places = (self.gap.weight[:, None] + self.outcome.weight).flatten(0, 1)
        items = ragged_linear(lowered(items), self.project.weight, self.project.bias).to(places.dtype)
        past_place = batch.history_age * self.outcome.num_embeddings + batch.history_outcome
        token = torch.cat([batch.candidates[:, None], batch.history[batch.request]], dim=1)
        place = functional.pad(past_place[batch.request], (1, 0))
        sequence = items.index_select(0, token.flatten()).view(*token.shape, -1) + functional.embedding(place, places)
        mask = functional.pad((batch.history > 0)[batch.request], (1, 0), value=True)
        *below, last = self.blocks
        for block in below:
            sequence = block(sequence, mask)
        read: Tensor = last(sequence, mask, num_outputs=1)[:, 0]
        return read
