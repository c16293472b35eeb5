"""A comparison from its file to its tables, on the toy shop."""

import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image
from rich.console import Console

from camenn.cli import main
from camenn.comparison import runs
from camenn.comparison.compare import Comparison, compare
from camenn.comparison.config import ComparisonConfig, Spoiling, parse_comparison
from camenn.comparison.runs import places
from camenn.comparison.standings import standings
from camenn.metrics.ranking import auc
from camenn.run_config import RunConfig
from camenn.tables.shop import open_shop
from camenn.training.trainer import with_seed
from toy import write_toy_shop
from toy_run import SMALL

QUIET = Console(quiet=True)
SYSTEMS: dict[str, Any] = {"CameNN": {"model": SMALL["model"]}, "FM": {"model": {"name": "fm"}}}


def comparison(**raw: Any) -> ComparisonConfig:
    base = {name: value for name, value in SMALL.items() if name != "model"}
    return parse_comparison({"seeds": [0, 1], "base": base, "systems": SYSTEMS, **raw}, where="c.toml")


@pytest.fixture(scope="module")
def toy_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("compare") / "shop", num_requests=100)


@pytest.fixture(scope="module")
def folder(toy_shop: Path) -> Path:
    return toy_shop.parent / "out"


@pytest.fixture(scope="module")
def done(toy_shop: Path, folder: Path) -> Comparison:
    """One system that works and one that diverges."""
    systems = SYSTEMS | {"Diverging": {"model": {"name": "fm"}, "training": {"learning_rate": 1e30}}}
    return compare(comparison(systems=systems), open_shop(toy_shop), folder, jobs=2, console=QUIET)


def test_a_run_that_fails_leaves_the_others_alone_and_is_named(done: Comparison, folder: Path) -> None:
    assert {(run.system, run.seed) for run in done.failed} == {("Diverging", 0), ("Diverging", 1)}
    assert "diverged" in (folder / "runs" / "Diverging" / "seed0" / "error.txt").read_text()
    table = next(sheet for sheet in done.sheets if sheet.name == "conversion")
    assert [row[0] for row in table.rows] == ["CameNN", "FM", "Diverging"]
    assert table.rows[2][1:] == ("failed", "")
    assert any("Diverging: no run finished" in note for note in table.notes)


def test_figures_are_those_of_the_runs(done: Comparison, folder: Path) -> None:
    found = pl.read_parquet(folder / "tables" / "results.parquet")
    one = found.filter(task="conversion", slice="all", system="FM").row(0, named=True)
    values = [
        json.loads((folder / "runs" / "FM" / f"seed{seed}" / "metrics.json").read_text())["test"]["conversion"]["auc"]
        for seed in (0, 1)
    ]
    assert one["mean"] == pytest.approx(sum(value["value"] for value in values) / 2)
    assert (one["num_seeds"], one["low"] < one["mean"] < one["high"]) == (2, True)
    camenn = found.filter(task="conversion", slice="all", system="CameNN").row(0, named=True)
    assert one["difference"] == pytest.approx(one["mean"] - camenn["mean"])
    assert camenn["difference"] is None


def test_a_model_of_conversion_alone_stands_in_no_table_of_alignment(done: Comparison) -> None:
    table = next(sheet for sheet in done.sheets if sheet.name == "alignment")
    assert [row[0] for row in table.rows] == ["CameNN"]


def test_every_slice_has_its_table(done: Comparison) -> None:
    names = [sheet.name for sheet in done.sheets if sheet.name.startswith("conversion")]
    assert names[0] == "conversion"
    assert [name.rstrip("-0123456789") for name in names[1:]] == [
        *(["conversion-unseen-users"] if "conversion-unseen-users" in names else []),
        "conversion-few-events-to",
        "conversion-many-events-from",
    ]


def test_tables_and_figures_are_written_and_can_be_read(done: Comparison, folder: Path) -> None:
    for sheet in done.sheets:
        assert (folder / "tables" / f"{sheet.name}.md").read_text() == sheet.markdown()
        assert (folder / "tables" / f"{sheet.name}.tex").read_text() == sheet.latex()
    drawn = sorted((folder / "figures").iterdir())
    assert [path.name for path in drawn] == ["cvr_auc.png", "cvr_auc.svg"]
    with Image.open(drawn[0]) as picture:
        assert picture.width > 500
    ElementTree.parse(drawn[1])
    assert not list(folder.rglob("*.partial"))


