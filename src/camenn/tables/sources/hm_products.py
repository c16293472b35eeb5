"""H&M products: 2,400 garments with names, descriptions, categories and pictures; no users, no prices."""

from pathlib import Path

import polars as pl

from camenn.tables.sources.writing import source_table, write_shop

_FEATURES = (
    "product_group_name",
    "department_name",
    "index_name",
    "index_group_name",
    "section_name",
    "garment_group_name",
    "first_article_colour",
    "first_article_pattern",
)


def import_hm_products(source: Path, target: Path) -> None:
    """Colour and pattern are those of a product's first article, which need not be the one in the picture."""

    def tables() -> dict[str, pl.DataFrame]:
        # What is also in the held-back catalogue is left out, as the data's README asks.
        products = source_table(source, "products.parquet").filter(~pl.col("in_hm_catalogue"))
        items = products.select(
            pl.col("product_code").alias("item_id"),
            pl.col("prod_name").alias("name"),
            pl.col("detail_desc").alias("description"),
            pl.col("product_type_name").alias("category"),
            "image",
            *_FEATURES,
        )
        return {"items": items}

    write_shop(target, tables, "")
