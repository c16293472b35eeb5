"""Open Bandit (ZOZOTOWN, 2019): logged impressions with clicks, hashed features, no texts, pictures or user ids."""

from pathlib import Path

import polars as pl

from camenn.tables.sources.writing import source_table, write_shop

_SETTINGS = """\
time_zone = "UTC"

# The probability with which the logging policy showed the item says what it believed, not who looked.
[columns.events]
propensity_score = "ignore"
"""
_ITEM = pl.concat_str("campaign", "item_id", separator="-").alias("item_id")
_USER_FEATURES = [f"user_feature_{number}" for number in range(4)]


def import_open_bandit(source: Path, target: Path) -> None:
    """A click is the conversion; position, policy, campaign, affinity and the visitor's features are its context.

    The log has no user ids. People of equal features are not one person, and a history made of strangers' clicks
    would be a lie: so each page view (same instant, policy, campaign and features) is a visitor of its own, without
    a history. Item features are hashed differently under the two policies, one to one; the random policy's stand.
    """

    def tables() -> dict[str, pl.DataFrame]:
        shown = source_table(source, "items.parquet").filter(pl.col("policy") == "random")
        items = shown.select(_ITEM, pl.col("^item_feature_.*$"))
        impressions = source_table(source, "impressions.parquet").sort("timestamp", maintain_order=True)
        view = pl.struct("timestamp", "policy", "campaign", *_USER_FEATURES).rank("dense")
        events = impressions.select(
            pl.format("view-{}", view).alias("user_id"),
            _ITEM,
            pl.col("timestamp").alias("at"),
            pl.col("click").alias("converted"),
            "position",
            "policy",
            "campaign",
            "affinity_shown",
            *_USER_FEATURES,
            "propensity_score",
        )
        return {"items": items, "events": events}

    write_shop(target, tables, _SETTINGS)
