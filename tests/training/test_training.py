"""Training: what a shop offers is learned, what it lacks is done without, and it stops when it should."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from camenn.errors import ConfigError, DataError
from camenn.evaluation.evaluate import evaluate
from camenn.metrics.ranking import auc
from camenn.models.zoo import build_model
from camenn.tables.shop import open_shop
from camenn.task import ALIGNMENT_TASKS, Task
from toy import START, toy_events, toy_items, write_toy_shop
from toy_run import same, small_config, train_on, weights


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("shop"), num_requests=80)


def logged(run: Path, name: str) -> list[float]:
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [float(row["value"]) for row in csv.DictReader(file) if row["name"] == name]


def test_aucs(shop: Path, trained: Any) -> dict[Task, float]:
    found = evaluate(trained.bundle, open_shop(shop))
    return {one.task: auc(one.logits, one.labels) for one in found.predictions if one.split == "test"}
