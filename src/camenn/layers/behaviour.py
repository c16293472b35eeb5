"""The behaviour sequence with the candidate at its end, through a transformer (Chen et al. 2019, section 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.batches.batch import NUM_AGES, RequestBatch
from camenn.layers.transformer import TransformerBlock


class BehaviourTransformer(nn.Module):
    """Past items and the candidate with the time between them as their position; all outputs side by side.

    CHOICE: an item's fields are mapped to the transformer's width; time gaps by powers of two of a second.
    """

    def __init__(
        self, item_width: int, *, width: int, heads: int, num_blocks: int, max_steps: int, dropout: float
    ) -> None:
        super().__init__()
        self.max_steps = max_steps
        self.num_outputs = (max_steps + 1) * width
        self.project = nn.Linear(item_width, width)
        self.gap = nn.Embedding(NUM_AGES, width)  # 0 is the candidate's own
        self.outcome = nn.Embedding(3, width)  # CHOICE: what came of a past impression; the paper has clicks alone
        for embedding in (self.gap, self.outcome):
            nn.init.normal_(embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(
            TransformerBlock(width, heads=heads, dropout=dropout, activation=functional.leaky_relu)
            for _ in range(num_blocks)
        )

    def forward(self, items: Tensor, batch: RequestBatch) -> Tensor:
        """items: (items, item width) -> (rows, (max_steps + 1) x width), the latest step before the candidate."""
        items = self.project(items)
        past = items[batch.history] + self.gap(batch.history_age) + self.outcome(batch.history_outcome)
        asked = items[batch.candidates] + self.gap.weight[0]
        sequence = torch.cat([past[batch.request], asked[:, None]], dim=1)
        mask = functional.pad((batch.history > 0)[batch.request], (0, 1), value=True)
        for block in self.blocks:
            sequence = block(sequence, mask)
        real = (sequence * mask[..., None]).flatten(1)
        return functional.pad(real, (self.num_outputs - real.shape[1], 0))
