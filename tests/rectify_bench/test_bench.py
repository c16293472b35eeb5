"""The whole bench on a small simulated shop."""

from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from camenn.rectify_bench import bench as bench_module
from camenn.rectify_bench.bench import RESULTS, TABLES, BenchConfig, bench
from camenn.simulation import simulate_shop
from camenn.tables.shop import open_shop
from toy_run import train_on

QUIET = Console(quiet=True)


def test_a_bench_counts_what_it_planted_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate_shop(tmp_path / "shop", items=120, users=20, requests=60, seed=0, fault_rate=0.0)
    train_on(tmp_path / "shop", tmp_path / "run")
    config = BenchConfig(rates=(0.2,), seeds=(0,), run=tmp_path / "run")
    found = bench(open_shop(tmp_path / "shop"), config, tmp_path / "bench", console=QUIET)
    assert set(found["method"]) >= {"CameNN", "cosine", "LEMoN", "Laplacian"}
    whole = found.filter(method="CameNN", fault="all", figure="AUROC")["value"].item()
    assert whole > found.filter(method="cosine", fault="all", figure="AUROC")["value"].item()
    assert found.filter(method="CameNN", fault="duplicate", figure="AUROC")["value"].item() > 0.9
    assert (tmp_path / "bench" / TABLES).read_text().startswith("## 20% of the items have a fault")

    monkeypatch.setattr(bench_module, "plant_faults", lambda *_: pytest.fail("was finished already"))
    again = bench(open_shop(tmp_path / "shop"), config, tmp_path / "bench", console=QUIET)
    assert again.equals(pl.read_parquet(tmp_path / "bench" / RESULTS))
