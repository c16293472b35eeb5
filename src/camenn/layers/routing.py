"""Experts and gates: multi-gate mixture of experts of which each row keeps a few (paper, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from camenn.layers.transformer import Memory


class Gate(nn.Module):
    """Softmax over the experts, of which the `top_k` heaviest are kept and weigh one together.

    CHOICE: softmax first, then the heaviest kept and scaled to sum to one; a row at a time.
    """

    def __init__(self, width: int, *, num_experts: int, top_k: int) -> None:
        super().__init__()
        if not 1 <= top_k <= num_experts:
            raise ValueError(f"top_k must lie between 1 and the {num_experts} experts, not {top_k}")
        self.top_k = top_k
        self.linear = nn.Linear(width, num_experts)

    def forward(self, summary: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, width) -> weights (rows, experts), zero for experts not kept; and the softmax over all of them."""
        logits = self.linear(summary)
        dense = torch.softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
        if self.top_k == logits.shape[-1]:
            return dense, dense
        kept, index = dense.topk(self.top_k, dim=-1)
        kept = kept / kept.sum(dim=-1, keepdim=True)
        return torch.zeros_like(dense).scatter(-1, index, kept), dense


class MixtureOfExperts(nn.Module):
    """Experts of one kind; a row is computed by the experts that keep it and by no other."""

    def __init__(self, experts: list[nn.Module]) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)

    def forward(self, x: Tensor, mask: Tensor, weights: Tensor, *, memory: Memory | None = None) -> Tensor:
        """(rows, length, width), its mask, (rows, experts) weights -> (rows, length, width)."""
        mixed: Tensor | None = None
        for number, expert in enumerate(self.experts):
            rows, weight = weights[:, number].nonzero().squeeze(-1), weights[:, number, None, None]
            if rows.numel() == x.shape[0]:  # kept by all, nothing is gathered
                out = expert(x, mask, memory=memory)
                out = out * weight.to(out.dtype)
                mixed = out if mixed is None else mixed + out
            elif rows.numel():
                read = None if memory is None else memory.of_rows(rows)
                out = expert(x[rows], mask[rows], memory=read)
                out = out * weight[rows].to(out.dtype)
                mixed = out.new_zeros(x.shape[0], *out.shape[1:]) if mixed is None else mixed
                mixed = mixed.index_add(0, rows, out)
        assert mixed is not None, "every row keeps an expert"
        return mixed


def load_balance(kept: Tensor, dense: Tensor) -> Tensor:
    """How unevenly the experts are used, 1 when even (Fedus et al. 2021, equation 4, for top-k).

    kept, dense: (rows, experts), the weights after and before the choice of a subset.
    """
    num_experts = dense.shape[-1]
    share = (kept > 0).float().mean(dim=0)
    return num_experts * (share / share.sum() * dense.mean(dim=0)).sum()
