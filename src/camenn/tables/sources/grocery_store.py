"""Grocery Store (Klasson et al., WACV 2019): photos of 81 groceries with names and descriptions, no users."""

from pathlib import Path

import polars as pl

from camenn.tables.sources.writing import source_pictures, source_table, write_shop

_SETTINGS = """\
# split and fine_class are for measuring, never features.
[columns.items]
split = "ignore"
fine_class = "ignore"
"""


def import_grocery_store(source: Path, target: Path) -> None:
    """Every photo of train, val and iconic becomes an item; one name and description stand for a whole class."""

    def tables() -> dict[str, pl.DataFrame]:
        photos = source_table(source, "images.parquet").filter(pl.col("split").is_in(["train", "val", "iconic"]))
        items = photos.select(
            pl.col("image").str.strip_prefix("images/").str.replace(r"\.[a-z]+$", "").alias("item_id"),
            "name",
            "description",
            pl.col("coarse_class").alias("category"),
            source_pictures(source, photos["image"]),
            "super_class",
            "fine_class",
            "split",
        )
        return {"items": items}

    write_shop(target, tables, _SETTINGS)
