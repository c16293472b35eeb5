"""Predictions as a fair model would give them, and a report with everything in it."""

import io
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from PIL import Image

from camenn.bundle import Bundle
from camenn.evaluation.evaluate import Evaluation, evaluate
from camenn.evaluation.predictions import TaskPredictions
from camenn.evaluation.report import AlignedItem, HeatMaps, ReportData, RunFacts
from camenn.evaluation.tables import metrics_of
from camenn.metrics.calibration import sigmoid
from camenn.tables.shop import Shop
from camenn.task import Task


def _predicted(task: Task, split: str = "test", *, requests: int = 60, per_request: int = 5, seed: int = 0):
    """Logits twice as sure as they should be, probabilities as they should be."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(requests), per_request)
    probabilities = rng.beta(1, 2, size=len(groups))
    return TaskPredictions(
        task=task,
        split=split,
        logits=2 * np.log(probabilities / (1 - probabilities)),
        probabilities=probabilities,
        labels=(rng.random(len(groups)) < probabilities).astype(float),
        groups=groups,
        items=groups,
    )


def _of_labels(labels, *, task: Task = Task.CONVERSION, groups=None):
    """Predictions with given labels, rising logits, and one group unless said."""
    logits = np.linspace(-1, 1, len(labels))
    return TaskPredictions(
        task=task,
        split="test",
        logits=logits,
        probabilities=sigmoid(logits),
        labels=np.array(labels, dtype=float),
        groups=np.zeros(len(labels), np.int64) if groups is None else np.array(groups, np.int64),
        items=np.zeros(len(labels), np.int64),
    )


def _picture(colour: str = "tomato") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def predicted() -> Callable[..., TaskPredictions]:
    return _predicted


@pytest.fixture(scope="session")
def of_labels() -> Callable[..., TaskPredictions]:
    return _of_labels


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    return _picture


@pytest.fixture(scope="session")
def make_report() -> Callable[..., ReportData]:
    """A whole report's data; anything can be put in its place."""
    predictions = [_predicted(task, split) for split in ("validation", "test") for task in Task]
    rng = np.random.default_rng(0)
    names = ("train/loss", "train/conversion_loss", "validation/conversion_auc", "validation/loss")
    curves = [(step, step // 10, name, 1 / (1 + step)) for step in range(40) for name in names]
    whole = {
        "title": "CameNN on a shop",
        "facts": RunFacts(
            model="CameNN",
            num_parameters=1_234_567,
            seed=3,
            text_encoder="builtin",
            image_encoder=None,
            num_items=300,
            num_users=20,
            num_events=4_000,
            device="cpu",
            training_s=125.0,
        ),
        "metrics": metrics_of(predictions),
        "predictions": predictions,
        "curves": pl.DataFrame(curves, schema=["step", "epoch", "name", "value"], orient="row"),
        "expert_use": {task: np.array([0.5, 0.3, 0.2]) for task in Task},
        "heat_maps": HeatMaps(
            tuple(f"item {number}" for number in range(8)),
            (_picture(), None, b"not a picture", *[_picture("gold")] * 5),
            0.2 + 0.1 * rng.random((8, 8)),
            0.8 * np.eye(8) - 0.1 * rng.random((8, 8)),
        ),
        "best_aligned": [AlignedItem("i1", "Strawberries", "Fruit", 0.9999, _picture())],
        "worst_aligned": [AlignedItem("i2", None, None, 0.0001, None)],
    }
    return lambda **changes: ReportData(**(whole | changes))


@pytest.fixture(scope="session")
def no_curves() -> pl.DataFrame:
    """What a run that logged nothing has."""
    return pl.DataFrame(schema={"step": pl.Int64, "epoch": pl.Int64, "name": pl.String, "value": pl.Float64})


@pytest.fixture(scope="module")
def found(bundle: Bundle, shop: Shop) -> Evaluation:
    return evaluate(bundle, shop)
