"""The frames that hold the models. A model is a frame with its parts put in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor, nn

from camenn.batches.batch import Batch, PairBatch, RequestBatch
from camenn.layers.aligned_space import Aligned, AlignedSpace
from camenn.layers.dropout import Dropout
from camenn.layers.embedding import InputEmbedding, Standardise
from camenn.layers.fields import FieldVectors, RowVectors
from camenn.layers.pairwise import FactorisationMachine
from camenn.layers.routing import Gate, MixtureOfExperts
from camenn.layers.transformer import Memory
from camenn.models.output import GateWeights, Model, ModelOutput, rows_of
from camenn.task import ALIGNMENT_TASKS, Task


class Pattern(StrEnum):
    """Who looks at whom. Train and serve with the same one."""

    FULL = "full"
    """The paper's: everything sees everything."""
    SHARED_HISTORY = "shared_history"
    """Context and history see only themselves, a candidate sees them and itself: one history serves all candidates.

    DEVIATION: the paper has only full.
    """


@dataclass(frozen=True, slots=True)
class Sequence:
    """Rows of tokens, [CLS] first, and what they may look at besides themselves."""

    vectors: Tensor
    """(rows, length, width)"""
    mask: Tensor
    """(rows, length) bool"""
    memory: Memory | None = None

    @property
    def cls(self) -> Tensor:
        """(rows, width)"""
        return self.vectors[:, 0]


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
        parts: Tensor = self.head(cls)
        if beside is not None:
            parts = parts + beside[:, None]
        if self.num_evidence:
            said = parts.new_zeros(parts.shape[0], self.num_evidence) if evidence is None else evidence.detach()
            parts = torch.cat([parts, said.to(parts.dtype)], dim=-1)
        return parts[:, 0] if self.training else parts @ self.mix, parts


