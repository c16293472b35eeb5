"""A shop folder written whole or not at all."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from camenn.errors import CamennError

ROW_GROUP_OF_PICTURES = 1024
"""Rows a Parquet row group where cells hold pictures: large ones do not stream."""


def source_table(source: Path, name: str) -> pl.DataFrame:
    """One Parquet file of a source folder. Raises CamennError if it is not there."""
    path = source / name
    if not path.is_file():
        raise CamennError(f"{source} has no {name}; point --from at the folder that holds it")
    return pl.read_parquet(path, glob=False)


def source_pictures(source: Path, paths: pl.Series) -> pl.Series:
    """The files' bytes, null where there is no path or no file."""
    read = [(source / path).read_bytes() if path and (source / path).is_file() else None for path in paths]
    return pl.Series("image", read, pl.Binary)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` to write into; at the end it is renamed to `target`, or gone if anything failed.

    Raises CamennError if `target` holds anything.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CamennError(f"{target} is there already and not empty; name a new folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f".partial-{target.name}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def write_shop(target: Path, tables: Callable[[], dict[str, pl.DataFrame]], settings: str) -> None:
    """Writes the tables and `shop.toml` into a new folder. Raises CamennError if `target` holds anything."""
    with new_folder(target) as partial:
        for name, table in tables().items():
            rows = ROW_GROUP_OF_PICTURES if "image" in table.columns else None
            table.write_parquet(partial / f"{name}.parquet", row_group_size=rows)
        (partial / "shop.toml").write_text(settings, encoding="utf-8")
