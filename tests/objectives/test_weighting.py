"""The adaptive loss against its definition, and the gradients it goes by against differences."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from batch_factory import INPUTS, pair_batch, request_batch
from camenn.errors import ConfigError
from camenn.models.camenn import CamennConfig
from camenn.models.fashionbert import FashionBertConfig
from camenn.models.lr import LogisticRegressionConfig
from camenn.models.zoo import ModelConfig, build_model
from camenn.objectives.multi_task import MultiTaskObjective, ObjectiveConfig
from camenn.objectives.weighting import adaptive_weights, gradient_norms

NORMS = [[0.3, 2.0, 0.9], [0.0, 0.0, 0.0], [50.0, 1.0, 0.2, 0.1], [1.0, 2.0]]
SMALL = FashionBertConfig(width=16, heads=4, num_blocks=2, dropout=0.0)


def minimised(weights: np.ndarray, norms: list[float]) -> float:
    """The adaptive loss's own objective, term by term: weights far apart cost, weight on long gradients pays."""
    long = np.exp(norms) / np.exp(norms).sum()
    apart = sum((weights[i] - weights[j]) ** 2 for i, j in combinations(range(len(norms)), 2))
    return float(0.5 * apart - 0.5 * sum((weights[i] * long[i]) ** 2 for i in range(len(norms))))


def objective(config: ModelConfig = SMALL, **changes: float) -> MultiTaskObjective:
    torch.manual_seed(0)
    return MultiTaskObjective(build_model(config, INPUTS), ObjectiveConfig(weighting="adaptive", **changes))


@pytest.mark.parametrize("norms", NORMS)
def test_adaptive_weights_are_where_their_definition_is_least(norms: list[float]) -> None:
    weights = adaptive_weights(torch.tensor(norms, dtype=torch.float64)).numpy()
    assert weights.sum() == pytest.approx(1.0)
    assert (weights > 0).all()
    here, step = minimised(weights, norms), 1e-4
    for i, j in combinations(range(len(norms)), 2):  # moves that keep the sum
        move = np.zeros(len(norms))
        move[i], move[j] = step, -step
        up, down = minimised(weights + move, norms), minimised(weights - move, norms)
        assert (up - down) / (2 * step) == pytest.approx(0.0, abs=1e-9)
        assert min(up, down) > here


def test_weights_are_the_published_ones() -> None:
    long = np.array([0.5, 1.5, 1.0])
    square = (np.exp(long) / np.exp(long).sum()) ** 2
    a, b, c = 3 - square
    expected = np.array([b * c, a * c, a * b]) / (b * c + a * c + a * b)
    assert adaptive_weights(torch.tensor(long)).numpy() == pytest.approx(expected)
    assert expected.argmax() == 1


def test_one_task_alone_counts_one() -> None:
    assert adaptive_weights(torch.tensor([7.0])).tolist() == [1.0]


def test_norms_agree_with_finite_differences() -> None:
    torch.manual_seed(0)
    shared, head, x = nn.Linear(3, 4).double(), nn.Linear(4, 1).double(), torch.randn(5, 3, dtype=torch.float64)
    aside = nn.Parameter(torch.ones(1, dtype=torch.float64))

    def losses() -> list[Tensor]:
        hidden = shared(x).tanh()
        return [head(hidden).square().mean(), hidden.exp().sum(), (aside * 2.0).sum()]

    parameters = list(shared.parameters())
    got = gradient_norms(losses(), parameters)
    expected, step = np.zeros(3), 1e-6
    with torch.no_grad():
        for parameter in parameters:
            flat = parameter.view(-1)
            for place in range(len(flat)):
                flat[place] += step
                up = losses()
                flat[place] -= 2 * step
                down = losses()
                flat[place] += step
                expected += [((float(u) - float(d)) / (2 * step)) ** 2 for u, d in zip(up, down, strict=True)]
    assert got.numpy() == pytest.approx(np.sqrt(expected), rel=1e-5)


def test_the_adaptive_loss_of_a_step_is_the_sum_of_its_tasks_so_weighed() -> None:
    trained, batches = objective(), (request_batch(), pair_batch(seed=0), pair_batch(seed=1))
    torch.manual_seed(1)
    loss, parts = trained(batches)
    names = ["conversion", "image_to_text", "text_to_image", "masked_word", "masked_patch"]
    assert parts.keys() == {f"{name}_{kind}" for name in names for kind in ("loss", "weight")}
    assert float(torch.stack([parts[f"{name}_weight"] for name in names]).sum()) == pytest.approx(1.0)
    times = {name: 1 if name == "conversion" else 2 for name in names}  # parts are means over batches
    expected = sum(times[name] * float(parts[f"{name}_loss"] * parts[f"{name}_weight"]) for name in names)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert not any(part.requires_grad for part in parts.values())


def test_weights_do_not_change_the_direction_of_any_task() -> None:
    """The gradient of a step is the tasks' own gradients, weighed as said: nothing flows through the weights."""
    trained, batch = objective(), pair_batch()
    torch.manual_seed(1)
    loss, parts = trained([batch])
    loss.backward()
    weight = trained.model.shared()[0]
    assert weight.grad is not None
    got = weight.grad.clone()
    plain = MultiTaskObjective(trained.model, ObjectiveConfig())
    torch.manual_seed(1)
    expected = torch.zeros_like(got)
    for name, loss in plain._losses(batch, plain.model(batch)):
        (gradient,) = torch.autograd.grad(loss, weight, retain_graph=True)
        expected += parts[name.replace("_loss", "_weight")] * gradient
    assert torch.allclose(got, expected, atol=1e-7)


def test_a_task_of_no_weight_has_no_part_in_adaptive_weights() -> None:
    _, parts = objective(conversion=0.0)((request_batch(), pair_batch()))
    assert "conversion_weight" not in parts
    loss, parts = objective(conversion=0.0)((request_batch(),))
    assert float(loss.detach()) == 0.0
    assert parts.keys() == {"conversion_loss"}


def test_other_models_may_be_weighed_so_too_and_what_is_no_task_keeps_its_weight() -> None:
    config = CamennConfig(width=16, heads=4, aligned_width=8)
    loss, parts = objective(config, contrast=2.0)((pair_batch(),))
    assert {name for name in parts if name.endswith("_weight")} == {"image_to_text_weight", "text_to_image_weight"}
    tasks = sum(float(parts[f"{name}_loss"] * parts[f"{name}_weight"]) for name in ("image_to_text", "text_to_image"))
    assert float(loss.detach()) == pytest.approx(tasks + 2 * float(parts["contrast_loss"]), rel=1e-5)


def test_a_model_that_shares_no_layers_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"objective.weighting: .* use \"fixed\""):
        objective(LogisticRegressionConfig())
