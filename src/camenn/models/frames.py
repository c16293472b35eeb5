"""The frames that hold the models. A model is a frame with its parts put in."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from camenn.batches.batch import Batch, PairBatch, RequestBatch
from camenn.layers.aligned_space import Aligned, AlignedSpace
from camenn.layers.blocks import DenseStack
from camenn.layers.precision import full_linear
from camenn.layers.routing import Gate, MixtureOfExperts
from camenn.layers.sharing import Columns, CrossStitch, FactorisedColumns
from camenn.models.inputs import FlatInput, Sequence, TokenInput
from camenn.models.output import GateWeights, Model, ModelOutput, rows_of
from camenn.task import ALIGNMENT_TASKS, Task


class Stack(nn.Module):
    """Blocks one after another; a memory passes through the same blocks, looking at itself alone."""

    def __init__(self, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, sequence: Sequence) -> Sequence:
        for block in self.blocks:
            memory = sequence.memory
            vectors = block(sequence.vectors, sequence.mask, memory=memory)
            if memory is not None:
                memory = replace(memory, vectors=block(memory.vectors, memory.mask))
            sequence = Sequence(vectors, sequence.mask, memory)
        return sequence


class Share(nn.Module):
    """The bottom's output for every task alike."""

    def forward(self, task: Task, sequence: Sequence) -> tuple[Sequence, None]:
        return sequence, None


class OfTask(nn.Module):
    """Layers that know which task is asked."""

    def __init__(self, layers: Columns | CrossStitch | FactorisedColumns, *, distance: float = 0.0) -> None:
        """distance: weight of the columns' distance in the loss."""
        super().__init__()
        self.layers = layers
        self.distance = distance

    def forward(self, task: Task, sequence: Sequence) -> tuple[Sequence, None]:
        return Sequence(self.layers(sequence.vectors, list(Task).index(task)), sequence.mask), None

    def penalty(self) -> Tensor | None:
        """() the columns' distance, weighed; None where it weighs nothing."""
        if not self.distance or not isinstance(self.layers, Columns):
            return None
        return self.distance * self.layers.distance()


class SharedGate(nn.Module):
    """Experts with one gate for all tasks (Jacobs et al. 1991; as a layer: Eigen et al. 2014)."""

    def __init__(self, experts: list[nn.Module], *, width: int) -> None:
        super().__init__()
        self.mixture = MixtureOfExperts(experts)
        self.gate = Gate(width, num_experts=len(experts), top_k=len(experts))

    def forward(self, task: Task, sequence: Sequence) -> tuple[Sequence, GateWeights]:
        kept, dense = self.gate(sequence.cls)
        vectors = self.mixture(sequence.vectors, sequence.mask, kept)
        return Sequence(vectors, sequence.mask), GateWeights(kept, dense)


class MultiGate(nn.Module):
    """Experts shared by the tasks, a gate a task (MMoE, Ma et al. 2018; paper, section 3.3).

    CHOICE: the gate reads the bottom's [CLS]. A shared memory is routed as a row of its own by its first token.
    """

    def __init__(self, experts: list[nn.Module], *, width: int, top_k: int) -> None:
        super().__init__()
        self.mixture = MixtureOfExperts(experts)
        self.gates = nn.ModuleDict({task.value: Gate(width, num_experts=len(experts), top_k=top_k) for task in Task})

    def forward(self, task: Task, sequence: Sequence) -> tuple[Sequence, GateWeights]:
        gate = self.gates[task.value]
        kept, dense = gate(sequence.cls)
        memory = sequence.memory
        vectors = self.mixture(sequence.vectors, sequence.mask, kept, memory=memory)
        if memory is not None:
            memory_kept, _ = gate(memory.vectors[:, 0])
            memory = replace(memory, vectors=self.mixture(memory.vectors, memory.mask, memory_kept))
        return Sequence(vectors, sequence.mask, memory), GateWeights(kept, dense)


