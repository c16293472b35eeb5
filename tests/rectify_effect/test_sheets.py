"""The effect's tables."""

from dataclasses import replace

import numpy as np

from camenn.comparison.config import parse_comparison
from camenn.metrics.intervals import NAN, Difference, Estimate
from camenn.rectify_effect.recovery import NOT_DEFINED, Asked, Effect, Scored
from camenn.rectify_effect.sheets import loss_sheet, main_sheet, notes_on, per_100, table_of
from camenn.rectify_effect.versions import Corrected, Version

CONFIG = parse_comparison({"seeds": [0, 1], "systems": {"CameNN": {}, "DIN": {"model": {"name": "din"}}}}, where="c")
DONE = Corrected(
    num_items=100,
    num_faults=20,
    num_decisions=50,
    num_accepted=10,
    num_mended=9,
    num_automatic=4,
    num_automatic_right=3,
)
CLEAN = Effect("CameNN", Version.CLEAN, 2, Estimate(0.8, 0.79, 0.81), 0.01, None, None)
REVIEWED = Effect(
    "CameNN", Version.REVIEWED, 2, Estimate(0.77, 0.76, 0.78), NAN,
    Difference(-0.03, -0.05, -0.01, 0.01), Estimate(0.5, -0.1, 1.2),
)  # fmt: skip


def test_a_row_says_what_is_lost_and_what_comes_back() -> None:
    sheet = main_sheet(Asked.CLEAN, [CLEAN, REVIEWED], CONFIG, DONE, shop="mine")
    assert sheet.rows == (
        ("CameNN", "clean", "0.8000 ± 0.0100", "", "", ""),
        ("CameNN", "reviewed", "0.7700", "−0.0300 (−0.0500 to −0.0100)", "50% (−10% to 120%)", "100%"),
    )
    assert "asked about the clean catalogue" in sheet.title
    assert "DIN, dirty: no run finished; its error.txt says why." in sheet.notes


def test_a_share_that_is_not_defined_is_said_to_be_so() -> None:
    sheet = main_sheet(Asked.OWN, [replace(REVIEWED, recovered=NOT_DEFINED)], CONFIG, DONE, shop="mine")
    assert sheet.rows[0][4:] == ("not defined", "not defined")


def test_without_decisions_there_is_nothing_by_the_hundred() -> None:
    assert per_100(REVIEWED, DONE) == 1.0
    assert per_100(REVIEWED, replace(DONE, num_decisions=0)) is None
    assert per_100(CLEAN, DONE) is None


def test_the_question_is_answered_by_the_interval() -> None:
    def system(loss: float) -> dict[Version, dict[int, Scored]]:
        draws = Scored(0.8, 0.8 + np.linspace(-0.01, 0.01, 101))
        return {Version.CLEAN: {0: draws}, Version.DIRTY: {0: Scored(0.8 - loss, draws.draws - loss)}}

    for other, answer in ((0.04, "yes"), (0.02, "cannot be told"), (0.01, "no, CameNN loses more")):
        sheet = loss_sheet({"CameNN": system(0.02), "DIN": system(other)}, CONFIG, shop="mine")
        assert sheet.rows[0][0] == "DIN"
        assert sheet.rows[0][2] == answer
    assert loss_sheet({"CameNN": system(0.02)}, CONFIG, shop="mine").rows == (("DIN", "–", "cannot be said"),)


def test_what_was_done_is_told_in_a_table_and_in_sentences() -> None:
    assert "20 of 100 items have a fault" in notes_on(DONE)
    assert "corrected 4, of them 3 rightly" in notes_on(DONE)
    assert "accepts the 10 with a suggestion that puts right what is wrong, in 9 items" in notes_on(DONE)
    assert "Nothing was corrected" not in notes_on(DONE)
    assert "Nothing was corrected in automatic" in notes_on(replace(DONE, num_automatic=0, num_automatic_right=0))
    table = table_of({Asked.CLEAN: [CLEAN, REVIEWED], Asked.OWN: [CLEAN]}, DONE)
    assert table["catalogue"].to_list() == ["clean", "clean", "own"]
    assert table["recovered_per_100"].to_list() == [None, 1.0, None]
    assert table["num_corrections"].to_list() == [0, 9, 0]
