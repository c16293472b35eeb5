"""Attentional factorisation machine (Xiao et al. 2017): pairs of fields weighed by attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.pairwise import AttentionalProducts
from camenn.models.field_frames import AdditiveModel, FieldSum
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class AfmConfig:
    """CHOICE: 16 dimensions for vectors and attention, as the authors tried among others."""

    name: Literal["afm"] = "afm"
    width: int = 16
    """Of each field's latent vector."""
    attention_width: int = 16
    dropout: float = 0.0
    """Of the pooled products (their section 3.3)."""


def build(config: AfmConfig, inputs: ModelInputs) -> AdditiveModel:
    """The model for a shop of these sizes."""
    return AdditiveModel(
        FieldSum(
            inputs,
            width=config.width,
            terms=lambda reader: [
                AttentionalProducts(
                    reader.num_fields, config.width, attention_width=config.attention_width, dropout=config.dropout
                )
            ],
        )
    )
