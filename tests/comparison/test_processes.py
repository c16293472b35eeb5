"""Work in another process."""

import os
import subprocess
import sys

import pytest

from camenn.comparison.processes import Worker, WorkLostError


def test_work_is_done_in_another_process_and_its_result_comes_back() -> None:
    with Worker() as worker:
        assert worker.run(os.getpid) not in (os.getpid(), None)
        assert worker.run(int, "ff", base=16) == 255


def test_a_killed_process_costs_its_work_and_the_next_has_another() -> None:
    with Worker() as worker:
        first = worker.run(os.getpid)
        with pytest.raises(WorkLostError, match="killed"):
            worker.run(os._exit, 1)
        assert worker.run(os.getpid) != first


def test_what_the_work_raises_is_told() -> None:
    with Worker() as worker, pytest.raises(WorkLostError, match="ValueError: invalid literal"):
        worker.run(int, "x")


@pytest.mark.slow
def test_a_process_ends_with_the_program_that_began_it() -> None:
    code = (
        "import os, time; from camenn.comparison.processes import Worker\n"
        "worker = Worker(); print(worker.run(os.getpid), flush=True)\n"
        "worker._pool.submit(time.sleep, 300); time.sleep(300)"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert int(program.stdout.readline()) != program.pid
    program.kill()
    program.communicate(timeout=60)  # until nobody writes to the pipe any more
