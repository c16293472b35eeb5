import pytest
import torch
from torch import nn

from camenn.layers.blocks import DenseStack
from camenn.layers.routing import Gate, MixtureOfExperts, load_balance


class CountingExpert(nn.Module):
    """Multiplies by its number and remembers how many rows it was given."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.rows: list[int] = []

    def forward(self, x: torch.Tensor, mask: torch.Tensor, *, memory: object = None) -> torch.Tensor:
        self.rows.append(len(x))
        return x * self.factor


def test_a_row_is_computed_by_the_experts_that_keep_it_and_by_no_other() -> None:
    experts = [CountingExpert(float(factor)) for factor in (1, 10, 100)]
    weights = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75], [0.0, 1.0, 0.0]])
    x = torch.ones(3, 2, 1)
    mixed = MixtureOfExperts(list(experts))(x, torch.ones(3, 2, dtype=torch.bool), weights)
    assert mixed[:, 0, 0].tolist() == [5.5, 0.25 * 10 + 0.75 * 100, 10.0]
    assert [expert.rows for expert in experts] == [[1], [3], [1]]


def test_an_expert_nobody_keeps_is_not_called() -> None:
    experts = [CountingExpert(1.0), CountingExpert(2.0)]
    MixtureOfExperts(list(experts))(
        torch.ones(2, 1, 1), torch.ones(2, 1, dtype=torch.bool), torch.tensor([[1.0, 0.0]] * 2)
    )
    assert experts[1].rows == []


def test_an_expert_that_all_rows_keep_reads_them_where_they_lie() -> None:
    read: list[torch.Tensor] = []

    class Reader(nn.Module):
        def forward(self, x: torch.Tensor, mask: torch.Tensor, *, memory: object = None) -> torch.Tensor:
            read.append(x)
            return x

    x, mask = torch.randn(4, 2, 3), torch.ones(4, 2, dtype=torch.bool)
    MixtureOfExperts([Reader(), Reader()])(x, mask, torch.full((4, 2), 0.5))
    assert all(one is x for one in read)


def test_no_row_gives_no_row() -> None:
    mixture = MixtureOfExperts([DenseStack(3, (5, 2), dropout=0.0) for _ in range(2)])
    assert mixture(torch.zeros(0, 1, 3), torch.zeros(0, 1, dtype=torch.bool), torch.zeros(0, 2)).shape == (0, 1, 2)


@pytest.mark.parametrize("top_k", [2, 3])
def test_a_row_is_the_weighed_sum_of_its_experts_and_so_are_the_gradients(top_k: int) -> None:
    mixture = MixtureOfExperts([DenseStack(4, (5, 2), dropout=0.0) for _ in range(3)]).double()
    gate = Gate(4, num_experts=3, top_k=top_k).double()
    x, mask = torch.randn(6, 1, 4, dtype=torch.float64, requires_grad=True), torch.ones(6, 1, dtype=torch.bool)

    def mixed(x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = mixture(x, mask, gate(x[:, 0])[0])
        return made

    weights = gate(x[:, 0])[0]
    by_row = [
        sum(weights[row, number] * expert(x[row], mask) for number, expert in enumerate(mixture.experts))
        for row in range(6)
    ]
    torch.testing.assert_close(mixed(x), torch.stack(by_row))
    assert torch.autograd.gradcheck(mixed, (x,))


@pytest.mark.parametrize("top_k", [2, 3])
def test_under_autocast_a_mixture_stays_low_and_close(top_k: int) -> None:
    mixture = MixtureOfExperts([DenseStack(32, (16, 8), dropout=0.0) for _ in range(3)])
    x, mask = torch.randn(20, 1, 32), torch.ones(20, 1, dtype=torch.bool)
    kept, _ = Gate(32, num_experts=3, top_k=top_k)(x[:, 0])
    exact = mixture(x, mask, kept)
    with torch.autocast("cpu", torch.bfloat16):
        low = mixture(x.bfloat16(), mask, kept)
    assert low.dtype is torch.bfloat16
    torch.testing.assert_close(low.float(), exact, rtol=0.05, atol=0.02)


def test_a_gate_keeps_the_heaviest_experts_and_lets_them_weigh_one() -> None:
    gate = Gate(3, num_experts=3, top_k=2)
    with torch.no_grad():
        gate.linear.weight.copy_(torch.eye(3))
        gate.linear.bias.zero_()
    kept, dense = gate(torch.tensor([[1.0, 2.0, 0.0]]))
    e = torch.tensor([1.0, 2.0, 0.0]).exp()
    assert torch.allclose(dense, (e / e.sum())[None])
    assert torch.allclose(kept, torch.tensor([[e[0] / (e[0] + e[1]), e[1] / (e[0] + e[1]), 0.0]]))


def test_keeping_all_experts_is_the_plain_softmax() -> None:
    gate = Gate(4, num_experts=3, top_k=3)
    kept, dense = gate(torch.randn(5, 4))
    assert torch.equal(kept, dense)


def test_gates_learn_through_the_experts_they_keep() -> None:
    gate = Gate(4, num_experts=3, top_k=2)
    kept, _ = gate(torch.randn(5, 4))
    (kept * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert gate.linear.weight.grad is not None
    assert gate.linear.weight.grad.abs().sum() > 0


def test_even_use_of_experts_costs_one_and_uneven_use_more() -> None:
    even = torch.eye(4)
    assert load_balance(even, torch.full((4, 4), 0.25)).item() == pytest.approx(1.0)
    lone = torch.tensor([[1.0, 0, 0, 0]] * 4)
    assert load_balance(lone, lone).item() == pytest.approx(4.0)


def test_keeping_more_experts_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and the 3 experts"):
        Gate(4, num_experts=3, top_k=4)
