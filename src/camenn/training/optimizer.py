"""Adam, with large tables of embeddings updated only in the rows that a step has read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from camenn.layers.embedding import Table
from camenn.run_config import TrainingConfig

LARGE_TABLE = 1 << 24
"""Values of a table from which on its rows are updated alone; smaller ones cost less as a whole."""


class RowAdam(torch.optim.Adam):
    """Adam (Kingma and Ba 2015) that updates a sparse gradient's rows and leaves all others as they are.

    A step then costs what it reads and not the whole table. DEVIATION: a row that is not read does not move. Adam would
    go on with it, by a mean of its past gradients in which each weighs 1 in the long run; here each weighs 1 at once,
    which is Adam without a first moment. With one that moves by reads alone, a row that is read rarely learns ten
    times as slowly as Adam's.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step on all gradients, dense and sparse."""
        loss = None if closure is None else closure()
        rowwise: list[tuple[dict[str, Any], nn.Parameter, Tensor]] = []
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.grad.is_sparse:
                    rowwise.append((group, parameter, parameter.grad))
                    parameter.grad = None  # out of the dense step's sight
        super().step()
        for group, parameter, gradient in rowwise:
            self._update_rows(group, parameter, gradient.coalesce())
            parameter.grad = gradient
        return loss

    def _update_rows(self, group: dict[str, Any], parameter: nn.Parameter, gradient: Tensor) -> None:
        state, (_, second) = self.state[parameter], group["betas"]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        rows, values = gradient.indices()[0], gradient.values()
        own = parameter.index_select(0, rows)
        if group["weight_decay"]:
            values = values.add(own, alpha=group["weight_decay"])
        square = state["exp_avg_sq"].index_select(0, rows).mul_(second).addcmul_(values, values, value=1 - second)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        deviation = square.sqrt_().div_((1 - second ** float(state["step"])) ** 0.5).add_(group["eps"])
        parameter.index_copy_(0, rows, own.addcdiv_(values, deviation, value=-group["lr"]))


def build_optimizer(model: nn.Module, config: TrainingConfig) -> RowAdam:
    """Adam as the paper has it (section 4). CHOICE: decay added to the gradient, of all parameters."""
    return RowAdam(
        model.parameters(),
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
        fused=True,
    )


def economise_tables(model: nn.Module) -> None:
    """Let large tables have gradients of the rows that were read, for `RowAdam`, and the others theirs in kept memory.

    Of one process alone, as neither passes through what sums the gradients of several.
    """
    for module in model.modules():
        if isinstance(module, Table):
            module.sparse = module.weight.numel() >= LARGE_TABLE
            module.in_place = not module.sparse


@torch.no_grad()
def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale all gradients together to at most this norm; -> () the norm before. Sparse ones are coalesced."""
    gradients: list[Tensor] = []
    for parameter in parameters:
        if parameter.grad is not None:
            if parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
                gradients.append(parameter.grad.values())
            else:
                gradients.append(parameter.grad)
    norm = torch.nn.utils.get_total_norm(gradients)
    if norm > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / (norm + 1e-6))
    return norm
