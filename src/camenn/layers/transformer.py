"""The transformer encoder block (Vaswani et al. 2017, post-norm), the basic layer of CameNN (paper, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.layers.dropout import Dropout

FEW_KEYS = 64
"""Up to so many keys, plain products take a CPU half the time of its fused kernel."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Tokens that every row of a request may look at but never changes: its context and history."""

    vectors: Tensor
    """(requests, length, width)"""
    mask: Tensor
    """(requests, length) bool"""
    request: Tensor
    """(rows,) int64 whose memory a row reads, ascending."""

    def of_rows(self, rows: Tensor) -> Memory:
        """The same memory for a subset of the rows, kept in ascending order."""
        return Memory(self.vectors, self.mask, self.request[rows])


class TransformerBlock(nn.Module):
    """One encoder block: multi-head attention and a feed-forward, each added to its input and normalised.

    CHOICE: post-norm, ReLU, a feed-forward four times as wide, no dropout on weights.
    The fused kernels on processors have none there, and the outputs have theirs.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        dropout: float = 0.0,
        activation: Callable[[Tensor], Tensor] = functional.relu,
        feed_forward: int = 4,
    ) -> None:
        """feed_forward: how many times as wide as the tokens its hidden layer is."""
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} does not divide into {heads} heads")
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, feed_forward * width)
        self.contract = nn.Linear(feed_forward * width, width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.activation = activation

    def forward(
        self, x: Tensor, mask: Tensor, *, memory: Memory | None = None, num_outputs: int | None = None
    ) -> Tensor:
        """(rows, length, width) and its (rows, length) mask -> (rows, num_outputs or length, width).

        With `num_outputs` only the first tokens are computed, looking at all: what reads [CLS] alone pays for it alone.
        """
        outputs = x if num_outputs is None else x[:, :num_outputs]
        outputs = self.attention_norm(outputs + self.dropout(self._attend(outputs, x, mask, memory)))
        hidden = self.activation(self.expand(outputs))
        computed: Tensor = self.feed_forward_norm(outputs + self.dropout(self.contract(hidden)))
        return computed

    def _attend(self, outputs: Tensor, x: Tensor, mask: Tensor, memory: Memory | None) -> Tensor:
        width = x.shape[-1]
        if outputs is x:
            query, key, value = self.query_key_value(x).split(width, dim=-1)
        else:
            weight, bias = self.query_key_value.weight, self.query_key_value.bias
            query = functional.linear(outputs, weight[:width], bias[:width])
            key, value = functional.linear(x, weight[width:], bias[width:]).split(width, dim=-1)
        if memory is None:
            attended = self._attention(query, key, value, mask[:, None, None, :])
        else:
            attended = self._attention_with_memory(query, key, value, mask, memory)
        attended_to: Tensor = self.attention_output(attended)
        return attended_to

    def _attention(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """Scaled dot product over heads; mask broadcasts to (rows, heads, queries, keys)."""
        split = (self.heads, -1)
        attended = attention(
            query.unflatten(-1, split).transpose(1, 2),
            key.unflatten(-1, split).transpose(1, 2),
            value.unflatten(-1, split).transpose(1, 2),
            mask,
        )
        return attended.transpose(1, 2).flatten(-2)

    def _attention_with_memory(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, memory: Memory) -> Tensor:
        """Each row looks at its request's memory and at itself.

        A few rows of one request share a line of the kernel, so that its memory is not laid out once a row;
        rows of a line are masked from one another.
        """
        width, num_rows, length = query.shape[-1], query.shape[0], key.shape[1]
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        remembered = functional.linear(memory.vectors, weight[width:], bias[width:])
        pack = max(1, round((remembered.shape[1] / length) ** 0.5))
        if pack == 1:  # a row a line: the rows lie as they should
            memory_key, memory_value = remembered[memory.request].split(width, dim=-1)
            return self._attention(
                query,
                torch.cat([memory_key, key], dim=1),
                torch.cat([memory_value, value], dim=1),
                torch.cat([memory.mask[memory.request], mask], dim=1)[:, None, None],
            )
        lines, line_request = pack_rows(memory.request, pack)
        filled = lines >= 0
        lines = lines.clamp_min(0)
        memory_key, memory_value = remembered[line_request].split(width, dim=-1)
        own = mask[lines] & filled[..., None]
        same = torch.eye(pack, dtype=torch.bool, device=mask.device)
        own = (same[None, :, :, None] & own[:, None]).flatten(2)  # (lines, pack, pack * length)
        seen = torch.cat([memory.mask[line_request][:, None].expand(-1, pack, -1), own], dim=-1)
        attended = self._attention(
            query[lines].flatten(1, 2),
            torch.cat([memory_key, key[lines].flatten(1, 2)], dim=1),
            torch.cat([memory_value, value[lines].flatten(1, 2)], dim=1),
            seen.repeat_interleave(query.shape[1], dim=1)[:, None],
        )
        unpacked: Tensor = attended.unflatten(1, (pack, -1))[filled]
        return unpacked.reshape(num_rows, -1, width)


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Scaled dot product: (rows, heads, queries, d), twice (rows, heads, keys, d), a mask -> (rows, heads, queries, d).

    A query must see a key. On CPUs the softmax and the fused kernel are in single precision even under autocast, since
    they take several times as long in half of it.
    """
    if query.device.type != "cpu":
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    single = torch.promote_types(query.dtype, torch.float32)
    if key.shape[-2] > FEW_KEYS:
        with torch.autocast("cpu", enabled=False):
            fused = functional.scaled_dot_product_attention(
                query.to(single), key.to(single), value.to(single), attn_mask=mask
            )
        return fused.to(query.dtype)
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2)).to(single)
    if not mask.all():
        scores += torch.zeros_like(mask, dtype=single).masked_fill(~mask, torch.finfo(single).min)
    return torch.matmul(torch.softmax(scores, dim=-1).to(value.dtype), value)


def pack_rows(request: Tensor, pack: int) -> tuple[Tensor, Tensor]:
    """Lay rows out in lines of `pack`, each line of one request.

    request: (rows,) ascending. Returns (lines, pack) row indices, -1 where a line has none, rows in
    order; and (lines,) the request of each line.
    """
    row = torch.arange(request.shape[0], device=request.device)
    first = torch.searchsorted(request, request)
    slot = (row - first) % pack
    line = torch.cumsum(slot == 0, dim=0) - 1
    starts = row[slot == 0]
    lines = torch.full((starts.shape[0], pack), -1, dtype=torch.int64, device=request.device)
    lines[line, slot] = row
    return lines, request[starts]
