"""One space for texts and pictures, learned by contrast.

DEVIATION: beyond the paper; off with aligned_width = 0.

On small catalogues a cross-modal network alone learns its training pairs by heart; two linear maps into one
space do not. What the space says of a pair is given to the heads as evidence beside the network's own logit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.batches.batch import Tokens
from camenn.layers.dropout import Dropout
from camenn.layers.embedding import Standardise

BANK_SIZE = 512
"""Texts and pictures of training items that a pair is compared with."""
NUM_EVIDENCE = 3
MAX_SCALE = 30.0
TEXT_DROPOUT = 0.1


@dataclass(frozen=True, slots=True)
class Aligned:
    """Unit vectors of a batch's items; zeros where the modality is missing."""

    text: Tensor
    """(items, width)"""
    image: Tensor
    """(items, width)"""
    scale: Tensor
    """() inverse temperature"""
    text_rivals: Tensor
    """(items,): log-sum-exp of each picture's scaled similarity to the training texts."""
    image_rivals: Tensor
    """(items,): log-sum-exp of each text's scaled similarity to the training pictures."""

    def similarity(self, text: Tensor, image: Tensor) -> Tensor:
        """(rows,) cosine of the texts and pictures at these indices."""
        return (self.text[text] * self.image[image]).sum(dim=-1)

    def evidence(self, text: Tensor, image: Tensor) -> Tensor:
        """(rows, NUM_EVIDENCE): scaled similarity; the same against rival texts, and against rival pictures.

        Zeros where a modality is missing: nothing is said then.
        """
        similarity = self.similarity(text, image) * self.scale
        told = torch.stack(
            [similarity, similarity - self.text_rivals[image], similarity - self.image_rivals[text]], dim=-1
        )
        return told * (similarity != 0)[:, None]

    def items(self) -> Tensor:
        """(items, width): where an item lies, both modalities together."""
        return functional.normalize(self.text + self.image, dim=-1)


class Projection(nn.Module):
    """Pooled encoder vectors of one modality -> unit vectors of the space: standardise, drop, one linear map."""

    bank: Tensor
    num_banked: Tensor

    def __init__(self, encoder_width: int, width: int, *, dropout: float, token_dropout: float) -> None:
        super().__init__()
        self.standardise = Standardise(encoder_width)
        self.dropout = Dropout(dropout)
        self.linear = nn.Linear(encoder_width, width)
        self.token_dropout = token_dropout
        self.register_buffer("bank", torch.zeros(BANK_SIZE, encoder_width))
        self.register_buffer("num_banked", torch.zeros((), dtype=torch.int64))

    def remember(self, pooled: Tensor) -> None:
        """Fill the bank with the first BANK_SIZE of (items, encoder_width) pooled vectors of training items."""
        pooled = pooled[:BANK_SIZE]
        self.bank[: len(pooled)] = pooled.to(self.bank.dtype)
        self.num_banked.fill_(len(pooled))

    def forward(self, tokens: Tokens) -> Tensor:
        """(items, width)"""
        return self.project(self._pooled(tokens)) * tokens.present[:, None]

    def banked(self) -> Tensor:
        """(banked, width)"""
        return self.project(self.bank[: int(self.num_banked)])

    def project(self, pooled: Tensor) -> Tensor:
        """(items, encoder_width) pooled vectors -> (items, width)."""
        return functional.normalize(self.linear(self.dropout(self.standardise(pooled))), dim=-1)

    def _pooled(self, tokens: Tokens) -> Tensor:
        """The items' mean vectors; at training the mean of what token dropout leaves."""
        if not self.training or self.token_dropout == 0.0 or tokens.length == 0:
            return tokens.pooled
        kept = torch.rand(tokens.item.shape, device=tokens.item.device) >= self.token_dropout
        item = tokens.item[kept]
        vectors = tokens.vectors[kept].to(self.linear.weight.dtype)
        total = vectors.new_zeros(tokens.pooled.shape).index_add(0, item, vectors)
        count = torch.bincount(item, minlength=total.shape[0])[:, None]
        return torch.where(count > 0, total / count.clamp_min(1), tokens.pooled.to(total.dtype))


class AlignedSpace(nn.Module):
    """Both projections, the temperature of their contrast, and rivals to compare with."""

    def __init__(self, text_width: int, image_width: int, width: int, *, dropout: float, token_dropout: float) -> None:
        super().__init__()
        self.text = Projection(text_width, width, dropout=min(dropout, TEXT_DROPOUT), token_dropout=0.0)
        self.image = Projection(image_width, width, dropout=dropout, token_dropout=token_dropout)
        self.log_scale = nn.Parameter(torch.tensor(10.0).log())

    def forward(self, text: Tokens, image: Tokens) -> Aligned:
        """The batch's items in the space."""
        texts, images = self.text(text), self.image(image)
        scale = self.log_scale.exp().clamp(max=MAX_SCALE)
        return Aligned(
            text=texts,
            image=images,
            scale=scale,
            text_rivals=_rivals(images, self.text.banked(), scale),
            image_rivals=_rivals(texts, self.image.banked(), scale),
        )


def _rivals(vectors: Tensor, bank: Tensor, scale: Tensor) -> Tensor:
    if bank.shape[0] == 0:
        return vectors.new_zeros(vectors.shape[0])
    return torch.logsumexp(vectors @ bank.T * scale, dim=-1)
