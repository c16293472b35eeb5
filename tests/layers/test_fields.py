"""The fields of a row as vectors."""

from batch_factory import INPUTS, request_batch
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
