"""A model run over requests or pairs, without gradients: what training validates by and evaluation judges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from camenn.batches.batch import Batch, move
from camenn.batches.pairs import Pairs, pair_batch
from camenn.batches.parts import EVALUATION_SEED, Parts
from camenn.batches.requests import Pieces, RequestReader, plan_batches
from camenn.models.output import Model, ModelOutput, rows_of
from camenn.task import ALIGNMENT_TASKS, Task

SCORING_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Scores:
    """Logits of one task over one part of a shop."""

    logits: NDArray[np.float64]
    parts: NDArray[np.float64]
    """(rows, parts): what each logit is the weighed sum of."""
    labels: NDArray[np.float64]
    groups: NDArray[np.int64]
    """The request of a conversion row, the item a pair was made from."""
    items: NDArray[np.int64]
    """Catalogue row of the candidate, or of the item a pair was made from."""
    expert_use: NDArray[np.float64] | None
    """(experts,) mean weight of each expert over the rows; None of a model without experts."""


def answer(model: Model, batch: Batch) -> ModelOutput:
    """What a model says of a batch, without gradients, on the device that the model is on."""
    device = next(model.parameters()).device
    lower = torch.autocast(device.type, torch.bfloat16, enabled=model.precision == "bf16-mixed")
    with torch.inference_mode(), lower:
        output: ModelOutput = model(move(batch, device))
    return output


def score_requests(model: Model, reader: RequestReader, pieces: Pieces) -> Scores:
    """Conversion logits of every candidate."""
    collected = _Collected()
    model.eval()
    batches = plan_batches(pieces, rows=SCORING_ROWS, rows_an_event=reader.rows_an_event())
    for index in batches:
        batch = reader.batch(pieces.take(index), seed=(EVALUATION_SEED, int(pieces.request[index[0]])))
        output = answer(model, batch)
        group = pieces.request[index][batch.request.numpy()]
        items = batch.items.rows[batch.candidates].numpy()
        collected.add(output, Task.CONVERSION, batch.labels.numpy(), group, items)
    return collected.scores()


def score_pairs(model: Model, parts: Parts, pairs: Pairs) -> dict[Task, Scores]:
    """Alignment logits of every pair, by task; none of a model of conversion alone."""
    if not set(ALIGNMENT_TASKS) <= set(model.tasks):
        return {}
    collected = {task: _Collected() for task in ALIGNMENT_TASKS}
    model.eval()
    for start in range(0, len(pairs), SCORING_ROWS):
        chunk = pairs.take(slice(start, start + SCORING_ROWS))
        batch = pair_batch(parts.source, parts.groups, chunk)
        output = answer(model, batch)
        for task in ALIGNMENT_TASKS:
            rows = rows_of(batch, task).numpy()
            anchor = chunk.anchor[rows].astype(np.int64)
            collected[task].add(output, task, chunk.labels[rows], anchor, anchor)
    return {task: one.scores() for task, one in collected.items()}


class _Collected:
    def __init__(self) -> None:
        self.logits: list[NDArray[np.float64]] = []
        self.parts: list[NDArray[np.float64]] = []
        self.labels: list[NDArray[np.float32]] = []
        self.groups: list[NDArray[np.int64]] = []
        self.items: list[NDArray[np.int64]] = []
        self.use: list[NDArray[np.float64]] = []

    def add(
        self,
        output: ModelOutput,
        task: Task,
        labels: NDArray[np.float32],
        groups: NDArray[np.int64],
        items: NDArray[np.int64],
    ) -> None:
        # Brought over before they are widened: Apple's GPUs know no double precision.
        self.logits.append(output.logits[task].cpu().double().numpy())
        self.parts.append(output.parts[task].cpu().double().numpy())
        self.labels.append(labels)
        self.groups.append(groups)
        self.items.append(items)
        if task in output.gates:
            self.use.append(output.gates[task].kept.cpu().double().sum(dim=0).numpy())

    def scores(self) -> Scores:
        logits = np.concatenate(self.logits)
        return Scores(
            logits=logits,
            parts=np.concatenate(self.parts),
            labels=np.concatenate(self.labels).astype(np.float64),
            groups=np.concatenate(self.groups),
            items=np.concatenate(self.items),
            expert_use=np.sum(self.use, axis=0) / max(len(logits), 1) if self.use else None,
        )
