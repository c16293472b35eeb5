"""The losses of a training step and how they are weighed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.batches.batch import Batch, PairBatch
from camenn.layers.routing import load_balance
from camenn.models.output import Model, ModelOutput, labels_of
from camenn.objectives.alignment import contrast
from camenn.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveConfig:
    """Weights of the losses. CHOICE: the paper names three cross-entropies and no weights; one each."""

    conversion: float = 1.0
    image_to_text: float = 1.0
    text_to_image: float = 1.0
    contrast: float = 1.0
    """Of the aligned space, beyond the paper; without effect where the model has none."""
    load_balance: float = 0.0
    """Of an even use of the experts. DEVIATION: beyond the paper."""

    def of(self, task: Task) -> float:
        """The weight of a task."""
        return float(getattr(self, task.value))


class MultiTaskObjective(nn.Module):
    """A model and what it is trained for. One forward takes all batches of a step, so that a step has one backward."""

    def __init__(self, model: Model, config: ObjectiveConfig) -> None:
        super().__init__()
        self.model = model
        self.config = config

    def forward(self, batches: Iterable[Batch]) -> tuple[Tensor, dict[str, Tensor]]:
        """-> the weighed sum, and its parts by name before weighing, detached, each the mean over the batches."""
        weighed: list[Tensor] = []
        parts: dict[str, list[Tensor]] = {}
        for batch in batches:
            output: ModelOutput = self.model(batch)
            for name, weight, loss in self._losses(batch, output):
                parts.setdefault(name, []).append(loss.detach())
                weighed.append(weight * loss)  # without weight too: a step may hold nothing else
        return sum(weighed[1:], start=weighed[0]), {name: torch.stack(found).mean() for name, found in parts.items()}

    def _losses(self, batch: Batch, output: ModelOutput) -> list[tuple[str, float, Tensor]]:
        losses = []
        for task, logits in output.logits.items():
            loss = functional.binary_cross_entropy_with_logits(logits.float(), labels_of(batch, task))
            losses.append((f"{task}_loss", self.config.of(task), loss))
            if self.config.load_balance and task in output.gates:
                gates = output.gates[task]
                balance = load_balance(gates.kept, gates.dense)
                losses.append(("load_balance", self.config.load_balance, balance))
        penalty = self.model.penalty(batch)
        if penalty is not None:
            losses.append(("penalty", 1.0, penalty))
        if isinstance(batch, PairBatch) and output.aligned is not None:
            loss = contrast(output.aligned, batch.text_group)
            losses.append(("contrast_loss", self.config.contrast, loss))
        return losses
