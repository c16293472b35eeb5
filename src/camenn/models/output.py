"""What every model takes and gives, so that training and evaluation know no model by name."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from camenn.batches.batch import Batch, PairBatch
from camenn.layers.aligned_space import Aligned, AlignedSpace
from camenn.layers.embedding import Fields
from camenn.layers.fields import NUM_PASTS
from camenn.task import Task


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """The sizes of what a shop offers: all that a model must know of the data to be built."""

    num_codes: int
    item_fields: Fields
    context_fields: Fields
    num_row_fields: int
    num_numbers: int
    text_width: int | None
    image_width: int | None
    max_text: int
    max_patches: int
    max_steps: int

    @property
    def num_pasts(self) -> int:
        """Fields of the history, where it is read."""
        return NUM_PASTS if self.max_steps else 0

    @property
    def num_fields(self) -> int:
        """Fields of a row as `layers.fields.FieldReader` gives them."""
        named = self.context_fields.num_fields + self.item_fields.num_fields + self.num_row_fields
        content = (self.text_width is not None) + (self.image_width is not None)
        return named + self.num_numbers + self.num_pasts + content


@dataclass(frozen=True, slots=True)
class GateWeights:
    """How one task's rows used the experts."""

    kept: Tensor
    """(rows, experts) after the choice of a subset: zeros elsewhere, a row sums to one."""
    dense: Tensor
    """(rows, experts) softmax over all."""


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """Logits by task; a request batch answers conversion, a pair batch the alignment tasks."""

    logits: dict[Task, Tensor]
    """(rows of the task,) before the sigmoid, in the order of `rows_of`."""
    gates: dict[Task, GateWeights]
    parts: dict[Task, Tensor]
    """(rows of the task, parts): what each logit is the weighed sum of, the network's own part first."""
    aligned: Aligned | None = None
    """The batch's items in the aligned space, where the model has one."""
    losses: dict[str, Tensor] = field(default_factory=dict)
    """() each, by name: training tasks of the model's own, which no label of the batch is for."""


class Model(nn.Module):
    """What training, evaluation and bundles know of any model: it answers batches."""

    tasks: tuple[Task, ...] = (Task.CONVERSION,)

    def __init__(self) -> None:
        super().__init__()
        self.precision = "32-true"
        """What it was trained in, as `training.precision` says, and answers in."""
        self.aligned_space: AlignedSpace | None = None
        self.code_counts: Tensor | None = None
        """(num_codes,) a buffer where a model asks how many training events hold each code; filled before training."""

    def mix(self, task: Task) -> Tensor | None:
        """(parts,) how a task's logit is mixed from its parts, to be fitted on validation; None: of one part."""
        return None

    def shared(self) -> list[nn.Parameter]:
        """The last weights that all tasks share, by which their gradients are compared; none in most models."""
        return []

    def penalty(self, batch: Batch) -> Tensor | None:
        """() what a model adds to the loss of a batch of its own accord."""
        return None


def rows_of(batch: PairBatch, task: Task) -> Tensor:
    """(rows,) bool: which pairs count for an alignment task."""
    return batch.image_to_text if task is Task.IMAGE_TO_TEXT else batch.text_to_image


def labels_of(batch: Batch, task: Task) -> Tensor:
    """(rows of the task,) the labels that go with `ModelOutput.logits[task]`."""
    if isinstance(batch, PairBatch):
        return batch.labels[rows_of(batch, task)]
    return batch.labels
