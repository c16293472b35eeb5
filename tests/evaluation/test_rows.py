"""Every judged row, as a table."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from camenn.evaluation.evaluate import Evaluation
from camenn.evaluation.rows import ROWS, SCHEMA, prediction_rows, write_rows
from camenn.metrics.ranking import auc
from camenn.tables.shop import Shop
from camenn.tables.split import Part
from camenn.task import Task


@pytest.fixture(scope="module")
def rows(found: Evaluation) -> pl.DataFrame:
    return prediction_rows(found)


@pytest.fixture(scope="module")
def raw(shop: Shop) -> pl.DataFrame:
    return pl.read_parquet(shop.folder / "events.parquet")


def test_there_is_a_line_for_every_row_of_every_task_and_part(rows: pl.DataFrame, found: Evaluation) -> None:
    assert rows.schema == SCHEMA
    assert len(rows) == sum(len(one) for one in found.predictions)
    for one in found.predictions:
        own = rows.filter(task=one.task.value, split=one.split)
        assert auc(own["logit"].to_numpy(), own["label"].to_numpy()) == auc(one.logits, one.labels)


def test_a_row_of_conversion_names_who_was_offered_what_and_what_came_of_it(
    rows: pl.DataFrame, raw: pl.DataFrame
) -> None:
    judged = rows.filter(task=Task.CONVERSION.value)
    told = judged.select("user_id", "item_id", pl.col("label").alias("converted")).sort(pl.all())
    shown = raw.select("user_id", "item_id", pl.col("converted").cast(pl.Int8))
    assert told.join(shown, on=["user_id", "item_id", "converted"], how="anti").is_empty()
    by_request = judged.group_by("group").agg(pl.col("user_id").n_unique(), pl.len())
    assert by_request["user_id"].max() == 1


def test_it_says_how_well_training_knew_the_item_and_the_user(
    rows: pl.DataFrame, found: Evaluation, shop: Shop
) -> None:
    events = shop.events
    assert events is not None
    assert found.parts.request_parts is not None
    train = np.repeat(found.parts.request_parts == Part.TRAIN, np.diff(events.request_offset))
    items = shop.catalogue.ids.decode(np.asarray(events.item_row)[train]).to_list()
    users = shop.people.ids.decode(np.asarray(events.user_row)[train]).to_list()
    for row in rows.iter_rows(named=True):
        assert row["item_events"] == items.count(row["item_id"])
        if row["task"] == Task.CONVERSION.value:
            assert row["user_events"] == users.count(row["user_id"])


def test_it_says_how_much_the_user_had_done_strictly_before(rows: pl.DataFrame, raw: pl.DataFrame, shop: Shop) -> None:
    assert shop.events is not None
    judged = rows.filter(task=Task.CONVERSION.value).unique("group")
    at = np.asarray(shop.events.at)[shop.events.request_offset[judged["group"].to_numpy()]]
    stamps = raw.with_columns(pl.col("at").dt.epoch("us"))
    for row, moment in zip(judged.iter_rows(named=True), at, strict=True):
        earlier = stamps.filter((pl.col("user_id") == row["user_id"]) & (pl.col("at") < int(moment)))
        assert row["earlier_events"] == len(earlier)


def test_a_pair_has_no_user(rows: pl.DataFrame) -> None:
    pairs = rows.filter(pl.col("task") != Task.CONVERSION.value)
    assert len(pairs)
    assert pairs.select("user_id", "user_events", "earlier_events").null_count().row(0) == (len(pairs),) * 3


def test_the_table_is_written_whole(found: Evaluation, tmp_path: Path) -> None:
    write_rows(found, tmp_path / ROWS)
    assert pl.read_parquet(tmp_path / ROWS).equals(prediction_rows(found))
    assert [path.name for path in tmp_path.iterdir()] == [ROWS]
