"""Adam by rows, and clipping of gradients of both kinds."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from camenn.layers.embedding import Table
from camenn.run_config import TrainingConfig
from camenn.training import optimizer as optimizers
from camenn.training.optimizer import build_optimizer, clip_gradients, economise_tables

CONFIG = TrainingConfig(learning_rate=0.1, weight_decay=0.01)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = Table(20, 3, deviation=1.0)
        self.map = nn.Linear(3, 1)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.map(self.table(codes)).square().sum()
        return loss


@pytest.fixture
def model() -> Small:
    torch.manual_seed(0)
    return Small()


def train(model: nn.Module, *batches: list[int], config: TrainingConfig = CONFIG) -> None:
    made = build_optimizer(model, config)
    for codes in batches:
        made.zero_grad()
        model(torch.tensor(codes)).backward()
        made.step()


@pytest.fixture
def by_rows(model: Small, monkeypatch: pytest.MonkeyPatch) -> Small:
    monkeypatch.setattr(optimizers, "LARGE_TABLE", 60)
    twin = copy.deepcopy(model)
    economise_tables(twin)
    return twin


def test_where_every_row_is_read_it_is_adam_without_a_first_moment(model: Small, by_rows: Small) -> None:
    every, config = list(range(20)), replace(CONFIG, betas=(0.0, CONFIG.betas[1]))
    for one in (model, by_rows):
        train(one, [*every, 3, 3], every[::-1], every, config=config)
    for ours, adam in zip(by_rows.parameters(), model.parameters(), strict=True):
        assert torch.allclose(ours, adam, atol=1e-6)


def test_rows_that_are_not_read_stay_as_they_are(by_rows: Small) -> None:
    before = by_rows.table.weight.detach().clone()
    train(by_rows, [1, 2, 2], [2, 5])
    moved = (by_rows.table.weight != before).any(dim=1)
    assert moved.nonzero().flatten().tolist() == [1, 2, 5]


def test_a_row_that_is_read_once_moves_about_as_far_as_adam_moves_it_in_all(model: Small, by_rows: Small) -> None:
    """The other rows are read at every step, so that all but the row in question move at the same time."""
    config = TrainingConfig(learning_rate=1e-3, weight_decay=0.0)
    others = [code for code in range(20) if code != 4]
    moved = []
    for one in (model, by_rows):
        before = one.table.weight[4].detach().clone()
        train(one, *[others] * 40, [4, *others], *[others] * 60, config=config)
        moved.append(one.table.weight[4].detach() - before)
    whole, ours = moved
    assert torch.allclose(ours, whole, rtol=0.3)  # Adam's second moment fades meanwhile


def test_a_row_moves_as_adam_moves_it_in_the_steps_that_read_it(model: Small, by_rows: Small) -> None:
    train(model, [4, 7])
    train(by_rows, [4, 7])
    assert torch.allclose(by_rows.table.weight[[4, 7]], model.table.weight[[4, 7]], atol=1e-6)


def test_small_tables_add_up_what_autograd_does_in_memory_that_they_keep(model: Small) -> None:
    twin = copy.deepcopy(model)
    economise_tables(twin)
    assert not twin.table.sparse
    kept = set()
    for codes in ([0, 1, 2, 2], [2, 5]):
        for one in (model, twin):
            one.zero_grad()
            (one(torch.tensor(codes)) + one(torch.tensor([[4, 1]]))).backward()
        expected, found = (one.table.weight.grad for one in (model, twin))
        assert expected is not None
        assert found is not None
        assert torch.allclose(found, expected)
        assert not found[0].any()
        kept.add(found.data_ptr())
    assert len(kept) == 1


def test_what_it_remembers_is_saved_and_loaded(by_rows: Small) -> None:
    twin = copy.deepcopy(by_rows)
    whole = build_optimizer(by_rows, CONFIG)
    first = build_optimizer(twin, CONFIG)

    def step(model: Small, made: torch.optim.Optimizer, codes: list[int]) -> None:
        made.zero_grad()
        model(torch.tensor(codes)).backward()
        made.step()

    for codes in ([1, 2], [2, 3]):
        step(by_rows, whole, codes)
    step(twin, first, [1, 2])
    resumed = build_optimizer(twin, CONFIG)
    resumed.load_state_dict(first.state_dict())
    step(twin, resumed, [2, 3])
    for one, other in zip(by_rows.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("max_norm", [0.5, 1e6, float("inf")])
def test_gradients_of_both_kinds_are_clipped_together(model: Small, by_rows: Small, max_norm: float) -> None:
    for one in (model, by_rows):
        one(torch.tensor([1, 2, 2])).backward()
    expected = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    assert torch.allclose(clip_gradients(by_rows.parameters(), max_norm), expected)
    assert by_rows.table.weight.grad is not None
    assert by_rows.table.weight.grad.is_sparse
    for ours, theirs in zip(by_rows.parameters(), model.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.allclose(ours.grad.to_dense(), theirs.grad)
