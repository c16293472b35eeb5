"""A simulated shop tells how well anyone could do."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.batches.parts import Parts
from camenn.metrics.ranking import auc
from camenn.tables.split import Part

TRUTH = "truth.parquet"
"""Written by `camenn simulate`, line by line with `events.parquet`."""


def best_possible_auc(parts: Parts, part: Part) -> float | None:
    """AUC of the stated probability itself on a part's events, None where the shop does not state it."""
    shop, request_parts = parts.source.shop, parts.request_parts
    path = shop.folder / TRUTH
    if shop.events is None or request_parts is None or not path.is_file():
        return None
    chosen = np.repeat(request_parts == part, np.diff(shop.events.request_offset))
    events = _events(parts, chosen)
    logged = pl.read_parquet(shop.folder / "events.parquet", columns=["user_id", "item_id", "at"])
    stated = logged.with_columns(pl.read_parquet(path)["probability"], pl.col("at").dt.epoch("us"))
    joined = events.join(stated, on=["user_id", "item_id", "at"], how="inner")
    return auc(joined["probability"].to_numpy(), joined["converted"].to_numpy()) if len(joined) else None


def _events(parts: Parts, chosen: NDArray[np.bool_]) -> pl.DataFrame:
    shop = parts.source.shop
    assert shop.events is not None
    return pl.DataFrame(
        {
            "user_id": shop.people.ids.decode(np.asarray(shop.events.user_row)[chosen]),
            "item_id": shop.catalogue.ids.decode(np.asarray(shop.events.item_row)[chosen]),
            "at": np.asarray(shop.events.at)[chosen],
            "converted": np.asarray(shop.events.converted)[chosen],
        }
    )
