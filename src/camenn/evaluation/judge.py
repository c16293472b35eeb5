"""The figures of a run, and after training `metrics.json`, `predictions.parquet` and `report.html`."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from rich.console import Console

from camenn.bundle import Bundle
from camenn.evaluation.evaluate import Evaluation, evaluate
from camenn.evaluation.report import ReportData, RunFacts, write_report
from camenn.evaluation.rows import ROWS, write_rows
from camenn.evaluation.similarity import extreme_items, heat_maps
from camenn.evaluation.tables import Metrics, metrics_of, metrics_table
from camenn.evaluation.truth import best_possible_auc
from camenn.tables.shop import Shop
from camenn.tables.split import Part
from camenn.task import Task

SHOWN_ITEMS = 8


def run_metrics(bundle: Bundle, shop: Shop, *, console: Console) -> tuple[Evaluation, Metrics]:
    """What a bundle said of a shop, and all figures of it.

    Where the shop is simulated, the best possible AUC stands beside the model's. See `evaluate` for what it raises.
    """
    found = evaluate(bundle, shop, console=console)
    metrics = metrics_of(found.predictions)
    for task, use in found.expert_use.items():
        metrics["test"][task.value]["expert_use"] = use.tolist()
    best_auc = best_possible_auc(found.parts, Part.TEST)
    conversion = metrics.get("test", {}).get(Task.CONVERSION)
    if best_auc is not None and conversion is not None and conversion["auc"]["value"] is not None:
        conversion["best_possible_auc"] = best_auc
        if best_auc > 0.5:
            conversion["share_of_best"] = (conversion["auc"]["value"] - 0.5) / (best_auc - 0.5)
    return found, metrics


def show_metrics(metrics: Metrics, output: Console) -> None:
    """The figures as a table, and how far they go where that is known."""
    output.print(metrics_table(metrics))
    conversion = metrics.get("test", {}).get(Task.CONVERSION, {})
    if "share_of_best" in conversion:
        output.print(
            f"best possible AUC of conversion on the test part: {conversion['best_possible_auc']:.4f}; "
            f"this model goes {conversion['share_of_best']:.1%} of the way from 0.5"
        )


def judge(bundle: Bundle, shop: Shop, run: Path, *, console: Console, output: Console) -> Evaluation:
    """Evaluate on the parts training did not see and write what a reader of the run wants to know."""
    found, metrics = run_metrics(bundle, shop, console=console)
    write_rows(found, run / ROWS)
    partial = run / ".metrics.json.partial"
    partial.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    partial.replace(run / "metrics.json")
    write_report(run / "report.html", _report(bundle, shop, run, found, metrics))
    show_metrics(metrics, output)
    output.print(f"figures: {run / 'metrics.json'}   report: {run / 'report.html'}   model: {run / 'bundle'}")
    return found


def _report(bundle: Bundle, shop: Shop, run: Path, found: Evaluation, metrics: Metrics) -> ReportData:
    best, worst = extreme_items(bundle, found.parts, count=SHOWN_ITEMS)
    return ReportData(
        title=f"{bundle.config.model.name} on {shop.folder.name}",
        facts=RunFacts(
            model=bundle.config.model.name,
            num_parameters=sum(p.numel() for p in bundle.model.parameters()),
            seed=int(bundle.facts["seed"]),
            text_encoder=None if bundle.text is None else bundle.text.spec,
            image_encoder=None if bundle.image is None else bundle.image.spec,
            num_items=shop.catalogue.num_items,
            num_users=shop.people.num_users,
            num_events=0 if shop.events is None else len(shop.events),
            device=str(bundle.facts["device"]),
            training_s=float(bundle.facts["training_s"]),
        ),
        metrics=metrics,
        predictions=found.predictions,
        curves=pl.read_csv(run / "metrics.csv"),
        expert_use=found.expert_use,
        heat_maps=heat_maps(bundle, found.parts),
        best_aligned=best,
        worst_aligned=worst,
        best_possible_auc=metrics.get("test", {}).get(Task.CONVERSION, {}).get("best_possible_auc"),
    )
