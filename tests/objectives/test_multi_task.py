"""The losses of a step."""

import numpy as np
import pytest
import torch

from batch_factory import INPUTS, pair_batch, request_batch
from camenn.models.camenn import CamennConfig
from camenn.models.output import labels_of
from camenn.models.zoo import build_model
from camenn.objectives.multi_task import MultiTaskObjective, ObjectiveConfig


@pytest.fixture(scope="module")
def objective() -> MultiTaskObjective:
    torch.manual_seed(0)
    model = build_model(CamennConfig(width=16, heads=4, aligned_width=8), INPUTS)
    return MultiTaskObjective(model, ObjectiveConfig(load_balance=0.5)).eval()


@torch.inference_mode()
def test_each_task_is_judged_by_its_binary_cross_entropy(objective: MultiTaskObjective) -> None:
    told = 0
    for batch in (request_batch(), pair_batch()):
        parts = objective([batch])[1]
        for task, logits in objective.model(batch).logits.items():
            yes = 1 / (1 + np.exp(-logits.numpy().astype(np.float64)))
            right = np.where(labels_of(batch, task).numpy() == 1, yes, 1 - yes)
            assert float(parts[f"{task}_loss"]) == pytest.approx(-np.log(right).mean(), rel=1e-5)
            told += 1
    assert told == 3


@torch.inference_mode()
def test_a_part_is_the_mean_over_the_batches_of_a_step_and_the_loss_their_sum(objective: MultiTaskObjective) -> None:
    one, other = pair_batch(seed=0), pair_batch(seed=1)
    (loss, parts), (first, of_first), (second, of_second) = (
        objective(given) for given in ([one, other], [one], [other])
    )
    assert float(loss) == pytest.approx(float(first + second), rel=1e-6)
    assert (
        parts.keys() == of_first.keys() == {"image_to_text_loss", "text_to_image_loss", "contrast_loss", "load_balance"}
    )
    for name, value in parts.items():
        assert float(value) == pytest.approx(float(of_first[name] + of_second[name]) / 2, rel=1e-6)
    assert float(of_first["image_to_text_loss"]) != float(of_second["image_to_text_loss"])
