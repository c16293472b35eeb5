"""Wide & Deep (Cheng et al. 2016): weights of features and crossed columns beside a deep network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.perceptron import FieldPerceptron
from camenn.models.field_frames import AdditiveModel, FieldSum
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class WideDeepConfig:
    """The crossed columns are those of `features.crosses`, which the wide part weighs as it does every field."""

    name: Literal["wide_deep"] = "wide_deep"
    width: int = 16
    """Of each field's latent vector."""
    hidden: tuple[int, ...] = (256, 128)
    """Units of the deep layers. CHOICE."""
    dropout: float = 0.0


def build(config: WideDeepConfig, inputs: ModelInputs) -> AdditiveModel:
    """The model for a shop of these sizes."""
    return AdditiveModel(
        FieldSum(
            inputs,
            width=config.width,
            terms=lambda reader: [FieldPerceptron(reader, config.width, config.hidden, dropout=config.dropout)],
        )
    )
