"""Faults planted in a shop at several rates, and how well each method finds them: `camenn rectify-bench`."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
from rich.console import Console

from camenn.bundle import Bundle
from camenn.embeddings.carry import carry_stores
from camenn.embeddings.ensure import ensure_stores
from camenn.embeddings.shards import write_whole
from camenn.rectify.pictures import measure_all
from camenn.rectify.reading import Stock, read_stock
from camenn.rectify.rectify import FALSE_CORRECTIONS, space_of
from camenn.rectify.signals import Placed
from camenn.rectify.space import LearnedSpace
from camenn.rectify.survey import Survey
from camenn.rectify.table import findings_table
from camenn.rectify_bench import baselines
from camenn.rectify_bench.planting import AGAIN, plant_faults
from camenn.rectify_bench.scoring import Figure, Truth, of_findings, ranked
from camenn.rectify_bench.sheets import tables
from camenn.run_config import RunConfig
from camenn.simulation import things
from camenn.tables.shop import Shop, open_shop

OURS = "CameNN"
RESULTS, TABLES = "results.parquet", "results.md"
_FIGURES = "figures.json"


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """What is planted, and who looks for it."""

    rates: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    run: Path | None = None
    """A run trained elsewhere; None: a model is trained on each shop with faults."""
    training: RunConfig | None = None
    """How, where one is trained."""


def bench(clean: Shop, config: BenchConfig, folder: Path, *, console: Console) -> pl.DataFrame:
    """Plant, look, count; what is finished in `folder` is kept. Also writes `results.parquet` and `results.md`.

    Returns method, rate, seed, fault, figure, value.
    """
    for name in baselines.OPTIONAL:
        if importlib.util.find_spec(name) is None:
            console.print(f"{name} is not installed and stands in no table: pip install 'camenn[bench]'", markup=False)
    _encode(clean, config, console)
    rows = []
    for rate in config.rates:
        for seed in config.seeds:
            place = folder / f"rate{rate:g}" / f"seed{seed}"
            if not (place / _FIGURES).is_file():
                console.print(f"rate {rate:g}, seed {seed}")
                _one(clean, config, place, rate=rate, seed=seed, console=console)
            for method, figures in json.loads((place / _FIGURES).read_text(encoding="utf-8")).items():
                rows += [{"method": method, "rate": rate, "seed": seed, **figure} for figure in figures]
    results = pl.DataFrame(rows, schema_overrides={"value": pl.Float64}).rename({"name": "figure"})
    results.write_parquet(folder / RESULTS)
    write_whole(folder / TABLES, tables(results).encode())
    return results


def _encode(clean: Shop, config: BenchConfig, console: Console) -> None:
    """Once, so that of a copy only what was planted has to be encoded."""
    if config.run is not None:
        Bundle.from_pretrained(config.run).encode(clean, console=console)
    elif config.training is not None:
        ensure_stores(clean, text=config.training.encoders.text, image=config.training.encoders.image, console=console)


def _one(clean: Shop, config: BenchConfig, place: Path, *, rate: float, seed: int, console: Console) -> None:
    shutil.rmtree(place, ignore_errors=True)
    planted = plant_faults(clean, place / "shop", rate=rate, seed=seed)
    carry_stores(clean.folder, place / "shop")
    dirty = open_shop(place / "shop")
    bundle = _bundle(config, dirty, place / "run", seed=seed, console=console)
    bundle.encode(dirty, console=console)
    truth = truth_of(clean, dirty, planted)
    figures = {method: [asdict(one) for one in found] for method, found in _methods(bundle, dirty, truth, seed=seed)}
    write_whole(place / _FIGURES, json.dumps(figures, indent=1).encode())
    shutil.rmtree(place / "shop")  # the pictures of every rate and seed would fill the disk; a seed makes them again


def truth_of(clean: Shop, dirty: Shop, planted: pl.DataFrame) -> Truth:
    """What `plant_faults` has put into a copy of a shop; a shop simulated without faults says what its items are."""
    schema = clean.catalogue.table.collect_schema()
    category = pl.col("category") if "category" in schema else pl.lit(None, pl.String).alias("category")
    columns = clean.catalogue.table.select("item_id", "name", category.cast(pl.String)).collect()
    known = things(clean.folder)
    return Truth.of(columns, dirty.catalogue.ids.values.to_list(), planted, again=AGAIN, things=known)


def _bundle(config: BenchConfig, dirty: Shop, run: Path, *, seed: int, console: Console) -> Bundle:
    if config.run is not None:
        return Bundle.from_pretrained(config.run)
    from camenn.training.trainer import train, with_seed

    assert config.training is not None
    return train(dirty, with_seed(config.training, seed), run, console=console).bundle


def _methods(bundle: Bundle, dirty: Shop, truth: Truth, *, seed: int) -> Iterator[tuple[str, list[Figure]]]:
    stock = read_stock(bundle, dirty, seed=seed)
    ids = dirty.catalogue.ids.values.to_list()
    survey = Survey.of(dirty, stock, space_of(bundle, dirty), seed=seed, least=0.0)
    claims = list(survey.claims())
    findings = findings_table(dirty, claims, survey.tier(claims, rate=FALSE_CORRECTIONS).start)
    score = dict.fromkeys(ids, 0.0)
    for item, probability in findings.select("item_id", "probability").iter_rows():
        score[item] = max(score[item], probability)
    yield OURS, [*ranked(score, truth), *of_findings(findings, truth)]
    for method, values in _baselines(bundle, dirty, stock, seed=seed):
        yield method, ranked(dict(zip(ids, values.tolist(), strict=True)), truth)


def _baselines(bundle: Bundle, dirty: Shop, stock: Stock, *, seed: int) -> Iterator[tuple[str, baselines.Scores]]:
    layer = getattr(bundle.model, "aligned_space", None)
    if layer is not None:
        placed = Placed.put(stock.listings, LearnedSpace(layer))
        yield "cosine", baselines.cosine(placed)
        yield "LEMoN", baselines.lemon(placed)
    confident = baselines.confident_learning(stock.listings, seed=seed)
    if confident is not None:
        yield "cleanlab", confident
    num = dirty.catalogue.num_items
    checked = baselines.picture_checks(dirty.catalogue.images, num)
    if checked is not None:
        yield "cleanvision", checked
    yield "Laplacian", baselines.laplacian(measure_all(dirty.catalogue.images, num, tell=lambda _: None))
