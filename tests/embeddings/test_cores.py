import threading
from collections.abc import Iterator

import pytest
import torch

from camenn.embeddings.cores import on_cores


@pytest.fixture
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("four_threads")
def test_parts_run_side_by_side_each_on_one_thread_and_come_back_in_order() -> None:
    together = threading.Barrier(4, timeout=20)

    def work(part: int) -> tuple[int, int]:
        together.wait()  # passes only when four are here at once
        return part, torch.get_num_threads()

    assert on_cores(work, range(8)) == [(part, 1) for part in range(8)]
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_threads_are_given_back_after_an_error() -> None:
    def work(part: int) -> int:
        raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        on_cores(work, range(8))
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_a_part_alone_keeps_all_threads() -> None:
    assert on_cores(lambda _: torch.get_num_threads(), [0]) == [4]
