"""The fields of a row as vectors."""

import pytest
import torch

from batch_factory import INPUTS, request_batch, tokens
from camenn.layers.fields import PooledEmbedding
from camenn.models.field_frames import field_reader


def test_the_table_is_read_once_a_batch() -> None:
    reader = field_reader(INPUTS, width=4)
    ahead, seen = [reader(request_batch())[0].total().grad_fn], set()
    while ahead:
        node = ahead.pop()
        if node is not None and node not in seen:
            seen.add(node)
            ahead += [before for before, _ in node.next_functions]
    assert sum(node.name() == "EmbeddingBackward0" for node in seen) == 1


@pytest.mark.parametrize("width", [64, 1024])
def test_content_learns_as_fast_whatever_its_encoders_width(width: int) -> None:
    content = tokens(torch.Generator().manual_seed(0), [0, *([1] * 40)], width)
    embedding = PooledEmbedding(width, 3)
    embedding.standardise.fit(content.pooled[1:])
    vectors, _ = embedding(content)
    vectors[1].sum().backward()
    assert embedding.project.weight.grad is not None
    learned = embedding.project.weight.grad.norm(dim=1)  # of each output: the length of what was read
    assert learned.tolist() == pytest.approx([1.0] * 3, rel=0.2)
