"""A run's configuration: TOML in, a frozen typed value out. An unknown key is an error."""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from camenn.batches.pairs import PairConfig
from camenn.batches.requests import RequestConfig
from camenn.embeddings.builtin_text import MAX_TOKENS
from camenn.errors import ConfigError
from camenn.models.camenn import CamennConfig
from camenn.models.zoo import ZOO, ModelConfig
from camenn.objectives.multi_task import ObjectiveConfig
from camenn.tables.features import FeatureConfig
from camenn.tables.split import SplitConfig

TypedT = TypeVar("TypedT")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Frozen encoders, as given to `camenn encode`; "" leaves a modality out."""

    text: str = "builtin"
    image: str = "builtin"
    text_length: int = MAX_TOKENS
    """Text tokens of an item that a model reads (paper: 50); no more than the store holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """The loop. Optimiser defaults are the paper's (section 4)."""

    learning_rate: float = 4e-4
    betas: tuple[float, float] = (0.95, 0.999)
    weight_decay: float = 1e-4
    max_epochs: int = 20
    patience: int = 3
    """Epochs without a better validation score before stopping. CHOICE: three; the best epoch is kept."""
    monitor: Literal["conversion", "alignment", "mean"] | None = None
    """Whose validation AUC chooses the epoch, or the mean of both; None: conversion's where the shop has events.

    CHOICE: the paper stops early and does not say by what.
    """
    ema_decay: float = 0.0
    """Of the exponential moving average of the weights, which is validated and kept; 0: the weights themselves.

    DEVIATION: beyond the paper.
    """
    user_dropout: float = 0.1
    """Share of the requests of a step whose user is taken for unseen, so that new users are scored.

    DEVIATION: beyond the papers, as is the next.
    """
    item_dropout: float = 0.1
    """Share of the items of a step whose identifier is taken for unseen, so that new items are scored."""
    gradient_clip: float = 1.0
    """Largest norm of a step's gradient; 0: any. DEVIATION: beyond the paper."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """CHOICE: single precision, as the paper names none. DEVIATION: the mixed one."""
    checkpoint_s: float = 60.0
    """Seconds between checkpoints within an epoch."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything that makes a run what it is."""

    shop: str = ""
    """The shop's folder, relative to where the command runs; `--shop` overrides it."""
    encoders: EncoderConfig = field(default_factory=EncoderConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    requests: RequestConfig = field(default_factory=RequestConfig)
    pairs: PairConfig = field(default_factory=PairConfig)
    model: ModelConfig = field(default_factory=CamennConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


AT_LEAST = {
    "encoders.text_length": 1,
    "features.min_count": 1,
    "features.num_bins": 1,
    "features.cross_size": 2,
    "split.test_days": 1,
    "split.seed": 0,
    "requests.rows": 1,
    "requests.max_candidates": 1,
    "requests.history_length": 0,
    "requests.negatives": 1,
    "pairs.items": 2,
    "pairs.negatives": 1,
    "pairs.epochs": 0,
    "pairs.trim_after": 0,
    "objective.conversion": 0,
    "objective.image_to_text": 0,
    "objective.text_to_image": 0,
    "objective.contrast": 0,
    "objective.load_balance": 0,
    "training.learning_rate": 0,
    "training.weight_decay": 0,
    "training.max_epochs": 1,
    "training.patience": 1,
    "training.gradient_clip": 0,
    "training.checkpoint_s": 0,
    "training.seed": 0,
}
MODEL_AT_LEAST = {
    "width": 1,
    "sequence_width": 1,
    "attention_width": 1,
    "heads": 1,
    "num_blocks": 1,
    "num_experts": 1,
    "top_k": 1,
    "aligned_width": 0,
    "hidden": 1,
    "attention": 1,
    "maps": 1,
}
"""Whichever of these a model has; of several numbers each."""
SHARES = (
    "split.test",
    "split.validation",
    "training.ema_decay",
)
"""Values from 0 to below 1."""


def read_config(path: Path) -> RunConfig:
    """Read a TOML file.

    Raises:
        ConfigError: the file is missing, no TOML, has an unknown key or a value of the wrong type or out of range.
    """
    return parse_config(read_toml(path), where=str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says. Raises ConfigError where it is missing, cannot be read or is no TOML."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: not readable: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as TOML: {error}") from None


def hint(word: str, known: Iterable[str]) -> str:
    """What was meant by a name that is not known, or which there are."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(known))}"


def parse_config(raw: Mapping[str, Any], *, where: str) -> RunConfig:
    """Check keys, then types, then ranges.

    Raises:
        ConfigError: with every problem found, each with its place.
    """
    unknown = list(_unknown_keys(raw, RunConfig, prefix=""))
    if unknown:
        raise ConfigError("\n".join(f"{where}: {problem}" for problem in unknown))
    problems: list[str] = []
    raw = {**raw, "model": _typed(_model_type(raw), raw.get("model", {}), f"{where}: model.", problems)}
    config = _typed(RunConfig, raw, f"{where}: ", problems)
    if problems:
        raise ConfigError("\n".join(problems))
    outside = list(_out_of_range(config))
    if outside:
        raise ConfigError("\n".join(f"{where}: {problem}" for problem in outside))
    return config


def config_to_json(config: RunConfig) -> dict[str, Any]:
    """Plain values; `parse_config` reads them back."""
    plain: dict[str, Any] = json.loads(TypeAdapter(RunConfig).dump_json(config))
    return plain


def _model_type(raw: Mapping[str, Any]) -> Any:
    model = raw.get("model", {})
    name = model.get("name", CamennConfig().name) if isinstance(model, Mapping) else CamennConfig().name
    return ZOO[name][0]


def _typed(kind: type[TypedT], raw: Any, prefix: str, problems: list[str]) -> TypedT:
    """`raw` as a `kind`, or what is wrong with it."""
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as error:
        for one in error.errors():
            problems.append(f"{prefix}{'.'.join(map(str, one['loc']))}: {one['msg']}, not {one['input']!r}")
    return kind()


def _out_of_range(config: RunConfig) -> Iterator[str]:
    for place, least in AT_LEAST.items():
        value = attrgetter(place)(config)
        if not value >= least:
            yield f"{place}: must be at least {least}, not {value}"
    shares = [f"model.{field.name}" for field in dataclasses.fields(config.model) if field.name.endswith("dropout")]
    shares += ["training.user_dropout", "training.item_dropout"]
    for place in (*SHARES, *shares):
        value = attrgetter(place)(config)
        if not 0 <= value < 1:
            yield f"{place}: a share from 0 to below 1, not {value}"
    yield from _model_out_of_range(config.model)
    if not all(0 <= beta < 1 for beta in config.training.betas):
        yield f"training.betas: from 0 to below 1, not {list(config.training.betas)}"
    if config.encoders.text_length > MAX_TOKENS:
        yield f"encoders.text_length: at most {MAX_TOKENS}, all that the store holds, not {config.encoders.text_length}"


def _model_out_of_range(model: ModelConfig) -> Iterator[str]:
    for option in dataclasses.fields(model):
        value = getattr(model, option.name)
        least = MODEL_AT_LEAST.get(option.name)
        if isinstance(value, tuple) and not value:
            yield f"model.{option.name}: names no layer; give at least one"
        if least is not None and any(one < least for one in (value if isinstance(value, tuple) else (value,))):
            yield f"model.{option.name}: must be at least {least}, not {value}"
    options = dataclasses.asdict(model)
    heads, width = options.get("heads", 0), options.get("sequence_width", options.get("width", 0))
    if heads > 0 and width % heads:
        yield f"model.heads: {heads} heads do not divide a width of {width}"
    if options.get("top_k", 0) > options.get("num_experts", 0):
        yield f"model.top_k: keeps {options['top_k']} of only {options['num_experts']} experts"


def _unknown_keys(raw: Mapping[str, Any], config: type, *, prefix: str) -> Iterator[str]:
    types = typing.get_type_hints(config)
    known = {f.name: types[f.name] for f in dataclasses.fields(config)}
    for key, value in raw.items():
        if key not in known:
            yield f"unknown key {prefix + key!r}; {hint(key, known)}"
        elif prefix + key == "model" and isinstance(value, Mapping):
            yield from _unknown_model_keys(value)
        elif dataclasses.is_dataclass(known[key]) and isinstance(value, Mapping):
            yield from _unknown_keys(value, typing.cast(type, known[key]), prefix=f"{prefix}{key}.")


def _unknown_model_keys(raw: Mapping[str, Any]) -> Iterator[str]:
    name = raw.get("name", CamennConfig().name)
    if name in ZOO:
        for problem in _unknown_keys(raw, ZOO[name][0], prefix="model."):
            key = problem.split("'")[1].removeprefix("model.")
            others = [n for n, (kind, _) in ZOO.items() if key in {f.name for f in dataclasses.fields(kind)}]
            yield f"{problem} ({key} is an option of {', '.join(others)}, not of {name})" if others else problem
        return
    yield f"model.name: no model {name!r}; {hint(str(name), ZOO)}"
