"""What others do on the same embeddings and pictures: a cosine, neighbours, a confident classifier, picture checks."""

from __future__ import annotations

import importlib.util
import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from camenn.rectify.listings import UNKNOWN, Listings
from camenn.rectify.nearest import Nearest
from camenn.rectify.pictures import MEASURES, Measured, Pictures
from camenn.rectify.signals import Placed

Scores = NDArray[np.float64]
"""(items,): higher is more suspicious."""

OPTIONAL = ("cleanlab", "cleanvision")
"""Libraries that are compared with where they are installed."""
_NEIGHBOURS = 10
_SHARPNESS = 0.1
"""LEMoN's temperatures and weights are tuned on labelled faults by its authors; here they are fixed. DEVIATION."""


def cosine(placed: Placed) -> Scores:
    """Text against picture in the model's space."""
    score: Scores = -(placed.text * placed.picture).sum(axis=1, dtype=np.float64)
    return score


def lemon(placed: Placed) -> Scores:
    """Text against picture, and against what the neighbours in each modality have on the other side.

    After LEMoN (Zhang et al. 2024, section 3): a neighbour counts by how near it is and how well it fits itself.
    """
    held = placed.listings
    own = 1.0 - (placed.text * placed.picture).sum(axis=1)
    score = own.copy()
    for mine, others in ((placed.picture, placed.text), (placed.text, placed.picture)):
        near, similarity = Nearest(mine, held.item, held.group).search(
            mine, item=held.item, group=held.group, k=_NEIGHBOURS
        )
        apart = 1.0 - np.einsum("nw,nkw->nk", others, others[near])
        weight = np.exp(-_SHARPNESS * (1.0 - similarity)) * np.exp(-_SHARPNESS * own[near])
        score = score + (apart * weight).mean(axis=1)
    found: Scores = score.astype(np.float64)
    return found


def confident_learning(listings: Listings, *, seed: int) -> Scores | None:
    """cleanlab's label quality of the category, by a classifier of text and picture; None where it is not installed."""
    if importlib.util.find_spec("cleanlab") is None or (listings.category == UNKNOWN).all():
        return None
    from cleanlab.rank import get_label_quality_scores

    codes, counts = np.unique(listings.category, return_counts=True)
    usable = np.isin(listings.category, codes[(counts >= 5) & (codes != UNKNOWN)])
    labels = np.unique(listings.category[usable], return_inverse=True)[1]
    features = np.concatenate([listings.text, listings.picture], axis=1).astype(np.float32)[usable]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200, C=0.01, random_state=seed))
    told = cross_val_predict(classifier, features, labels, cv=5, method="predict_proba")
    scores = np.zeros(len(listings))
    scores[usable] = 1.0 - get_label_quality_scores(labels, told)
    return scores


def picture_checks(pictures: Pictures, num_items: int) -> Scores | None:
    """cleanvision's checks for blurred, dark and empty pictures, the worst of them; None where it is not installed."""
    if importlib.util.find_spec("cleanvision") is None:
        return None
    from cleanvision import Imagelab

    scores = np.zeros(num_items)
    with TemporaryDirectory() as name, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for line, source in enumerate(pictures(0, num_items)):  # it reads folders alone, and files by their names
            if source is not None:
                content = source if isinstance(source, bytes) else source.read_bytes()
                (Path(name) / f"{line}.jpg").write_bytes(content)
        looked = Imagelab(data_path=name)
        looked.find_issues({"blurry": {}, "dark": {}, "low_information": {}}, n_jobs=1, verbose=False)
        worst = looked.issues[["blurry_score", "dark_score", "low_information_score"]].min(axis=1)
        scores[[int(Path(path).stem) for path in worst.index]] = 1.0 - worst.to_numpy()
    return scores


def laplacian(measured: Measured) -> Scores:
    """Variance of the Laplacian, the usual threshold of blur."""
    detail = measured.signals[:, MEASURES.index("fine detail")]
    return -np.where(np.isnan(detail), np.nanmax(detail), detail)
