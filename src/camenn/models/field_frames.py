"""The frames of models of conversion alone: sums of terms over fields, and readers of the behaviour sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from camenn.batches.batch import Batch, PairBatch, RequestBatch
from camenn.layers.behaviour import BehaviourTransformer
from camenn.layers.fields import FieldReader
from camenn.layers.perceptron import Activation, FieldPerceptron
from camenn.layers.target_attention import TargetAttention
from camenn.models.output import Model, ModelInputs, ModelOutput
from camenn.task import Task


def field_reader(inputs: ModelInputs, *, width: int, with_history: bool = True) -> FieldReader:
    """The fields of a shop of these sizes, as vectors of one width; the history is among them where it is read."""
    return FieldReader(
        num_codes=inputs.num_codes,
        item_fields=inputs.item_fields,
        context_fields=inputs.context_fields,
        num_row_fields=inputs.num_row_fields,
        num_numbers=inputs.num_numbers,
        text_width=inputs.text_width,
        image_width=inputs.image_width,
        num_pasts=inputs.num_pasts if with_history else 0,
        width=width,
    )


def answered(logits: Tensor) -> ModelOutput:
    """The output of a model of conversion alone. logits: (rows,)"""
    return ModelOutput({Task.CONVERSION: logits}, {}, {Task.CONVERSION: logits[:, None]})


def only_requests(batch: Batch) -> RequestBatch:
    """The batch. Raises TypeError where a model of conversion alone is asked whether text and picture fit."""
    if isinstance(batch, PairBatch):
        raise TypeError("this model answers conversion alone; give it requests, not pairs")
    return batch


class FieldSum(nn.Module):
    """logit = bias + first order + the sum of terms over the fields' vectors.

    The first dimension of every field's vector is its weight of the first order; the others are what the terms read.
    """

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        width: int,
        terms: Callable[[FieldReader], list[nn.Module]],
    ) -> None:
        """terms: from the fields that there are to what is summed over their vectors."""
        super().__init__()
        self.embed = field_reader(inputs, width=1 + width)
        with torch.no_grad():
            self.embed.table.weight[:, 0] = 0.0  # the first order begins with nothing said
        self.terms = nn.ModuleList(terms(self.embed))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, batch: RequestBatch) -> Tensor:
        """-> (rows,) logits."""
        fields, _ = self.embed(batch)
        weights, rest = fields.split(1)
        logits: Tensor = self.bias + weights.total().squeeze(-1)
        for term in self.terms:
            logits = logits + term(rest)
        return logits


class AdditiveModel(Model):
    """Conversion as a sum over fields and nothing else."""

    def __init__(self, logit: FieldSum) -> None:
        super().__init__()
        self.logit = logit

    def forward(self, batch: Batch) -> ModelOutput:
        """(rows,) logits of conversion. Raises TypeError for pairs."""
        return answered(self.logit(only_requests(batch)))


SequenceReader = TargetAttention | BehaviourTransformer


class SequenceModel(Model):
    """A reader of the behaviour sequence beside the fields, and a perceptron over both."""

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        width: int,
        reader: Callable[[int], SequenceReader],
        hidden: Sequence[int],
        dropout: float,
        activation: Activation,
        regularisation: float = 0.0,
    ) -> None:
        """reader: from an item's width, its fields side by side, to what reads items and batch.
        regularisation: of the vectors that a batch holds, each the weaker the more often it is trained.
        """
        super().__init__()
        self.embed = field_reader(inputs, width=width, with_history=False)
        self.reader = reader(self.embed.num_item_fields * width)
        self.head = FieldPerceptron(
            self.embed, width, hidden, beside=self.reader.num_outputs, dropout=dropout, activation=activation
        )
        self.regularisation = regularisation
        if regularisation:
            del self.code_counts
            self.register_buffer("code_counts", torch.zeros(inputs.num_codes))

    def forward(self, batch: Batch) -> ModelOutput:
        """(rows,) logits of conversion. Raises TypeError for pairs."""
        requests = only_requests(batch)
        fields, items = self.embed(requests)
        read = self.reader(items.flatten(1), requests)
        return answered(self.head(fields, read))

    def penalty(self, batch: Batch) -> Tensor | None:
        """() mini-batch aware (Zhou et al. 2018, equation 6): a vector's squared length over how often it is seen."""
        if self.code_counts is None or isinstance(batch, PairBatch):
            return None
        held = torch.cat([batch.context.flatten(), batch.items.codes.flatten(), batch.row_codes.flatten()]).unique()
        counts = self.code_counts[held]
        lengths: Tensor = self.embed.table(held[counts > 0]).square().sum(dim=1)
        return self.regularisation * (lengths / counts[counts > 0]).sum()
