"""Tables of a comparison as people read them: Markdown and LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from camenn.comparison.config import ComparisonConfig
from camenn.comparison.slices import ALL
from camenn.comparison.standings import Standing
from camenn.metrics.intervals import Difference
from camenn.run_config import RunConfig, config_to_json
from camenn.task import ALIGNMENT_TASKS, Task

NONE = "–"
FIGURES = {"auc": "AUC", "accuracy": "accuracy"}
KINDS = (
    ("conversion", "AUC of conversion", (Task.CONVERSION,), "auc"),
    ("alignment", "Accuracy of alignment", ALIGNMENT_TASKS, "accuracy"),
    ("alignment-auc", "AUC of alignment", ALIGNMENT_TASKS, "auc"),
)
"""The tables of a slice: file, title, tasks, figure."""
MAIN = ("conversion", "alignment", "robustness", "cost")
SHORT = {Task.CONVERSION: "CVR", Task.IMAGE_TO_TEXT: "ITA", Task.TEXT_TO_IMAGE: "TIA"}
_TEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "<": "$<$",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of texts; its first column names the system."""

    name: str
    """Of its files."""
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """A GitHub table with its notes below."""
        lines = [_piped(self.columns), _piped(["---", *["---:"] * (len(self.columns) - 1)]), *map(_piped, self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines, *(f"\n{note}" for note in self.notes)]) + "\n"

    def latex(self) -> str:
        """A `tabular` with booktabs' rules in a `table`."""
        body = [" & ".join(map(_tex, row)) + r" \\" for row in self.rows]
        notes = [rf"\par\footnotesize {_tex(note)}" for note in self.notes]
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{_tex(self.title)}}}",
                rf"\begin{{tabular}}{{l{'r' * (len(self.columns) - 1)}}}",
                r"\toprule",
                " & ".join(map(_tex, self.columns)) + r" \\",
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
                *notes,
                r"\end{table}",
                "",
            ]
        )


def sheets(
    config: ComparisonConfig,
    found: Sequence[Standing],
    costs: pl.DataFrame,
    *,
    shop: str,
    best_auc: float | None = None,
) -> list[Sheet]:
    """All tables there is something to fill with: those of all test rows first, then those of each slice.

    best_auc: of conversion, where the shop states the probability of every purchase.
    """
    whole = [one for one in found if one.spoiling is None]
    asked = any(one.task is Task.CONVERSION for one in whole)
    failed = set(config.systems) - {one.system for one in whole}
    made: list[Sheet] = []
    for name in dict.fromkeys(one.slice for one in whole):
        own = [one for one in whole if one.slice == name]
        for kind, title, tasks, figure in KINDS:
            columns = [[one for one in own if one.task is task and one.figure == figure] for task in tasks]
            if any(columns):
                headings = [f"{SHORT[task]} {FIGURES[figure]}" for task in tasks]
                of_slice = "" if name == ALL else f": {name}"
                file = kind if name == ALL else f"{kind}-{re.sub(r'[^a-z0-9]+', '-', name).strip('-')}"
                pairs = list(zip(columns, headings, strict=True))
                answered = failed if Task.CONVERSION in tasks or not asked else set()  # all systems answer conversion
                made.append(_of_figures(config, file, f"{title} on {shop}{of_slice}", pairs, answered))
    if best_auc is not None and made and made[0].name == "conversion":
        best = f"The best possible AUC on these rows, that of the stated probability itself: {best_auc:.4f}."
        made[0] = replace(made[0], notes=(best, *made[0].notes))
    spoiled = [one for one in found if one.task is Task.CONVERSION and one.figure == "auc" and one.slice == ALL]
    if config.spoilings and spoiled:
        made.append(_robustness(config, spoiled, shop))
    if not costs.is_empty():
        made.append(_costs(config, costs))
    made.append(_settings(config))
    return made


def _of_figures(
    config: ComparisonConfig,
    name: str,
    title: str,
    columns: Sequence[tuple[Sequence[Standing], str]],
    failed: set[str],
) -> Sheet:
    """Of each column mean and deviation, then the difference to the reference with interval and p-value."""
    shown = [pair for _, heading in columns for pair in (heading, f"less {config.reference}'s")]
    rows, notes = [], list(_notes(config, [one for column, _ in columns for one in column]))
    for system in config.systems:
        if system in failed:
            rows.append((system, *("failed", "") * len(columns)))
            continue
        cells = [system]
        for column, _ in columns:
            one = next((one for one in column if one.system == system), None)
            cells += (NONE, "") if one is None else (_mean(one), _difference(one))
        if any(cell not in (NONE, "") for cell in cells[1:]):
            rows.append(tuple(cells))
    notes += [f"{system}: no run finished; its error.txt says why." for system in config.systems if system in failed]
    return Sheet(name, title, ("system", *shown), tuple(rows), tuple(notes))


