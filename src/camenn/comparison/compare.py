"""Every system of a comparison over the same shop, split, features and seeds, and the tables of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from camenn.comparison.config import ComparisonConfig
from camenn.comparison.figures import draw_bars, draw_robustness
from camenn.comparison.runs import RunPlace, ShopVersion, run_all
from camenn.comparison.sheets import FIGURES, MAIN, SHORT, Sheet, sheets
from camenn.comparison.slices import ALL
from camenn.comparison.standings import Standing, best_possible_auc, costs, standings, table_of
from camenn.embeddings.carry import carry_stores
from camenn.embeddings.ensure import ensure_stores
from camenn.embeddings.shards import write_whole
from camenn.tables.shop import Shop, open_shop
from camenn.tables.spoiling import spoil_shop
from camenn.task import Task


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it."""

    failed: list[RunPlace]
    sheets: list[Sheet]

    @property
    def main_sheets(self) -> list[Sheet]:
        """Those a terminal shows: without slices, and without what was configured anyway."""
        return [sheet for sheet in self.sheets if sheet.name in MAIN]


def compare(config: ComparisonConfig, shop: Shop, folder: Path, *, jobs: int, console: Console) -> Comparison:
    """Run what is not finished, `jobs` runs at a time, then write tables and figures of all that is.

    In `folder`: `runs/`, `shops/` with spoiled copies, `tables/` and `figures/`. A run that fails leaves the others
    alone; the tables name it.
    """
    shops: dict[ShopVersion, Path] = {None: shop.folder.absolute()}
    for spoiling in config.spoilings:
        copy = folder / "shops" / str(spoiling)

        if not copy.exists():
            spoil_shop(shop, copy, what=spoiling.what, share=spoiling.share, seed=0)
            carry_stores(shop.folder, copy)
        shops[spoiling] = copy.absolute()
    for path in shops.values():
        encode_for(config, shop if path == shops[None] else open_shop(path), console)
    failed = run_all(config, shops, folder, jobs=jobs, console=console)
    found = standings(config, folder)
    made: list[Sheet] = []
    if found:
        best_auc = best_possible_auc(config, folder)
        made = sheets(config, found, costs(config, folder), shop=shop.folder.name, best_auc=best_auc)
    write_sheets(made, folder / "tables")
    if found:
        _write_results(found, folder / "tables")
        draw_all(config, found, folder / "figures", shop=shop.folder.name)
    return Comparison(failed, made)


def encode_for(config: ComparisonConfig, shop: Shop, console: Console) -> None:
    """Encode for all systems before their runs do, which would all begin with it at once."""
    for encoders in {settings.encoders for settings in config.systems.values()}:
        ensure_stores(shop, text=encoders.text, image=encoders.image, console=console)


def write_sheets(made: Sequence[Sheet], folder: Path) -> None:
    """Each as Markdown and LaTeX, and all Markdown in one file to look at."""
    shutil.rmtree(folder, ignore_errors=True)  # a table of before, that this comparison has not, would mislead
    folder.mkdir(parents=True)
    for sheet in made:
        write_whole(folder / f"{sheet.name}.md", sheet.markdown().encode())
        write_whole(folder / f"{sheet.name}.tex", sheet.latex().encode())
    write_whole(folder / "all.md", "\n".join(sheet.markdown() for sheet in made).encode())


def draw_all(config: ComparisonConfig, found: Sequence[Standing], folder: Path, *, shop: str) -> None:
    """Bars of every figure that two systems have, and curves where something was spoiled."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for task in Task:
        for figure in FIGURES:
            column = [one for one in found if (one.task, one.slice, one.figure) == (task, ALL, figure)]
            clean = [one for one in column if one.spoiling is None]
            name = f"{SHORT[task].lower()}_{figure}"
            shown = FIGURES[figure]
            if len(clean) > 1:
                title = f"{SHORT[task]} {shown}, {shop}"
                draw_bars(clean, folder / name, title=title, reference=config.reference)
            if len(column) > len(clean) and task is Task.CONVERSION:
                title = f"{SHORT[task]} {shown} as the catalogue of {shop} is spoiled"
                draw_robustness(column, config, folder / "robustness", title=title)


def _write_results(found: Sequence[Standing], folder: Path) -> None:
    partial = folder / ".results.parquet.partial"
    table_of(found).write_parquet(partial)
    partial.replace(folder / "results.parquet")
