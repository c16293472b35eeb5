"""The precision that autocast asks for, where it does not reach by itself."""

from __future__ import annotations

import torch
from torch import Tensor


def lowered(x: Tensor) -> Tensor:
    """x in autocast's type, as it is outside of autocast.

    Autocast lowers products of matrices alone; what lies between two of them then goes back and forth between types
    and moves twice the bytes. Lowered once before the first, it stays low until a logit is made.
    """
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x
