import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from camenn.errors import Problem, ShopError
from camenn.tables.check import check_shop
from camenn.tables.report import render_report
from camenn.tables.shop import open_shop

Found = list[tuple[str, str | None, tuple[int, ...], str]]


def found(folder: Path, *, now: datetime | None = None) -> Found:
    return [(one.table, one.column, one.rows, one.severity) for one in check_shop(folder, now=now).problems]


def only_problem(folder: Path) -> Problem:
    (problem,) = check_shop(folder).problems
    return problem


def test_a_good_shop_has_no_problem(make_shop: Any, events: dict[str, Any]) -> None:
    report = check_shop(make_shop(users={"user_id": ["u", "v"]}, events=events))
    assert report.problems == ()
    assert report.usable
    assert [(table.name, table.num_rows) for table in report.tables] == [("items", 3), ("users", 2), ("events", 3)]


def test_all_problems_are_found_at_once(make_shop: Any) -> None:
    items = {"item_id": ["a", "a", "c"], "price": [-1.0, float("nan"), float("inf")], "image": ["../x.png", None, None]}
    events = {"user_id": ["u", None], "item_id": ["zz", "a"], "at": ["soon", "2024-05-01"], "converted": [2, 0]}
    problems = found(make_shop(items=items, events=events, settings='[columns.items]\nprize = "numeric"'))
    assert set(problems) == {
        ("shop.toml", "columns.items.prize", (), "error"),
        ("items", "item_id", (1, 2), "error"),
        ("items", "price", (1,), "error"),
        ("items", "price", (2, 3), "error"),
        ("items", "image", (1,), "error"),
        ("events", "user_id", (2,), "error"),
        ("events", "at", (1,), "error"),
        ("events", "converted", (1,), "error"),
        ("events", "item_id", (1,), "warning"),
        ("events", "converted", (), "warning"),
    }


def test_an_unusable_shop_is_not_opened_and_all_errors_are_told(make_shop: Any) -> None:
    folder = make_shop(items={"item_id": ["a", "a", None], "price": [-1.0, 0.0, 1.0]})
    with pytest.raises(ShopError) as raised:
        open_shop(folder)
    assert {one.column for one in raised.value.problems} == {"item_id", "price"}
    assert "items.price" in str(raised.value)
    assert not (folder / ".camenn").exists()


def test_a_folder_without_items_says_so(tmp_path: Path) -> None:
    assert "items.parquet" in only_problem(tmp_path).message
    assert "items.parquet" in only_problem(tmp_path / "nowhere").message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -0.01])
def test_a_price_is_finite_and_not_negative(make_shop: Any, value: float) -> None:
    problem = only_problem(make_shop(items={"item_id": ["a", "b"], "price": [2.0, value]}))
    assert (problem.column, problem.rows, problem.severity) == ("price", (2,), "error")


def test_a_missing_price_is_no_problem(make_shop: Any) -> None:
    assert found(make_shop(items=None, files={"items.csv": "item_id,price\na,1.5\nb,\nc,0\n"})) == []


def test_a_price_that_is_no_number_is_named_by_row(make_shop: Any) -> None:
    problem = only_problem(make_shop(items=None, files={"items.csv": 'item_id,price\na,1.5\nb,"1,99"\nc,NaN€\n'}))
    assert (problem.column, problem.rows) == ("price", (2, 3))


def test_duplicate_ids_are_listed_by_row_over_all_files(make_shop: Any) -> None:
    folder = make_shop(items=None, files={"items-1.csv": "item_id\na\nb\n", "items-2.csv": "item_id\nc\na\n"})
    problem = only_problem(folder)
    assert (problem.rows, problem.num_rows) == ((1, 4), 2)
    assert "'a'" in problem.message


def test_duplicate_users_are_listed_by_row_over_all_files(make_shop: Any, events: dict[str, Any]) -> None:
    files = {"users-1.csv": "user_id\nu\nv\n", "users-2.csv": "user_id\nw\nu\nu\n"}
    folder = make_shop(events=events, files=files)
    problem = only_problem(folder)
    assert (problem.table, problem.column, problem.severity) == ("users", "user_id", "error")
    assert (problem.rows, problem.num_rows) == ((1, 4, 5), 3)
    assert "'u'" in problem.message
    with pytest.raises(ShopError, match=r"users\.user_id"):
        open_shop(folder)


def test_ids_that_are_fractions_are_refused(make_shop: Any, events: dict[str, Any]) -> None:
    events["user_id"] = [1.0, 1.0, 2.0]
    assert ("events", "user_id", (1, 2, 3), "error") in found(make_shop(events=events))


def test_ids_may_be_numbers_in_one_table_and_text_in_another(make_shop: Any, events: dict[str, Any]) -> None:
    events["item_id"] = [7, 8, 7]
    folder = make_shop(items={"item_id": ["7", "8"]}, events=events)
    assert found(folder) == []


