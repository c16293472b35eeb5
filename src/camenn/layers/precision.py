"""The precision that autocast asks for, where it does not reach by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

RAGGED = 256
"""Rows are rounded up to a multiple of so many."""


def lowered(x: Tensor) -> Tensor:
    """x in autocast's type, as it is outside of autocast.

    Autocast lowers products of matrices alone; what lies between two of them then goes back and forth between types
    and moves twice the bytes. Lowered once before the first, it stays low until a logit is made.
    """
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x


def ragged_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear map of (rows, inputs) whose number of rows changes from batch to batch.

    In half precision a processor's kernels are generated for each shape, which takes longer than such a product;
    with rows of zeros up to the next multiple a few shapes come again and again.
    """
    missing = -len(x) % RAGGED
    if x.dtype is not torch.bfloat16 or not missing:
        return functional.linear(x, weight, bias)
    return functional.linear(functional.pad(x, (0, 0, 0, missing)), weight, bias)[: len(x)]


def full_linear(linear: nn.Linear, x: Tensor) -> Tensor:
    """A linear map in the precision of its weights: of logits, which half precision would round to three digits."""
    with torch.autocast(x.device.type, enabled=False):
        mapped: Tensor = linear(x.to(linear.weight.dtype))
    return mapped
