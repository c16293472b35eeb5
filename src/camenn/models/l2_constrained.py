"""L2-constrained (Duong et al. 2015): layers of one's own, drawn towards those of the other tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.sharing import Columns
from camenn.models.field_frames import field_reader
from camenn.models.frames import MultiTaskModel, OfTask, Stack, flat_towers
from camenn.models.inputs import FlatInput
from camenn.models.output import ModelInputs
from camenn.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class L2ConstrainedConfig:
    """CHOICE: sizes."""

    name: Literal["l2_constrained"] = "l2_constrained"
    width: int = 16
    """Of each field's vector."""
    hidden: tuple[int, ...] = (256, 128)
    """Units of the layers that the tasks share."""
    distance: float = 1e-4
    """Weight of the squared distance between the tasks' weights."""
    tower: tuple[int, ...] = (64,)
    """Units of each task's own layers."""
    dropout: float = 0.0


def build(config: L2ConstrainedConfig, inputs: ModelInputs) -> MultiTaskModel:
    """The model for a shop of these sizes."""
    flat = inputs.num_fields * config.width
    return MultiTaskModel(
        read=FlatInput(field_reader(inputs, width=config.width)),
        bottom=Stack([]),
        routing=OfTask(
            Columns(flat, config.hidden, num_tasks=len(Task), dropout=config.dropout), distance=config.distance
        ),
        towers=flat_towers(config.hidden[-1], config.tower, dropout=config.dropout),
    )
