"""The whole effect on the toy shop: four versions, the same requests, nothing done twice."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from rich.console import Console

from camenn.bundle import Bundle
from camenn.comparison import runs
from camenn.comparison.config import ComparisonConfig, parse_comparison
from camenn.comparison.runs import RunPlace, places
from camenn.errors import CamennError, ConfigError, DataError
from camenn.evaluation.rows import ROWS
from camenn.metrics.ranking import auc
from camenn.rectify_effect import effect as module
from camenn.rectify_effect.effect import (
    FIGURE,
    RESULTS,
    TABLES,
    Measured,
    check_inputs,
    judge_on_clean,
    measure_effect,
    on_clean,
    scored_by,
)
from camenn.rectify_effect.versions import Version
from camenn.run_config import RunConfig, config_to_json
from camenn.tables.shop import open_shop
from camenn.tables.split import Part, split_shop
from toy import write_toy_shop
from toy_run import SMALL

QUIET = Console(quiet=True)


def comparison(**raw: Any) -> ComparisonConfig:
    base = {name: value for name, value in SMALL.items() if name != "model"}
    systems = {"CameNN": {"model": SMALL["model"]}, "LR": {"model": {"name": "lr"}}}
    return parse_comparison({"seeds": [0], "base": base, "systems": systems, **raw}, where="c.toml")


def run_here(shop: Path, config: RunConfig, folder: Path, threads: int) -> str:
    """A process for each of so small runs would take longer than they do."""
    settings = json.dumps(config_to_json(config))
    return runs.run_one(str(shop), settings, str(folder), torch.get_num_threads())


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("effect")
    write_toy_shop(folder / "shop", num_items=60, num_requests=120)
    return folder / "out"


@pytest.fixture(scope="module")
def done(out: Path) -> Iterator[Measured]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_run_apart", run_here)
        yield measured(out)


def measured(out: Path, **raw: Any) -> Measured:
    shop = open_shop(out.parent / "shop")
    return measure_effect(comparison(**raw), shop, out, rate=0.4, jobs=1, console=QUIET)


def test_every_system_is_trained_on_every_version_and_all_is_told(done: Measured, out: Path) -> None:
    assert not done.failed
    assert (out / TABLES).read_text() == done.tables
    for told in ("| CameNN | clean |", "| LR | reviewed |", "| LR |", "60 items have a fault"):
        assert told in done.tables
    found = pl.read_parquet(out / RESULTS)
    assert len(found) == 2 * 2 * 4
    assert (found.filter(version="clean")["difference"]).is_null().all()
    ElementTree.parse(out / f"{FIGURE}.svg")
    with Image.open(out / f"{FIGURE}.png") as picture:
        assert picture.width > 500
    assert not list(out.rglob("*.partial"))


def test_a_version_in_which_nothing_was_corrected_is_dirty_and_not_trained(done: Measured, out: Path) -> None:
    found = pl.read_parquet(out / RESULTS)
    for version in (Version.AUTOMATIC, Version.REVIEWED):
        assert (out / "runs" / version).exists() == (f"Nothing was corrected in {version}" not in done.tables)
        if not (out / "runs" / version).exists():
            held = found.filter(version=version).select("auc", "difference")
            assert held.equals(found.filter(version="dirty").select("auc", "difference"))


def test_a_figure_is_the_auc_on_the_clean_catalogue(done: Measured, out: Path) -> None:
    rows = pl.read_parquet(on_clean(out / "runs" / "dirty" / "LR" / "seed0")).filter(task="conversion", split="test")
    found = pl.read_parquet(out / RESULTS).filter(catalogue="clean", system="LR", version="dirty")
    assert found["auc"].item() == pytest.approx(auc(rows["logit"].to_numpy(), rows["label"].to_numpy()))


def test_all_are_judged_by_the_same_requests_and_none_that_anybody_trained_on(done: Measured, out: Path) -> None:
    shop = open_shop(out.parent / "shop")
    parts, _ = split_shop(shop, comparison().systems["LR"].split)
    assert parts is not None
    test = np.flatnonzero(parts == Part.TEST)
    judged = []
    for place in places(comparison(), out, Version):
        for path in (place.folder / ROWS, *place.folder.glob("on_clean-*.parquet")):
            if path.is_file():
                rows = pl.read_parquet(path).filter(task="conversion", split="test")
                judged.append(rows.select("group", "item_id", "label"))
    trained = len(list((out / "runs").iterdir()))
    assert len(judged) == 2 * (2 * trained - 1)
    assert all(one.equals(judged[0]) for one in judged)
    assert judged[0]["group"].unique().sort().to_list() == test.tolist()


def test_features_are_those_of_the_version_trained_on(done: Measured, out: Path) -> None:
    dirty = Bundle.from_pretrained(out / "runs" / "dirty" / "LR" / "seed0")
    assert Path(dirty.facts["shop"]) == (out / "shops" / "dirty").absolute()
    run = out / "runs" / "dirty" / "LR" / "seed0"
    own, clean = (pl.read_parquet(path).filter(task="conversion", split="test") for path in (run / ROWS, on_clean(run)))
    assert not own["logit"].equals(clean["logit"])  # one model, two catalogues


def test_what_is_finished_is_kept(done: Measured, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_run_apart", lambda *_: pytest.fail("was trained already"))
    monkeypatch.setattr(module, "evaluate", lambda *_: pytest.fail("was judged already"))
    for name in ("plant_faults", "rectify", "write_corrected"):
        monkeypatch.setattr(f"camenn.rectify_effect.versions.{name}", lambda *_, **__: pytest.fail("was made already"))
    assert measured(out).tables == done.tables


def test_a_run_that_was_trained_further_is_judged_again(done: Measured, out: Path, tmp_path: Path) -> None:
    shutil.copytree(out / "runs" / "dirty" / "LR" / "seed0", tmp_path / "run")
    place = RunPlace("LR", 0, Version.DIRTY, tmp_path / "run")
    shop = open_shop(out.parent / "shop")
    first = on_clean(place.folder)
    before = first.stat().st_mtime_ns
    judge_on_clean([place], shop, QUIET)
    assert first.stat().st_mtime_ns == before
    weights = place.folder / "bundle"
    shutil.rmtree(weights)
    shutil.copytree(out / "runs" / "clean" / "LR" / "seed0" / "bundle", weights)
    judge_on_clean([place], shop, QUIET)
    assert on_clean(place.folder) != first
    said, before_that = pl.read_parquet(on_clean(place.folder)), pl.read_parquet(first)
    assert not said["logit"].equals(before_that["logit"])


def test_a_shop_with_other_events_is_not_taken_for_the_clean_one(done: Measured, out: Path, tmp_path: Path) -> None:
    other = open_shop(write_toy_shop(tmp_path / "shop", num_items=60, num_requests=50))
    shutil.copytree(out.parent / "shop" / ".camenn", other.folder / ".camenn", dirs_exist_ok=True)
    shutil.copytree(out / "runs" / "dirty" / "LR" / "seed0", tmp_path / "run")
    on_clean(tmp_path / "run").unlink()
    place = RunPlace("LR", 0, Version.DIRTY, tmp_path / "run")
    with pytest.raises(CamennError, match="items or events that are not those of"):
        judge_on_clean([place], other, QUIET)
    assert not on_clean(tmp_path / "run").exists()


def test_models_that_were_judged_by_different_requests_are_not_compared(
    done: Measured, out: Path, tmp_path: Path
) -> None:
    shutil.copytree(out / "runs" / "clean" / "LR" / "seed0", tmp_path / "run")
    rows = pl.read_parquet(tmp_path / "run" / ROWS)
    rows.with_columns(pl.col("group") + 1).write_parquet(tmp_path / "run" / ROWS)
    mixed = [
        RunPlace("LR", 0, Version.CLEAN, out / "runs" / "clean" / "LR" / "seed0"),
        RunPlace("LR", 1, Version.CLEAN, tmp_path / "run"),
    ]
    with pytest.raises(CamennError, match="other requests"):
        scored_by(mixed)


def test_where_the_finder_fails_nothing_is_put_right(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_run_apart", lambda *_: "no memory")
    shop = open_shop(out.parent / "shop")
    with pytest.raises(CamennError, match="CameNN, seed 0, dirty: failed, so that nothing can be put right"):
        measure_effect(comparison(), shop, tmp_path / "out", rate=0.4, jobs=1, console=QUIET)
    assert not (tmp_path / "out" / "findings").exists()


def test_what_nothing_could_come_of_is_told_before_anything_is_made(out: Path, tmp_path: Path) -> None:
    shop = open_shop(out.parent / "shop")
    with pytest.raises(ConfigError, match=r"leave the table \[spoiled\] out"):
        check_inputs(comparison(spoiled={"names": [0.1]}), shop)
    by_category = {"split": {"item_column": "category", "item_test": ["hat"]}}
    with pytest.raises(ConfigError, match="faults change items' category"):
        check_inputs(comparison(base=by_category), shop)
    with pytest.raises(ConfigError, match="no system 'FM'"):
        comparison(reference="FM")
    bare = tmp_path / "bare"
    bare.mkdir()
    items = pl.read_parquet(shop.folder / "items.parquet")
    items.write_parquet(bare / "items.parquet")
    with pytest.raises(DataError, match="has no events"):
        check_inputs(comparison(), open_shop(bare))
    blind = write_toy_shop(tmp_path / "blind", num_items=60, num_requests=20)
    items.drop("image").write_parquet(blind / "items.parquet")
    with pytest.raises(DataError, match="lacks names or pictures"):
        measure_effect(comparison(), open_shop(blind), tmp_path / "out", rate=0.4, jobs=1, console=QUIET)
    assert not (tmp_path / "out").exists()
