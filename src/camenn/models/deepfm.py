"""DeepFM (Guo et al. 2017): a factorisation machine and a deep network on the same vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.pairwise import Products
from camenn.layers.perceptron import FieldPerceptron
from camenn.models.field_frames import AdditiveModel, FieldSum
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepFmConfig:
    """CHOICE: sizes."""

    name: Literal["deepfm"] = "deepfm"
    width: int = 16
    """Of each field's latent vector."""
    hidden: tuple[int, ...] = (256, 128)
    """Units of the deep layers. CHOICE."""
    dropout: float = 0.0


def build(config: DeepFmConfig, inputs: ModelInputs) -> AdditiveModel:
    """The model for a shop of these sizes."""
    return AdditiveModel(
        FieldSum(
            inputs,
            width=config.width,
            terms=lambda reader: [
                Products(),
                FieldPerceptron(reader, config.width, config.hidden, dropout=config.dropout),
            ],
        )
    )
