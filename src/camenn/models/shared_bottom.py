"""Shared-bottom (Caruana 1993): the tasks share their first layers whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.blocks import flat_blocks
from camenn.models.field_frames import field_reader
from camenn.models.frames import MultiTaskModel, Share, Stack, flat_towers
from camenn.models.inputs import FlatInput
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBottomConfig:
    """CHOICE: sizes."""

    name: Literal["shared_bottom"] = "shared_bottom"
    width: int = 16
    """Of each field's vector."""
    hidden: tuple[int, ...] = (256, 128)
    """Units of the layers that the tasks share."""
    tower: tuple[int, ...] = (64,)
    """Units of each task's own layers."""
    dropout: float = 0.0


def build(config: SharedBottomConfig, inputs: ModelInputs) -> MultiTaskModel:
    """The model for a shop of these sizes."""
    flat = inputs.num_fields * config.width
    return MultiTaskModel(
        read=FlatInput(field_reader(inputs, width=config.width)),
        bottom=Stack(flat_blocks(config.hidden, flat, dropout=config.dropout)),
        routing=Share(),
        towers=flat_towers(config.hidden[-1], config.tower, dropout=config.dropout),
    )
