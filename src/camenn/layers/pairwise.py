"""Fields multiplied with one another, two at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class FieldVectors:
    """Some fields of every row; rows that share them point to the same line."""

    vectors: Tensor
    """(lines, fields, width)"""
    mask: Tensor
    """(lines, fields) bool"""
    line: Tensor | None = None
    """(rows,) the line of each row; None: a line a row."""

    def sums(self) -> tuple[Tensor, Tensor]:
        """(rows, width) each: the sum of a row's vectors, and of their squares."""
        real = self.vectors * self.mask[..., None]
        total, squares = real.sum(dim=1), real.square().sum(dim=1)
        return (total, squares) if self.line is None else (total[self.line], squares[self.line])


class FactorisationMachine(nn.Module):
    """First and second order of a row's fields (Rendle 2010, equations 1 and 5, in linear time).

    CHOICE: the weight of the first order is read from the same vectors.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_order = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.first_order.weight)

    def forward(self, *parts: FieldVectors) -> Tensor:
        """Parts of the same rows -> (rows,) logits."""
        totals, squares = zip(*(part.sums() for part in parts), strict=True)
        total = torch.stack(totals).sum(dim=0)
        pairs = 0.5 * (total.square() - torch.stack(squares).sum(dim=0)).sum(dim=-1)
        logits: Tensor = self.first_order(total).squeeze(-1) + pairs
        return logits
