"""Deep interest network (Zhou et al. 2018): past items weighed by what they mean to the candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.perceptron import Dice
from camenn.layers.target_attention import TargetAttention
from camenn.models.field_frames import SequenceModel
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class DinConfig:
    """CHOICE: sizes, as the authors' code has them."""

    name: Literal["din"] = "din"
    width: int = 16
    """Of each field's vector; an item is its fields side by side."""
    attention: tuple[int, ...] = (80, 40)
    """Units of the activation unit."""
    hidden: tuple[int, ...] = (200, 80)
    dropout: float = 0.0
    regularisation: float = 0.0
    """Mini-batch aware (their equation 6): of the vectors that a batch holds, each by how rare it is in training."""


def build(config: DinConfig, inputs: ModelInputs) -> SequenceModel:
    """The model for a shop of these sizes."""
    return SequenceModel(
        inputs,
        width=config.width,
        reader=lambda width: TargetAttention(width, config.attention),
        hidden=config.hidden,
        dropout=config.dropout,
        activation=Dice,
        regularisation=config.regularisation,
    )
