"""`camenn check`: every row of a shop read, everything that is wrong with it found at once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from camenn.errors import Problem
from camenn.tables.compile import CheckedShop
from camenn.tables.files import RawTable, read_tables
from camenn.tables.profile import profile_table
from camenn.tables.report import CheckReport, TableReport, render_report
from camenn.tables.row_checks import check_rows
from camenn.tables.schema import ColumnProfile, Schema, infer_schema
from camenn.tables.settings import TableName, read_settings
from camenn.tables.table_checks import check_events, check_pictures, check_types, check_unique

__all__ = ["CheckReport", "check_shop", "examine", "render_report"]


def check_shop(folder: Path, *, now: datetime | None = None) -> CheckReport:
    """Reads every row of the shop's tables and reports; raises nothing for what a shop can have wrong.

    `now` (with a time zone; the clock by default) is what counts as the future.
    """
    return examine(folder, now=now)[0]


def examine(folder: Path, *, now: datetime | None = None) -> tuple[CheckReport, CheckedShop]:
    """`check_shop`, and the tables it read: fit to be compiled if the report says usable."""
    settings, problems = read_settings(folder)
    tables, found = read_tables(folder)
    problems += found
    profiles: dict[TableName, Mapping[str, ColumnProfile]] = {}
    for name, table in tables.items():
        profiles[name], found = profile_table(table, folder)
        problems += found
    schema, found = infer_schema(profiles, settings)
    problems += found
    shop = CheckedShop(folder, tables, schema, settings)
    notes, found = _check_contents(shop, now or datetime.now(UTC))
    problems += found
    reports = tuple(_report(table, folder, schema, profiles[name]) for name, table in tables.items() if profiles[name])
    problems += _emptiness(reports)
    ordered = tuple(sorted(problems, key=lambda problem: problem.severity))
    return CheckReport(folder, reports, tuple(notes), ordered), shop


def _check_contents(shop: CheckedShop, now: datetime) -> tuple[list[str], list[Problem]]:
    """Checks of rows and across tables, for the tables that can be read at all."""
    schema, settings, problems = shop.schema, shop.settings, []
    sound: dict[TableName, RawTable] = {}
    for name, table in shop.tables.items():
        columns = schema.in_table(name)
        unfit = check_types(table, columns)
        problems += unfit
        if unfit or not columns:
            continue
        sound[name] = table
        problems += check_rows(table, columns, settings, now=now)
        problems += check_unique(table, columns, settings)
    notes: list[str] = []
    if "items" in sound:
        problems += check_pictures(sound["items"], schema, settings, shop.folder)
    if "events" in sound:
        notes, found = check_events(sound, schema, settings)
        problems += found
    return notes, problems


def _report(table: RawTable, folder: Path, schema: Schema, profiles: Mapping[str, ColumnProfile]) -> TableReport:
    return TableReport(
        name=table.name,
        files=tuple(file.path.relative_to(folder).as_posix() for file in table.files),
        num_rows=next(iter(profiles.values())).num_rows,
        columns=tuple((column, profiles[column.name]) for column in schema.in_table(table.name)),
    )


def _emptiness(reports: tuple[TableReport, ...]) -> list[Problem]:
    return [
        Problem(report.name, "holds no row", severity="error" if report.name == "items" else "warning")
        for report in reports
        if report.num_rows == 0
    ]
