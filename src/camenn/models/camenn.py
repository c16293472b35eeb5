"""CameNN: cross-modal alignment with mixture of experts (Li et al. 2020, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from camenn.layers.aligned_space import NUM_EVIDENCE, AlignedSpace
from camenn.layers.blocks import DenseStack, LstmBlock
from camenn.layers.soft_match import SoftMatches
from camenn.layers.transformer import TransformerBlock
from camenn.models.ffm import field_aware_sum
from camenn.models.frames import MultiGate, MultiTaskModel, Stack, Tower
from camenn.models.inputs import Pattern, token_input
from camenn.models.output import ModelInputs
from camenn.task import Task

PRODUCT_WIDTH = 8
"""Of a field's vector for one met field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CamennConfig:
    """CameNN's shape. The defaults are the paper's where it says (8 heads, 1 block); the rest is CHOICE."""

    name: Literal["camenn"] = "camenn"
    width: int = 128
    heads: int = 8
    num_experts: int = 4
    top_k: int = 2
    """Experts a row keeps; `num_experts` keeps all."""
    dropout: float = 0.1
    token_dropout: float = 0.0
    """Share of text tokens and patches unseen at a training step. DEVIATION: beyond the paper."""
    shared_bottom: bool = True
    """Whether a block of all tasks stands below the experts."""
    experts: Literal["transformer", "mlp", "lstm"] = "transformer"
    """What an expert is; the others are MMoE's and MoSE's, to compare with."""
    pattern: Pattern = Pattern.FULL
    products: bool = True
    """Whether a field-aware factorisation machine adds to the conversion logit. DEVIATION: beyond the paper."""
    soft_matches: bool = True
    """Whether past purchases that are like the candidate add to it. DEVIATION: beyond the paper."""
    aligned_width: int = 128
    """Width of the aligned space; 0 leaves it out, which is the paper's own way."""
    aligned_dropout: float = 0.5
    """Of the pooled picture's dimensions before its map into the space."""
    aligned_token_dropout: float = 0.3
    """Share of patches that the pooled picture leaves out at a training step."""


def build(config: CamennConfig, inputs: ModelInputs) -> MultiTaskModel:
    """The model for a shop of these sizes."""
    width = config.width

    def block() -> nn.Module:
        return TransformerBlock(width, heads=config.heads, dropout=config.dropout)

    read = token_input(
        inputs,
        width=width,
        dropout=config.dropout,
        token_dropout=config.token_dropout,
        pattern=config.pattern,
    )
    aligned = _aligned_space(config, inputs)
    towers: dict[Task, Tower] = {}
    for task in Task:
        num_evidence = 0 if aligned is None else NUM_EVIDENCE + (task is Task.CONVERSION)
        towers[task] = Tower(block(), width=width, num_evidence=num_evidence)

    def expert() -> nn.Module:
        if config.experts == "mlp":
            return DenseStack(width, (4 * width, width), dropout=config.dropout)
        return LstmBlock(width, dropout=config.dropout) if config.experts == "lstm" else block()

    return MultiTaskModel(
        read=read,
        bottom=Stack([block()] if config.shared_bottom else []),
        routing=MultiGate([expert() for _ in range(config.num_experts)], width=width, top_k=config.top_k),
        towers=towers,
        aligned_space=aligned,
        beside=_beside(config, inputs),
    )


def _beside(config: CamennConfig, inputs: ModelInputs) -> list[nn.Module]:
    beside: list[nn.Module] = []
    if config.products:
        beside.append(field_aware_sum(inputs, width=PRODUCT_WIDTH))
    if config.soft_matches and inputs.max_steps and (inputs.text_width or inputs.image_width):
        beside.append(SoftMatches(inputs.text_width, inputs.image_width))
    return beside


def _aligned_space(config: CamennConfig, inputs: ModelInputs) -> AlignedSpace | None:
    if config.aligned_width == 0 or inputs.text_width is None or inputs.image_width is None:
        return None
    return AlignedSpace(
        inputs.text_width,
        inputs.image_width,
        config.aligned_width,
        dropout=config.aligned_dropout,
        token_dropout=config.aligned_token_dropout,
    )
