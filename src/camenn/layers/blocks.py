"""Blocks that stand where CameNN has transformers: dense layers and LSTMs.

Each takes (rows, length, width) and its mask and gives (rows, length, width), as `TransformerBlock` does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.layers.dropout import Dropout
from camenn.layers.transformer import Memory

FORGET_BIAS = 1.0
"""Of the gates before their sigmoid: about three quarters of a state are kept from token to token."""


class DenseBlock(nn.Module):
    """One dense layer with a rectifier, of each token by itself."""

    def __init__(self, inputs: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, mask: Tensor, *, memory: Memory | None = None, num_outputs: int | None = None
    ) -> Tensor:
        """(rows, length, inputs) -> (rows, length, outputs)."""
        made: Tensor = self.dropout(functional.relu(self.linear(x)))
        return made


class LstmBlock(nn.Module):
    """An LSTM over the tokens that are there, from the last to the first, so that [CLS] has seen all of them.

    CHOICE: forget gates begin open (Jozefowicz et al. 2015), else the first of sixty tokens are long forgotten.
    """

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, batch_first=True)
        for bias, value in (("bias_ih_l0", FORGET_BIAS), ("bias_hh_l0", 0.0)):  # PyTorch adds the two
            nn.init.constant_(self.lstm.get_parameter(bias)[width : 2 * width], value)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, mask: Tensor, *, memory: Memory | None = None, num_outputs: int | None = None
    ) -> Tensor:
        """(rows, length, width) -> the same shape, zeros where nothing is; the first token must be there."""
        if x.shape[0] == 0:
            return x
        lengths = mask.sum(dim=1)
        step = torch.arange(x.shape[1], device=x.device)
        real_first = torch.argsort((~mask).to(torch.int8), dim=1, stable=True)
        source = real_first.gather(1, (lengths[:, None] - 1 - step).clamp_min(0))  # the last real token comes first
        row, place = (step < lengths[:, None]).nonzero(as_tuple=True)
        turned = x.gather(1, source[..., None].expand_as(x))
        states, _ = self.lstm(turned)  # what is missing comes last and is not read; packed, it takes five times as long
        out = torch.zeros_like(states).index_put((row, source[row, place]), states[row, place])
        read: Tensor = self.dropout(out)
        return read


class DenseStack(nn.Module):
    """Dense layers one after another, as one block."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], *, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(flat_blocks(hidden, inputs, dropout=dropout))

    def forward(
        self, x: Tensor, mask: Tensor, *, memory: Memory | None = None, num_outputs: int | None = None
    ) -> Tensor:
        """(rows, length, inputs) -> (rows, length, last of hidden)."""
        for block in self.blocks:
            x = block(x, mask)
        return x


class Pooler(nn.Module):
    """BERT's: a dense layer with a hyperbolic tangent over the first tokens, before a classifier reads [CLS]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(
        self, x: Tensor, mask: Tensor, *, memory: Memory | None = None, num_outputs: int | None = None
    ) -> Tensor:
        """(rows, length, width) -> (rows, num_outputs or length, width)."""
        pooled: Tensor = torch.tanh(self.linear(x[:, :num_outputs]))
        return pooled


def flat_blocks(sizes: tuple[int, ...], inputs: int, *, dropout: float) -> list[nn.Module]:
    """Dense layers one after another."""
    widths = (inputs, *sizes)
    return [DenseBlock(a, b, dropout=dropout) for a, b in zip(widths, sizes, strict=False)]
