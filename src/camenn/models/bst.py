"""Behaviour sequence transformer (Chen et al. 2019): the candidate attends to what was done before, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.behaviour import BehaviourTransformer
from camenn.layers.perceptron import leaky_relu
from camenn.models.field_frames import SequenceModel
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class BstConfig:
    """One block, eight heads and the hidden layers are the paper's; the widths are CHOICE."""

    name: Literal["bst"] = "bst"
    width: int = 16
    """Of each field's vector; an item is its fields side by side."""
    sequence_width: int = 64
    heads: int = 8
    num_blocks: int = 1
    feed_forward: int = 4
    """Width of the feed-forward, in widths of the sequence. CHOICE: Vaswani et al. 2017; the paper names none."""
    hidden: tuple[int, ...] = (1024, 512, 256)
    dropout: float = 0.0


def build(config: BstConfig, inputs: ModelInputs) -> SequenceModel:
    """The model for a shop of these sizes."""
    return SequenceModel(
        inputs,
        width=config.width,
        reader=lambda item_width: BehaviourTransformer(
            item_width,
            width=config.sequence_width,
            heads=config.heads,
            num_blocks=config.num_blocks,
            feed_forward=config.feed_forward,
            dropout=config.dropout,
        ),
        hidden=config.hidden,
        dropout=config.dropout,
        activation=leaky_relu,
    )
