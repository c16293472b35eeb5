"""Tensor-factorised (Yang and Hospedales 2016): the tasks' weights are one tensor in factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.sharing import FactorisedColumns
from camenn.models.field_frames import field_reader
from camenn.models.frames import MultiTaskModel, OfTask, Stack, flat_towers
from camenn.models.inputs import FlatInput
from camenn.models.output import ModelInputs
from camenn.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFactorisedConfig:
    """CHOICE: sizes and rank."""

    name: Literal["tensor_factorised"] = "tensor_factorised"
    width: int = 16
    """Of each field's vector."""
    hidden: tuple[int, ...] = (256, 128)
    """Units of the layers that the tasks share."""
    rank: int = 16
    kind: Literal["tucker", "tensor_train"] = "tucker"
    tower: tuple[int, ...] = (64,)
    """Units of each task's own layers."""
    dropout: float = 0.0


def build(config: TensorFactorisedConfig, inputs: ModelInputs) -> MultiTaskModel:
    """The model for a shop of these sizes."""
    flat = inputs.num_fields * config.width
    return MultiTaskModel(
        read=FlatInput(field_reader(inputs, width=config.width)),
        bottom=Stack([]),
        routing=OfTask(
            FactorisedColumns(
                flat,
                config.hidden,
                num_tasks=len(Task),
                rank=config.rank,
                kind=config.kind,
                dropout=config.dropout,
            )
        ),
        towers=flat_towers(config.hidden[-1], config.tower, dropout=config.dropout),
    )