def test_events_of_unknown_items_are_a_warning_with_rows(make_shop: Any, events: dict[str, Any]) -> None:
    events["item_id"][1] = "zz"
    problem = only_problem(make_shop(events=events))
    assert (problem.column, problem.rows, problem.num_rows, problem.severity) == ("item_id", (2,), 1, "warning")
    assert "'zz'" in problem.message


def test_users_that_no_table_has_are_a_warning(make_shop: Any, events: dict[str, Any]) -> None:
    problem = only_problem(make_shop(users={"user_id": ["u"]}, events=events))
    assert (problem.column, problem.rows, problem.severity) == ("user_id", (3,), "warning")


@pytest.mark.parametrize(("table", "severity"), [("items", "error"), ("users", "warning"), ("events", "warning")])
def test_an_empty_table_is_reported(make_shop: Any, events: dict[str, Any], table: str, severity: str) -> None:
    tables = {"users": {"user_id": ["u", "v"]}, "events": events, "items": {"item_id": ["a", "b", "c"]}}
    tables[table] = {name: pl.Series([], dtype=pl.String) for name in tables[table]}
    assert (table, None, (), severity) in found(make_shop(**tables))


def test_an_empty_file_and_a_cut_file_are_named(make_shop: Any) -> None:
    folder = make_shop(files={"users.csv": b"", "events.parquet": b"PAR1 and then nothing"})
    assert {(one.table, one.message.split(" ")[0]) for one in check_shop(folder).problems} == {
        ("users", "users.csv"),
        ("events", "events.parquet"),
    }


def test_a_csv_with_a_broken_line_names_its_file(make_shop: Any) -> None:
    folder = make_shop(
        items=None, files={"items-1.csv": "item_id,name\na,Pear\n", "items-2.csv": "item_id,name\nb,P,l,u\n"}
    )
    assert "items-2.csv" in only_problem(folder).message


def test_a_csv_that_is_not_utf8_names_its_file(make_shop: Any) -> None:
    folder = make_shop(items=None, files={"items.csv": "item_id,name\na,Käse\n".encode("latin-1")})
    assert "items.csv" in only_problem(folder).message


def test_a_required_column_that_lacks_is_named_with_what_is_there(make_shop: Any) -> None:
    problem = only_problem(make_shop(events={"user": ["u"], "item_id": ["a"], "at": ["2024-05-01"]}))
    assert problem.column == "user_id"
    assert "user, item_id, at" in problem.message


def test_a_column_that_one_file_lacks_is_missing_there(make_shop: Any) -> None:
    folder = make_shop(items=None, files={"items-1.csv": "item_id,name\na,Pear\n", "items-2.csv": "item_id\nb\n"})
    problem = only_problem(folder)
    assert (problem.column, problem.severity) == ("name", "warning")
    assert open_shop(folder).catalogue.names(0, 2) == ["Pear", ""]


def test_a_column_that_changes_type_between_files_is_read_as_text(make_shop: Any) -> None:
    folder = make_shop(items=None)
    pl.DataFrame({"item_id": [1], "size": [2]}).write_parquet(folder / "items-1.parquet")
    pl.DataFrame({"item_id": ["b"], "size": ["large"]}).write_parquet(folder / "items-2.parquet")
    problem = only_problem(folder)
    assert (problem.column, problem.severity) == ("size", "warning")
    assert "Int64 in items-1.parquet, String in items-2.parquet" in problem.message
    shop = open_shop(folder)
    assert shop.catalogue.column("size").to_list() == ["2", "large"]
    assert shop.catalogue.ids.values.to_list() == ["1", "b"]


def test_whole_numbers_and_fractions_go_together(make_shop: Any) -> None:
    folder = make_shop(
        items=None, files={"items-1.csv": "item_id,weight\na,2\n", "items-2.csv": "item_id,weight\nb,2.5\n"}
    )
    assert found(folder) == []
    assert open_shop(folder).catalogue.column("weight").to_list() == [2.0, 2.5]


def test_types_that_cannot_go_together_are_an_error(make_shop: Any) -> None:
    folder = make_shop(items=None)
    pl.DataFrame({"item_id": ["a"], "image": [b"bytes"]}).write_parquet(folder / "items-1.parquet")
    pl.DataFrame({"item_id": ["b"], "image": ["b.png"]}).write_parquet(folder / "items-2.parquet")
    problem = only_problem(folder)
    assert (problem.column, problem.severity) == ("image", "error")


@pytest.mark.parametrize("column", ["item_id", "name", "price", "image"])
def test_a_known_column_that_holds_lists_is_refused(make_shop: Any, column: str) -> None:
    items = {"item_id": ["a"], "name": ["Pear"], "price": [1.0], "image": [None]} | {column: [["a"]]}
    problem = only_problem(make_shop(items=items))
    assert (problem.column, problem.severity) == (column, "error")


