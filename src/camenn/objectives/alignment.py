"""What the aligned space is trained for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from camenn.layers.aligned_space import Aligned

IMAGE_TO_TEXT_SHARE = 0.7
"""Weight of a picture choosing among texts; the rest is of a text choosing among pictures."""


def contrast(aligned: Aligned, group: Tensor) -> Tensor:
    """InfoNCE over the items of a batch that have both modalities.

    DEVIATION: beyond the paper; off with aligned_width = 0.

    group: (items,), equal where texts are. A picture chooses among the different texts of the batch, a text
    among all pictures of its group (as in supervised contrast, Khosla et al. 2020, equation 2). Returns a
    scalar, zero where nothing can be told apart.
    """
    whole = ((aligned.text != 0).any(dim=-1) & (aligned.image != 0).any(dim=-1)).nonzero().squeeze(-1)
    groups, place = torch.unique(group[whole], return_inverse=True)
    if groups.numel() < 2:
        return aligned.text.sum() * 0.0
    number = torch.arange(len(place), device=place.device)
    first = torch.full_like(groups, len(place)).scatter_reduce(0, place, number, "amin")
    texts, images = aligned.text[whole[first]], aligned.image[whole]
    logits = images @ texts.T * aligned.scale
    to_text = functional.cross_entropy(logits, place)
    same = functional.one_hot(place, len(groups)).to(logits.dtype).T
    to_image = functional.cross_entropy(logits.T, same / same.sum(dim=-1, keepdim=True))
    return IMAGE_TO_TEXT_SHARE * to_text + (1.0 - IMAGE_TO_TEXT_SHARE) * to_image
