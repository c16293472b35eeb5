"""What was bought before that is like the candidate, whatever either is called (kernel pooling, Xiong et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from camenn.batches.batch import RequestBatch, Tokens
from camenn.layers.embedding import Standardise
from camenn.layers.transformer import pack_rows

CENTRES = (0.0, 0.15, 0.3, 0.45, 0.6, 1.0)
"""Of the kernels, in cosine: from what has nothing in common to the very same item."""
DEVIATION = 0.1
AGES = (16, 18, 20, 22)
"""Ages up to which purchases are counted apart, as `batches.requests.age_bucket` has them: 18 hours to 48 days."""
HIDDEN = 32


class Direction(nn.Module):
    """An item's pooled text or picture, standardised and of length one."""

    def __init__(self, encoder_width: int) -> None:
        super().__init__()
        self.standardise = Standardise(encoder_width)

    def forward(self, tokens: Tokens) -> Tensor:
        """(items, encoder_width), zeros where missing."""
        return nn.functional.normalize(self.standardise(tokens.pooled), dim=-1) * tokens.present[:, None]


class SoftMatches(nn.Module):
    """Past purchases counted by how like the candidate they are and how long ago they were, as part of a logit.

    One product has many listings, under different names, with different pictures. Counts by item, and by the columns
    that items share, miss that a shopper has just bought it elsewhere. Nothing is learned of single items here:
    similarity is the mean cosine of frozen vectors of text and picture, kernels about a few values of it make soft
    counts (Xiong et al. 2017, section 3.1), each over all purchases and over late ones alone, and a small perceptron
    weighs their logarithms. DEVIATION: beyond the paper.
    """

    centres: Tensor
    ages: Tensor

    def __init__(self, text_width: int | None, image_width: int | None) -> None:
        super().__init__()
        self.text = None if text_width is None else Direction(text_width)
        self.image = None if image_width is None else Direction(image_width)
        self.register_buffer("centres", torch.tensor(CENTRES), persistent=False)
        self.register_buffer("ages", torch.tensor([*AGES, torch.iinfo(torch.int64).max]), persistent=False)
        self.hidden = nn.Linear(len(CENTRES) * (len(AGES) + 1), HIDDEN)
        self.head = nn.Linear(HIDDEN, 1)
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, batch: RequestBatch) -> Tensor:
        """-> (rows,) logits."""
        hidden = torch.relu(self.hidden(torch.log1p(self.counts(batch)).flatten(1)))
        logits: Tensor = self.head(hidden)[:, 0]
        return logits

    @torch.no_grad()
    def counts(self, batch: RequestBatch) -> Tensor:
        """(rows, kernels, ages): purchases about as like the candidate as a kernel's centre, up to an age."""
        bought = (batch.history_outcome == 2) & (batch.history > 0)
        counted = bought[..., None] & (batch.history_age[..., None] <= self.ages)
        off = (self.similarity(batch)[..., None] - self.centres) / DEVIATION
        return torch.exp(-0.5 * off.square()).transpose(1, 2) @ counted.to(off.dtype)[batch.request]

    def similarity(self, batch: RequestBatch) -> Tensor:
        """(rows, steps): the mean cosine over the modalities that candidate and past item both have, else 0."""
        lines, request = pack_rows(batch.request, int(torch.bincount(batch.request).max()))
        filled = lines >= 0
        candidates = batch.candidates[lines.clamp_min(0)]
        total = torch.zeros(*candidates.shape, batch.history.shape[1], device=candidates.device)
        known = torch.zeros_like(total)
        for direction, tokens in ((self.text, batch.items.text), (self.image, batch.items.image)):
            if direction is None or tokens is None:
                continue
            vectors, steps = direction(tokens), batch.history[request]
            total += vectors[candidates] @ vectors[steps].transpose(1, 2)
            known += tokens.present[candidates][..., None] & tokens.present[steps][:, None]
        return (total / known.clamp_min(1.0))[filled]
