"""Scores are collected from whatever device the model is on."""

from typing import Any, cast

import numpy as np
import pytest
import torch

from camenn.models.output import GateWeights, ModelOutput
from camenn.scoring import _Collected
from camenn.task import Task

TASK = Task.CONVERSION


class OnAppleGpu:
    """A tensor where there is no double precision."""

    def __init__(self, values: list[Any]) -> None:
        self.values = torch.tensor(values)

    def cpu(self) -> torch.Tensor:
        return self.values

    def double(self) -> torch.Tensor:
        raise TypeError("the MPS framework doesn't support float64")


def test_scores_come_from_a_device_without_double_precision() -> None:
    collected = _Collected()
    for logit in (0.5, -2.0):
        logits, parts, kept = (cast(torch.Tensor, OnAppleGpu(v)) for v in ([logit], [[logit, 1.0]], [[0.25, 0.75]]))
        output = ModelOutput({TASK: logits}, {TASK: GateWeights(kept, kept)}, {TASK: parts})
        collected.add(output, TASK, np.ones(1, np.float32), np.zeros(1, np.int64), np.full(1, 7))
    scores = collected.scores()
    assert scores.logits.tolist() == [0.5, -2.0]
    assert scores.parts.tolist() == [[0.5, 1.0], [-2.0, 1.0]]
    assert scores.items.tolist() == [7, 7]
    assert scores.expert_use.tolist() == pytest.approx([0.25, 0.75])
