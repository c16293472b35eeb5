"""What the alignment tasks are trained for."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from camenn.layers.aligned_space import Aligned


def contrast(aligned: Aligned, group: Tensor, log_scale: Tensor) -> Tensor:
    """Symmetric InfoNCE over the items of a batch that have both modalities. Beyond the paper.

    group: (items,); items of one group share their text, so each is a positive of the others (as in
    supervised contrast, Khosla et al. 2020, equation 2). Returns a scalar, zero where nothing can be told apart.
    """
    whole = ((aligned.text != 0).any(dim=-1) & (aligned.image != 0).any(dim=-1)).nonzero().squeeze(-1)
    if whole.numel() < 2:
        return aligned.text.sum() * 0.0
    text, image, group = aligned.text[whole], aligned.image[whole], group[whole]
    logits = text @ image.T * log_scale.exp()
    same = (group[:, None] == group[None, :]).to(logits.dtype)
    target = same / same.sum(dim=-1, keepdim=True)
    return 0.5 * (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target))


def alignment_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of ITA or TIA (paper, section 3.4); zero without rows."""
    if labels.numel() == 0:
        return logits.sum()
    return functional.binary_cross_entropy_with_logits(logits.float(), labels)
