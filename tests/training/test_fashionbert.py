"""FashionBERT with its adaptive loss, from a shop to a bundle."""

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from camenn.batches.batch import Batch
from camenn.objectives.multi_task import MultiTaskObjective
from camenn.run_config import RunConfig, parse_config
from toy import write_toy_shop
from toy_run import same, train_on, weights


def config() -> RunConfig:
    return parse_config(
        {
            "requests": {"rows": 40, "history_length": 5},
            "pairs": {"items": 16},
            "model": {"name": "fashionbert", "width": 16, "heads": 2, "num_blocks": 2},
            "objective": {"weighting": "adaptive"},
            "training": {"max_epochs": 2, "learning_rate": 0.003, "checkpoint_s": 0.0, "ema_decay": 0.5},
        },
        where="the test's configuration",
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("shop"), num_requests=60)


def values(run: Path, name: str) -> list[float]:
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [float(row["value"]) for row in csv.DictReader(file) if row["name"] == name]


def test_fashionbert_trains_and_a_killed_run_goes_on_bit_for_bit(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    trained = train_on(shop, whole, config())
    assert trained.bundle.config.objective.weighting == "adaptive"
    for name in ("conversion", "image_to_text", "masked_word", "masked_patch"):
        assert len(values(whole, f"train/{name}_loss")) == len(values(whole, f"train/{name}_weight")) == 2
    assert values(whole, "train/masked_word_loss")[1] < values(whole, "train/masked_word_loss")[0]

    real, calls = MultiTaskObjective.forward, iter(range(10**6))

    def dying(self: MultiTaskObjective, batches: Iterable[Batch]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return real(self, batches)

    with monkeypatch.context() as patch:
        patch.setattr(MultiTaskObjective, "forward", dying)
        with pytest.raises(KeyboardInterrupt):
            train_on(shop, killed, config())
    train_on(shop, killed, config())
    assert same(weights(killed), weights(whole))
    assert (killed / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
