"""A bundle judged on a shop: the parts it did not train on, or the whole of a shop it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from camenn.batches.parts import Parts, find_parts
from camenn.bundle import Bundle, Calibration
from camenn.errors import DataError
from camenn.evaluation.predictions import TaskPredictions
from camenn.scoring import Scores, score_pairs, score_requests
from camenn.tables.features import Side
from camenn.tables.identity import shop_identity
from camenn.tables.shop import Shop
from camenn.tables.split import Part, split_shop
from camenn.tables.vocabulary import Vocabulary
from camenn.task import Task


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a bundle said of a shop."""

    parts: Parts
    predictions: tuple[TaskPredictions, ...]
    expert_use: dict[Task, NDArray[np.float64]]
    """(experts,) mean weight over the test part's rows, by task."""
    is_training_shop: bool


def evaluate(bundle: Bundle, shop: Shop, *, console: Console | None = None) -> Evaluation:
    """Score what can be scored. On the training shop: validation and test; on another: everything, as test.

    Raises:
        DataError: the shop has neither requests nor two items that can be aligned.
        StoreError: the shop is not encoded with the bundle's encoders.
    """
    console = Console(quiet=True) if console is None else console
    is_training_shop = bundle.facts.get("shop_identity") == shop_identity(shop, bundle.config.split)
    parts = divided(bundle, shop, is_training_shop=is_training_shop)
    predictions: list[TaskPredictions] = []
    use: dict[Task, NDArray[np.float64]] = {}
    judged = (Part.VALIDATION, Part.TEST) if is_training_shop else (Part.TEST,)
    for part in track(judged, "evaluating", console=console, transient=True):
        for task, scores in _scores(bundle, parts, part).items():
            predictions.append(_predictions(task, part, scores, bundle.calibration.get(task, Calibration())))
            if part is Part.TEST and scores.expert_use is not None:
                use[task] = scores.expert_use
    if not predictions:
        raise DataError(
            f"{shop.folder}: nothing to evaluate: no requests, and no two items with pictures and different texts"
        )
    return Evaluation(parts, tuple(predictions), use, is_training_shop)


def divided(bundle: Bundle, shop: Shop, *, is_training_shop: bool) -> Parts:
    """The shop as training divided it, or as one test part."""
    source = bundle.open(shop)
    if is_training_shop:
        request_parts, item_parts = split_shop(shop, bundle.config.split)
    else:
        item_parts = np.full(len(shop.catalogue.ids), Part.TEST, dtype=np.int8)
        item_parts[: Vocabulary.FIRST] = -1
        request_parts = None if shop.events is None else np.full(shop.events.num_requests, Part.TEST, dtype=np.int8)
    return find_parts(source, request_parts=request_parts, item_parts=item_parts)


def _scores(bundle: Bundle, parts: Parts, part: Part) -> dict[Task, Scores]:
    found: dict[Task, Scores] = {}
    pieces = parts.requests(part, bundle.config.requests)
    if pieces is not None and bundle.features.of(Side.CONTEXT):  # a model of items alone says nothing of requests
        reader = parts.reader(bundle.requests_of(parts.source.shop))
        found[Task.CONVERSION] = score_requests(bundle.model, reader, pieces)
    pairs = parts.evaluation_pairs(part, bundle.config.pairs)
    if pairs is not None:
        found |= score_pairs(bundle.model, parts, pairs)
    return found


def _predictions(task: Task, part: Part, scores: Scores, calibration: Calibration) -> TaskPredictions:
    return TaskPredictions(
        task=task,
        split=part.name.lower(),
        logits=scores.logits,
        probabilities=calibration.probabilities(scores.logits),
        labels=scores.labels,
        groups=scores.groups,
        items=scores.items,
    )
