"""Two processes train one model: one bundle comes of it, and both come to an end."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from camenn.bundle import Bundle
from toy import write_toy_shop
from toy_run import same, small_toml, weights

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "camenn.cli"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TORCHRUN += ["-m", "--", "camenn.cli"]  # without `--` it would take --run for an option of its own
EPOCHS = 6


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("shop"), num_requests=80)


def start(launch: list[str], folder: Path, shop: Path, *, devices: int = 2) -> subprocess.Popen[str]:
    """Train in `folder`/run, as the processes of one group."""
    folder.mkdir(exist_ok=True)
    longer = small_toml().replace("max_epochs = 2", f"max_epochs = {EPOCHS}\npatience = {EPOCHS}")
    (folder / "small.toml").write_text(longer, encoding="utf-8")
    options = [
        "train",
        "--config",
        "small.toml",
        "--shop",
        str(shop),
        "--run",
        "run",
        "--accelerator",
        "cpu",
        "--devices",
        str(devices),
    ]
    return subprocess.Popen(
        [*launch, *options],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_of(folder: Path) -> Path:
    return folder / "run"


def steps(folder: Path) -> int:
    with (run_of(folder) / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return max(int(row["step"]) for row in csv.DictReader(file))


@pytest.mark.parametrize("launch", [COMMAND, TORCHRUN], ids=["the command's own launch", "torchrun"])
def test_two_processes_share_the_steps_write_one_bundle_and_end(launch: list[str], shop: Path, tmp_path: Path) -> None:
    process = start(launch, tmp_path, shop)
    out, err = process.communicate()  # until both have closed their ends
    assert process.returncode == 0, err
    assert Bundle.from_pretrained(run_of(tmp_path)).facts["epochs"] == EPOCHS
    assert {path.name for path in run_of(tmp_path).iterdir()} >= {"bundle", "metrics.json", "report.html"}
    assert out.count("report:") == 1  # one of them judges
    assert len(re.findall(r"epoch 1: loss", err)) == 1  # and one of them speaks
    assert start(COMMAND, tmp_path / "alone", shop, devices=1).communicate()[0]
    assert steps(tmp_path) == steps(tmp_path / "alone") // EPOCHS // 2 * EPOCHS


def test_two_processes_that_were_killed_go_on_to_the_same_weights(shop: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    start(COMMAND, whole, shop).communicate()
    process = start(COMMAND, killed, shop)
    log = run_of(killed) / "metrics.csv"
    while process.poll() is None and not (log.is_file() and "train/loss" in log.read_text(encoding="utf-8")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (run_of(killed) / "bundle").exists()
    again = start(COMMAND, killed, shop)
    _, err = again.communicate()
    assert again.returncode == 0, err
    assert same(weights(run_of(killed)), weights(run_of(whole)))
    assert (run_of(killed) / "metrics.csv").read_bytes() == (run_of(whole) / "metrics.csv").read_bytes()
