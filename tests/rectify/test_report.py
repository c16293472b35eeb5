"""The report: what it shows, and that nothing in the shop can make it show anything else."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from camenn.rectify import report
from camenn.rectify.findings import KIND_NAMES, SCHEMA, SIDE_NAMES, Kind, Side
from camenn.rectify.planting import Fault
from camenn.rectify.report import ReportData, write_report
from camenn.rectify.tier import Tier
from camenn.tables.shop import Shop, open_shop
from findings_factory import finding, made_up
from toy import toy_items

SCRIPT = '<script>alert("x")</script>'


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    items = toy_items(40)
    names = [SCRIPT, *items["name"].to_list()[1:]]
    images = [None, b"no picture", *items["image"].to_list()[2:]]
    (tmp_path / "shop").mkdir()
    items.with_columns(pl.Series("name", names), pl.Series("image", images)).write_parquet(
        tmp_path / "shop" / "items.parquet"
    )
    return open_shop(tmp_path / "shop")


def written(shop: Shop, rows: list[dict[str, Any]], folder: Path, **changed: Any) -> str:
    data = {
        "num_judged": 39,
        "tier": Tier(0.97, 0.004, (0.001, 0.012), 1234),
        "rate": 0.01,
        "frequency": {Fault.NAME: 0.031, Fault.PICTURE: 0.02, Fault.VAGUE: 0.01, Fault.CATEGORY: 0.0},
    } | changed
    write_report(folder, ReportData(shop=shop, findings=pl.DataFrame(rows, schema=SCHEMA), **data))
    text = (folder / "report.html").read_text(encoding="utf-8")
    Balanced().feed(text)
    return text


class Balanced(HTMLParser):
    """Fails where a tag is closed that was not open."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())


def test_all_kinds_are_shown_with_what_stands_there_and_what_is_proposed(shop: Shop, tmp_path: Path) -> None:
    text = written(shop, made_up(shop, num=36), tmp_path)
    for kind in Kind:
        assert KIND_NAMES[kind] in text
        assert f'id="{kind}"' in text
    assert text.count('<article class="card finding">') == 36
    assert "Take one of the two listings out" in text
    assert "36 findings about 36 of 40 items" in text


def test_names_are_text_and_nothing_else(shop: Shop, tmp_path: Path) -> None:
    row = finding("i0", "mismatch", reason=SCRIPT, words=[{"word": SCRIPT, "weight": 1.0}])
    row["suggestions"] = [{"item_id": "i0", "value": SCRIPT, "score": 1.0}]
    row["neighbours"] = [{"item_id": "i0", "by": "text", "similarity": 0.5}]
    text = written(shop, [row], tmp_path)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 4


def test_pictures_that_are_missing_or_cannot_be_read_are_said_to_be(shop: Shop, tmp_path: Path) -> None:
    rows = [finding("i0", neighbours=[], suggestions=[]), finding("i1", neighbours=[], suggestions=[])]
    text = written(shop, rows, tmp_path)
    assert text.count("no picture to show") == 2
    assert text.count("Nothing in the shop to put in its place.") == 2


def test_a_frequent_kind_does_not_hide_the_others(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "SHOWN", 6)
    many = [finding(f"i{line}", "duplicate", worth=100.0 + line) for line in range(10, 30)]
    text = written(shop, [*many, finding("i2", "mismatch", worth=2.0), finding("i3", "mismatch", worth=1.0)], tmp_path)
    assert "The 4 most worth of 20." in text
    assert "All 2." in text
    assert text.index("i29") < text.index("i28") < text.index("i26")


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (
            0.97,
            "lies at 0.970. From there on 0.4% are expected to be false (95% interval 0.1 to 1.2%, by 1,234 tried).",
        ),
        (2.0, "none was made"),
    ],
)
def test_it_says_how_the_automatic_tier_was_set(shop: Shop, tmp_path: Path, start: float, told: str) -> None:
    tier = Tier(start, 0.004, (0.001, 0.012), 1234)
    text = written(shop, [finding("i2", automatic=start < 1)], tmp_path, tier=tier, rate=0.02)
    assert told in text
    assert "no more than 2% of all that is corrected is false" in text
    assert ("1 correction was made" in text) == (start < 1)


def test_it_says_how_frequent_faults_are_or_that_nobody_can_say(shop: Shop, tmp_path: Path) -> None:
    assert "<dd>3.1%</dd>" in written(shop, [finding("i2")], tmp_path)
    assert "Nobody can say" in written(shop, [finding("i2")], tmp_path, frequency={})


def test_a_side_that_is_unclear_is_not_struck_out(shop: Shop, tmp_path: Path) -> None:
    clear = written(shop, [finding("i2", "mismatch")], tmp_path)
    assert 'class="was"' in clear
    unclear = written(shop, [finding("i2", "mismatch", side=Side.UNCLEAR.value)], tmp_path)
    assert 'class="was"' not in unclear
    assert "Proposed name, if that is what is wrong" in unclear
    assert SIDE_NAMES[Side.UNCLEAR] in unclear


def test_without_findings_there_is_a_report_too(shop: Shop, tmp_path: Path) -> None:
    text = written(shop, [], tmp_path)
    assert "Nothing was found in 40 items." in text
    assert "<article" not in text


def test_a_report_that_stood_there_is_replaced_whole(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    assert "old" not in written(shop, [], tmp_path)[:3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "shop"]
