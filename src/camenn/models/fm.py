"""Factorisation machine (Rendle 2010): the second order by the linear-time identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.pairwise import Products
from camenn.models.field_frames import AdditiveModel, FieldSum
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class FmConfig:
    """CHOICE: 16 dimensions."""

    name: Literal["fm"] = "fm"
    width: int = 16
    """Of each field's latent vector."""


def build(config: FmConfig, inputs: ModelInputs) -> AdditiveModel:
    """The model for a shop of these sizes."""
    return AdditiveModel(FieldSum(inputs, width=config.width, terms=lambda reader: [Products()]))
