"""Texts against pictures: the paper's figures 4 and 5, and the items that fit best and worst."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from camenn.batches.pairs import Pairs, pair_batch
from camenn.batches.parts import Parts
from camenn.batches.source import Source
from camenn.bundle import Bundle, Calibration
from camenn.evaluation.report import AlignedItem, HeatMaps
from camenn.models.output import Model
from camenn.models.zoo import build_model
from camenn.scoring import answer
from camenn.tables.split import Part
from camenn.tables.vocabulary import Vocabulary
from camenn.task import Task

NUM_ITEMS = 8
"""As many as the paper's figures show."""


def heat_maps(bundle: Bundle, parts: Parts) -> HeatMaps | None:
    """Similarity of the texts and pictures of eight test items, before training and after; None without them.

    CHOICE: cosine in the aligned space, else the ITA probability.
    Before: the same network with its first weights.
    """
    rows = _distinct_items(parts)
    if len(rows) < 2 or Task.IMAGE_TO_TEXT not in bundle.model.tasks:
        return None
    torch.manual_seed(int(bundle.facts["seed"]))
    untrained = build_model(bundle.config.model, bundle.inputs(), precision=bundle.model.precision).eval()
    measured = {n: v for n, v in bundle.model.state_dict().items() if ".standardise." in n}
    untrained.load_state_dict(measured, strict=False)
    untrained.to(next(bundle.model.parameters()).device)
    catalogue = parts.source.shop.catalogue
    lines = rows - Vocabulary.FIRST
    return HeatMaps(
        item_names=tuple(catalogue.names(line, line + 1)[0] or catalogue.texts(line, line + 1)[0] for line in lines),
        pictures=tuple(_picture(parts, line) for line in lines),
        before=similarity_matrix(untrained, parts.source, rows),
        after=similarity_matrix(bundle.model, parts.source, rows),
    )


def _distinct_items(parts: Parts) -> NDArray[np.int32]:
    """Test items of different texts, in catalogue order, spread over it."""
    items = parts.items(Part.TEST)
    _, first = np.unique(parts.groups[items], return_index=True)
    items = items[np.sort(first)]
    return items[np.linspace(0, len(items) - 1, min(NUM_ITEMS, len(items))).astype(int)] if len(items) else items


def similarity_matrix(model: Model, source: Source, rows: NDArray[np.int32]) -> NDArray[np.float64]:
    """(n, n) of the items at these catalogue rows (n,): how like text i is to picture j, as a model sees it.

    Cosine in the aligned space, else the ITA probability.
    """
    text, image = np.repeat(rows, len(rows)), np.tile(rows, len(rows))
    every = np.ones(len(text), dtype=bool)
    pairs = Pairs(text, image, (text == image).astype(np.float32), every, every, text)
    groups = np.zeros(len(source.shop.catalogue.ids), dtype=np.int64)  # which texts are equal counts in training alone
    batch = pair_batch(source, groups, pairs)
    output = answer(model, batch)
    if output.aligned is not None:
        values = output.aligned.similarity(batch.text, batch.image)
    else:
        values = torch.sigmoid(output.logits[Task.IMAGE_TO_TEXT])
    similarity: NDArray[np.float64] = values.cpu().double().numpy().reshape(len(rows), len(rows))
    return similarity


def _picture(parts: Parts, line: int) -> bytes | None:
    """The picture file of a catalogue line."""
    source = parts.source.shop.catalogue.images(line, line + 1)[0]
    return source if source is None or isinstance(source, bytes) else source.read_bytes()


def extreme_items(bundle: Bundle, parts: Parts, *, count: int) -> tuple[list[AlignedItem], list[AlignedItem]]:
    """The test items whose own text and picture fit best, and worst first those that fit worst; none is among both."""
    items = parts.items(Part.TEST)
    if len(items) < 2 or Task.IMAGE_TO_TEXT not in bundle.model.tasks:
        return [], []
    calibration = bundle.calibration.get(Task.IMAGE_TO_TEXT, Calibration())
    every = np.ones(len(items), dtype=bool)
    logits = []
    for start in range(0, len(items), 512):
        chunk = items[start : start + 512]
        seen = every[: len(chunk)]
        own = Pairs(chunk, chunk, np.ones(len(chunk), dtype=np.float32), seen, seen, chunk)
        output = answer(bundle.model, pair_batch(parts.source, parts.groups, own))
        logits.append(output.logits[Task.IMAGE_TO_TEXT].cpu().double().numpy())
    probability = calibration.probabilities(np.concatenate(logits))
    order = np.argsort(probability, kind="stable")
    worst, best = order[:count], order[count:][::-1][:count]
    return (
        [_item(parts, int(items[place]), float(probability[place])) for place in best],
        [_item(parts, int(items[place]), float(probability[place])) for place in worst],
    )


def _item(parts: Parts, row: int, probability: float) -> AlignedItem:
    catalogue, line = parts.source.shop.catalogue, row - Vocabulary.FIRST
    category = None
    if "category" in catalogue.table.collect_schema().names():
        category = catalogue.table.slice(line, 1).select("category").collect().item()
    return AlignedItem(
        item_id=catalogue.ids.decode(np.array([row])).item(),
        name=catalogue.names(line, line + 1)[0] or None,
        category=None if category is None else str(category),
        probability=probability,
        picture=_picture(parts, line),
    )