def test_what_is_finished_is_not_run_again_and_no_table_of_before_is_left(
    done: Comparison, toy_shop: Path, folder: Path
) -> None:
    (folder / "tables" / "slices.md").touch()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/cost.json")}
    assert len(kept) == 4
    found = compare(comparison(), open_shop(toy_shop), folder, jobs=1, console=QUIET)
    assert not found.failed
    assert kept == {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/cost.json")}
    assert not (folder / "tables" / "slices.md").exists()


def test_a_run_without_its_end_is_taken_up_again(done: Comparison, toy_shop: Path, folder: Path) -> None:
    config = comparison()
    place = next(places(config, folder, (None,)))
    settings = with_seed(config.systems[place.system], place.seed)
    assert place.finished(settings)
    before = json.loads((place.folder / "metrics.json").read_text())
    (place.folder / "cost.json").unlink()  # as if killed before it was written
    assert not place.finished(settings)
    seeds = {one.system: one.num_seeds for one in standings(config, folder)}
    assert seeds == {place.system: 1, "FM": 2}
    found = compare(config, open_shop(toy_shop), folder, jobs=2, console=QUIET)  # sums of as many threads as before
    assert not found.failed
    assert place.finished(settings)
    assert json.loads((place.folder / "metrics.json").read_text()) == before


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_comparison_without_a_shop_is_told(in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    (in_folder / "c.toml").write_text("[systems.A]\n")
    monkeypatch.setattr("sys.argv", ["camenn", "compare", "c.toml"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "names no shop" in capsys.readouterr().err


def test_a_run_that_fails_by_what_nobody_expected_is_one_that_failed(
    toy_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "run_one", os.abort)  # takes no arguments
    config = comparison(seeds=[0], systems={"FM": SYSTEMS["FM"]})
    failed = runs.run_all(config, {None: toy_shop}, tmp_path, jobs=1, console=QUIET)
    assert [run.system for run in failed] == ["FM"]
    first, *trace = (failed[0].folder / "error.txt").read_text().splitlines()
    assert first.startswith("TypeError")
    assert any("process_worker" in line for line in trace)


def test_an_interrupt_ends_the_runs_and_begins_no_other(
    toy_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Path] = []

    def interrupted(shop: Path, config: RunConfig, folder: Path, threads: int) -> str:
        begun.append(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "_run_apart", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.run_all(comparison(), {None: toy_shop}, tmp_path, jobs=1, console=QUIET)
    assert len(begun) < 4


def test_places_come_seed_by_seed_and_spoiled_shops_last() -> None:
    config = comparison(spoiled={"names": [0.1]})
    names = Spoiling("names", 0.1)
    there = list(places(config, Path("out"), (None, names)))
    found = [(place.version, place.seed, place.system) for place in there]
    assert found == [
        (spoiling, seed, system) for spoiling in (None, names) for seed in (0, 1) for system in ("CameNN", "FM")
    ]
    assert len({place.folder for place in there}) == len(found)


@pytest.mark.slow
def test_spoiled_copies_are_trained_and_judged_beside_the_shop_itself(toy_shop: Path, tmp_path: Path) -> None:
    learning = SYSTEMS["FM"] | {"training": {"learning_rate": 0.05}}  # so much that a wrong name shows
    config = comparison(seeds=[0], systems={"FM": learning}, spoiled={"names": [0.5], "categories": [0.5]})
    found = compare(config, open_shop(toy_shop), tmp_path / "out", jobs=2, console=QUIET)
    assert not found.failed
    table = next(sheet for sheet in found.sheets if sheet.name == "robustness")
    assert table.columns == ("system", "as it is", "50% of names", "50% of categories")
    assert len(set(table.rows[0][1:])) == 3  # each shop gave another model
    assert (tmp_path / "out" / "figures" / "robustness.png").is_file()
    spoiled = pl.read_parquet(tmp_path / "out" / "shops" / "names-0.5" / "spoiled.parquet")
    assert spoiled["what"].unique().to_list() == ["names"]
    clean, *dirty = (
        pl.read_parquet(tmp_path / "out" / "runs" / place / "FM" / "seed0" / "predictions.parquet")
        for place in ("", "names-0.5", "categories-0.5")
    )
    rows = clean.select("group", "item_id", "label")
    assert all(one.select("group", "item_id", "label").equals(rows) for one in dirty)
    judged = [one.filter(task="conversion", split="test") for one in (clean, *dirty)]
    assert table.rows[0][1:] == tuple(f"{auc(one['logit'].to_numpy(), one['label'].to_numpy()):.4f}" for one in judged)