def _notes(config: ComparisonConfig, shown: Sequence[Standing]) -> list[str]:
    over = f"Mean ± standard deviation over {len(config.seeds)} seeds" if len(config.seeds) > 1 else "One seed"
    rows = " and ".join(dict.fromkeys(f"{one.num_rows:,}" for one in shown))
    notes = [
        f"{rows} test rows. {over}. Differences with 95% intervals by the "
        "bootstrap over requests (items "
        "for ITA and TIA) and seeds; p-values corrected by Holm's method within a column."
    ]
    short = {one.system: one.num_seeds for one in shown if one.num_seeds < len(config.seeds)}
    notes += [f"{system}: {count} of {len(config.seeds)} seeds; the others failed." for system, count in short.items()]
    notes += dict.fromkeys(f"{one.system}, {SHORT[one.task]}, {one.slice}: {one.note}." for one in shown if one.note)
    return notes


def _robustness(config: ComparisonConfig, found: Sequence[Standing], shop: str) -> Sheet:
    headings = [f"{spoiling.share:.0%} of {spoiling.what}" for spoiling in config.spoilings]
    rows = []
    for system in config.systems:
        own = {one.spoiling: one for one in found if one.system == system}
        if own:
            rows.append((system, *(_mean(own[at]) if at in own else NONE for at in (None, *config.spoilings))))
    title = f"AUC of conversion on {shop}, trained and judged with a part of it spoiled"
    return Sheet("robustness", title, ("system", "as it is", *headings), tuple(rows))


def _costs(config: ComparisonConfig, costs: pl.DataFrame) -> Sheet:
    rows = []
    for told in sorted(costs.to_dicts(), key=lambda told: list(config.systems).index(told["system"])):
        rows.append(
            (
                told["system"],
                f"{told['parameters']:,.0f}",
                f"{told['operations']:,.0f}",
                f"{told['epoch_s']:.1f}",
                f"{told['rows_a_second']:,.0f}",
                f"{told['epochs']:.0f}",
                f"{told['peak_bytes'] / 2**20:,.0f}",
            )
        )
    columns = "system", "parameters", "operations a row", "s an epoch", "rows a second", "epochs", "peak MiB"
    notes = (
        "Operations are those of matrix products, two a multiply-add. Rows are candidates and pairs trained on. "
        "Memory is of the whole process. Medians over runs; times are as long as runs beside one another made them.",
    )
    return Sheet("cost", "What each system costs", columns, tuple(rows), notes)


def _settings(config: ComparisonConfig) -> Sheet:
    rows = [(system, ", ".join(own_settings(settings))) for system, settings in config.systems.items()]
    return Sheet("settings", "What differs from the defaults", ("system", "settings"), tuple(rows))


def own_settings(config: RunConfig) -> list[str]:
    """`table.option = value` wherever it is not the default of that model."""
    told = config_to_json(config)
    default = config_to_json(RunConfig(model=type(config.model)()))
    return [f"model = {config.model.name}"] + [
        f"{table}.{option} = {value}"
        for table, options in told.items()
        if isinstance(options, dict)
        for option, value in options.items()
        if value != default[table].get(option)
    ]


def _mean(one: Standing) -> str:
    if math.isnan(one.mean.value):
        return "not defined"
    return f"{one.mean.value:.4f}" + ("" if math.isnan(one.deviation) else f" ± {one.deviation:.4f}")


def _difference(one: Standing) -> str:
    found: Difference | None = one.difference
    if found is None or math.isnan(found.value):
        return ""
    text = f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})".replace("-", "−")
    if math.isnan(one.p_corrected):
        return text
    return text + (", p < .001" if one.p_corrected < 0.001 else f", p = {one.p_corrected:.3f}".replace("0.", ".", 1))


def _piped(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _tex(text: str) -> str:
    return re.sub(r"[&%$#_{}~^\\±−–<]", lambda found: _TEX[found[0]], text)
