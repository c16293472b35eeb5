"""Multi-gate mixture of experts (Ma et al. 2018): experts shared, a gate a task, no expert left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from camenn.layers.blocks import DenseStack
from camenn.models.field_frames import field_reader
from camenn.models.frames import MultiGate, MultiTaskModel, Stack, flat_towers
from camenn.models.inputs import FlatInput
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class MmoeConfig:
    """CHOICE: sizes."""

    name: Literal["mmoe"] = "mmoe"
    width: int = 16
    """Of each field's vector."""
    num_experts: int = 4
    expert: tuple[int, ...] = (128,)
    """Units of each expert's layers."""
    tower: tuple[int, ...] = (64,)
    """Units of each task's own layers."""
    dropout: float = 0.0


def build(config: MmoeConfig, inputs: ModelInputs) -> MultiTaskModel:
    """The model for a shop of these sizes."""
    flat = inputs.num_fields * config.width
    experts: list[nn.Module] = [
        DenseStack(flat, config.expert, dropout=config.dropout) for _ in range(config.num_experts)
    ]
    return MultiTaskModel(
        read=FlatInput(field_reader(inputs, width=config.width)),
        bottom=Stack([]),
        routing=MultiGate(experts, width=flat, top_k=config.num_experts),
        towers=flat_towers(config.expert[-1], config.tower, dropout=config.dropout),
    )
