"""What `camenn check` says, and how it looks in a terminal."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from camenn.errors import Problem
from camenn.tables.profile import COUNTED_EXACTLY
from camenn.tables.schema import Column, ColumnProfile, Kind
from camenn.tables.settings import TableName


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table: its files, how many rows, and for each column how it is read and what was counted."""

    name: TableName
    files: tuple[str, ...]
    num_rows: int
    columns: tuple[tuple[Column, ColumnProfile], ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All that was found; `usable` is False if any problem is an error."""

    folder: Path
    tables: tuple[TableReport, ...]
    notes: tuple[str, ...]
    """How the events are understood, in sentences."""
    problems: tuple[Problem, ...]
    """Errors first."""

    @property
    def usable(self) -> bool:
        return all(problem.severity == "warning" for problem in self.problems)


def render_report(report: CheckReport, console: Console) -> None:
    """Prints tables with their columns, what was inferred and why, then every problem, errors first."""
    parts: list[RenderableType] = [_render_table(table) for table in report.tables]
    parts += [Text(f"events: {note}") for note in report.notes]
    parts += [_render_problem(problem) for problem in report.problems]
    num_errors = sum(problem.severity == "error" for problem in report.problems)
    num_warnings = len(report.problems) - num_errors
    verdict = "usable" if report.usable else "not usable"
    style = "green" if report.usable else "bold red"
    parts.append(Text(f"{report.folder}: {verdict} (errors: {num_errors}, warnings: {num_warnings})", style=style))
    for part in parts:
        console.print(part)


def _render_table(table: TableReport) -> Table:
    files = ", ".join(table.files[:3]) + (f" and {len(table.files) - 3} more" if len(table.files) > 3 else "")
    shown = Table(title=Text(f"{table.name}: {table.num_rows:,} rows in {files}", style="bold"), title_justify="left")
    for heading in ("column", "read as", "because"):
        shown.add_column(heading)
    for heading in ("missing", "distinct", "range"):
        shown.add_column(heading, justify="right")
    for column, profile in table.columns:
        style = "dim" if column.kind is Kind.IGNORED else ""
        cells = (column.name, column.kind.value, column.why, *_counted(profile))
        shown.add_row(*(Text(cell) for cell in cells), style=style)
    return shown


def _counted(profile: ColumnProfile) -> tuple[str, str, str]:
    missing = f"{profile.num_missing:,}" if profile.num_missing else ""
    about = "~" if profile.num_distinct > COUNTED_EXACTLY else ""
    distinct = f"{about}{profile.num_distinct:,}" if profile.num_distinct else ""
    return missing, distinct, f"{profile.minimum} … {profile.maximum}" if profile.minimum else ""


def _render_problem(problem: Problem) -> Text:
    text = Text(f"{problem.severity:8}", style="bold red" if problem.severity == "error" else "yellow")
    return text.append(str(problem), style="")
