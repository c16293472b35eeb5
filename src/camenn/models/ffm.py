"""Field-aware factorisation machine (Juan et al. 2016): a latent vector for each field that is met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.pairwise import FieldAwareProducts
from camenn.models.field_frames import AdditiveModel, FieldSum
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class FfmConfig:
    """CHOICE: 8 dimensions a met field."""

    name: Literal["ffm"] = "ffm"
    width: int = 8
    """Of the latent vector for one met field."""


def field_aware_sum(inputs: ModelInputs, *, width: int) -> FieldSum:
    """The logit; width: of the latent vector for one met field."""
    return FieldSum(
        inputs,
        width=width * inputs.num_fields,
        terms=lambda reader: [FieldAwareProducts(reader.num_fields)],
    )


def build(config: FfmConfig, inputs: ModelInputs) -> AdditiveModel:
    """The model for a shop of these sizes."""
    return AdditiveModel(field_aware_sum(inputs, width=config.width))
