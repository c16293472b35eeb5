"""Texts held against pictures of any items (the paper's figures 4 and 5)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from camenn.serving.desk.desk import Desk
from camenn.serving.desk.requests import NUM_HEAT_ITEMS, OfDesk, Signed, heat_address, page

MOST_FOUND = 12
NUM_LEVELS = 20
router = APIRouter()


@router.get("/heat")
def heat(
    request: Request, desk: OfDesk, session: Signed, item: Annotated[list[str] | None, Query()] = None, search: str = ""
) -> Response:
    """How like every text is to every picture."""
    picked = list(dict.fromkeys(item or ()))
    listings = [desk.listings.find(item_id) for item_id in picked]
    for item_id, listing in zip(picked, listings, strict=True):
        if listing is None:
            raise HTTPException(404, f"There is no item {item_id!r} in the shop.")
    if len(picked) > NUM_HEAT_ITEMS:
        raise HTTPException(422, f"At most {NUM_HEAT_ITEMS} items fit into a heat map; {len(picked)} were asked for.")
    found = [one for one in desk.listings.search(search, most=MOST_FOUND) if one.item_id not in picked]
    values = {
        "picked": [
            {"listing": one, "without": heat_address([other for other in picked if other != item_id])}
            for item_id, one in zip(picked, listings, strict=True)
        ],
        "search": search,
        "found": [{"listing": one, "address": heat_address([*picked, one.item_id])} for one in found],
        "is_full": len(picked) >= NUM_HEAT_ITEMS,
        "has_model": desk.similarities is not None,
        "map": _map(desk, picked) if len(picked) > 1 else None,
    }
    return page(request, "heat.html.j2", values, session=session)


def _map(desk: Desk, item_ids: list[str]) -> dict[str, Any] | None:
    if desk.similarities is None:
        return None
    names, matrix = desk.similarities(item_ids)
    known = matrix[~np.isnan(matrix)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    held = np.where(np.isnan(matrix), low, matrix)
    levels = np.rint(NUM_LEVELS * (held - low) / ((high - low) or 1.0)).astype(int)
    told = ~np.isnan(matrix.diagonal())
    own = int((told & (held.argmax(axis=1) == np.arange(len(matrix)))).sum())
    rows = [
        {"name": name, "cells": [{"level": level, "text": _signed(value)} for level, value in zip(*row, strict=True)]}
        for name, row in zip(names, zip(levels.tolist(), matrix.tolist(), strict=True), strict=True)
    ]
    return {"names": names, "rows": rows, "low": _signed(low), "high": _signed(high), "num_own": own}


def _signed(value: float) -> str:
    """Two decimals, a minus as wide as a digit; never a negative nought; a dash where there is nothing to compare."""
    if np.isnan(value):
        return "–"
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")
