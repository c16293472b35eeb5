"""Small runs on the toy shop: what is trained here takes a second or two."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from safetensors.torch import load_file

from camenn.run_config import RunConfig, parse_config
from camenn.tables.shop import open_shop
from camenn.training.trainer import Hardware, Trained, train
from toy import write_toy_shop

SMALL: dict[str, dict[str, Any]] = {
    "requests": {"rows": 64, "history_length": 5},
    "pairs": {"items": 16},
    "model": {"width": 16, "heads": 2, "num_experts": 2, "top_k": 1, "aligned_width": 16},
    "training": {"max_epochs": 2, "learning_rate": 0.003},
}
CPU = Hardware("cpu", 1)


def small_toml() -> str:
    """The small configuration as a file's text."""
    lines = []
    for table, values in SMALL.items():
        lines += [f"[{table}]", *(f"{name} = {value}" for name, value in values.items())]
    return "\n".join(lines) + "\n"


def small_config(**tables: Mapping[str, Any]) -> RunConfig:
    """The small configuration with some values changed: `small_config(training={"seed": 1})`."""
    raw = {name: {**SMALL.get(name, {}), **tables.get(name, {})} for name in {**SMALL, **tables}}
    return parse_config(raw, where="the test's configuration")


def train_on(folder: Path, run: Path, config: RunConfig | None = None) -> Trained:
    """Train on the shop in `folder`, quietly."""
    config = small_config() if config is None else config
    return train(open_shop(folder), config, run, hardware=CPU, console=Console(quiet=True))


def train_toy(folder: Path, *, num_requests: int = 100, outcomes: bool = True) -> Path:
    """Write the toy shop to `folder`/shop, train the small model on it in `folder`/run, return `folder`."""
    shop = write_toy_shop(folder / "shop", num_requests=num_requests, outcomes=outcomes)
    train_on(shop, folder / "run")
    return folder


def weights(run: Path) -> dict[str, torch.Tensor]:
    """The weights of a run's bundle."""
    return load_file(run / "bundle" / "model.safetensors")


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are equal bit for bit."""
    return left.keys() == right.keys() and all(left[name].equal(right[name]) for name in left)
