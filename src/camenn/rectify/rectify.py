"""A shop's listings judged, and what to put in place of what is wrong: `camenn rectify`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from camenn.bundle import Bundle
from camenn.errors import DataError
from camenn.layers.aligned_space import AlignedSpace
from camenn.rectify.evidence import with_evidence
from camenn.rectify.findings import About, items_digest, write_findings
from camenn.rectify.listings import Listings
from camenn.rectify.planting import Fault
from camenn.rectify.reading import read_stock
from camenn.rectify.report import ReportData, write_report
from camenn.rectify.space import CrossFittedSpace, LearnedSpace, Space
from camenn.rectify.survey import Survey
from camenn.rectify.table import findings_table, write_corrected
from camenn.rectify.tier import Tier
from camenn.tables.identity import shop_identity
from camenn.tables.shop import Shop
from camenn.tables.sources.writing import new_folder

FALSE_CORRECTIONS = 0.01
"""Share of automatic corrections that may be false."""


@dataclass(frozen=True, slots=True)
class Rectified:
    """What was found."""

    findings: pl.DataFrame
    num_items: int
    num_judged: int
    """Items whose text and picture were compared."""
    tier: Tier
    """What was corrected without a person."""


def rectify(
    bundle: Bundle,
    shop: Shop,
    folder: Path,
    *,
    rate: float = FALSE_CORRECTIONS,
    seed: int = 0,
    console: Console | None = None,
) -> Rectified:
    """Write `findings.parquet`, `about.json`, `report.html` and `corrected/` into a new folder.

    `corrected/` is the shop with the automatic corrections.

    rate: the share of automatic corrections that may be false. The shop must be encoded with the bundle's encoders.

    Raises:
        StoreError: it is not.
        DataError: no item has a text or a picture that the bundle's encoders read.
        CamennError: `folder` holds anything or lies in the shop, or cannot be written.
    """
    stock = read_stock(bundle, shop, seed=seed)
    if not (stock.has_text.any() or stock.has_picture.any()):
        raise DataError(f"{shop.folder}: no item has a text or a picture that the model's encoders read")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with (
        new_folder(folder) as partial,
        Progress(*columns, TimeRemainingColumn(), console=console or Console(quiet=True)) as bar,
    ):
        shown = bar.add_task("learning what is right here", total=None)

        def tell(what: str, done: int, of: int) -> None:
            bar.update(shown, description=what, completed=done, total=of)

        survey = Survey.of(shop, stock, space_of(bundle, shop), seed=seed, tell=tell)
        claims = list(survey.claims(tell))
        tier = survey.tier(claims, rate=rate)
        findings = findings_table(shop, claims, tier.start)
        if survey.judge is not None:
            bar.update(shown, description="what speaks for and against")
            findings = with_evidence(findings, shop.catalogue, stock, survey.judge.space)
        about = About(str(shop.folder.absolute()), items_digest(shop), bundle.digest, shop.catalogue.num_items)
        write_findings(findings, about, partial)
        write_corrected(shop, findings.filter("automatic"), partial / "corrected")
        num_judged = int((stock.has_text & stock.has_picture).sum())
        frequency = _frequency(survey)
        write_report(partial, ReportData(shop, findings, num_judged, tier, rate, frequency))
    return Rectified(findings, shop.catalogue.num_items, num_judged, tier)


def _frequency(survey: Survey) -> dict[Fault, float]:
    """How many of the listings with text and picture have each fault; empty where nobody can say."""
    if survey.judge is None:
        return {}
    held = survey.judge.contrast.frequency
    return {fault: float(held[fault]) for fault in list(Fault)[1:]}


def space_of(bundle: Bundle, shop: Shop) -> Callable[[Listings], Space]:
    """The model's aligned space, unless it was trained on this very shop and knows its faults by heart.

    A function of the listings that are taken for right.
    """
    layer = getattr(bundle.model, "aligned_space", None)
    if isinstance(layer, AlignedSpace) and bundle.facts.get("shop_identity") != shop_identity(
        shop, bundle.config.split
    ):
        return lambda right: LearnedSpace(layer)
    return lambda right: CrossFittedSpace(right.text, right.picture, right.fold)
