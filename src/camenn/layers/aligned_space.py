"""One space for texts and pictures, learned by contrast. Beyond the paper."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.batches.batch import Tokens
from camenn.layers.embedding import Standardise


@dataclass(frozen=True, slots=True)
class Aligned:
    """Unit vectors of a batch's items; zeros where the modality is missing."""

    text: Tensor
    """(items, width)"""
    image: Tensor
    """(items, width)"""

    def similarity(self, text: Tensor, image: Tensor) -> Tensor:
        """(rows,) cosine of the texts and pictures at these indices."""
        return (self.text[text] * self.image[image]).sum(dim=-1)

    def items(self) -> Tensor:
        """(items, width): where an item lies, both modalities together."""
        return functional.normalize(self.text + self.image, dim=-1)


class Projection(nn.Module):
    """Pooled encoder vectors of one modality -> unit vectors of the space."""

    def __init__(self, encoder_width: int, width: int, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.standardise = Standardise(encoder_width)
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(encoder_width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
        )

    def forward(self, tokens: Tokens) -> Tensor:
        """(items, width)"""
        projected = self.layers(self.standardise(tokens.pooled))
        return functional.normalize(projected, dim=-1) * tokens.present[:, None]


class AlignedSpace(nn.Module):
    """Both projections and the temperature of their contrast."""

    def __init__(
        self, text_width: int, image_width: int, width: int, *, hidden: int = 512, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.width = width
        self.text = Projection(text_width, width, hidden=hidden, dropout=dropout)
        self.image = Projection(image_width, width, hidden=hidden, dropout=dropout)
        self.log_scale = nn.Parameter(torch.tensor(2.3))

    def forward(self, text: Tokens, image: Tokens) -> Aligned:
        """The batch's items in the space."""
        return Aligned(self.text(text), self.image(image))
