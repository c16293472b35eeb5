"""Predictions that do not fit are refused, in words."""

import numpy as np
import pytest

from camenn.evaluation.predictions import TaskPredictions
from camenn.task import Task

WHOLE = {
    "task": Task.CONVERSION,
    "split": "test",
    "logits": np.array([0.0, 1.0]),
    "probabilities": np.array([0.5, 0.7]),
    "labels": np.array([0.0, 1.0]),
    "groups": np.array([0, 0]),
    "items": np.array([4, 7]),
}


def test_what_fits_is_taken():
    assert len(TaskPredictions(**WHOLE)) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.array([0.0])}, "labels have shape"),
        ({"logits": np.array([[0.0], [1.0]])}, "logits have shape"),
        ({"logits": np.array([0.0, 1.0], np.float32)}, "logits are float32"),
        ({"groups": np.array([0.0, 1.0])}, "groups are float64"),
        ({"groups": np.array([0, 1], np.int32)}, "groups are int32"),
        ({"items": np.array([4])}, "items have shape"),
        ({"logits": np.array([0.0, np.nan])}, "logits are not all finite"),
        ({"labels": np.array([0.0, 0.5])}, "labels are not all 0 or 1"),
        ({"probabilities": np.array([0.5, 1.5])}, "probabilities are not all within"),
    ],
)
def test_what_does_not_fit_is_named_with_its_task_and_split(change, message):
    with pytest.raises(ValueError, match=f"conversion on test.*{message}"):
        TaskPredictions(**(WHOLE | change))
