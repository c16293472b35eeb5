"""Tables as people read them."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from camenn.comparison.config import ComparisonConfig, Spoiling, parse_comparison
from camenn.comparison.sheets import Sheet, own_settings, sheets
from camenn.comparison.slices import ALL, slices
from camenn.comparison.standings import Standing
from camenn.metrics.intervals import Difference, Estimate
from camenn.run_config import parse_config
from camenn.task import Task

NOTHING = pl.DataFrame(schema={"system": pl.String})


def config(**raw: Any) -> ComparisonConfig:
    systems = {"CameNN": {}, "FM": {"model": {"name": "fm"}}, "DIN": {"model": {"name": "din"}}}
    return parse_comparison({"seeds": [0, 1, 2], "systems": systems, **raw}, where="c.toml")


def standing(system: str, value: float, **changes: Any) -> Standing:
    known = {
        "spoiling": None,
        "task": Task.CONVERSION,
        "slice": ALL,
        "figure": "auc",
        "system": system,
        "num_seeds": 3,
        "num_rows": 1200,
        "mean": Estimate(value, value - 0.01, value + 0.01),
        "deviation": 0.002,
        "difference": None,
        "p_corrected": math.nan,
        "note": "",
    }
    return Standing(**(known | changes))


WORSE = {"difference": Difference(-0.02, -0.03, -0.01, 0.0001), "p_corrected": 0.0002}


def test_a_table_shows_mean_deviation_and_difference_to_the_reference() -> None:
    found = [standing("CameNN", 0.8), standing("FM", 0.78, **WORSE), standing("DIN", 0.79, num_seeds=2)]
    table = sheets(config(), found, NOTHING, shop="toy")[0]
    assert table.columns == ("system", "CVR AUC", "less CameNN's")
    assert table.rows[0] == ("CameNN", "0.8000 ± 0.0020", "")
    assert table.rows[1] == ("FM", "0.7800 ± 0.0020", "−0.0200 (−0.0300 to −0.0100), p < .001")
    assert any("1,200 test rows" in note and "3 seeds" in note for note in table.notes)
    assert "DIN: 2 of 3 seeds; the others failed." in table.notes


def test_the_best_possible_auc_stands_below_the_table() -> None:
    table = sheets(config(), [standing("CameNN", 0.8)], NOTHING, shop="toy", best_auc=0.91234)[0]
    assert "0.9123" in table.notes[0]


def test_what_is_not_defined_says_why_and_is_never_one_half() -> None:
    nowhere = Estimate(math.nan, math.nan, math.nan)
    found = [standing("CameNN", math.nan, mean=nowhere, deviation=math.nan, note="all 9 rows are negative")]
    table = sheets(config(), found, NOTHING, shop="toy")[0]
    assert table.rows[0] == ("CameNN", "not defined", "")
    assert "CameNN, CVR, all: all 9 rows are negative." in table.notes


def test_robustness_has_a_column_a_share() -> None:
    asked = config(spoiled={"names": [0.1, 0.4]})
    found = [standing("FM", 0.8 - share / 10, spoiling=Spoiling("names", share)) for share in (0.1, 0.4)]
    table = next(s for s in sheets(asked, [standing("FM", 0.8), *found], NOTHING, shop="toy") if s.name == "robustness")
    assert table.columns == ("system", "as it is", "10% of names", "40% of names")
    assert [cell.split(" ")[0] for cell in table.rows[0]] == ["FM", "0.8000", "0.7900", "0.7600"]


def test_costs_come_in_the_order_of_the_systems() -> None:
    told = {"operations": 10.0, "epoch_s": 1.0, "rows_a_second": 5.0, "epochs": 2.0, "peak_bytes": 2.0**30}
    costs = pl.DataFrame([{"system": name, "parameters": 1e6, **told} for name in ("DIN", "CameNN")])
    table = next(s for s in sheets(config(), [standing("FM", 0.8)], costs, shop="toy") if s.name == "cost")
    assert [row[0] for row in table.rows] == ["CameNN", "DIN"]
    assert table.rows[0][1:] == ("1,000,000", "10", "1.0", "5", "2", "1,024")


def test_settings_are_what_differs_from_the_defaults() -> None:
    own = parse_config({"model": {"name": "fm", "width": 7}, "training": {"seed": 0, "patience": 9}}, where="")
    assert own_settings(own) == ["model = fm", "model.width = 7", "training.patience = 9"]


def test_latex_and_markdown_escape_what_they_must() -> None:
    sheet = Sheet("x", "A & B", ("system", "50% | _n_"), (("Wide & Deep", "−0.1 ± 0.2 < 1"),), ("100% of #3",))
    latex = sheet.latex()
    assert r"\caption{A \& B}" in latex
    assert r"Wide \& Deep & $-$0.1 $\pm$ 0.2 $<$ 1 \\" in latex
    assert r"system & 50\% | \_n\_ \\" in latex
    assert r"100\% of \#3" in latex
    assert r"| system | 50% \| _n_ |" in sheet.markdown()


def rows(**columns: list[int]) -> pl.DataFrame:
    number = len(next(iter(columns.values())))
    known = {"item_events": [5] * number, "user_events": [5] * number, "earlier_events": list(range(number))}
    return pl.DataFrame(known | columns)


def test_slices_are_what_training_knew_little_of() -> None:
    found = slices(rows(item_events=[0, 3, 0, 9, 9, 9], user_events=[1, 0, 0, 5, 5, 5]), Task.CONVERSION)
    assert {name: np.flatnonzero(mask).tolist() for name, mask in found.items()} == {
        ALL: [0, 1, 2, 3, 4, 5],
        "unseen items": [0, 2],
        "unseen users": [1, 2],
        "few events (to 1)": [0, 1],
        "many events (from 4)": [4, 5],
    }


def test_a_slice_without_a_row_is_left_out() -> None:
    assert list(slices(rows(item_events=[1, 1, 1]), Task.CONVERSION)) == [
        ALL,
        "few events (to 0)",
        "many events (from 2)",
    ]


@pytest.mark.parametrize(("events", "names"), [([0, 0], [ALL]), ([0, 4], [ALL, "unseen items"])])
def test_alignment_is_sliced_where_training_offered_items(events: list[int], names: list[str]) -> None:
    assert list(slices(rows(item_events=events), Task.IMAGE_TO_TEXT)) == names
