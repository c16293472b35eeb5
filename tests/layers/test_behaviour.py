from dataclasses import replace

import pytest
import torch

from batch_factory import request_batch
from camenn.layers.behaviour import BehaviourTransformer

ITEM_WIDTH = 6


def reader(num_blocks: int) -> BehaviourTransformer:
    torch.manual_seed(0)
    return BehaviourTransformer(ITEM_WIDTH, width=8, heads=2, num_blocks=num_blocks, feed_forward=2, dropout=0.0)


@pytest.mark.parametrize("num_blocks", [1, 2])
def test_a_row_is_its_real_steps_and_the_candidate_through_the_blocks_read_at_the_candidate(num_blocks: int) -> None:
    ours, batch = reader(num_blocks).double(), request_batch()
    items = torch.randn(len(batch.items.codes), ITEM_WIDTH, dtype=torch.float64)
    by_row = []
    for request, candidate in zip(batch.request, batch.candidates, strict=True):
        real = batch.history[request] > 0
        tokens = torch.cat([batch.history[request][real], candidate[None]])
        age = torch.cat([batch.history_age[request][real], torch.zeros(1, dtype=torch.int64)])
        outcome = torch.cat([batch.history_outcome[request][real], torch.zeros(1, dtype=torch.int64)])
        sequence = (ours.project(items[tokens]) + ours.gap(age) + ours.outcome(outcome))[None]
        for block in ours.blocks:
            sequence = block(sequence, torch.ones(sequence.shape[:2], dtype=torch.bool))
        by_row.append(sequence[0, -1])
    torch.testing.assert_close(ours(items, batch), torch.stack(by_row))


def test_gradients_reach_the_items_a_row_has_seen_and_no_others() -> None:
    ours, batch = reader(1), request_batch()
    items = torch.randn(len(batch.items.codes), ITEM_WIDTH, requires_grad=True)
    ours(items, batch).square().sum().backward()
    assert items.grad is not None
    used = torch.cat([batch.history[batch.request].flatten(), batch.candidates]).unique()
    used = used[used > 0]
    rest = torch.ones(len(items), dtype=torch.bool)
    rest[used] = False
    assert (items.grad[used].abs().sum(dim=1) > 0).all()
    assert (items.grad[rest] == 0).all()


def test_without_a_history_the_candidate_reads_itself() -> None:
    ours, batch = reader(1), request_batch()
    nothing = torch.zeros_like(batch.history)
    batch = replace(batch, history=nothing, history_outcome=nothing, history_age=nothing)
    items = torch.randn(len(batch.items.codes), ITEM_WIDTH)
    alone = (ours.project(items[batch.candidates]) + ours.gap.weight[0] + ours.outcome.weight[0])[:, None]
    expected = ours.blocks[0](alone, torch.ones(len(alone), 1, dtype=torch.bool))[:, 0]
    torch.testing.assert_close(ours(items, batch), expected)


def test_under_autocast_the_reader_stays_close() -> None:
    ours, batch = reader(2), request_batch()
    items = torch.randn(len(batch.items.codes), ITEM_WIDTH)
    exact = ours(items, batch)
    with torch.autocast("cpu", torch.bfloat16):
        low = ours(items, batch)
    torch.testing.assert_close(low.float(), exact, rtol=0.05, atol=0.05)
