"""How much each task counts in a step, found from the tasks' gradients (FashionBERT, Gao et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def adaptive_weights(norms: Tensor) -> Tensor:
    """(tasks,) norms of the tasks' gradients -> (tasks,) weights w that sum to one (the adaptive loss).

    With g the softmax of the norms and K tasks, w makes least

        1/2 sum_{i<j} (w_i - w_j)^2 - 1/2 sum_i (w_i g_i)^2    where sum_i w_i = 1:

    tasks count alike, and those with the longer gradients more. Since sum_{i<j} (w_i - w_j)^2 = K sum_i w_i^2 - 1
    there, a multiplier c gives (K - g_i^2) w_i = c for each task, hence w_i = 1 / (K - g_i^2), divided by their
    sum; it is the one minimum, as g_i^2 < K.

    The closed form is that of the authors' published code (alpha = 1); the minimum it solves is derived back from it.
    CHOICE: norms are normalised by the softmax that their code takes; one task alone counts one.
    """
    gain = norms.softmax(dim=0).square()
    weights = 1.0 / (len(norms) - gain) if len(norms) > 1 else torch.ones_like(norms)
    return weights / weights.sum()


def gradient_norms(losses: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> Tensor:
    """(losses,) norm of each loss's gradient by the parameters, 0 where it does not reach them; the graph is kept."""
    norms = []
    for loss in losses:
        found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        each = [torch.linalg.vector_norm(one.float()) for one in found if one is not None]
        norms.append(torch.linalg.vector_norm(torch.stack(each)) if each else loss.new_zeros(()))
    return torch.stack(norms)