class MultiTaskModel(Model):
    """Embedding, a shared bottom, routing to what the tasks share, a tower a task."""

    tasks = tuple(Task)

    def __init__(
        self,
        *,
        embed: InputEmbedding,
        bottom: nn.Module,
        routing: nn.Module,
        towers: dict[Task, Tower],
        pattern: Pattern,
        dropout: float,
        aligned_space: AlignedSpace | None,
        products: FactorisationMachine | None,
    ) -> None:
        super().__init__()
        self.embed = embed
        self.norm = nn.LayerNorm(embed.width)
        self.dropout = Dropout(dropout)
        self.bottom = bottom
        self.routing = routing
        self.towers = nn.ModuleDict({task.value: tower for task, tower in towers.items()})
        self.pattern = pattern
        self.aligned_space = aligned_space
        self.products = products
        if pattern is Pattern.SHARED_HISTORY:
            self.request_token = nn.Parameter(torch.randn(embed.width) * 0.02)

    def forward(self, batch: Batch) -> ModelOutput:
        """A request batch answers conversion, a pair batch the two alignment tasks."""
        aligned = self._align(batch)
        if isinstance(batch, RequestBatch):
            sequence, beside = self._requests(batch)
            evidence = None if aligned is None else request_evidence(batch, aligned)
            logits, parts, gates = self._answer(Task.CONVERSION, self.bottom(sequence), evidence, beside)
            return ModelOutput({Task.CONVERSION: logits}, {Task.CONVERSION: gates}, {Task.CONVERSION: parts}, aligned)
        return self._pair_output(batch, aligned)

    def _pair_output(self, batch: PairBatch, aligned: Aligned | None) -> ModelOutput:
        bottom = self.bottom(self._pairs(batch))
        evidence = None if aligned is None else aligned.evidence(batch.text, batch.image)
        output = ModelOutput({}, {}, {}, aligned)
        for task in ALIGNMENT_TASKS:
            rows = rows_of(batch, task).nonzero().squeeze(-1)
            chosen = Sequence(bottom.vectors[rows], bottom.mask[rows])
            said = None if evidence is None else evidence[rows]
            output.logits[task], output.parts[task], output.gates[task] = self._answer(task, chosen, said)
        return output

    def content(self) -> dict[str, Standardise]:
        """Of the embedding of tokens."""
        return self.embed.content()

    def mix(self, task: Task) -> Tensor | None:
        """(parts,) of a task's tower."""
        tower = self.towers[task.value]
        assert isinstance(tower, Tower)
        return tower.mix

    def _answer(
        self, task: Task, bottom: Sequence, evidence: Tensor | None, beside: Tensor | None = None
    ) -> tuple[Tensor, Tensor, GateWeights]:
        routed, gates = self.routing(task, bottom)
        logits, parts = self.towers[task.value](routed, evidence, beside)
        return logits, parts, gates

    def _align(self, batch: Batch) -> Aligned | None:
        text, image = batch.items.text, batch.items.image
        if self.aligned_space is None or text is None or image is None:
            return None
        aligned: Aligned = self.aligned_space(text, image)
        return aligned

    def _finish(self, vectors: Tensor) -> Tensor:
        # CHOICE: norm and dropout over the input, as BERT.
        finished: Tensor = self.dropout(self.norm(vectors))
        return finished

    def _requests(self, batch: RequestBatch) -> tuple[Sequence, Tensor | None]:
        """The input of conversion: other features, behaviour sequence, target item (paper, section 3.2).

        CHOICE: one [CLS] a row; the paper puts one before each item, we none at history items.
        Beside it the (rows,) logits of the products of fields, where the model has them.
        """
        tokens = self.embed.items(batch.items)
        context, context_mask = self.embed.context(batch)
        history, history_mask = self.embed.history(batch, tokens)
        shared = torch.cat([context, history], dim=1)
        shared_mask = torch.cat([context_mask, history_mask], dim=1)
        item = torch.cat([tokens.fields[: tokens.num_whole], tokens.text, tokens.image], dim=1)[batch.candidates]
        item_mask = torch.cat([tokens.fields_mask[: tokens.num_whole], tokens.text_mask, tokens.image_mask], dim=1)
        meeting, meeting_mask = self.embed.meeting(batch)
        beside = None
        if self.products is not None:
            beside = self.products(
                RowVectors(
                    FieldVectors(context * context_mask[..., None], context_mask, batch.request),
                    FieldVectors(tokens.fields * tokens.fields_mask[..., None], tokens.fields_mask, batch.candidates),
                    FieldVectors(meeting * meeting_mask[..., None], meeting_mask),
                )
            )
        own = [self.embed.cls.expand(batch.num_rows, 1, -1), meeting, item]
        own_mask = [_real(batch.num_rows, item_mask), meeting_mask, item_mask[batch.candidates]]
        if self.pattern is Pattern.FULL:
            vectors = torch.cat([own[0], shared[batch.request], *own[1:]], dim=1)
            mask = torch.cat([own_mask[0], shared_mask[batch.request], *own_mask[1:]], dim=1)
            return Sequence(self._finish(vectors), mask), beside
        start = self.request_token.expand(batch.num_requests, 1, -1)
        memory = Memory(
            self._finish(torch.cat([start, shared], dim=1)),
            torch.cat([_real(batch.num_requests, shared_mask), shared_mask], dim=1),
            batch.request,
        )
        return Sequence(self._finish(torch.cat(own, dim=1)), torch.cat(own_mask, dim=1), memory), beside

    def _pairs(self, batch: PairBatch) -> Sequence:
        """The input of alignment.

        CHOICE: it carries item tokens alone, so that a swapped text never meets a conversion label.
        """
        tokens = self.embed.items(batch.items)
        cls = self.embed.cls.expand(batch.num_rows, 1, -1)
        vectors = torch.cat([cls, tokens.text[batch.text], tokens.image[batch.image]], dim=1)
        text_mask, image_mask = tokens.text_mask[batch.text], tokens.image_mask[batch.image]
        mask = torch.cat([_real(batch.num_rows, text_mask), text_mask, image_mask], dim=1)
        return Sequence(self._finish(vectors), mask)


def _real(num_rows: int, like: Tensor) -> Tensor:
    return torch.ones(num_rows, 1, dtype=torch.bool, device=like.device)


def request_evidence(batch: RequestBatch, aligned: Aligned) -> Tensor:
    """(rows, NUM_EVIDENCE + 1): the candidate's own text against its picture; the candidate against what was bought."""
    own = aligned.evidence(batch.candidates, batch.candidates)
    items = aligned.items()
    bought = (batch.history_outcome == 2)[..., None] * items[batch.history]
    taste = torch.nn.functional.normalize(bought.sum(dim=1), dim=-1)
    match = (items[batch.candidates] * taste[batch.request]).sum(dim=-1, keepdim=True)
    return torch.cat([own, match], dim=-1)
