"""Mixture of experts with one gate for all tasks (Jacobs et al. 1991; as a layer: Eigen et al. 2014)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from camenn.layers.blocks import DenseStack
from camenn.models.field_frames import field_reader
from camenn.models.frames import MultiTaskModel, SharedGate, Stack, flat_towers
from camenn.models.inputs import FlatInput
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class MoeConfig:
    """CHOICE: sizes."""

    name: Literal["moe"] = "moe"
    width: int = 16
    """Of each field's vector."""
    num_experts: int = 4
    expert: tuple[int, ...] = (128,)
    """Units of each expert's layers."""
    tower: tuple[int, ...] = (64,)
    """Units of each task's own layers."""
    dropout: float = 0.0


def build(config: MoeConfig, inputs: ModelInputs) -> MultiTaskModel:
    """The model for a shop of these sizes."""
    flat = inputs.num_fields * config.width
    experts: list[nn.Module] = [
        DenseStack(flat, config.expert, dropout=config.dropout) for _ in range(config.num_experts)
    ]
    return MultiTaskModel(
        read=FlatInput(field_reader(inputs, width=config.width)),
        bottom=Stack([]),
        routing=SharedGate(experts, width=flat),
        towers=flat_towers(config.expert[-1], config.tower, dropout=config.dropout),
    )
