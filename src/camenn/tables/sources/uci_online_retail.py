"""UCI Online Retail: a gift shop's invoices, item names and prices; purchases only, no pictures."""

from pathlib import Path

import polars as pl

from camenn.tables.sources.writing import source_table, write_shop

_SETTINGS = """\
time_zone = "Europe/London"

# How many were bought is known only once they are.
[columns.events]
quantity = "ignore"
"""


def import_uci_online_retail(source: Path, target: Path) -> None:
    """One event for each item on an invoice; an invoice is a request.

    Cancelled lines, lines without a user, with a price or quantity of 0 or less, and what is no product (postage,
    bank charges) are left out; lines of one item on one invoice are added up. An item's price is its median over
    the whole period: a small look ahead, as prices hardly moved.
    """

    def tables() -> dict[str, pl.DataFrame]:
        products = source_table(source, "items.parquet").filter("is_product")
        items = products.select(
            pl.col("stock_code").alias("item_id"),
            "name",
            pl.when(pl.col("median_price") > 0).then("median_price").alias("price"),
        )
        lines = source_table(source, "transactions.parquet").filter(
            pl.col("user_id").is_not_null(), ~pl.col("cancelled"), pl.col("quantity") > 0, pl.col("unit_price") > 0
        )
        sold = lines.join(products, on="stock_code", how="semi")
        events = sold.group_by("user_id", "invoice", "stock_code", maintain_order=True).agg(
            pl.col("timestamp").min(), pl.col("quantity").sum()
        )
        events = events.select(
            pl.col("user_id").cast(pl.String),
            pl.col("stock_code").alias("item_id"),
            pl.col("timestamp").alias("at"),
            pl.col("invoice").alias("request_id"),
            "quantity",
        )
        users = source_table(source, "users.parquet").select(pl.col("user_id").cast(pl.String), "country")
        return {"items": items, "users": users, "events": events}

    write_shop(target, tables, _SETTINGS)
