"""The activation unit of DIN and the sequence of BST, step by step."""

import numpy as np
import pytest
import torch

from batch_factory import request_batch
from camenn.layers.perceptron import Dice
from camenn.layers.target_attention import TargetAttention


def test_each_past_item_is_weighed_by_what_it_means_to_the_candidate() -> None:
    torch.manual_seed(0)
    attention, batch = TargetAttention(4, (5,)).eval(), request_batch()
    items = torch.randn(7, 4) * (torch.arange(7) > 0)[:, None]
    expected = np.zeros((batch.num_rows, 4), dtype=np.float32)
    with torch.no_grad():
        for row in range(batch.num_rows):
            request, asked = batch.request[row], items[batch.candidates[row]]
            for step, item in enumerate(batch.history[request].tolist()):
                if item:
                    past = items[item] + attention.outcome.weight[batch.history_outcome[request, step]]
                    read = torch.cat([asked, past, asked - past, asked * past])
                    expected[row] += (attention.unit(read[None]) * past).numpy()
        assert attention(items, batch).numpy() == pytest.approx(expected, abs=1e-5)


def test_dice_bends_where_the_data_lies() -> None:
    dice = Dice(1)
    with torch.no_grad():
        dice.slope.fill_(0.25)
    x = torch.tensor([[1.0], [3.0], [5.0]])
    share = 1 / (1 + np.exp(-(x.numpy() - 3) / np.sqrt(8 / 3)))
    assert dice(x).detach().numpy() == pytest.approx(share * x.numpy() + (1 - share) * 0.25 * x.numpy(), rel=1e-5)
