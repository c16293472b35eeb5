"""What putting a catalogue right does to the ranking: `camenn rectify-effect`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import track

from camenn.bundle import MANIFEST, Bundle
from camenn.comparison.compare import encode_for
from camenn.comparison.config import ComparisonConfig
from camenn.comparison.runs import ERROR, RunPlace, ShopVersion, places, run_all
from camenn.embeddings.pretrained import choose_device
from camenn.embeddings.shards import write_whole
from camenn.errors import CamennError, ConfigError, DataError
from camenn.evaluation.evaluate import evaluate
from camenn.evaluation.rows import ROWS, write_rows
from camenn.rectify_effect.figure import draw_effects
from camenn.rectify_effect.recovery import Asked, Scored, effects
from camenn.rectify_effect.sheets import loss_sheet, main_sheet, notes_on, table_of
from camenn.rectify_effect.versions import Corrected, Version, Versions
from camenn.tables.shop import Shop
from camenn.task import Task
from camenn.training.trainer import with_seed

TABLES, RESULTS, FIGURE = "effect.md", "effect.parquet", "effect"
_ALTERED = ("name", "description", "category", "image")
_KEY = ["group", "item_id", "label"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it."""

    failed: list[RunPlace]
    tables: str
    """Markdown, as `effect.md` holds it."""


def measure_effect(
    config: ComparisonConfig, clean: Shop, folder: Path, *, rate: float, jobs: int, console: Console
) -> Measured:
    """Train every system on every version of a shop, judge all by the same requests, write tables and a figure.

    The shop is taken for clean. In `folder`: `runs/`, `shops/dirty`, `findings/`, `reviewed/`, `effect.md`,
    `effect.parquet`, `effect.png`, `effect.svg`. What is finished is kept; a run that fails leaves the others alone.

    Raises:
        ConfigError: the comparison asks for what has no place here, or `folder` holds something else.
        DataError: the shop lacks names, pictures or events, or is too small.
        CamennError: the run failed whose model is to find the faults.
    """
    check_inputs(config, clean)
    versions = Versions(clean, folder, rate)
    training = with_seed(config.systems[config.reference], config.seeds[0])
    versions.claim(training)
    encode_for(config, clean, console)  # before it is copied, so that of a copy only what differs is encoded
    dirty = versions.dirty()
    encode_for(config, dirty, console)
    failed = _train(config, {Version.CLEAN: clean, Version.DIRTY: dirty}, folder, jobs=jobs, console=console)
    on_dirty = places(config, folder, (Version.DIRTY,))  # seed by seed
    finder = next(place for place in on_dirty if place.system == config.reference)
    if not finder.finished(training):
        raise CamennError(f"{finder.name}: failed, so that nothing can be put right by it; see {finder.folder / ERROR}")
    corrected = {
        Version.AUTOMATIC: versions.automatic(dirty, finder.folder, console),
        Version.REVIEWED: versions.reviewed(dirty),
    }
    done = versions.corrected(dirty)
    for version in done.unchanged:  # which is dirty once more
        del corrected[version]
    for shop in corrected.values():
        encode_for(config, shop, console)
    failed += _train(config, corrected, folder, jobs=jobs, console=console)
    finished = [
        place
        for place in places(config, folder, (Version.CLEAN, Version.DIRTY, *corrected))
        if place.finished(with_seed(config.systems[place.system], place.seed))
    ]
    judge_on_clean(finished, clean, console)
    return Measured(failed, _write(config, versions, done, finished))


def check_inputs(config: ComparisonConfig, clean: Shop) -> None:
    """Raise ConfigError or DataError where nothing could come of it."""
    if config.spoilings:
        raise ConfigError("spoiled: faults are planted in the shop here; leave the table [spoiled] out")
    column = config.systems[config.reference].split.item_column
    if column in _ALTERED:
        raise ConfigError(f"split.item_column: faults change items' {column}, so it cannot divide them; name another")
    if clean.events is None:
        raise DataError(f"{clean.folder}: has no events, so nothing that a ranking could be judged by")
    if not (clean.catalogue.has_names and clean.catalogue.has_images):
        raise DataError(f"{clean.folder}: lacks names or pictures, which faults are planted in")


