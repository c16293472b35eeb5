"""How a tower weighs its own logit and the evidence, once validation has told which of them is of use."""

from typing import Any

import numpy as np
import pytest
import torch

from batch_factory import INPUTS, request_batch
from camenn.layers.aligned_space import NUM_EVIDENCE
from camenn.metrics.ranking import auc
from camenn.models.camenn import CamennConfig
from camenn.models.frames import MultiTaskModel
from camenn.models.zoo import build_model
from camenn.scoring import Scores
from camenn.task import Task
from camenn.training.mixing import MIN_ROWS, mix_parts

TASK = Task.IMAGE_TO_TEXT


def small(**changes: Any) -> MultiTaskModel:
    torch.manual_seed(0)
    return build_model(CamennConfig(**{"width": 8, "heads": 2, "aligned_width": 8, **changes}), INPUTS).eval()


def mix_of(model: MultiTaskModel, task: Task) -> torch.Tensor:
    mix = model.mix(task)
    assert mix is not None
    return mix


def scores(model: MultiTaskModel, labels: np.ndarray, *, task: Task = TASK, telling: int = 1) -> Scores:
    """Parts of which one tells the label, with a little doubt, and all others are noise; the first the loudest."""
    rng = np.random.default_rng(0)
    mix = mix_of(model, task).double().numpy()
    parts = rng.normal(size=(len(labels), len(mix)))
    parts[:, 0] *= 10.0
    if len(mix) > 1:
        parts[:, telling] = 0.1 * (labels + rng.normal(scale=0.3, size=len(labels)))
    groups = np.arange(len(labels))
    return Scores(parts @ mix, parts, labels, groups, groups, np.full(1, 1.0))


def halves(num_rows: int) -> np.ndarray:
    return (np.arange(num_rows) % 2).astype(np.float64)


@pytest.mark.parametrize("telling", range(1, NUM_EVIDENCE + 1))
def test_where_the_network_knows_nothing_the_mix_orders_by_the_evidence(telling: int) -> None:
    model = small()
    found = scores(model, halves(400), telling=telling)
    by_evidence = auc(found.parts[:, telling], found.labels)
    assert auc(found.logits, found.labels) < 0.6 < 0.9 < by_evidence
    mixed = mix_parts(model, {TASK: found})[TASK]
    assert auc(mixed, found.labels) > by_evidence - 0.01
    assert np.corrcoef(mixed, found.parts[:, telling])[0, 1] > 0.98
    assert mixed == pytest.approx(found.parts @ mix_of(model, TASK).double().numpy(), rel=1e-4, abs=1e-4)


def test_the_model_answers_by_the_fitted_mix() -> None:
    model, task = small(), Task.CONVERSION
    mix_parts(model, {task: scores(model, halves(400), task=task)})
    with torch.inference_mode():
        output = model(request_batch())
    assert torch.allclose(output.logits[task], output.parts[task] @ mix_of(model, task))
    assert not torch.allclose(output.logits[task], output.parts[task] @ mix_of(small(), task))


def test_a_task_is_weighed_by_its_own_rows() -> None:
    model = small()
    untouched = mix_of(model, Task.TEXT_TO_IMAGE).clone()
    mix_parts(model, {TASK: scores(model, halves(400))})
    assert mix_of(model, Task.TEXT_TO_IMAGE).equal(untouched)


@pytest.mark.parametrize(
    ("labels", "aligned_width"),
    [(halves(MIN_ROWS - 1), 8), (np.ones(400), 8), (np.zeros(400), 8), (halves(400), 0)],
    ids=["few rows", "only yes", "only no", "one part"],
)
def test_what_says_too_little_leaves_the_mix(labels: np.ndarray, aligned_width: int) -> None:
    model = small(aligned_width=aligned_width)
    before = mix_of(model, TASK).clone()
    found = scores(model, labels)
    assert mix_parts(model, {TASK: found})[TASK] is found.logits
    assert mix_of(model, TASK).equal(before)


def test_as_many_rows_as_are_asked_for_are_enough() -> None:
    model = small()
    before = mix_of(model, TASK).clone()
    mix_parts(model, {TASK: scores(model, halves(MIN_ROWS))})
    assert not mix_of(model, TASK).equal(before)
