"""report.html beside the findings: one file that shows people what was found, with everything it needs inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from camenn.embeddings.patches import PictureError, load_picture
from camenn.embeddings.shards import write_whole
from camenn.rectify.findings import KIND_NAMES, SIDE_NAMES, Kind, Side
from camenn.rectify.planting import Fault
from camenn.rectify.tier import Tier
from camenn.tables.shop import Shop

REPORT = "report.html"
SHOWN = 60
"""Findings with their pictures, shared out among the kinds: of each those most worth."""
PICTURE_SIDE, NEIGHBOUR_SIDE = 240, 96
"""Pixels of the longer side."""
_STEPS = 3
_BANDS = 9
_REMEDIES = {
    Kind.DUPLICATE: "Take one of the two listings out, or say in what they differ.",
    Kind.ODD_PRICE: "Look the price up: what it should be is not in the shop.",
}
"""What to do where no other listing's value can be put in place."""
_FREQUENCIES = {
    Fault.NAME: "name and description of another product",
    Fault.PICTURE: "picture of another product",
    Fault.VAGUE: "a name that says too little",
    Fault.CATEGORY: "another category",
}


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that the report shows."""

    shop: Shop
    findings: pl.DataFrame
    """As `findings.SCHEMA` says."""
    num_judged: int
    """Items whose text and picture were compared."""
    tier: Tier
    """What is corrected without a person."""
    rate: float
    """Automatic corrections that may be false."""
    frequency: Mapping[Fault, float]
    """Estimated share of the listings that have each fault; empty where no verdict could be learned."""


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    category: str
    line: int


def write_report(folder: Path, data: ReportData) -> None:
    """Write `report.html` into a folder; what stood there stays whole until the new one is."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("camenn.rectify"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("report.html.j2").render(_page(data))
    write_whole(folder / REPORT, text.encode())


def _page(data: ReportData) -> dict[str, Any]:
    findings, kinds = data.findings, _kinds(data.findings)
    chosen = _most_worth(findings)
    gallery = _Gallery(data.shop, chosen)
    priced = findings["price"].is_not_null().any()
    return {
        "shop": data.shop.folder.absolute().name,
        "num_items": data.shop.catalogue.num_items,
        "num_judged": data.num_judged,
        "num_findings": len(findings),
        "num_concerned": findings["item_id"].n_unique(),
        "expected": float(findings["probability"].sum()),
        "num_automatic": int(findings["automatic"].sum()),
        "tier": data.tier,
        "rate": data.rate,
        "kinds": kinds,
        "bands": _bands(findings),
        "frequencies": [(_FREQUENCIES[fault], share) for fault, share in data.frequency.items()],
        "worth": _worth(exposed=findings["exposure"].is_not_null().any(), priced=priced),
        "groups": [
            {
                "kind": kind,
                "cards": [_card(row, gallery) for row in chosen.filter(pl.col("kind") == kind["kind"]).to_dicts()],
            }
            for kind in kinds
        ],
    }


def _kinds(findings: pl.DataFrame) -> list[dict[str, Any]]:
    by_kind = findings.group_by("kind").agg(
        pl.len().alias("num"),
        pl.col("probability").sum().alias("expected"),
        (pl.col("probability") >= 0.9).sum().alias("sure"),
        (pl.col("suggestions").list.len() > 0).sum().alias("suggested"),
        pl.col("automatic").sum(),
    )
    rows = by_kind.sort("expected", "kind", descending=[True, False]).to_dicts()
    return [row | {"name": KIND_NAMES[Kind(row["kind"])]} for row in rows]


def _bands(findings: pl.DataFrame) -> list[dict[str, Any]]:
    """How many findings are how sure, surest first, in tenths; what is under 0.1 is no finding."""
    tenths = (findings["probability"] * 10 + 1e-9).floor().clip(1, _BANDS).cast(pl.Int64)
    by_band = findings.with_columns(tenths.alias("band")).group_by("band")
    counted = {row["band"]: row for row in by_band.agg(pl.len().alias("num"), pl.sum("probability")).to_dicts()}
    most = max((row["num"] for row in counted.values()), default=0) or 1
    bands = []
    for band in range(_BANDS, 0, -1):
        num, expected = (counted[band]["num"], counted[band]["probability"]) if band in counted else (0, 0.0)
        name = f"{band / 10:.1f} to {(band + 1) / 10:.1f}"
        bands.append({"name": name, "num": num, "expected": expected, "share": num / most, "true": expected / most})
    return bands


def _worth(*, exposed: bool, priced: bool) -> str:
    """What the order rests on."""
    parts = ["probability", *(["how often it was shown"] if exposed else []), *(["price"] if priced else [])]
    return " × ".join(parts)


def _most_worth(findings: pl.DataFrame) -> pl.DataFrame:
    """As many of each kind, so that one that is frequent does not hide the others; those most worth of each."""
    rank = pl.col("worth").rank("ordinal", descending=True).over("kind")
    ranked = findings.with_columns(rank.alias("rank"))
    chosen = ranked.sort("rank", "worth", descending=[False, True], maintain_order=True).head(SHOWN)
    return chosen.drop("rank").sort("worth", descending=True, maintain_order=True)


