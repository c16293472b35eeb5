"""Other ways in which tasks share parameters: columns apart, columns stitched together, weights from common factors.

Rows come as (rows, length, width); which task is asked is a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.layers.dropout import Dropout


class Columns(nn.Module):
    """A stack of dense layers a task, drawn towards one another (Duong et al. 2015: L2 distance of weights)."""

    def __init__(self, inputs: int, hidden: Sequence[int], *, num_tasks: int, dropout: float) -> None:
        super().__init__()
        widths = (inputs, *hidden)
        self.layers = nn.ModuleList(
            nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, hidden, strict=False)) for _ in range(num_tasks)
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, task: int) -> Tensor:
        """Through the task's own column."""
        column = self.layers[task]
        assert isinstance(column, nn.ModuleList)
        for layer in column:
            x = self.dropout(functional.relu(layer(x)))
        return x

    def distance(self) -> Tensor:
        """() the squared distance of the weights of every two columns, summed."""
        columns = [torch.cat([p.flatten() for p in column.parameters()]) for column in self.layers]
        return torch.stack(
            [(one - other).square().sum() for n, one in enumerate(columns) for other in columns[:n]]
        ).sum()


class CrossStitch(nn.Module):
    """A stack of dense layers a task, whose outputs are mixed after each layer (Misra et al. 2016, equation 1)."""

    def __init__(self, inputs: int, hidden: Sequence[int], *, num_tasks: int, dropout: float) -> None:
        super().__init__()
        widths = (inputs, *hidden)
        self.layers = nn.ModuleList(
            nn.ModuleList(nn.Linear(a, b) for _ in range(num_tasks)) for a, b in zip(widths, hidden, strict=False)
        )
        # CHOICE: 0.9 of one's own, the rest even, as the authors tried among others.
        own = 0.9 * torch.eye(num_tasks) + (0.1 / max(num_tasks - 1, 1)) * (1 - torch.eye(num_tasks))
        self.stitches = nn.ParameterList([own.clone() for _ in hidden])
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, task: int) -> Tensor:
        """Every column is computed, since each feeds the others; the task's own is given."""
        columns = [x] * len(self.stitches[0])
        for layers, stitch in zip(self.layers, self.stitches, strict=True):
            assert isinstance(layers, nn.ModuleList)
            made = torch.stack([functional.relu(layer(column)) for layer, column in zip(layers, columns, strict=True)])
            columns = list(self.dropout(torch.einsum("ts,s...->t...", stitch, made)))
        return columns[task]


class FactorisedLinear(nn.Module):
    """A linear layer a task, the weights one tensor (inputs, outputs, tasks) in factors (Yang and Hospedales 2016).

    tucker: a small core, multiplied by a matrix on each side (their equation 5); tensor_train: a chain of three
    factors (their equation 7).
    """

    def __init__(
        self, inputs: int, outputs: int, *, num_tasks: int, rank: int, kind: Literal["tucker", "tensor_train"]
    ) -> None:
        super().__init__()
        self.kind = kind
        of_tasks = min(rank, num_tasks)
        scale = (2.0 / inputs) ** 0.5
        shapes = (
            [(inputs, rank), (rank, rank, of_tasks), (rank, outputs), (of_tasks, num_tasks)]
            if kind == "tucker"
            else [(inputs, rank), (rank, outputs, of_tasks), (of_tasks, num_tasks)]
        )
        self.factors = nn.ParameterList([torch.randn(*shape) for shape in shapes])
        with torch.no_grad():  # so that the whole weight has the spread of an ordinary layer
            spread = float(self.weight().std())
            for factor in self.factors:
                factor.mul_((scale / spread) ** (1.0 / len(shapes)))
        self.bias = nn.Parameter(torch.zeros(num_tasks, outputs))

    def weight(self) -> Tensor:
        """(inputs, outputs, tasks), put together from its factors."""
        if self.kind == "tucker":
            into, core, out, tasks = self.factors
            return torch.einsum("ia,abc,bo,ct->iot", into, core, out, tasks)
        into, middle, tasks = self.factors
        return torch.einsum("ia,aoc,ct->iot", into, middle, tasks)

    def forward(self, x: Tensor, task: int) -> Tensor:
        """(..., inputs) -> (..., outputs)"""
        return x @ self.weight()[..., task] + self.bias[task]


class FactorisedColumns(nn.Module):
    """Dense layers whose weights the tasks share in factors."""

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        *,
        num_tasks: int,
        rank: int,
        kind: Literal["tucker", "tensor_train"],
        dropout: float,
    ) -> None:
        super().__init__()
        widths = (inputs, *hidden)
        self.layers = nn.ModuleList(
            FactorisedLinear(a, b, num_tasks=num_tasks, rank=rank, kind=kind)
            for a, b in zip(widths, hidden, strict=False)
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, task: int) -> Tensor:
        """Through the layers with the task's weights."""
        for layer in self.layers:
            x = self.dropout(functional.relu(layer(x, task)))
        return x
