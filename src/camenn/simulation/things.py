"""What each item of a simulated shop truly is, whatever its listing says."""

from __future__ import annotations

import json
from pathlib import Path

from camenn.simulation.assortment import stock
from camenn.simulation.products import products

STATEMENT = "simulation.json"
"""In the shop's folder, and in that of each copy."""


def things(folder: Path) -> dict[str, str] | None:
    """By item id, its product; None where the shop was not simulated, or simulated with faults.

    With faults a listing is not what it says, so that names and pictures would be right for other items than their own.
    """
    try:
        asked = json.loads((folder / STATEMENT).read_text(encoding="utf-8"))["asked"]
    except FileNotFoundError:
        return None
    if asked["fault_rate"] > 0:
        return None
    assortment = stock(asked["items"], asked["seed"])
    nouns = [products()[place].noun for place in assortment.product.tolist()]
    return dict(zip(assortment.item_id, nouns, strict=True))
