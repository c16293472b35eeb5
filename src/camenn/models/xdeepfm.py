"""xDeepFM (Lian et al. 2018): a compressed interaction network, a deep network and the first order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camenn.layers.compressed_interaction import CompressedInteraction
from camenn.layers.perceptron import FieldPerceptron
from camenn.models.field_frames import AdditiveModel, FieldSum
from camenn.models.output import ModelInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class XDeepFmConfig:
    """CHOICE: sizes."""

    name: Literal["xdeepfm"] = "xdeepfm"
    width: int = 16
    """Of each field's latent vector."""
    maps: tuple[int, ...] = (128, 128)
    """Feature maps of each layer of the interaction network."""
    split_half: bool = True
    """Whether half of a layer's maps go on and half go out, as the authors' code has it."""
    hidden: tuple[int, ...] = (256, 128)
    """Units of the deep layers. CHOICE."""
    dropout: float = 0.0


def build(config: XDeepFmConfig, inputs: ModelInputs) -> AdditiveModel:
    """The model for a shop of these sizes."""
    return AdditiveModel(
        FieldSum(
            inputs,
            width=config.width,
            terms=lambda reader: [
                CompressedInteraction(reader.num_fields, config.maps, split_half=config.split_half),
                FieldPerceptron(reader, config.width, config.hidden, dropout=config.dropout),
            ],
        )
    )
