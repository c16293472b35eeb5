"""How a tower weighs its parts, fitted on validation: what a network knows by heart counts for nothing there.

DEVIATION: beyond the paper; off with aligned_width = 0.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from camenn.models.output import Model
from camenn.scoring import Scores
from camenn.task import Task

MIN_ROWS = 50
"""Fewer validation rows than this say too little to weigh anything by."""
PRIOR = 1.0


def mix_parts(model: Model, scores: dict[Task, Scores]) -> dict[Task, NDArray[np.float64]]:
    """Fit each tower's weights by logistic regression on validation, put them into the model, return the new logits.

    A task with one part, one label or few rows keeps the weights that it has.
    """
    logits = {task: one.logits for task, one in scores.items()}
    for task, one in scores.items():
        mix = model.mix(task)
        if mix is None or one.parts.shape[1] == 1 or len(one.labels) < MIN_ROWS or not 0 < one.labels.mean() < 1:
            continue
        spread = one.parts.std(axis=0) + 1e-6
        fitted = LogisticRegression(C=PRIOR, max_iter=1000).fit(one.parts / spread, one.labels)
        weights = fitted.coef_[0] / spread
        mix.copy_(torch.from_numpy(weights))
        logits[task] = one.parts @ weights
    return logits
