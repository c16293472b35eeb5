"""Speed of the model: how near a step comes to the machine's own rate, what a subset of experts and requests save.

    python benchmarks/model.py

Prints medians over rounds; run it alone. Arithmetic is counted, not estimated: matrix products and attention as
they are called, forward and backward.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from camenn.batches.batch import Items, RequestBatch, Tokens
from camenn.layers.embedding import Fields
from camenn.models.camenn import CamennConfig
from camenn.models.inputs import Pattern
from camenn.models.output import Model, ModelInputs
from camenn.models.zoo import build_model
from camenn.objectives.multi_task import MultiTaskObjective, ObjectiveConfig
from camenn.task import Task

WIDTH, NUM_ITEMS = 128, 400
CONTEXT, ITEM_FIELDS = 19, 4


def inputs(steps: int, text: int) -> ModelInputs:
    return ModelInputs(
        num_codes=5000,
        item_fields=Fields((1,) * ITEM_FIELDS),
        context_fields=Fields((1,) * CONTEXT),
        num_row_fields=0,
        num_numbers=0,
        text_width=256,
        image_width=256,
        max_text=text,
        max_patches=9,
        max_steps=steps,
    )


def tokens(num_items: int, length: int) -> Tokens:
    item = torch.arange(num_items).repeat_interleave(length)
    item = item[item > 0]
    present = torch.arange(num_items) > 0
    return Tokens(
        vectors=torch.randn(len(item), 256).half(),
        item=item,
        position=torch.arange(length).repeat(num_items - 1),
        pooled=torch.randn(num_items, 256).half(),
        present=present,
        length=length,
    )


def batch(*, requests: int, candidates: int, steps: int = 20, text: int = 15, whole: bool = False) -> RequestBatch:
    """Requests with full histories; a candidate has 1 + 4 + 15 + 1 + 9 = 30 tokens, a request 1 + 19 + 2 x 20 = 60."""
    num_items = NUM_ITEMS + 1
    rows = requests * candidates
    return RequestBatch(
        items=Items(
            rows=torch.arange(num_items),
            codes=torch.randint(1, 5000, (num_items, ITEM_FIELDS)),
            text=tokens(num_items, text),
            image=tokens(num_items, 9),
            num_whole=num_items,
        ),
        context=torch.randint(1, 5000, (requests, CONTEXT)),
        history=torch.randint(1, num_items, (requests, steps)),
        history_outcome=torch.full((requests, steps), 2),
        history_age=torch.full((requests, steps), 5),
        history_whole=whole,
        candidates=torch.randint(1, num_items, (rows,)),
        request=torch.arange(requests).repeat_interleave(candidates),
        row_codes=torch.zeros(rows, 0, dtype=torch.int64),
        row_numbers=torch.zeros(rows, 0),
        labels=torch.randint(0, 2, (rows,)).float(),
    )


def rows_alone(made: RequestBatch) -> RequestBatch:
    """The same rows, each a request of its own."""
    request = made.request
    return replace(
        made,
        context=made.context[request],
        history=made.history[request],
        history_outcome=made.history_outcome[request],
        history_age=made.history_age[request],
        request=torch.arange(made.num_rows),
    )


def model(pattern: Pattern, *, experts: int = 4, steps: int = 20, text: int = 15) -> Model:
    torch.manual_seed(0)
    config = CamennConfig(width=WIDTH, num_experts=experts, top_k=2, dropout=0.0, pattern=pattern)
    return build_model(config, inputs(steps, text))


def median_seconds(work: Callable[[], object], rounds: int) -> float:
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def step_of(built: Model, made: RequestBatch) -> Callable[[], None]:
    objective = MultiTaskObjective(built, ObjectiveConfig()).train()
    optimizer = torch.optim.Adam(built.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        loss, _ = objective((made,))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def attention_flops(query: tuple[int, ...], key: tuple[int, ...], *_: object, **__: object) -> int:
    """Two products of queries and keys: 4 x batch x heads x queries x keys x width of a head."""
    rows, heads, queries, width = query
    return 4 * rows * heads * queries * key[2] * width


def attention_backward_flops(
    grad: tuple[int, ...], query: tuple[int, ...], key: tuple[int, ...], *_: object, **__: object
) -> int:
    """Five products, one of them the forward's again."""
    return attention_flops(query, key) * 5 // 2


FLASH = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
FLASH_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def count_flops(work: Callable[[], object]) -> int:
    mapping = {FLASH: attention_flops, FLASH_BACKWARD: attention_backward_flops}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        work()
    return int(counter.get_total_flops())


def matmul_rate(rounds: int) -> float:
    """Floating point operations a second of a large matrix product."""
    size = 2048
    left, right = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / median_seconds(lambda: left @ right, rounds)


def score(built: Model, made: RequestBatch) -> Callable[[], Tensor]:
    built.eval()

    def run() -> Tensor:
        with torch.inference_mode():
            logits: Tensor = built(made).logits[Task.CONVERSION]
        return logits

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    rounds = asked.rounds
    table = Table("what", "measured", "aim", title=f"CameNN, {WIDTH} wide, {asked.threads} threads")
    made = batch(requests=26, candidates=5)

    rate = matmul_rate(rounds)
    for pattern in Pattern:
        built = model(pattern)
        flops = count_flops(step_of(built, made))
        seconds = median_seconds(step_of(built, made), rounds)
        table.add_row(
            f"training step, {pattern}: {flops / 1e9:.0f} GFLOP in {seconds * 1e3:.0f} ms; "
            f"matrix product {rate / 1e9:.0f} GFLOP/s",
            f"{flops / seconds / rate:.2f} of the rate",
            "0.50",
        )
    larger = batch(requests=52, candidates=5)
    few, many = (median_seconds(step_of(model(Pattern.FULL, experts=n), larger), rounds) for n in (4, 16))
    table.add_row(
        f"step of 16 experts over 4, top-2 ({many * 1e3:.0f} / {few * 1e3:.0f} ms)", f"{many / few:.2f}", "<= 1.25"
    )
    together, alone = (
        median_seconds(step_of(model(Pattern.SHARED_HISTORY), one), rounds) for one in (made, rows_alone(made))
    )
    table.add_row(
        "training, requests of 5 over the same rows one by one, shared_history", f"{alone / together:.2f}", ">= 2"
    )
    full = median_seconds(step_of(model(Pattern.FULL), rows_alone(made)), rounds)
    table.add_row("training, shared_history requests of 5 over full rows one by one", f"{full / together:.2f}", ">= 2")
    for whole, aim in ((False, "0.7 x 3 = 2.1"), (True, "0.7 x 20 = 14")):
        asked_for = batch(requests=1, candidates=500, whole=whole, text=20 if whole else 15)
        text = 20 if whole else 15
        seconds_of = {
            pattern: median_seconds(score(model(pattern, text=text), asked_for), max(2, rounds // 2))
            for pattern in Pattern
        }
        flops_of = {pattern: count_flops(score(model(pattern, text=text), asked_for)) for pattern in Pattern}
        fast, slow = Pattern.SHARED_HISTORY, Pattern.FULL
        tokens_an_item = "all tokens an item" if whole else "two tokens an item"
        table.add_row(
            f"500 candidates, history of 20, {tokens_an_item}: {500 / seconds_of[slow]:.0f} and "
            f"{500 / seconds_of[fast]:.0f} a second; by arithmetic {flops_of[slow] / flops_of[fast]:.1f}",
            f"{seconds_of[slow] / seconds_of[fast]:.1f}",
            aim,
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
