"""Words and patches that are hidden and predicted from all others (FashionBERT, Gao et al. 2020, after BERT)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.batches.batch import PairBatch, Tokens
from camenn.layers.embedding import InputEmbedding, ModalityEmbedding

WORD_SHARE = 0.15
"""Of a text's words that are hidden (Gao et al. 2020; Devlin et al. 2018, section 3.1)."""
PATCH_SHARE = 0.10
"""Of a picture's patches that are hidden (Gao et al. 2020)."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What of one modality a pair does not show."""

    tokens: Tokens
    modality: ModalityEmbedding
    token: Tensor
    """(rows, length) int64 index into `tokens.vectors`, -1 where nothing is."""
    mask: Tensor
    """(rows, length) bool, True where the token is hidden."""
    vector: Tensor
    """(width,) in its place, before position and segment are added."""

    def cover(self, shown: Tensor) -> Tensor:
        """(rows, length, width) tokens of the modality -> the same without what is hidden."""
        return torch.where(self.mask[..., None], self.modality.at_each_place(self.vector, shown.shape[1]), shown)

    def asked(self, states: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, length, width) states, (rows,) bool -> (n, width) states of what these rows hide, its (n,) tokens."""
        asked = self.mask & rows[:, None]
        return states[:, : asked.shape[1]][asked], self.token[asked]


def hide(tokens: Tokens, item: Tensor, modality: ModalityEmbedding, *, share: float, vector: Tensor) -> Hidden:
    """Draw what to hide of the tokens of each row's `item`, (rows,): a share of them.

    At least one token, as BERT. CHOICE: never all; of one word there is nothing to predict it from.
    """
    index = torch.full((len(tokens.present) * tokens.length,), -1, device=item.device)
    place = tokens.item * tokens.length + tokens.position
    index[place] = torch.arange(len(place), device=item.device)
    token = index.view(-1, tokens.length)[item]
    count = (token >= 0).sum(dim=1)
    number = (share * count).round().clamp_min(1).minimum(count - 1)
    drawn = torch.rand(token.shape, device=item.device).masked_fill(token < 0, 2.0)
    return Hidden(tokens, modality, token, drawn.argsort(dim=1).argsort(dim=1) < number[:, None], vector)


class MaskedModelling(nn.Module):
    """Masked language modelling and masked patch modelling, with their heads (Gao et al. 2020)."""

    def __init__(self, width: int, image_width: int) -> None:
        super().__init__()
        self.word = nn.Parameter(torch.randn(width) * 0.02)
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.patch = nn.Linear(width, image_width)

    def draw(self, batch: PairBatch, embed: InputEmbedding) -> tuple[Hidden, Hidden] | None:
        """The words and the patches to hide of each pair; None where there are no words or no patches.

        Pairs that do not fit are masked like those that do, or a mask would tell that a pair fits.
        DEVIATION: a hidden word is never shown and never another's (BERT: one in ten each).
        CHOICE: a hidden patch is zero after standardising, the mean patch.
        """
        text, image = batch.items.text, batch.items.image
        if embed.text is None or embed.image is None or text is None or image is None:
            return None
        if not text.length or not image.length:
            return None
        zero = embed.image.project.bias
        return (
            hide(text, batch.text, embed.text, share=WORD_SHARE, vector=self.word),
            hide(image, batch.image, embed.image, share=PATCH_SHARE, vector=zero),
        )

    def losses(self, words: Hidden, patches: Hidden, vectors: Tensor, *, fits: Tensor) -> dict[str, Tensor]:
        """The losses by name, each a mean over what is hidden; none where nothing is.

        vectors: (rows, 1 + text_length + 1 + patches, width), the last states; fits: (rows,) bool.
        CHOICE: pairs that fit alone; of another item's word the picture says nothing.
        """
        found: dict[str, Tensor] = {}
        states, token = words.asked(vectors[:, 1:], fits)
        if len(token):
            distinct, number = torch.unique(words.tokens.vectors.float(), dim=0, return_inverse=True)
            found["masked_word_loss"] = functional.cross_entropy(
                self.word_logits(states, distinct, words.modality), number[token]
            )
        states, token = patches.asked(vectors[:, 2 + words.mask.shape[1] :], fits)
        if len(token):
            true = patches.modality.standardise(patches.tokens.vectors[token])
            found["masked_patch_loss"] = patch_divergence(self.patch(states), true)
        return found

    def word_logits(self, states: Tensor, distinct: Tensor, text: ModalityEmbedding) -> Tensor:
        """(n, width) states, the batch's (words, encoder width) distinct word vectors -> (n, words).

        As in BERT, a word is scored by the vector that it enters with.
        DEVIATION: the paper's vocabulary is BERT's, ours the batch's; a store holds words' vectors, not their numbers.
        CHOICE: scaled as attention, since these vectors do not begin as small as BERT's.
        """
        vocabulary = text.project(text.standardise(distinct))
        logits: Tensor = self.transform(states) @ vocabulary.T * vocabulary.shape[1] ** -0.5
        return logits.float()


def patch_divergence(predicted: Tensor, true: Tensor) -> Tensor:
    """() KL divergence of the softmax of predicted from that of true (patches, features), mean over patches.

    DEVIATION: true features are standardised; as they are, encoders of small values give even shares.
    """
    shares = true.float().softmax(dim=-1)
    return functional.kl_div(predicted.float().log_softmax(dim=-1), shares, reduction="batchmean")
