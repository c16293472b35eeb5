"""Mixture of sequential experts (Qin et al. 2020): an LSTM below, experts and towers that are LSTMs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.blocks import LstmBlock
from camenn.models.frames import MultiGate, MultiTaskModel, Stack, Tower
from camenn.models.inputs import token_input
from camenn.models.output import ModelInputs
from camenn.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class MoseConfig:
    """CHOICE: sizes; the sequence is the one that CameNN reads, so that the two differ in their layers alone."""

    name: Literal["mose"] = "mose"
    width: int = 64
    num_experts: int = 4
    dropout: float = 0.1


def build(config: MoseConfig, inputs: ModelInputs) -> MultiTaskModel:
    """The model for a shop of these sizes."""

    def block() -> LstmBlock:
        return LstmBlock(config.width, dropout=config.dropout)

    return MultiTaskModel(
        read=token_input(inputs, width=config.width, dropout=config.dropout),
        bottom=Stack([block()]),
        routing=MultiGate([block() for _ in range(config.num_experts)], width=config.width, top_k=config.num_experts),
        towers={task: Tower(block(), width=config.width, num_evidence=0) for task in Task},
    )
