"""How like texts are to pictures, by a trained model: what the heat map shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.bundle import Bundle
from camenn.errors import CamennError
from camenn.evaluation.similarity import similarity_matrix
from camenn.serving.desk.desk import Similarities
from camenn.tables.shop import Shop
from camenn.task import Task


def similarities_of(bundle: Bundle, shop: Shop) -> Similarities:
    """Similarities of a shop's items, nan where one lacks the text or the picture.

    Raises:
        StoreError: the shop is not encoded with this model's encoders.
        CamennError: the model, or the shop, has no texts and pictures to hold against each other.
    """
    source = bundle.open(shop)
    if Task.IMAGE_TO_TEXT not in bundle.model.tasks:
        raise CamennError(
            f"a model of kind {bundle.config.model.name} does not hold texts against pictures; leave --run out, or "
            "name the run that the findings were made with"
        )
    text, image, ids = source.text, source.image, shop.catalogue.ids
    if text is None or image is None:
        raise CamennError(f"{shop.folder}: no texts and pictures to hold against each other; leave --run out")

    def similarities(item_ids: Sequence[str]) -> tuple[Sequence[str], NDArray[np.float64]]:
        rows = ids.encode(pl.Series(item_ids, dtype=pl.String))
        lines = (rows - ids.FIRST).tolist()
        names = [shop.catalogue.names(line, line + 1)[0] or item for line, item in zip(lines, item_ids, strict=True)]
        matrix = similarity_matrix(bundle.model, source, rows)
        matrix[text.store.lengths(rows) == 0] = np.nan
        matrix[:, image.store.lengths(rows) == 0] = np.nan
        return names, matrix

    return similarities
