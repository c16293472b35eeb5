"""FashionBERT (Gao et al. 2020): words and patches in one BERT, which predicts what of them is hidden.

Its adaptive loss is the objective's: `weighting = "adaptive"`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from torch import nn
from torch.nn import functional

from camenn.batches.batch import Batch, PairBatch
from camenn.layers.blocks import Pooler
from camenn.layers.masking import MaskedModelling
from camenn.layers.transformer import TransformerBlock
from camenn.models.frames import MultiTaskModel, Share, Stack, Tower
from camenn.models.inputs import TokenInput, token_input
from camenn.models.output import ModelInputs, ModelOutput
from camenn.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class FashionBertConfig:
    """CHOICE: sizes; three blocks, as many as a row of CameNN passes.

    DEVIATION: the paper's is BERT base as trained on text, 12 blocks 768 wide.
    """

    name: Literal["fashionbert"] = "fashionbert"
    width: int = 128
    heads: int = 8
    num_blocks: int = 3
    dropout: float = 0.1


class FashionBert(MultiTaskModel):
    """One stack of blocks for all tasks; while training, some words and patches of each pair are hidden from it."""

    read: TokenInput

    def __init__(self, *, read: TokenInput, bottom: Stack, towers: dict[Task, Tower]) -> None:
        super().__init__(read=read, bottom=bottom, routing=Share(), towers=towers)
        text, image = read.embed.text, read.embed.image
        self.masking = None
        if text is not None and image is not None:
            self.masking = MaskedModelling(read.embed.width, image.project.in_features)

    def forward(self, batch: Batch) -> ModelOutput:
        """As every model of several tasks; of a pair batch in training also the losses of what was hidden.

        As in the authors' code, one pass serves alignment and what is hidden.
        """
        if not self.training or self.masking is None or not isinstance(batch, PairBatch):
            return super().forward(batch)
        hidden = self.masking.draw(batch, self.read.embed)
        if hidden is None:
            return super().forward(batch)
        bottom = self.bottom(self.read.pairs(batch, hidden=hidden))
        losses = self.masking.losses(*hidden, bottom.vectors, fits=batch.labels > 0)
        return replace(self._answer_pairs(batch, bottom, None), losses=losses)


def build(config: FashionBertConfig, inputs: ModelInputs) -> FashionBert:
    """The model for a shop of these sizes.

    CHOICE: a head a task, over BERT's pooler; their text and image alignment is one task, ours two.
    DEVIATION: it answers conversion too, from the sequence that CameNN reads; theirs aligns alone.
    """
    width = config.width
    blocks: list[nn.Module] = [
        TransformerBlock(width, heads=config.heads, dropout=config.dropout, activation=functional.gelu)
        for _ in range(config.num_blocks)
    ]
    return FashionBert(
        read=token_input(inputs, width=width, dropout=config.dropout),
        bottom=Stack(blocks),
        towers={task: Tower(Pooler(width), width=width, num_evidence=0) for task in Task},
    )
