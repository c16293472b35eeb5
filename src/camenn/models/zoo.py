"""Every model by name: its configuration and how it is built."""

from __future__ import annotations

from camenn.models import camenn
from camenn.models.camenn import CamennConfig
from camenn.models.frames import MultiTaskModel
from camenn.models.output import ModelInputs

ZOO = {"camenn": (CamennConfig, camenn.build)}


def build_model(config: CamennConfig, inputs: ModelInputs) -> MultiTaskModel:
    """The model a configuration describes."""
    _, build = ZOO[config.name]
    return build(config, inputs)
