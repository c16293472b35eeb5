"""What is tuned: for every model as many options, and as many values of each, so that no model is searched harder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter

from camenn.models.zoo import ZOO
from camenn.run_config import RunConfig, config_to_json, parse_config

Value = int | float | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One option of a run's configuration and the values that are tried, ascending."""

    option: str
    """Such as `training.learning_rate`."""
    choices: tuple[Value, ...]
    scaled: bool = False
    """Whether the choices are multiples of what is configured."""

    def around(self, config: RunConfig) -> Dimension:
        """As many choices, one of them the configured value, which takes the place of the one nearest to it."""
        written = read_option(config, self.option)
        if self.scaled:
            return Dimension(self.option, tuple(_times(written, _size(factor)) for factor in self.choices))
        if written in self.choices:
            return self
        nearest = min(self.choices, key=lambda choice: abs(_size(choice) - _size(written)))
        return Dimension(self.option, tuple(written if choice == nearest else choice for choice in self.choices))


# CHOICE: all ranges, as the paper does not say how its baselines were tuned.
COMMON = (
    Dimension("training.learning_rate", (1e-4, 4e-4, 1e-3, 4e-3)),
    Dimension("training.weight_decay", (1e-6, 1e-5, 1e-4)),
    Dimension("training.user_dropout", (0.1, 0.3, 0.8)),
    Dimension("training.item_dropout", (0.0, 0.1, 0.3)),
)
BINS = Dimension("features.num_bins", (8, 16, 32))
MIN_COUNT = Dimension("features.min_count", (1, 2, 5))
FIELD_WIDTH = Dimension("model.width", (8, 16, 32))
TOKEN_WIDTH = Dimension("model.width", (0.5, 1, 2), scaled=True)  # its cost grows with its square
HIDDEN = Dimension("model.hidden", ((128, 64), (256, 128), (512, 256)))
EXPERTS = Dimension("model.num_experts", (2, 4, 8))

OWN: dict[str, tuple[Dimension, Dimension]] = {
    "camenn": (TOKEN_WIDTH, EXPERTS),
    # without options of their own, the three below are given more or fewer values to weigh
    "lr": (BINS, MIN_COUNT),
    "fm": (FIELD_WIDTH, BINS),
    "ffm": (Dimension("model.width", (4, 8, 16)), BINS),
    "afm": (FIELD_WIDTH, Dimension("model.attention_width", (8, 16, 32))),
    "wide_deep": (FIELD_WIDTH, HIDDEN),
    "deepfm": (FIELD_WIDTH, HIDDEN),
    "xdeepfm": (FIELD_WIDTH, Dimension("model.maps", ((64, 64), (128, 128), (128, 128, 128)))),
    "din": (FIELD_WIDTH, Dimension("model.hidden", ((100, 40), (200, 80), (400, 160)))),
    "bst": (Dimension("model.sequence_width", (32, 64, 128)), Dimension("model.num_blocks", (1, 2, 3))),
    "shared_bottom": (FIELD_WIDTH, HIDDEN),
    "l2_constrained": (FIELD_WIDTH, Dimension("model.distance", (1e-5, 1e-4, 1e-3))),
    "cross_stitch": (FIELD_WIDTH, HIDDEN),
    "tensor_factorised": (FIELD_WIDTH, Dimension("model.rank", (8, 16, 32))),
    "moe": (FIELD_WIDTH, EXPERTS),
    "mmoe": (FIELD_WIDTH, EXPERTS),
    "mose": (TOKEN_WIDTH, EXPERTS),
    "fashionbert": (TOKEN_WIDTH, Dimension("model.num_blocks", (1, 2, 3))),
}
"""By model: its capacity, and one more option of its own."""


def search_space(model: str) -> tuple[Dimension, ...]:
    """What is tuned of a model, by its name in the zoo; of one that has no line above, its first two sizes."""
    return (*COMMON, *(OWN[model] if model in OWN else _sizes(model)))


def _sizes(model: str) -> tuple[Dimension, ...]:
    """Half, as they are, twice; `features.num_bins` where a model has fewer than two."""
    config, _ = ZOO[model]
    plain = {field.name: getattr(config(), field.name) for field in fields(config)}
    found = [
        Dimension(f"model.{name}", tuple(_times(value, factor) for factor in (0.5, 1, 2)))
        for name, value in plain.items()
        if type(value) in (int, tuple) and value
    ]
    return (*found, BINS, MIN_COUNT)[:2]


def _times(size: Value, factor: float) -> Value:
    return tuple(max(1, int(factor * one)) for one in size) if isinstance(size, tuple) else max(1, int(factor * size))


def searched_values(config: RunConfig) -> dict[str, Value]:
    """The values that a configuration has of the options that tuning chooses."""
    return {one.option: read_option(config, one.option) for one in search_space(config.model.name)}


def read_option(config: RunConfig, option: str) -> Value:
    """The value of `table.key`."""
    value: Value = attrgetter(option)(config)
    return value


def with_options(config: RunConfig, values: Mapping[str, Value], *, where: str) -> RunConfig:
    """The configuration with other values of some options. Raises ConfigError where they do not go together."""
    raw = config_to_json(config)
    for option, value in values.items():
        table, key = option.split(".")
        raw[table][key] = value
    return parse_config(raw, where=where)


def _size(value: Value) -> float:
    return float(sum(value)) if isinstance(value, tuple) else float(value)
