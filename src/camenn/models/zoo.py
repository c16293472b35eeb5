"""Every model by name: its configuration and how it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from camenn.models import afm, bst, camenn, deepfm, din, ffm, fm, wide_deep, xdeepfm
from camenn.models import logistic_regression as lr
from camenn.models.output import Model, ModelInputs

ModelConfig = (
    camenn.CamennConfig
    | lr.LogisticRegressionConfig
    | fm.FmConfig
    | ffm.FfmConfig
    | afm.AfmConfig
    | wide_deep.WideDeepConfig
    | deepfm.DeepFmConfig
    | xdeepfm.XDeepFmConfig
    | din.DinConfig
    | bst.BstConfig
)
_BUILDERS: tuple[tuple[type, Callable[[Any, ModelInputs], Model]], ...] = (
    (camenn.CamennConfig, camenn.build),
    (lr.LogisticRegressionConfig, lr.build),
    (fm.FmConfig, fm.build),
    (ffm.FfmConfig, ffm.build),
    (afm.AfmConfig, afm.build),
    (wide_deep.WideDeepConfig, wide_deep.build),
    (deepfm.DeepFmConfig, deepfm.build),
    (xdeepfm.XDeepFmConfig, xdeepfm.build),
    (din.DinConfig, din.build),
    (bst.BstConfig, bst.build),
)
ZOO = {config().name: (config, build) for config, build in _BUILDERS}
"""By name: the configuration's type, and from a configuration and a shop's sizes to the model."""


def build_model(config: ModelConfig, inputs: ModelInputs) -> Model:
    """The model a configuration describes."""
    _, build = ZOO[config.name]
    return build(config, inputs)
