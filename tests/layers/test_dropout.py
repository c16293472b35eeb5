"""Dropout with a mask of random bits."""

import pytest
import torch

from camenn.layers.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_p_is_dropped_and_the_mean_stays(p: float) -> None:
    torch.manual_seed(0)
    dropped = Dropout(p)(torch.ones(1001, 997))
    assert (dropped == 0).float().mean().item() == pytest.approx(p, abs=2e-3)
    assert dropped.mean().item() == pytest.approx(1, abs=1e-2)
    assert len(dropped.unique()) == 2
    neighbours = ((dropped[:, 1:] == 0) & (dropped[:, :-1] == 0)).float().mean().item()
    assert neighbours == pytest.approx(p * p, abs=2e-3)  # one word gives four elements, each for itself


def test_the_gradient_passes_where_the_value_did() -> None:
    x = torch.ones(3, 5, 7, requires_grad=True)
    out = Dropout(0.5)(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_nothing_is_dropped_outside_training_or_without_a_share() -> None:
    x = torch.randn(4, 3)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert Dropout(0.5)(torch.zeros(0, 4)).shape == (0, 4)


def test_a_seed_drops_the_same_twice() -> None:
    x, drop = torch.ones(50, 3), Dropout(0.3)
    first, second = (drop(x) for _ in range(2) if torch.manual_seed(1))
    third = drop(x)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
