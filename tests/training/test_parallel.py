"""Two processes train one model: one bundle comes of it, and both come to an end."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from camenn.bundle import Bundle
from toy import write_toy_shop
from toy_run import same, small_toml, weights

pytestmark = pytest.mark.slow

LAUNCHES = {
    "the command's own": [sys.executable, "-m", "camenn.cli"],
    "torchrun": [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "camenn.cli"],
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("shop"), num_requests=80)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(small_toml().replace("[training]", "[training]\ncheckpoint_s = 0.0"), encoding="utf-8")
    return path


def train(launch: str, config: Path, shop: Path, run: Path) -> subprocess.CompletedProcess[str]:
    options = ["train", "--config", str(config), "--shop", str(shop), "--run", str(run)]
    command = [*LAUNCHES[launch], *options, "--accelerator", "cpu", "--devices", "2"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    return subprocess.run(command, capture_output=True, text=True, env=environment | {"OMP_NUM_THREADS": "1"})


def steps(run: Path) -> int:
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return max(int(row["step"]) for row in csv.DictReader(file))


@pytest.mark.parametrize("launch", LAUNCHES)
def test_two_processes_write_one_bundle_and_end(launch: str, config: Path, shop: Path, tmp_path: Path) -> None:
    done = train(launch, config, shop, tmp_path / "run")
    assert done.returncode == 0, done.stderr
    bundle = Bundle.from_pretrained(tmp_path / "run")
    assert bundle.facts["epochs"] == 2
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"bundle", "metrics.json", "report.html"}
    assert done.stdout.count("report:") == 1  # one of them judges
    assert len(re.findall(r"epoch 1: loss", done.stderr)) == 1  # and one of them speaks


def test_two_processes_share_the_steps_between_them_and_come_to_the_same_again(
    config: Path, shop: Path, tmp_path: Path
) -> None:
    runs = [tmp_path / name for name in ("one", "again")]
    for run in runs:
        assert train("the command's own", config, shop, run).returncode == 0
    assert same(*(weights(run) for run in runs))
    assert runs[0].joinpath("metrics.csv").read_bytes() == runs[1].joinpath("metrics.csv").read_bytes()
    alone = subprocess.run(
        [sys.executable, "-m", "camenn.cli", "train", "--config", str(config), "--shop", str(shop)]
        + ["--run", str(tmp_path / "alone"), "--accelerator", "cpu"],
        capture_output=True,
    )
    assert alone.returncode == 0
    assert steps(tmp_path / "alone") // 2 == steps(runs[0])
