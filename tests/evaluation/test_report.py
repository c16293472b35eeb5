"""The report: one file, whole, safe with any product text, and plain about what is missing."""

import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from camenn.evaluation.report import AlignedItem, HeatMaps, write_report
from camenn.evaluation.tables import metrics_of
from camenn.task import Task

SECTIONS = (
    "The run",
    "Figures",
    "Calibration",
    "Learning curves",
    "Expert use",
    "Texts and pictures, before and after alignment",
    "Items",
    "What the words mean",
)
VOID = {"meta", "img", "br", "col", "path", "use"}


class Page(HTMLParser):
    """Collects what a page holds, and that every element is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture
def whole(tmp_path, make_report):
    """The path of a report with everything in it."""
    write_report(tmp_path / "report.html", make_report())
    return tmp_path / "report.html"


@pytest.fixture
def shown(tmp_path, make_report, no_curves):
    """Writes a report without drawn figures, which take their time, and reads it; changes as asked."""

    def write(**changes):
        plain = {"predictions": [], "curves": no_curves, "expert_use": {}}
        write_report(tmp_path / "report.html", make_report(**(plain | changes)))
        return Page((tmp_path / "report.html").read_text(encoding="utf-8"))

    return write


def test_a_whole_report_has_every_section_and_leaves_nothing_out(whole):
    page = Page(whole.read_text(encoding="utf-8"))
    for section in SECTIONS:
        assert section in page.text
    assert not [attributes for _, attributes in page.elements if attributes.get("class") == "absent"]
    # 3 calibration, 3 measures (loss is drawn once for both phases), 3 tasks of experts
    assert len(page.named("svg")) == 3 + 3 + 3


def test_the_file_needs_nothing_from_outside_and_runs_nothing(whole):
    text = whole.read_text(encoding="utf-8")
    assert "http" not in text
    assert "url(" not in text.replace("url(#", "")
    page = Page(text)
    assert not page.named("script")
    assert not page.named("link")
    sources = [attributes["src"] for attributes in page.named("img")]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)


def test_product_text_is_never_markup(shown):
    evil = '<script>alert(1)</script>"><img src=x onerror=y> {{ 7 * 7 }} $x$ 草莓 فراولة'
    page = shown(
        title=evil,
        worst_aligned=[AlignedItem(evil, evil, evil, 0.2, None)],
        heat_maps=HeatMaps((evil, "plain"), (None, None), np.eye(2), np.eye(2)),
    )
    assert not page.named("script")
    assert not [a for a in page.named("img") if "onerror" in a]
    assert page.text.count("<script>alert(1)</script>") >= 4
    assert "{{ 7 * 7 }}" in page.text


def test_the_headline_is_the_test_split_in_plain_words(shown, predicted):
    parts = [predicted(Task.CONVERSION, "validation"), predicted(Task.CONVERSION, "test", seed=5)]
    metrics = metrics_of(parts)
    value = metrics["test"]["conversion"]["auc"]["value"]
    page = shown(metrics=metrics)
    assert f"{value:.3f}" in page.text
    assert f"Of 100 pairs of a bought and an unbought item, {100 * value:.1f} are ranked" in page.text


def test_the_best_possible_is_shown_where_it_is_known_alone(shown, make_report):
    value = make_report().metrics["test"]["conversion"]["auc"]["value"]
    assert "best possible" not in shown().text
    best = value + 0.05
    assert f"{100 * (value - 0.5) / (best - 0.5):.1f}% of the way" in shown(best_possible_auc=best).text
    assert "best possible" not in shown(best_possible_auc=0.5).text


def test_a_run_without_an_encoder_does_not_say_that_the_shop_has_none(shown):
    assert "none: no pictures are read" in shown().text


def test_what_is_missing_is_left_out_with_the_reason(shown, of_labels, no_curves):
    page = shown(
        metrics=metrics_of([of_labels([0, 0, 0])]),
        predictions=[],
        curves=no_curves,
        expert_use={},
        heat_maps=None,
        best_aligned=[],
        worst_aligned=[],
    )
    for reason in (
        "Not defined: all rows are negative",
        "No calibration curves: there are no predictions",
        "No learning curves: the run logged no figures",
        "No expert use: this model has no experts",
        "No heat maps: they compare texts with pictures",
        "No best and worst items: they need items with both",
    ):
        assert reason in page.text
    assert not page.named("svg")
    assert "nan" not in page.text.lower().replace("none", "")


def test_a_run_without_any_figure_still_has_a_report(shown):
    assert "nothing was evaluated" in shown(metrics={}, predictions=[]).text


def test_a_figure_worse_than_chance_still_fits_its_scale(shown, of_labels):
    part = of_labels([1, 1, 0, 1, 0, 0], groups=[0, 0, 1, 1, 2, 2])
    page = shown(metrics=metrics_of([part]), predictions=[part])
    places = [attributes["style"] for attributes in page.named("i") if "left:" in attributes.get("style", "")]
    assert places
    for place in re.findall(r"left:([-\d.]+)%", " ".join(places)):
        assert 0 <= float(place) <= 100


def test_both_heat_maps_share_one_scale_and_mark_the_diagonal(shown):
    before, after = np.full((3, 3), 0.25), np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.0]])
    page = shown(heat_maps=HeatMaps(("a", "b", "c"), (None, None, None), before, after))
    cells = [a for a in page.named("td") if "--level" in a.get("style", "")]
    assert [cell["style"] for cell in cells[:9]] == ["--level:25.0%"] * 9  # 0.25 between 0 and 1
    assert [cell["style"] for cell in cells[9:12]] == ["--level:100.0%", "--level:0.0%", "--level:0.0%"]
    own = [place for place, cell in enumerate(cells) if "own" in cell["class"]]
    assert own == [0, 4, 8, 9, 13, 17]
    assert "2 of 3 texts are most like their own picture. Mean similarity with it: 0.67; with the others: 0.08" in (
        page.text
    )


def test_heat_maps_of_equal_values_or_of_a_single_item_are_drawn(shown):
    for size in (1, 2):
        flat = np.full((size, size), 0.3)
        page = shown(heat_maps=HeatMaps(("x",) * size, (None,) * size, flat, flat))
        assert "Mean similarity with it: 0.30" in page.text


@pytest.mark.parametrize(
    ("size", "table"), [(3, np.zeros((2, 2))), (2, np.zeros((2, 3))), (2, np.array([[0, np.nan], [0, 0]]))]
)
def test_heat_maps_that_do_not_fit_are_refused(size, table):
    with pytest.raises(ValueError, match=r"heat maps of|finite"):
        HeatMaps(("x",) * size, (None,) * size, table, table)


def test_items_without_a_picture_or_with_a_broken_one_say_so(shown):
    items = [AlignedItem("a", "A", None, 0.5, None), AlignedItem("b", "B", None, 0.5, b"broken")]
    text = shown(worst_aligned=items).text
    assert "no picture" in text
    assert "picture cannot be read" in text


def test_near_certainty_is_not_rounded_to_certainty(shown):
    text = shown().text  # 0.9999 and 0.0001
    assert "over 99.9%" in text
    assert "under 0.1%" in text


def test_curves_keep_what_is_finite_and_any_name(shown):
    rows = [(1, 0, "learning_rate", 0.1), (2, 0, "learning_rate", float("nan")), (1, 0, "train/a/b_auc", None)]
    curves = pl.DataFrame(rows, schema=["step", "epoch", "name", "value"], orient="row")
    text = shown(curves=curves).text
    assert "Learning rate" in text
    assert "A b AUC" not in text  # nothing finite, nothing drawn


def test_a_log_of_a_heading_alone_is_no_log(shown, tmp_path):
    (tmp_path / "metrics.csv").write_text("step,epoch,name,value\n")
    assert "No learning curves" in shown(curves=pl.read_csv(tmp_path / "metrics.csv")).text


@pytest.mark.parametrize(
    ("seconds", "words"), [(2.34, "2.3 s"), (59.7, "1 min 0 s"), (754.2, "12 min 34 s"), (90_061, "25 h 1 min")]
)
def test_time_is_told_as_people_do(seconds, words, shown, make_report):
    facts = make_report().facts
    told = {name: getattr(facts, name) for name in type(facts).__slots__} | {"training_s": seconds}
    assert words in shown(facts=type(facts)(**told)).text


def test_the_same_data_gives_the_same_file(whole, make_report):
    before = whole.read_bytes()
    write_report(whole, make_report())
    assert whole.read_bytes() == before


def test_a_report_that_fails_leaves_the_one_before_whole(tmp_path, shown, make_report, monkeypatch):
    path = tmp_path / "report.html"
    shown()
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_report(path, make_report(title="another"))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]
