"""A simulated shop tells how well anyone could do."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from camenn.batches.parts import Parts
from camenn.metrics.ranking import auc
from camenn.tables.split import Part

TRUTH = "truth.parquet"
"""Written by `camenn simulate`: the probability of each line of `events.parquet`, by `request_id` and `item_id`."""
_KEY = ("request_id", "item_id")


def best_possible_auc(parts: Parts, part: Part) -> float | None:
    """AUC of the stated probability itself on a part's events.

    None where the shop does not state it, and where the part's events have one outcome.
    """
    shop, request_parts = parts.source.shop, parts.request_parts
    path = shop.folder / TRUTH
    if shop.events is None or request_parts is None or not path.is_file():
        return None
    chosen = np.repeat(request_parts == part, np.diff(shop.events.request_offset))
    request_id = shop.events.context.select("request_id").collect().to_series()
    shown = pl.DataFrame(
        {
            "request_id": request_id.filter(pl.Series(chosen)),
            "item_id": shop.catalogue.ids.decode(np.asarray(shop.events.item_row)[chosen]),
            "converted": np.asarray(shop.events.converted)[chosen],
        }
    )
    stated = pl.read_parquet(path, columns=[*_KEY, "probability"])
    nth = pl.int_range(pl.len()).over(_KEY).alias("nth")  # a request may show an item twice
    told = shown.with_columns(nth).join(stated.with_columns(nth), on=[*_KEY, "nth"])
    best = auc(told["probability"].to_numpy(), told["converted"].to_numpy())
    return None if math.isnan(best) else best
