"""Every model by name: its configuration and how it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from camenn.models import (
    afm,
    bst,
    camenn,
    cross_stitch,
    deepfm,
    din,
    fashionbert,
    ffm,
    fm,
    l2_constrained,
    mmoe,
    moe,
    mose,
    shared_bottom,
    tensor_factorised,
    wide_deep,
    xdeepfm,
)  # fmt: skip
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
    | shared_bottom.SharedBottomConfig
    | l2_constrained.L2ConstrainedConfig
    | cross_stitch.CrossStitchConfig
    | tensor_factorised.TensorFactorisedConfig
    | moe.MoeConfig
    | mmoe.MmoeConfig
    | mose.MoseConfig
    | fashionbert.FashionBertConfig
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
    (shared_bottom.SharedBottomConfig, shared_bottom.build),
    (l2_constrained.L2ConstrainedConfig, l2_constrained.build),
    (cross_stitch.CrossStitchConfig, cross_stitch.build),
    (tensor_factorised.TensorFactorisedConfig, tensor_factorised.build),
    (moe.MoeConfig, moe.build),
    (mmoe.MmoeConfig, mmoe.build),
    (mose.MoseConfig, mose.build),
    (fashionbert.FashionBertConfig, fashionbert.build),
)
ZOO = {config().name: (config, build) for config, build in _BUILDERS}
"""By name: the configuration's type, and from a configuration and a shop's sizes to the model."""


def build_model(config: ModelConfig, inputs: ModelInputs) -> Model:
    """The model a configuration describes."""
    _, build = ZOO[config.name]
    return build(config, inputs)
