"""Which batches make each step of an epoch: a pure function of seed, epoch and step."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from camenn.batches.batch import Batch, PairBatch
from camenn.batches.pairing import Pairing
from camenn.batches.pairs import draw_pairs, pair_batch
from camenn.batches.parts import Parts
from camenn.batches.requests import Pieces, RequestReader, plan_batches
from camenn.errors import DataError
from camenn.run_config import RunConfig
from camenn.tables.features import Side
from camenn.tables.split import Part
from camenn.task import ALIGNMENT_TASKS, Task

REQUESTS, PAIRS, NEGATIVES, IDS = 0, 1, 2, 3
"""Streams of random numbers, so that one does not move another."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimiser step is made of."""

    pieces: NDArray[np.int64] | None
    """Indices of request pieces."""
    items: tuple[NDArray[np.int32], ...]
    """Items of each alignment batch."""


class StepPlan:
    """Requests shuffled into batches, with the alignment batches spread evenly between them.

    CHOICE: a step holds requests and pairs. Some users and items are taken for unseen, so that the code of the unseen
    learns to stand for new ones.
    """

    def __init__(
        self, parts: Parts, config: RunConfig, *, tasks: tuple[Task, ...], pairing: Pairing | None = None
    ) -> None:
        """Tasks are those that the model answers; pairing: what reviewers decided of the shop, of which the training
        part's is read alone.

        Raises:
            DataError: the shop offers nothing to train the tasks on.
        """
        self.parts = parts
        self.pairs = config.pairs
        self.rows = config.requests.rows
        self.seed = config.training.seed
        self.user_dropout, self.item_dropout = config.training.user_dropout, config.training.item_dropout
        self.pieces: Pieces | None = parts.requests(Part.TRAIN, config.requests)
        self.reader: RequestReader | None = None if self.pieces is None else parts.reader(config.requests)
        pairing = Pairing.own(len(parts.groups)) if pairing is None else pairing
        has_text, has_image = parts.source.present()
        self.pairing = pairing.within(parts.item_parts == Part.TRAIN, has_text=has_text, has_image=has_image)
        self.items = np.flatnonzero(self.pairing.known).astype(np.int32)
        self.only_wrong = np.flatnonzero(self.pairing.wrong & ~self.pairing.known).astype(np.int32)
        if not set(ALIGNMENT_TASKS) & set(tasks) or len(np.unique(parts.groups[self.pairing.text[self.items]])) < 2:
            self.items = self.items[:0]
        if self.pieces is None and len(self.items) == 0:
            raise DataError(
                f"{parts.source.shop.folder}: nothing to train on: no events, and fewer than two items of the "
                "training part that have a picture and texts of their own, or a model of conversion alone; "
                "add events, or texts and pictures"
            )

    def epoch(self, epoch: int, *, left_out: NDArray[np.bool_] | None = None) -> list[Step]:
        """The steps of an epoch; left_out: (item rows,) items whose text and picture are taken for no pair in it."""
        request_batches: list[NDArray[np.int64]] = []
        if self.pieces is not None and self.reader is not None:
            order = np.random.default_rng([self.seed, REQUESTS, epoch]).permutation(len(self.pieces))
            plan = plan_batches(self.pieces.take(order), rows=self.rows, rows_an_event=self.reader.rows_an_event())
            request_batches = [order[index] for index in plan]
        item_batches = self._item_batches(epoch, self.items if left_out is None else self.items[~left_out[self.items]])
        if not request_batches:
            return [Step(None, (items,)) for items in item_batches]
        bounds = np.arange(len(request_batches) + 1) * len(item_batches) // len(request_batches)
        return [
            Step(pieces, tuple(item_batches[bounds[number] : bounds[number + 1]]))
            for number, pieces in enumerate(request_batches)
        ]

    def _item_batches(self, epoch: int, items: NDArray[np.int32]) -> list[NDArray[np.int32]]:
        passes = self.pairs.epochs if self.pieces is not None else 1.0
        if len(items) == 0 or passes == 0:
            return []
        rng = np.random.default_rng([self.seed, PAIRS, epoch])
        needed = max(1, round(passes * len(items)))
        order = np.concatenate([rng.permutation(items) for _ in range(-(-needed // len(items)))])[:needed]
        batches = np.array_split(order, max(1, round(needed / self.pairs.items)))
        if len(self.only_wrong) == 0:
            return batches
        dealt = np.array_split(rng.permutation(self.only_wrong), len(batches))
        return [np.concatenate(both) for both in zip(batches, dealt, strict=True)]

    def batches(self, step: Step, *, epoch: int, number: int) -> tuple[Batch, ...]:
        """Gather the batches of a step."""
        made: list[Batch] = []
        if step.pieces is not None and self.pieces is not None and self.reader is not None:
            seed = (self.seed, NEGATIVES, epoch, number)
            made.append(self.reader.batch(self.pieces.take(step.pieces), seed=seed))
        for place, items in enumerate(step.items):
            rng = np.random.default_rng([self.seed, NEGATIVES, epoch, number, place])
            pairs = draw_pairs(items, self.parts.groups, negatives=self.pairs.negatives, rng=rng, pairing=self.pairing)
            made.append(pair_batch(self.parts.source, self.parts.groups, pairs))
        rng = np.random.default_rng([self.seed, IDS, epoch, number])
        return tuple(self._with_unseen(batch, rng) for batch in made)

    def _with_unseen(self, batch: Batch, rng: np.random.Generator) -> Batch:
        codes = self._left_out(batch.items.codes, Side.ITEM, self.item_dropout, rng)
        items = replace(batch.items, codes=codes)
        if isinstance(batch, PairBatch):
            return replace(batch, items=items)
        context = self._left_out(batch.context, Side.CONTEXT, self.user_dropout, rng)
        return replace(batch, items=items, context=context)

    def _left_out(self, codes: Tensor, side: Side, share: float, rng: np.random.Generator) -> Tensor:
        """(n, slots) codes, in each identifier a share of them that of the unseen; what is missing stays so."""
        codes = codes.clone()
        for slot, unseen in self.parts.source.features.id_slots(side):
            left_out = torch.from_numpy(rng.random(len(codes)) < share)
            codes[left_out & (codes[:, slot] > 0), slot] = unseen
        return codes


def prefetch(plan: StepPlan, steps: list[tuple[int, Step]], *, epoch: int) -> Iterator[tuple[int, tuple[Batch, ...]]]:
    """The numbered steps with their batches, the next one gathered while one is computed."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as pool:
        ahead = None
        for number, step in steps:
            following = pool.submit(plan.batches, step, epoch=epoch, number=number)
            if ahead is not None:
                yield ahead[0], ahead[1].result()
            ahead = (number, following)
        if ahead is not None:
            yield ahead[0], ahead[1].result()
