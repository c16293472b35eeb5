"""Every model by name: its configuration and how it is built."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias, get_type_hints

from camenn.models.output import Model, ModelInputs

ModelConfig: TypeAlias = Any
"""The dataclass that a model's `build` takes; its `name` is the model's."""
Builder: TypeAlias = Callable[[ModelConfig, ModelInputs], Model]

NAMES = (
    "camenn",
    "lr",
    "fm",
    "ffm",
    "afm",
    "wide_deep",
    "deepfm",
    "xdeepfm",
    "din",
    "bst",
    "fashionbert",
    "shared_bottom",
    "l2_constrained",
    "cross_stitch",
    "tensor_factorised",
    "moe",
    "mmoe",
    "mose",
)
"""A file of this room each, with a configuration of the same name and `build`."""


def _entry(name: str) -> tuple[type, Builder]:
    build: Builder = import_module(f"camenn.models.{name}").build
    return get_type_hints(build)["config"], build


ZOO = {name: _entry(name) for name in NAMES}
"""By name: the configuration's type, and from a configuration and a shop's sizes to the model."""


def build_model(config: ModelConfig, inputs: ModelInputs, *, precision: str = "32-true") -> Model:
    """The model a configuration describes, which answers in this `training.precision`."""
    _, build = ZOO[config.name]
    model = build(config, inputs)
    model.precision = precision
    return model
