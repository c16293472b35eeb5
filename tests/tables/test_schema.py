import string
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from camenn.tables.check import check_shop, examine
from camenn.tables.schema import Kind

ROWS = 200
LONG = [f"A crisp fruit from orchard {row}, picked in the early morning by hand" for row in range(ROWS)]
CODES = [f"X{row:05d}" for row in range(ROWS)]


def kinds(folder: Path, table: Any = "items") -> dict[str, Kind]:
    _, shop = examine(folder)
    return {column.name: column.kind for column in shop.schema.in_table(table)}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([row + 0.5 for row in range(ROWS)], Kind.NUMERIC),
        ([row % 32 for row in range(ROWS)], Kind.CATEGORICAL),
        ([row % 33 for row in range(ROWS)], Kind.NUMERIC),
        ([row % 2 == 0 for row in range(ROWS)], Kind.CATEGORICAL),
        ([string.ascii_letters[row % 40] for row in range(ROWS)], Kind.CATEGORICAL),
        ([f"brand {row % 90}" for row in range(ROWS)], Kind.CATEGORICAL),
        (LONG, Kind.TEXT),
        (CODES, Kind.IGNORED),
        ([["fruit", "red"]] * ROWS, Kind.MULTI),
        ([[1, 2]] * ROWS, Kind.MULTI),
        ([[0.25, 0.75]] * ROWS, Kind.IGNORED),
        (["fruit|red", "fruit|green"] * (ROWS // 2), Kind.MULTI),
        ([pl.date(2024, 1, 1)], Kind.IGNORED),
        ([None] * ROWS, Kind.IGNORED),
        ([b"\0"] * ROWS, Kind.IGNORED),
        ([{"deep": 1}] * ROWS, Kind.IGNORED),
    ],
)
def test_the_kind_of_an_unknown_column_follows_from_its_values(make_shop: Any, values: list[Any], kind: Kind) -> None:
    column = (
        pl.select(values[0]).to_series().extend_constant(None, ROWS - 1) if isinstance(values[0], pl.Expr) else values
    )
    items = pl.DataFrame({"item_id": CODES, "more": column})
    assert kinds(make_shop(items=items))["more"] is kind


def test_a_csv_gives_the_same_kinds_as_parquet(make_shop: Any) -> None:
    items = pl.DataFrame(
        {
            "item_id": CODES,
            "weight": [row + 0.5 for row in range(ROWS)],
            "shelf": [row % 9 for row in range(ROWS)],
            "fresh": [row % 2 == 0 for row in range(ROWS)],
            "tags": ["fruit|red", None] * (ROWS // 2),
            "story": LONG,
        }
    )
    folder = make_shop(items=items)
    as_parquet = kinds(folder)
    (folder / "items.parquet").unlink()
    items.write_csv(folder / "items.csv")
    assert kinds(folder) == as_parquet


def test_codes_with_leading_zeros_are_no_numbers(make_shop: Any) -> None:
    rows = "".join(f"i{row},{row % 50:03d}\n" for row in range(ROWS))
    _, shop = examine(make_shop(items=None, files={"items.csv": "item_id,plu\n" + rows}))
    assert shop.scan("items").select("plu").collect().to_series().to_list()[7] == "007"


def test_text_of_users_and_events_is_left_out_with_the_reason(make_shop: Any) -> None:
    report = check_shop(make_shop(users={"user_id": CODES, "remark": LONG}))
    remark = next(column for column, _ in report.tables[1].columns if column.name == "remark")
    assert remark.kind is Kind.IGNORED
    assert "items only" in remark.why


def test_the_outcome_is_never_a_feature(make_shop: Any, events: dict[str, Any]) -> None:
    found = kinds(make_shop(events=events), "events")
    assert found == {"user_id": Kind.ID, "item_id": Kind.ID, "at": Kind.TIME, "converted": Kind.OUTCOME}


def test_shop_toml_overrides_what_is_inferred(make_shop: Any) -> None:
    items = {"item_id": CODES, "shelf": [row % 9 for row in range(ROWS)], "code": CODES, "note": LONG}
    settings = '[columns.items]\nshelf = "numeric"\ncode = "text"\nnote = "ignore"\n'
    found = kinds(make_shop(items=items, settings=settings))
    assert (found["shelf"], found["code"], found["note"]) == (Kind.NUMERIC, Kind.TEXT, Kind.IGNORED)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ('[columns.goods]\nname = "text"', "columns.goods"),
        ('[columns.items]\nnmae = "text"', "columns.items.nmae"),
        ('[columns.items]\nname = "prose"', "columns.items.name"),
        ('[columns.items]\nitem_id = "ignore"', "columns.items.item_id"),
        ('[columns.events]\nconverted = "numeric"', "columns.events.converted"),
        ('[columns.users]\nremark = "text"', "columns.users.remark"),
        ('time_zone = "Mars/Olympus"', "time_zone"),
        ("negatives = 4", "negatives"),
    ],
)
def test_a_wrong_setting_is_named(make_shop: Any, events: dict[str, Any], settings: str, place: str) -> None:
    users = {"user_id": ["u"], "remark": ["hm"]}
    report = check_shop(make_shop(users=users, events=events, settings=settings))
    assert [(one.table, one.column, one.severity) for one in report.problems if one.table == "shop.toml"] == [
        ("shop.toml", place, "error")
    ]


def test_unreadable_toml_is_a_problem(make_shop: Any) -> None:
    report = check_shop(make_shop(settings="time_zone = "))
    assert [one.table for one in report.problems] == ["shop.toml"]


def test_a_number_asked_for_where_there_is_none_is_found_by_row(make_shop: Any) -> None:
    items = {"item_id": ["a", "b", "c"], "size": ["1.5", "large", None]}
    report = check_shop(make_shop(items=items, settings='[columns.items]\nsize = "numeric"'))
    assert [(one.column, one.rows) for one in report.problems] == [("size", (2,))]