def test_unparsable_instants_are_named_by_row(make_shop: Any, events: dict[str, Any]) -> None:
    events["at"] = ["2024-05-01", "next week", None]
    assert found(make_shop(events=events)) == [("events", "at", (2,), "error"), ("events", "at", (3,), "error")]


def test_instants_in_the_future_are_a_warning(make_shop: Any, events: dict[str, Any]) -> None:
    folder = make_shop(events=events)
    assert found(folder, now=datetime(2024, 5, 2, 9, 30, 15, tzinfo=UTC)) == []
    assert found(folder, now=datetime(2024, 5, 2, 9, 30, 14, tzinfo=UTC)) == [("events", "at", (3,), "warning")]


def test_mixed_time_zones_are_converted_and_told(make_shop: Any, events: dict[str, Any]) -> None:
    events["at"] = ["2024-05-01T10:00:00+08:00", "2024-05-01T04:00:00+01:00", "2024-05-01 12:00:00"]
    folder = make_shop(events=events, settings='time_zone = "Asia/Shanghai"')
    problem = only_problem(folder)
    assert (problem.column, problem.severity) == ("at", "warning")
    assert "Asia/Shanghai" in problem.message
    mapped = open_shop(folder).events
    assert mapped is not None
    hours = [datetime.fromtimestamp(at / 1e6, UTC).hour for at in mapped.at]
    assert hours == [2, 3, 4]


def test_one_outcome_only_is_a_warning(make_shop: Any, events: dict[str, Any]) -> None:
    events["converted"] = [1, 1, 1]
    problem = only_problem(make_shop(events=events))
    assert (problem.column, problem.severity) == ("converted", "warning")


@pytest.mark.parametrize("values", [[True, False, True], [1.0, 0.0, 1.0], ["1", "0", "1"], ["true", "False", "TRUE"]])
def test_an_outcome_may_be_written_in_several_ways(make_shop: Any, events: dict[str, Any], values: list[Any]) -> None:
    events["converted"] = values
    folder = make_shop(events=events)
    assert found(folder) == []
    mapped = open_shop(folder).events
    assert mapped is not None
    assert mapped.converted.tolist() == [1, 0, 1]


@pytest.mark.parametrize("values", [[1, 0, None], [1, 0, 2], ["yes", "0", "1"], [0.5, 0.0, 1.0]])
def test_an_outcome_is_0_or_1_and_never_empty(make_shop: Any, events: dict[str, Any], values: list[Any]) -> None:
    events["converted"] = values
    assert any(one[1] == "converted" and one[3] == "error" for one in found(make_shop(events=events)))


@pytest.mark.parametrize(
    "path", ["../secret.png", "/etc/hostname", "pictures/../../secret.png", "link/secret.png", "out.png", "nul\0.png"]
)
def test_a_picture_outside_the_shop_is_an_error(make_shop: Any, tmp_path: Path, path: str) -> None:
    folder = make_shop(items={"item_id": ["a", "b"], "image": [None, path]}, files={"pictures/a.png": b"a"})
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path)
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    problem = only_problem(folder)
    assert (problem.column, problem.rows, problem.severity) == ("image", (2,), "error")


def test_a_picture_that_is_not_there_is_a_warning_and_the_item_lives_on(make_shop: Any) -> None:
    items = {"item_id": ["a", "b"], "image": ["pictures/a.png", "pictures/b.png"]}
    folder = make_shop(items=items, files={"pictures/a.png": b"a"})
    problem = only_problem(folder)
    assert (problem.column, problem.rows, problem.severity) == ("image", (2,), "warning")
    assert open_shop(folder).catalogue.images(0, 2) == [folder / "pictures/a.png", None]


def test_a_problem_names_ten_rows_and_counts_all(make_shop: Any) -> None:
    items = {"item_id": [str(row) for row in range(1000)], "price": [-1.0] * 1000}
    problem = only_problem(make_shop(items=items))
    assert problem.rows == tuple(range(1, 11))
    assert problem.num_rows == 1000


def test_rows_are_counted_across_batches(make_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camenn.tables.row_checks.BATCH_ROWS", 7)
    prices = [1.0] * 40
    prices[3] = prices[25] = prices[39] = -1.0
    problem = only_problem(make_shop(items={"item_id": [str(row) for row in range(40)], "price": prices}))
    assert problem.rows == (4, 26, 40)


def test_the_report_shows_columns_reasons_and_problems(make_shop: Any, events: dict[str, Any]) -> None:
    events["at"][0] = "[bold]soon"
    report = check_shop(make_shop(events=events, settings='[columns.items]\nname = "ignore"'))
    console = Console(width=160, record=True, file=io.StringIO())
    render_report(report, console)
    shown = console.export_text()
    for word in (
        "3 rows in items.parquet",
        "the item's price",
        "shop.toml",
        "1.5 … 3.0",
        "not usable (errors: 1, warnings: 0)",
        "events.at",
    ):
        assert word in shown
