"""The losses of a training step and how they are weighed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.batches.batch import Batch, PairBatch
from camenn.errors import ConfigError
from camenn.layers.routing import load_balance
from camenn.models.output import Model, ModelOutput, labels_of
from camenn.objectives.alignment import contrast
from camenn.objectives.weighting import adaptive_weights, gradient_norms
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
    weighting: Literal["fixed", "adaptive"] = "fixed"
    """Whether tasks count as the weights above say, or these are weighed anew each step from the tasks' gradients.

    DEVIATION: adaptive is FashionBERT's.
    """

    def of(self, task: Task) -> float:
        """The weight of a task."""
        return float(getattr(self, task.value))


NO_TASKS = ("contrast_loss", "load_balance", "penalty")
"""Losses that no task is judged by; they keep their fixed weights."""


class MultiTaskObjective(nn.Module):
    """A model and what it is trained for. One forward takes all batches of a step, so that a step has one backward."""

    def __init__(self, model: Model, config: ObjectiveConfig) -> None:
        """Refuse what cannot be weighed as asked.

        Raises:
            ConfigError: weights are to be adaptive, and the model has no layers that its tasks share.
        """
        super().__init__()
        self.model = model
        self.config = config
        self.weights = {f"{task}_loss": config.of(task) for task in Task}
        self.weights |= {"contrast_loss": config.contrast, "load_balance": config.load_balance}
        if config.weighting == "adaptive" and not model.shared():
            raise ConfigError(
                "objective.weighting: adaptive compares the gradients of layers that all tasks share, "
                'and this model has none; use "fixed"'
            )

    def forward(self, batches: Iterable[Batch]) -> tuple[Tensor, dict[str, Tensor]]:
        """-> the weighed sum, and its parts by name before weighing, detached, each the mean over the batches.

        With adaptive weights these are among the parts, by the names of their losses.
        """
        found: dict[str, list[Tensor]] = {}
        for batch in batches:
            for name, loss in self._losses(batch, self.model(batch)):
                found.setdefault(name, []).append(loss)
        parts = {name: torch.stack(losses).detach().mean() for name, losses in found.items()}
        # Without weight too: a step may hold nothing else.
        weighed = {name: self.weights.get(name, 1.0) * torch.stack(losses).sum() for name, losses in found.items()}
        if self.config.weighting == "adaptive":
            for name, weight in self._adapt(weighed).items():
                weighed[name] = weight * weighed[name]
                parts[name.replace("_loss", "_weight")] = weight
        return torch.stack(list(weighed.values())).sum(), parts

    def _adapt(self, weighed: dict[str, Tensor]) -> dict[str, Tensor]:
        """How much each task of the step counts, those of no fixed weight left out.

        CHOICE: tasks are all that the step holds, conversion too; gradients are by the last block that they share,
        as in GradNorm (Chen et al. 2018), which costs a fraction of a backward pass a task.
        Each process of a group weighs the tasks of its own batches.
        """
        tasks = [name for name in weighed if name not in NO_TASKS and self.weights.get(name, 1.0) > 0]
        if not tasks:
            return {}
        norms = gradient_norms([weighed[name] for name in tasks], self.model.shared())
        return dict(zip(tasks, adaptive_weights(norms), strict=True))

    def _losses(self, batch: Batch, output: ModelOutput) -> Iterator[tuple[str, Tensor]]:
        for task, logits in output.logits.items():
            yield f"{task}_loss", functional.binary_cross_entropy_with_logits(logits.float(), labels_of(batch, task))
            if self.config.load_balance and task in output.gates:
                gates = output.gates[task]
                yield "load_balance", load_balance(gates.kept, gates.dense)
        yield from output.losses.items()
        penalty = self.model.penalty(batch)
        if penalty is not None:
            yield "penalty", penalty
        if isinstance(batch, PairBatch) and output.aligned is not None:
            fits = batch.labels > 0
            yield (
                "contrast_loss",
                contrast(output.aligned, batch.text_group, text=batch.text, image=batch.image, fits=fits),
            )