class Tower(nn.Module):
    """A task's own block, of which only [CLS] is computed, and a linear classifier on it.

    Further evidence joins after training: the network learns its task alone, and `mix`, fitted on validation,
    weighs its logit and the evidence, so that what it knows by heart of training pairs does not outweigh them.
    DEVIATION: the evidence is beyond the paper; off with aligned_width = 0.
    """

    mix: Tensor

    def __init__(self, block: nn.Module, *, width: int, num_evidence: int) -> None:
        super().__init__()
        self.block = block
        self.head = nn.Linear(width, 1)
        self.num_evidence = num_evidence
        self.register_buffer("mix", torch.tensor([1.0, *[1.0 / max(num_evidence, 1)] * num_evidence]))

    def forward(
        self, sequence: Sequence, evidence: Tensor | None, beside: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """-> (rows,) logits, and the (rows, 1 + num_evidence) parts they are the weighed sum of.

        beside: (rows,) logits that add to the head's and are learned with it.
        """
        cls = self.block(sequence.vectors, sequence.mask, memory=sequence.memory, num_outputs=1)[:, 0]
        parts = full_linear(self.head, cls)
        if beside is not None:
            parts = parts + beside[:, None]
        if self.num_evidence:
            said = parts.new_zeros(parts.shape[0], self.num_evidence) if evidence is None else evidence.detach()
            parts = torch.cat([parts, said.to(parts.dtype)], dim=-1)
        return parts[:, 0] if self.training else (parts * self.mix).sum(dim=-1), parts  # a product autocast would lower


def flat_towers(inputs: int, hidden: tuple[int, ...], *, dropout: float) -> dict[Task, Tower]:
    """Dense layers of each task's own."""
    return {task: Tower(DenseStack(inputs, hidden, dropout=dropout), width=hidden[-1], num_evidence=0) for task in Task}


class MultiTaskModel(Model):
    """Embedding, a shared bottom, routing to what the tasks share, a tower a task."""

    tasks = tuple(Task)

    def __init__(
        self,
        *,
        read: TokenInput | FlatInput,
        bottom: nn.Module,
        routing: nn.Module,
        towers: dict[Task, Tower],
        aligned_space: AlignedSpace | None = None,
        beside: list[nn.Module] | None = None,
    ) -> None:
        """beside: from request batches to (rows,) logits, which add to conversion's and are learned with it."""
        super().__init__()
        self.read = read
        self.bottom = bottom
        self.routing = routing
        self.towers = nn.ModuleDict({task.value: tower for task, tower in towers.items()})
        self.aligned_space = aligned_space
        self.beside = nn.ModuleList(beside or [])

    def forward(self, batch: Batch) -> ModelOutput:
        """A request batch answers conversion, a pair batch the two alignment tasks."""
        aligned = self._align(batch)
        if isinstance(batch, RequestBatch):
            beside: Tensor | None = sum(term(batch) for term in self.beside) if self.beside else None
            evidence = None if aligned is None else request_evidence(batch, aligned)
            output = ModelOutput({}, {}, {}, aligned)
            self._answer(output, Task.CONVERSION, self.bottom(self.read.requests(batch)), evidence, beside)
            return output
        return self._answer_pairs(batch, self.bottom(self.read.pairs(batch)), aligned)

    def _answer_pairs(self, batch: PairBatch, bottom: Sequence, aligned: Aligned | None) -> ModelOutput:
        evidence = None if aligned is None else aligned.evidence(batch.text, batch.image)
        output = ModelOutput({}, {}, {}, aligned)
        for task in ALIGNMENT_TASKS:
            rows = rows_of(batch, task).nonzero().squeeze(-1)
            chosen = Sequence(bottom.vectors[rows], bottom.mask[rows])
            said = None if evidence is None else evidence[rows]
            self._answer(output, task, chosen, said)
        return output

    def penalty(self, batch: Batch) -> Tensor | None:
        """() of the routing, where it has one."""
        return self.routing.penalty() if isinstance(self.routing, OfTask) else None

    def shared(self) -> list[nn.Parameter]:
        """Of the last block of the bottom."""
        blocks = list(self.bottom.blocks) if isinstance(self.bottom, Stack) else []
        return list(blocks[-1].parameters()) if blocks else []

    def mix(self, task: Task) -> Tensor | None:
        """(parts,) of a task's tower."""
        tower = self.towers[task.value]
        assert isinstance(tower, Tower)
        return tower.mix

    def _answer(
        self, output: ModelOutput, task: Task, bottom: Sequence, evidence: Tensor | None, beside: Tensor | None = None
    ) -> None:
        routed, gates = self.routing(task, bottom)
        output.logits[task], output.parts[task] = self.towers[task.value](routed, evidence, beside)
        if gates is not None:
            output.gates[task] = gates

    def _align(self, batch: Batch) -> Aligned | None:
        text, image = batch.items.text, batch.items.image
        if self.aligned_space is None or text is None or image is None:
            return None
        aligned: Aligned = self.aligned_space(text, image)
        return aligned


def request_evidence(batch: RequestBatch, aligned: Aligned) -> Tensor:
    """(rows, NUM_EVIDENCE + 1): the candidate's own text against its picture; the candidate against what was bought."""
    own = aligned.evidence(batch.candidates, batch.candidates)
    items = aligned.items()
    bought = (batch.history_outcome == 2)[..., None] * items[batch.history]
    taste = torch.nn.functional.normalize(bought.sum(dim=1), dim=-1)
    match = (items[batch.candidates] * taste[batch.request]).sum(dim=-1, keepdim=True)
    return torch.cat([own, match], dim=-1)