def judge_on_clean(finished: Iterable[RunPlace], clean: Shop, console: Console) -> None:
    """Ask every model about the clean catalogue, divided as it was for training; what is judged already is kept.

    Raises CamennError where a model would be judged by what it was trained on.
    """
    asked = [place for place in finished if place.version != Version.CLEAN]
    waiting = [place for place in asked if not on_clean(place.folder).is_file()]
    for place in track(waiting, "judging by the clean catalogue", console=console):
        found = evaluate(Bundle.from_pretrained(place.folder, device=choose_device(None)), clean)
        if not found.is_training_shop:
            raise CamennError(f"{place.folder}: trained on items or events that are not those of {clean.folder}")
        write_rows(found, on_clean(place.folder))


def on_clean(run: Path) -> Path:
    """What `predictions.parquet` holds of the version trained on, of the clean catalogue.

    Named by the model, since a run may be trained further.
    """
    digest = hashlib.blake2b((run / "bundle" / MANIFEST).read_bytes(), digest_size=8)
    return run / f"on_clean-{digest.hexdigest()}.parquet"


def _train(
    config: ComparisonConfig, shops: Mapping[Version, Shop], folder: Path, *, jobs: int, console: Console
) -> list[RunPlace]:
    paths: dict[ShopVersion, Path] = {version: shop.folder.absolute() for version, shop in shops.items()}
    return run_all(config, paths, folder, jobs=jobs, console=console)


def _write(config: ComparisonConfig, versions: Versions, done: Corrected, finished: list[RunPlace]) -> str:
    asked = scored_by(finished)
    for scored in (one for by_system in asked.values() for one in by_system.values()):
        scored |= {version: scored[Version.DIRTY] for version in done.unchanged if Version.DIRTY in scored}
    found = {
        about: [one for system in config.systems for one in effects(system, scored.get(system, {}))]
        for about, scored in asked.items()
    }
    shop = versions.clean.folder.name
    made = [
        *(main_sheet(about, found[about], config, done, shop=shop) for about in Asked),
        loss_sheet(asked[Asked.CLEAN], config, shop=shop),
    ]
    text = "\n".join([notes_on(done), *(sheet.markdown() for sheet in made)])
    folder = versions.folder
    partial = folder / f".{RESULTS}.partial"
    table_of(found, done).write_parquet(partial)
    partial.replace(folder / RESULTS)
    draw_effects(found, config, folder / FIGURE, title=f"AUC of conversion, {shop}, faults in {versions.rate:.0%}")
    write_whole(folder / TABLES, text.encode())
    return text


def scored_by(finished: Iterable[RunPlace]) -> dict[Asked, dict[str, dict[Version, dict[int, Scored]]]]:
    """AUC of conversion on the test part, by what was asked about, system, version and seed.

    Raises CamennError where two models were judged by different requests.
    """
    scored: dict[Asked, dict[str, dict[Version, dict[int, Scored]]]] = {asked: {} for asked in Asked}
    key: pl.DataFrame | None = None
    for place in finished:
        version = Version(str(place.version))
        for asked in Asked:
            own = asked is Asked.OWN or version is Version.CLEAN
            path = place.folder / ROWS if own else on_clean(place.folder)
            rows = pl.read_parquet(path).filter(task=Task.CONVERSION.value, split="test")
            key = rows.select(_KEY) if key is None else key
            if not rows.select(_KEY).equals(key):
                raise CamennError(f"{path}: of other requests than those that the first run was judged by")
            scored[asked].setdefault(place.system, {}).setdefault(version, {})[place.seed] = Scored.of(rows)
    return scored
