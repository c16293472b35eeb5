"""One space in which texts and pictures can be compared, none of them with what it was itself fitted on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from camenn.layers.aligned_space import AlignedSpace
from camenn.rectify.contrast import FOLDS

Floats = NDArray[np.floating[Any]]

_MAX_WIDTH = 256
_RIDGE = 0.1
"""Weight of the penalty, as a share of the items: coordinates have variance one. CHOICE: not tuned a shop."""


class Space(Protocol):
    """Texts and pictures as unit vectors that can be compared with one another."""

    @property
    def width(self) -> int:
        """Numbers in a vector."""

    def texts(self, pooled: Floats) -> Floats:
        """(n, encoder width) pooled vectors -> (n, width)."""

    def pictures(self, pooled: Floats, folds: NDArray[np.int64]) -> Floats:
        """(n, encoder width) pooled vectors and the folds (n,) that their pictures belong to -> (n, width)."""


class LearnedSpace:
    """A model's aligned space: for items that the model was not trained on."""

    def __init__(self, layer: AlignedSpace) -> None:
        self._layer = layer
        self.width = layer.text.linear.out_features

    def texts(self, pooled: Floats) -> Floats:
        return self._project(self._layer.text.project, pooled)

    def pictures(self, pooled: Floats, folds: NDArray[np.int64]) -> Floats:
        return self._project(self._layer.image.project, pooled)

    def _project(self, project: Callable[[torch.Tensor], torch.Tensor], pooled: Floats) -> Floats:
        with torch.inference_mode():
            placed = project(torch.from_numpy(pooled).float().to(self._layer.log_scale.device))
        vectors: Floats = placed.float().cpu().numpy()
        return vectors


class CrossFittedSpace:
    """Pictures mapped to where their texts lie by ridge regression, each by a map that has not seen its fold.

    A model knows the pairs that it was trained on by heart, the wrong ones among them; a map fitted on the items of
    other folds does not. Both modalities are whitened first, so that no direction counts for its scale.
    """

    def __init__(self, texts: Floats, pictures: Floats, folds: NDArray[np.int64]) -> None:
        """texts, pictures: (n, encoder width) pooled vectors of the same items; all zeros where none has a text."""
        limit = max(1, min(_MAX_WIDTH, len(texts) // 2))
        self._text, self._picture = _Whitening(texts, limit), _Whitening(pictures, limit)
        known = self._picture(pictures)
        if not texts.any():  # pictures can be compared with one another alone
            self.width = known.shape[1]
            self._maps = [np.eye(self.width, dtype=np.float32)] * FOLDS
            return
        target = _unit(self._text(texts))
        self.width = target.shape[1]
        self._maps = [_ridge(known[folds != fold], target[folds != fold]) for fold in range(FOLDS)]

    def texts(self, pooled: Floats) -> Floats:
        return _unit(self._text(pooled))

    def pictures(self, pooled: Floats, folds: NDArray[np.int64]) -> Floats:
        known = self._picture(pooled)
        mapped = np.empty((len(pooled), self._maps[0].shape[1]), np.float32)
        for fold, learned in enumerate(self._maps):
            mapped[folds == fold] = known[folds == fold] @ learned
        return _unit(mapped)


class _Whitening:
    """Principal coordinates of variance one."""

    def __init__(self, vectors: Floats, width: int) -> None:
        self._mean = vectors.mean(axis=0, dtype=np.float32)
        centred = vectors - self._mean
        variance, axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred / len(vectors))
        kept = np.argsort(-variance)[:width]
        floor = 1e-8 * max(float(variance[kept[0]]), 1e-12)
        self._axes = (axes[:, kept] / np.sqrt(np.maximum(variance[kept], floor))).astype(np.float32)

    def __call__(self, vectors: Floats) -> Floats:
        whitened: Floats = (vectors - self._mean) @ self._axes
        return whitened


def _ridge(known: Floats, target: Floats) -> Floats:
    gram = known.T @ known
    gram[np.diag_indices_from(gram)] += _RIDGE * max(len(known), 1)
    learned: Floats = np.linalg.solve(gram, known.T @ target)
    return learned


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = (vectors / np.maximum(length, 1e-9)).astype(np.float32)
    return unit
