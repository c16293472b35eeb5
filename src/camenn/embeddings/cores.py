"""A frozen network's work spread over the processor's cores."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


def on_cores(function: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Apply `function` to each part, in order, as many side by side as torch has threads, each on one of them.

    Left to itself torch splits every layer over all cores, which then wait for one another, spinning. Whatever else
    runs, and decoding pictures is enough, makes that several times slower; parts of their own wait for nobody.
    """
    cores = torch.get_num_threads()
    if cores == 1 or len(parts) < 2:
        return [function(part) for part in parts]
    torch.set_num_threads(1)  # also what threads made from now on begin with
    try:
        with ThreadPoolExecutor(cores, "encode") as pool:
            return list(pool.map(function, parts))
    finally:
        torch.set_num_threads(cores)
