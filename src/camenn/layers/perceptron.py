"""Fully connected layers, over plain vectors and over the fields of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.layers.dropout import Dropout
from camenn.layers.fields import FieldReader, RowVectors
from camenn.layers.precision import full_linear, lowered, ragged_linear

Activation = Callable[[int], nn.Module]
"""From a layer's width to what follows it."""


def relu(width: int) -> nn.Module:
    """Rectifiers need no width."""
    return nn.ReLU()


def leaky_relu(width: int) -> nn.Module:
    """Leaky rectifiers need no width."""
    return nn.LeakyReLU()


class Dice(nn.Module):
    """PReLU whose bend follows the data's mean and variance (Zhou et al. 2018, equations 3 and 4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(width))
        self.norm = nn.BatchNorm1d(width, eps=1e-8, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, width) -> the same shape."""
        straight: Tensor = x * torch.sigmoid(self.norm(x))
        return torch.lerp(straight, x, self.slope.to(x.dtype))  # straight + slope * (x - straight)


class Perceptron(nn.Module):
    """Hidden layers, an activation and dropout after each, then one linear output."""

    def __init__(
        self, inputs: int, hidden: Sequence[int], *, dropout: float = 0.0, activation: Activation = relu
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(inputs, width), activation(width), Dropout(dropout)]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (...)"""
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        return full_linear(last, self.layers[:-1](x)).squeeze(-1)


class FieldLinear(nn.Module):
    """One linear map of all fields of a row side by side, and of more beside them; what rows share is mapped once."""

    def __init__(self, reader: FieldReader, width: int, outputs: int, *, beside: int = 0) -> None:
        super().__init__()
        counts = (reader.num_request_fields, reader.num_item_fields, reader.num_meeting_fields)
        self.sizes = [*(count * width for count in counts), beside]
        self.linear = nn.Linear(sum(self.sizes), outputs)

    def forward(self, fields: RowVectors, beside: Tensor | None = None) -> Tensor:
        """beside: (rows, beside) -> (rows, outputs)"""
        *weights, of_beside = self.linear.weight.split(self.sizes, dim=1)
        summed: Tensor = self.linear.bias
        for part, weight in zip(fields, weights, strict=True):
            if not weight.shape[1]:
                continue
            summed = summed + part.spread(ragged_linear(lowered(part.vectors.flatten(1)), weight))
        return summed if beside is None else summed + functional.linear(beside, of_beside)


class FieldPerceptron(nn.Module):
    """A perceptron over all fields of a row side by side, and more beside them."""

    def __init__(
        self,
        reader: FieldReader,
        width: int,
        hidden: Sequence[int],
        *,
        beside: int = 0,
        dropout: float = 0.0,
        activation: Activation = relu,
    ) -> None:
        super().__init__()
        self.first = FieldLinear(reader, width, hidden[0], beside=beside)
        self.activation = activation(hidden[0])
        self.dropout = Dropout(dropout)
        self.rest = Perceptron(hidden[0], hidden[1:], dropout=dropout, activation=activation)

    def forward(self, fields: RowVectors, beside: Tensor | None = None) -> Tensor:
        """-> (rows,) logits."""
        logits: Tensor = self.rest(self.dropout(self.activation(self.first(fields, beside))))
        return logits
