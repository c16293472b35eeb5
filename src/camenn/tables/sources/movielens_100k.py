"""MovieLens 100K with plots and posters: ratings become impressions, liked (4 or more) is the conversion."""

from pathlib import Path

import polars as pl

from camenn.tables.sources.writing import source_pictures, source_table, write_shop

_SETTINGS = """\
time_zone = "UTC"

[columns.users]
zip_code = "ignore"

# The outcome is drawn from the rating.
[columns.events]
rating = "ignore"
"""


def import_movielens_100k(source: Path, target: Path) -> None:
    """The plot is a film's description; a poster that is generated or shared with another film is left out."""

    def tables() -> dict[str, pl.DataFrame]:
        films = source_table(source, "items.parquet")
        doubtful = (pl.col("generated_image") | pl.col("image_shared")).fill_null(False)
        posters = films.select(pl.when(~doubtful).then("image")).to_series()
        items = films.select(
            pl.col("item_id").cast(pl.String),
            pl.col("title").alias("name"),
            pl.col("plot").alias("description"),
            pl.col("genres").str.split(" ").alias("genres"),
            pl.col("year").cast(pl.Int32, strict=False),
            source_pictures(source, posters),
        )
        users = source_table(source, "users.parquet").with_columns(pl.col("user_id").cast(pl.String))
        events = source_table(source, "ratings.parquet").select(
            pl.col("user_id", "item_id").cast(pl.String),
            pl.from_epoch("timestamp", time_unit="s").dt.cast_time_unit("us").dt.replace_time_zone("UTC").alias("at"),
            pl.col("liked").alias("converted"),
            "rating",
        )
        return {"items": items, "users": users, "events": events}

    write_shop(target, tables, _SETTINGS)
