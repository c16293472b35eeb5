"""Fields multiplied with one another, two at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.layers.dropout import Dropout
from camenn.layers.fields import RowVectors


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
        latent = fields.rows().unflatten(-1, (self.num_fields, -1))  # (rows, field, met field, latent width)
        both = (latent * latent.transpose(1, 2)).sum(dim=(1, 2, 3))
        alone = torch.diagonal(latent, dim1=1, dim2=2).square().sum(dim=(1, 2))
        logits: Tensor = 0.5 * (both - alone)
        return logits


class AttentionalProducts(nn.Module):
    """Element-wise products of pairs, pooled by attention (Xiao et al. 2017, equations 3 to 6)."""

    first: Tensor
    second: Tensor

    def __init__(self, num_fields: int, width: int, *, attention_width: int, dropout: float) -> None:
        super().__init__()
        first, second = torch.triu_indices(num_fields, num_fields, offset=1)
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)
        self.attention = nn.Linear(width, attention_width)
        self.score = nn.Linear(attention_width, 1, bias=False)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(width, 1, bias=False)

    def forward(self, fields: RowVectors) -> Tensor:
        """-> (rows,) logits; a pair with a missing field gets no attention."""
        vectors, mask = fields.rows(), fields.row_mask()
        pairs = vectors[:, self.first] * vectors[:, self.second]
        real = mask[:, self.first] & mask[:, self.second]
        scores = self.score(functional.relu(self.attention(pairs))).squeeze(-1)
        weights = torch.softmax(scores.masked_fill(~real, torch.finfo(scores.dtype).min), dim=1) * real
        pooled = self.dropout(torch.einsum("rp,rpw->rw", weights, pairs))
        logits: Tensor = self.head(pooled).squeeze(-1)
        return logits


class FactorisationMachine(nn.Module):
    """First and second order of a row's fields (Rendle 2010, equations 1 and 5).

    CHOICE: the weight of the first order is read from the same vectors.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_order = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.first_order.weight)
        self.products = Products()

    def forward(self, fields: RowVectors) -> Tensor:
        """-> (rows,) logits."""
        logits: Tensor = self.first_order(fields.total()).squeeze(-1) + self.products(fields)
        return logits