class _Gallery:
    """Names, categories and pictures of the items that some findings speak of."""

    def __init__(self, shop: Shop, findings: pl.DataFrame) -> None:
        self._catalogue = shop.catalogue
        others = [findings[column].explode().struct.field("item_id") for column in ("suggestions", "neighbours")]
        wanted = pl.concat([findings["item_id"], *others]).drop_nulls().unique()
        schema = shop.catalogue.table.collect_schema()
        cells = [
            (pl.col(name).list.join("|") if schema[name] == pl.List else pl.col(name).cast(pl.String)).fill_null("")
            if name in schema
            else pl.lit("").alias(name)
            for name in ("name", "category")
        ]
        table = shop.catalogue.table.select("item_id", *cells).with_row_index("line")
        held = table.filter(pl.col("item_id").is_in(wanted.implode())).collect()
        self._items = {row["item_id"]: _Item(row["name"], row["category"], row["line"]) for row in held.to_dicts()}

    def item(self, item_id: str) -> _Item:
        return self._items[item_id]

    def picture(self, item_id: str, *, side: int) -> str | None:
        """A data URI; None where there is no picture or none that can be read."""
        line = self.item(item_id).line
        source = self._catalogue.images(line, line + 1)[0]
        try:
            content = source.read_bytes() if isinstance(source, Path) else source
            return None if content is None else _thumbnail(content, side=side)
        except (OSError, PictureError):
            return None


def _thumbnail(content: bytes, *, side: int) -> str:
    picture = load_picture(content, at_least=side)
    picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _card(row: Mapping[str, Any], gallery: _Gallery) -> dict[str, Any]:
    item, side = gallery.item(row["item_id"]), Side(row["side"])
    patches = row["patches"] if len(row["patches"]) == _STEPS * _STEPS else []
    return {
        "item_id": row["item_id"],
        "name": item.name,
        "category": item.category,
        "price": row["price"],
        "exposure": row["exposure"],
        "picture": gallery.picture(row["item_id"], side=PICTURE_SIDE),
        "parts": gallery.picture(row["item_id"], side=NEIGHBOUR_SIDE) if patches else None,
        "patches": _tones(patches),
        "reason": row["reason"],
        "side": SIDE_NAMES[side],
        "unclear": side is Side.UNCLEAR,
        "probability": row["probability"],
        "percent": _percent(row["probability"]),
        "automatic": row["automatic"],
        "columns": row["columns"],
        "proposed": {"image": "picture"}.get(first := next(iter(row["columns"]), ""), first),
        "remedy": _REMEDIES.get(Kind(row["kind"]), "Nothing in the shop to put in its place."),
        "proposals": _proposals(row, gallery),
        "words": [
            {"word": word["word"], "tone": tone}
            for word, tone in zip(row["words"], _tones([word["weight"] for word in row["words"]]), strict=True)
        ],
        "signs": _signs(row["signs"]),
        "neighbours": _neighbours(row["neighbours"], gallery),
    }


def _proposals(row: Mapping[str, Any], gallery: _Gallery) -> list[dict[str, Any]]:
    """What could stand there, best first, with the picture of the first and, where pictures are proposed, of all."""
    pictured = "image" in row["columns"]
    found = []
    for place, one in enumerate(row["suggestions"]):
        item = gallery.item(one["item_id"])
        side = PICTURE_SIDE if place == 0 else NEIGHBOUR_SIDE
        value = f"The picture of {item.name or one['item_id']}" if pictured else one["value"] or "nothing"
        shown = gallery.picture(one["item_id"], side=side) if pictured or place == 0 else None
        found.append({"value": value, "item_id": one["item_id"], "name": item.name, "picture": shown})
    return found


def _neighbours(rows: Sequence[Mapping[str, Any]], gallery: _Gallery) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        item = gallery.item(row["item_id"])
        shown = {
            "name": item.name or row["item_id"],
            "category": item.category,
            "similarity": row["similarity"],
            "picture": gallery.picture(row["item_id"], side=NEIGHBOUR_SIDE),
        }
        groups.setdefault(row["by"], []).append(shown)
    return [{"by": by, "items": items} for by, items in groups.items()]


def _signs(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    most = max((abs(row["weight"]) for row in rows), default=0.0) or 1.0
    return [
        {
            "sign": row["sign"],
            "text": f"{row['weight']:+.1f}".replace("-", "−"),
            "share": abs(row["weight"]) / most,
            "for": row["weight"] > 0,
        }
        for row in rows
    ]


def _tones(weights: Sequence[float]) -> list[str]:
    """`for3` of what speaks most for, `against1` of what hardly speaks against, "" of what does not speak."""
    most = max(map(abs, weights), default=0.0) or 1.0
    steps = [round(_STEPS * weight / most) for weight in weights]
    return [f"for{step}" if step > 0 else f"against{-step}" if step else "" for step in steps]


def _percent(probability: float) -> str:
    """Whole numbers; what would round to certainty is said to be near it."""
    return "over 99%" if 0.995 <= probability < 1 else f"{probability:.0%}"
