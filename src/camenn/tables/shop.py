"""Opening a shop: checked and compiled once, memory-mapped ever after."""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.errors import CamennError, Problem, ShopError
from camenn.tables.catalogue import Catalogue
from camenn.tables.compile import write_compiled
from camenn.tables.compile_events import ARRAYS
from camenn.tables.events import Events
from camenn.tables.files import TABLES, find_files
from camenn.tables.people import People
from camenn.tables.pictures import PictureBytes, PictureFolder
from camenn.tables.schema import Column, Kind, Schema
from camenn.tables.settings import SETTINGS_FILE, ShopSettings, read_settings
from camenn.tables.vocabulary import Vocabulary

CACHE_FOLDER = ".camenn"
_FORMAT = 2
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop that passed its checks."""

    folder: Path
    settings: ShopSettings
    schema: Schema
    catalogue: Catalogue
    people: People
    events: Events | None
    """None where there is no event of a known item."""
    warnings: tuple[Problem, ...]
    """What the check found and the shop can live with."""


def open_shop(folder: Path | str, *, progress: Callable[[str], None] | None = None) -> Shop:
    """The shop in `folder`: its tables are checked and compiled into `.camenn/` if they changed, then mapped.

    `progress` is told each step of compiling. Raises ShopError with every problem at once if the tables cannot
    be used, CamennError if the compiled tables cannot be written.
    """
    folder = Path(folder)
    compiled = folder / CACHE_FOLDER / f"tables-{tables_digest(folder)}"
    if not compiled.is_dir():
        _compile(folder, compiled, progress or (lambda step: None))
    shop = _map(folder, compiled)
    for warning in shop.warnings:
        _logger.warning("%s", warning)
    return shop


def tables_digest(folder: Path) -> str:
    """Changes when a table file or `shop.toml` is written again: names, sizes and times of change, not contents."""
    state: list[Any] = [_FORMAT]
    for table in TABLES:
        for path in find_files(folder, table):
            stat = path.stat()
            state.append([table, path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns])
    settings = folder / SETTINGS_FILE
    state.append(settings.read_bytes().hex() if settings.is_file() else None)
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]


def _compile(folder: Path, compiled: Path, progress: Callable[[str], None]) -> None:
    # Pandera takes a third of a second to import, and a compiled shop does without.
    from camenn.tables.check import examine

    progress("checking")
    report, shop = examine(folder)
    if not report.usable:
        raise ShopError([problem for problem in report.problems if problem.severity == "error"])
    try:
        compiled.parent.mkdir(exist_ok=True)
        with _one_at_a_time(compiled.parent):
            _remove_leftovers(compiled.parent)
            if compiled.is_dir():  # another process was quicker
                return
            partial = compiled.parent / f"partial-{compiled.name}"
            partial.mkdir()
            try:
                write_compiled(shop, partial, warnings=report.problems, progress=progress)
                if not compiled.name.endswith(tables_digest(folder)):
                    raise CamennError(f"the tables in {folder} were written to while they were read; try again")
                _settle_on_disk(partial)
                partial.rename(compiled)
                _sync(compiled.parent)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CamennError(f"cannot write compiled tables into {compiled.parent}: {error}") from error


@contextlib.contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    """Holds the folder's lock; the system lets go of it when a process dies."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(cache: Path) -> None:
    for leftover in cache.glob("partial-tables-*"):
        shutil.rmtree(leftover)


def _settle_on_disk(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _map(folder: Path, compiled: Path) -> Shop:
    manifest = json.loads((compiled / "manifest.json").read_text(encoding="utf-8"))
    columns = (Column(one["table"], one["name"], Kind(one["kind"]), one["why"]) for one in manifest["schema"])
    schema = Schema(tuple(columns))
    settings, _ = read_settings(folder)
    items, users = (pl.scan_parquet(compiled / f"{table}.parquet", glob=False) for table in ("items", "users"))
    warnings = [Problem(**{**one, "rows": tuple(one["rows"])}) for one in manifest["warnings"]]
    return Shop(
        folder=folder,
        settings=settings,
        schema=schema,
        catalogue=_map_catalogue(folder, compiled, items, schema),
        people=People(Vocabulary(users.select("user_id").collect().to_series()), users),
        events=_map_events(compiled / "events", schema) if manifest["has_events"] else None,
        warnings=tuple(warnings),
    )


def _map_catalogue(folder: Path, compiled: Path, items: pl.LazyFrame, schema: Schema) -> Catalogue:
    ids = Vocabulary(items.select("item_id").collect().to_series())
    texts = {column.name for column in schema.of("items", Kind.TEXT)}
    ordered = [name for name in ["name", "description"] if name in texts]
    ordered += [name for name in items.collect_schema() if name in texts and name not in ordered]
    held = items.select(pl.col(*ordered).count()).collect().row(0, named=True) if ordered else {}
    pictures: PictureFolder | PictureBytes = PictureFolder(folder)
    if (compiled / "pictures.bin").is_file():
        pictures = PictureBytes(
            _array(compiled / "pictures.bin", np.uint8), _array(compiled / "picture_offset.bin", np.int64)
        )
        has_images = len(pictures.content) > 0
    else:
        shown = [column.name for column in schema.of("items", Kind.IMAGE)]
        has_images = bool(shown) and bool(items.select(pl.col("image").count()).collect().item())
    return Catalogue(
        ids=ids,
        table=items,
        text_columns=tuple(ordered),
        has_names=bool(held.get("name")),
        has_text=any(held.values()),
        has_images=has_images,
        pictures=pictures,
    )


def _map_events(compiled: Path, schema: Schema) -> Events:
    arrays: dict[str, Any] = {name: _array(compiled / f"{name}.bin", dtype) for name, dtype in ARRAYS.items()}
    context = pl.scan_parquet(sorted(compiled.glob("context-*.parquet")), glob=False)
    return Events(**arrays, has_outcomes=bool(schema.of("events", Kind.OUTCOME)), context=context)


def _array(path: Path, dtype: type[np.generic]) -> NDArray[Any]:
    # A file of no bytes cannot be mapped; a plain array over the map is indexed faster.
    return np.asarray(np.memmap(path, dtype=dtype, mode="r")) if path.stat().st_size else np.empty(0, dtype)
