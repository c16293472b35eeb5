"""What the aligned space is trained for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from camenn.layers.aligned_space import Aligned

IMAGE_TO_TEXT_SHARE = 0.7
"""Weight of a picture choosing among texts; the rest is of a text choosing among pictures."""


def contrast(aligned: Aligned, group: Tensor, *, text: Tensor, image: Tensor, fits: Tensor) -> Tensor:
    """InfoNCE over the pairs of a batch that fit.

    DEVIATION: beyond the paper; off with aligned_width = 0.

    group: (items,), equal where texts are. text, image: (pairs,) index into the items; fits: (pairs,) bool. A picture
    chooses among the different texts of all pairs, a text among the pictures of the pairs that fit, all of its group
    (as in supervised contrast, Khosla et al. 2020, equation 2). What of a pair is missing leaves it out.
    Returns a scalar, zero where nothing can be told apart.
    """
    whole = (aligned.text[text] != 0).any(dim=-1) & (aligned.image[image] != 0).any(dim=-1)
    text, image, fits = text[whole], image[whole], fits[whole]
    groups, choice = torch.unique(group[text], return_inverse=True)
    pictures, place = torch.unique(image[fits], return_inverse=True)
    if groups.numel() < 2 or pictures.numel() == 0:
        return aligned.text.sum() * 0.0
    first = torch.full_like(groups, len(group)).scatter_reduce(0, choice, text, "amin")
    logits = aligned.image[pictures] @ aligned.text[first].T * aligned.scale
    same = torch.zeros_like(logits)
    same[place, choice[fits]] = 1.0
    to_text = functional.cross_entropy(logits, same / same.sum(dim=1, keepdim=True))
    chosen = same.any(dim=0)  # the text of a wrong pair may be none's
    same, logits = same[:, chosen].T, logits[:, chosen].T
    to_image = functional.cross_entropy(logits, same / same.sum(dim=1, keepdim=True))
    return IMAGE_TO_TEXT_SHARE * to_text + (1.0 - IMAGE_TO_TEXT_SHARE) * to_image
