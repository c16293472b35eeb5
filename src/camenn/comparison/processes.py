"""Work in a process of its own: one that is killed costs its piece of work, and none outlives the program."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class WorkLostError(Exception):
    """The work ended without a result, for the reason that this says."""


class Worker:
    """A process that takes one piece of work after another, and is begun anew where one was killed."""

    def __init__(self) -> None:
        self._pool = _process()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def run(self, work: Callable[Parameters, Result], /, *given: Parameters.args, **named: Parameters.kwargs) -> Result:
        """`work(*given, **named)` in the process.

        Raises:
            WorkLostError: the process was killed, or the work raised what it did not expect.
        """
        try:
            return self._pool.submit(work, *given, **named).result()
        except BrokenProcessPool:
            self._pool.shutdown()
            self._pool = _process()
            raise WorkLostError("its process was killed, as it is for want of memory") from None
        except Exception as error:
            raise WorkLostError(f"{type(error).__name__}: {error}") from error


def end_children() -> None:
    """End all processes that this one began; what they were at is lost back to its last checkpoint."""
    for child in multiprocessing.active_children():
        child.terminate()


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """Let no work go on for a program that was killed: the next one would write to the same folder."""

    def watch() -> None:
        if (parent := multiprocessing.parent_process()) is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
