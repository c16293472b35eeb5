"""Made-up findings about any shop: plausible enough to look at, known enough to test with."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from camenn.rectify.findings import SCHEMA, About, Kind, items_digest, write_findings
from camenn.tables.shop import Shop

_COLUMNS = {
    Kind.MISMATCH: ("name", ["name", "description"]),
    Kind.VAGUE_NAME: ("name", ["name"]),
    Kind.WRONG_CATEGORY: ("category", ["category"]),
    Kind.POOR_PICTURE: ("picture", ["image"]),
    Kind.SHARED_PICTURE: ("picture", ["image"]),
    Kind.DUPLICATE: ("listing", []),
    Kind.MISSING_NAME: ("name", ["name", "description"]),
    Kind.MISSING_PICTURE: ("picture", ["image"]),
    Kind.ODD_PRICE: ("price", ["price"]),
}
_REASONS = {
    Kind.MISMATCH: "The picture shows something else than {name}",
    Kind.VAGUE_NAME: "{name} says less than the picture shows",
    Kind.WRONG_CATEGORY: "{name} stands under {category}, and its like do not",
    Kind.POOR_PICTURE: "The picture is blurred",
    Kind.SHARED_PICTURE: "The same picture stands under another product",
    Kind.DUPLICATE: "The same product is listed twice",
    Kind.MISSING_NAME: "There is no name",
    Kind.MISSING_PICTURE: "There is no picture",
    Kind.ODD_PRICE: "The price is far from what its like cost",
}


def finding(item_id: str, kind: str = "vague_name", **changed: Any) -> dict[str, Any]:
    """One finding; what is not given is filled in, with two suggestions from the items i5 and i6 of the toy shop."""
    side, columns = _COLUMNS[Kind(kind)]
    return {
        "item_id": item_id,
        "kind": kind,
        "side": side,
        "reason": f"something is wrong with {item_id}",
        "probability": 0.9,
        "automatic": False,
        "columns": columns,
        "shown": f"name of {item_id}",
        "suggestions": [
            {"item_id": "i5", "value": "green pear", "score": 0.7},
            {"item_id": "i6", "value": "blue pear", "score": 0.4},
        ],
        "neighbours": [{"item_id": "i9", "by": "picture", "similarity": 0.8}],
        "words": [{"word": "apple", "weight": -0.3}, {"word": "fine make", "weight": 0.1}],
        "patches": [0.1, -0.4, 0.0, 0.2, -0.9, 0.1, 0.0, 0.3, 0.1],
        "signs": [{"sign": "text against picture", "weight": 2.0}, {"sign": "price", "weight": -0.5}],
        "exposure": 10.0,
        "price": 2.5,
        "worth": 22.5,
    } | changed


def write_made_up(folder: Path, shop: Shop, rows: list[dict[str, Any]]) -> Path:
    """Findings about the shop in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    about = About(str(shop.folder), items_digest(shop), "cd34", shop.catalogue.num_items)
    write_findings(pl.DataFrame(rows, schema=SCHEMA), about, folder)
    return folder


def made_up(shop: Shop, *, num: int, seed: int = 0) -> list[dict[str, Any]]:
    """`num` findings of all kinds about different items, drawn at random."""
    rng = np.random.default_rng(seed)
    table = shop.catalogue.table.collect()
    items = table.to_dicts()
    return [
        _drawn(items, int(line), list(Kind)[place % len(Kind)], rng)
        for place, line in enumerate(rng.permutation(len(items))[:num])
    ]


def _drawn(items: list[dict[str, Any]], line: int, kind: Kind, rng: np.random.Generator) -> dict[str, Any]:
    item, column = items[line], (_COLUMNS[kind][1] or ["image"])[0]
    others = [items[other] for other in rng.permutation(len(items))[:12] if other != line]
    probability, exposure = float(rng.uniform(0.5, 0.99)), float(rng.integers(1, 400))
    price = item["price"] or 1.0
    near = np.sort(rng.uniform(0.3, 0.9, 8))[::-1].tolist()
    return {
        "item_id": item["item_id"],
        "kind": kind.value,
        "side": _COLUMNS[kind][0],
        "reason": _REASONS[kind].format(name=item["name"] or "it", category=item["category"]),
        "probability": probability,
        "automatic": probability > 0.95,
        "columns": _COLUMNS[kind][1],
        "shown": None if column == "image" or item[column] is None else str(item[column]),
        "suggestions": [
            {
                "item_id": other["item_id"],
                "value": None if column == "image" or other[column] is None else str(other[column]),
                "score": near[place],
            }
            for place, other in enumerate(others[: 0 if kind is Kind.DUPLICATE else 4])
        ],
        "neighbours": [
            {"item_id": other["item_id"], "by": ("picture", "text")[place % 2], "similarity": near[place]}
            for place, other in enumerate(others[4:])
            if place < 8
        ],
        "words": [{"word": word, "weight": float(rng.normal())} for word in set((item["name"] or "").split()[:4])],
        "patches": rng.normal(size=9).tolist(),
        "signs": [
            {"sign": sign, "weight": float(weight)}
            for sign, weight in zip(
                ("text against picture", "neighbours disagree", "price"), (3.1, 1.2, -0.6), strict=True
            )
        ],
        "exposure": exposure,
        "price": price,
        "worth": probability * exposure * price,
    }
