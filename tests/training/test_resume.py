"""A run that was killed and started again ends where an uninterrupted one does, bit for bit."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from camenn.errors import BundleError, CamennError
from camenn.objectives.multi_task import MultiTaskObjective
from camenn.run_config import RunConfig
from camenn.training.checkpoint import Checkpoints
from camenn.training.logs import RunLog
from camenn.training.optimizer import RowAdam
from toy import write_toy_shop
from toy_run import same, small_config, small_toml, train_on, weights

EPOCHS = 2


def config(**training: Any) -> RunConfig:
    return small_config(
        requests={"rows": 40},
        model={"dropout": 0.1},
        training={"max_epochs": EPOCHS, "ema_decay": 0.5, "user_dropout": 0.2, "item_dropout": 0.2, **training},
    )


class Killed(BaseException):
    """As a kill is: nothing in the program expects it."""


@contextmanager
def killed_at(call: int, owner: type, name: str, *, after: bool = False) -> Iterator[None]:
    """The process dies at the nth call of a method, before or after it did its work."""
    real: Callable[..., Any] = getattr(owner, name)
    calls = iter(range(10**6))

    def dying(*args: Any, **others: Any) -> Any:
        now = next(calls) == call
        if now and not after:
            raise Killed
        result = real(*args, **others)
        if now:
            raise Killed
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, dying)
        with pytest.raises(Killed):
            yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("resume"), num_requests=60)


@pytest.fixture(scope="module")
def whole(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train_on(shop, run, config())
    return run


@pytest.fixture(scope="module")
def steps(whole: Path) -> int:
    """Steps of an epoch."""
    return int(rows(whole)[-1]["step"]) // EPOCHS


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def scalars(run: Path) -> set[tuple[str, int, float]]:
    """(name, step, value) of every point that TensorBoard shows, each once."""
    board = EventAccumulator(str(run / "tensorboard")).Reload()
    points = [(name, one.step, one.value) for name in board.Tags()["scalars"] for one in board.Scalars(name)]
    assert len(set(points)) == len(points)
    return set(points)


def assert_equal(run: Path, whole: Path) -> None:
    assert same(weights(run), weights(whole))
    assert (run / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_the_same_seed_gives_the_same_run_and_another_another(shop: Path, whole: Path, tmp_path: Path) -> None:
    train_on(shop, tmp_path / "again", config())
    assert_equal(tmp_path / "again", whole)
    train_on(shop, tmp_path / "other", config(seed=1))
    assert not same(weights(tmp_path / "other"), weights(whole))
    assert (tmp_path / "other" / "metrics.csv").read_bytes() != (whole / "metrics.csv").read_bytes()


@pytest.mark.parametrize("checkpoint_s", [0.0, 1000.0], ids=["checkpoint every step", "checkpoint every epoch"])
@pytest.mark.parametrize("place", ["first step", "middle of the first epoch", "last step of the first epoch", "end"])
def test_a_run_killed_at_a_step_ends_as_an_uninterrupted_one(
    shop: Path, whole: Path, steps: int, tmp_path: Path, checkpoint_s: float, place: str
) -> None:
    assert steps >= 4
    step = {
        "first step": 0,
        "middle of the first epoch": steps // 2,
        "last step of the first epoch": steps - 1,
        "end": EPOCHS * steps - 1,
    }[place]
    with killed_at(step, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", config(checkpoint_s=checkpoint_s))
    train_on(shop, tmp_path / "run", config(checkpoint_s=checkpoint_s))
    assert_equal(tmp_path / "run", whole)


def test_a_run_without_averaged_weights_goes_on_too(shop: Path, steps: int, tmp_path: Path) -> None:
    plain = config(ema_decay=0.0)
    train_on(shop, tmp_path / "whole", plain)
    with killed_at(steps + 2, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", replace(plain, training=replace(plain.training, checkpoint_s=0.0)))
    train_on(shop, tmp_path / "run", plain)
    assert_equal(tmp_path / "run", tmp_path / "whole")


def test_a_run_goes_on_from_its_last_checkpoint_and_does_not_begin_again(
    shop: Path, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_at(steps + 2, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    done: list[int] = []
    forward = MultiTaskObjective.forward
    monkeypatch.setattr(MultiTaskObjective, "forward", lambda *args: done.append(1) or forward(*args))
    train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    assert len(done) == EPOCHS * steps - (steps + 2)


def test_tensorboard_shows_what_is_logged_and_nothing_twice_after_a_kill(
    shop: Path, whole: Path, steps: int, tmp_path: Path
) -> None:
    logged = {(row["name"], int(row["step"]), float(np.float32(row["value"]))) for row in rows(whole)}
    assert {step for _, step, _ in logged} == {steps, 2 * steps}
    assert scalars(whole) == logged
    for call, owner, name in ((1, RunLog, "write"), (0, Checkpoints, "save")):  # logged and not saved, saved
        run = tmp_path / name
        with killed_at(call, owner, name, after=True):
            train_on(shop, run, config())
        train_on(shop, run, config())
        assert scalars(run) == logged


def test_the_time_of_an_epoch_that_a_kill_cut_short_is_counted_up_to_the_checkpoint(shop: Path, tmp_path: Path) -> None:
    with killed_at(3, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    last = json.loads((tmp_path / "run" / "checkpoints" / "last" / "progress.json").read_text(encoding="utf-8"))
    assert (last["epoch"], last["step"]) == (0, 3)
    assert last["train_s"] > 0


def test_a_run_killed_three_times_ends_as_an_uninterrupted_one(
    shop: Path, whole: Path, steps: int, tmp_path: Path
) -> None:
    for step in (2, 1, steps):
        with killed_at(step, MultiTaskObjective, "forward"):
            train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    assert_equal(tmp_path / "run", whole)


@pytest.mark.parametrize("checkpoint_s", [0.0, 1000.0], ids=["checkpoint every step", "checkpoint every epoch"])
@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        (RunLog, "write", False),
        (RunLog, "write", True),
        (Checkpoints, "save_best", False),
        (Checkpoints, "save_best", True),
    ],
    ids=["before the log", "after the log", "before the best", "after the best"],
)
def test_a_run_killed_between_two_epochs_ends_as_an_uninterrupted_one(
    shop: Path,
    whole: Path,
    tmp_path: Path,
    owner: type,
    name: str,
    after: bool,
    checkpoint_s: float,
) -> None:
    with killed_at(0, owner, name, after=after):
        train_on(shop, tmp_path / "run", config(checkpoint_s=checkpoint_s))
    train_on(shop, tmp_path / "run", config(checkpoint_s=checkpoint_s))
    assert_equal(tmp_path / "run", whole)


def test_a_run_killed_while_its_bundle_is_saved_ends_as_an_uninterrupted_one(
    shop: Path, whole: Path, tmp_path: Path
) -> None:
    from camenn.bundle import Bundle

    with killed_at(0, Bundle, "save_pretrained"):
        train_on(shop, tmp_path / "run", config())
    train_on(shop, tmp_path / "run", config())
    assert_equal(tmp_path / "run", whole)


def test_a_finished_run_started_again_stays_as_it_is(
    shop: Path, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_on(shop, tmp_path / "run", config())
    monkeypatch.setattr(MultiTaskObjective, "forward", None)  # nothing may be trained
    train_on(shop, tmp_path / "run", config())
    assert_equal(tmp_path / "run", whole)


def test_a_finished_run_goes_on_when_more_epochs_are_asked_for(shop: Path, whole: Path, tmp_path: Path) -> None:
    train_on(shop, tmp_path / "run", config(max_epochs=EPOCHS - 1))
    train_on(shop, tmp_path / "run", config())
    assert_equal(tmp_path / "run", whole)


def test_a_run_goes_on_when_its_shop_has_moved(shop: Path, whole: Path, tmp_path: Path) -> None:
    with killed_at(2, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", replace(config(checkpoint_s=0.0), shop="here"))
    train_on(shop, tmp_path / "run", replace(config(), shop="there"))
    assert_equal(tmp_path / "run", whole)


def test_a_purchase_log_draws_the_same_negatives_when_resumed(tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=80, outcomes=False)
    train_on(shop, tmp_path / "whole", config())
    with killed_at(3, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    assert_equal(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize("model", [{"width": 32}, {"num_experts": 3}, {"aligned_width": 0}])
def test_a_checkpoint_of_another_model_is_refused(
    shop: Path, tmp_path: Path, whole: Path, model: dict[str, int]
) -> None:
    with killed_at(2, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.safetensors")}
    with pytest.raises(BundleError, match="a checkpoint of another model or shop; give the run another folder"):
        train_on(shop, tmp_path / "run", small_config(model=model))
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.safetensors")} == before


def test_a_checkpoint_of_another_shop_is_refused(tmp_path: Path, whole: Path, shop: Path) -> None:
    with killed_at(2, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    other = write_toy_shop(tmp_path / "other", num_requests=90, num_users=30)
    with pytest.raises(BundleError, match="a checkpoint of another model or shop"):
        train_on(other, tmp_path / "run", config())


@pytest.mark.parametrize("change", [{"seed": 1}, {"learning_rate": 0.001}])
def test_a_run_does_not_go_on_under_other_settings(shop: Path, tmp_path: Path, change: dict[str, float]) -> None:
    with killed_at(2, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    with pytest.raises(BundleError, match="its settings, seed, shop, decisions or number of processes were others"):
        train_on(shop, tmp_path / "run", config(**change))


def test_a_run_does_not_go_on_in_another_number_of_processes(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_at(2, MultiTaskObjective, "forward"):
        train_on(shop, tmp_path / "run", config(checkpoint_s=0.0))
    monkeypatch.setattr(Fabric, "world_size", 2)  # steps of an epoch would be counted otherwise
    with pytest.raises(BundleError, match="number of processes were others"):
        train_on(shop, tmp_path / "run", config())


@pytest.mark.parametrize("gradient_clip", [0.0, 1.0])
def test_a_run_that_diverges_says_so(shop: Path, tmp_path: Path, gradient_clip: float) -> None:
    with pytest.raises(CamennError, match=r"training diverged.*lower training\.learning_rate"):
        train_on(shop, tmp_path / "run", config(learning_rate=1e30, gradient_clip=gradient_clip))


def test_weights_that_are_not_finite_are_not_kept(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(optimizer: RowAdam) -> None:
        with torch.no_grad():
            optimizer.param_groups[0]["params"][-1].fill_(float("nan"))

    monkeypatch.setattr(RowAdam, "step", lost)
    one_step = small_config(requests={"rows": 4096}, pairs={"epochs": 0.0}, training={"gradient_clip": 0.0})
    with pytest.raises(CamennError, match="diverged: a weight of epoch 1, step 1 is not finite"):
        train_on(shop, tmp_path / "run", one_step)
    assert not (tmp_path / "run" / "bundle").exists()


@pytest.mark.slow
def test_a_process_killed_by_the_system_goes_on_to_the_same_weights(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        small_toml().replace("max_epochs = 2", "max_epochs = 8\npatience = 8\ncheckpoint_s = 0.0")
    )

    def command(run: str) -> list[str]:
        program = [sys.executable, "-m", "camenn.cli", "train", "--accelerator", "cpu"]
        return [*program, "--config", str(tmp_path / "run.toml"), "--shop", str(shop), "--run", str(tmp_path / run)]

    subprocess.run(command("whole"), check=True, capture_output=True)
    kills = 0
    for epochs_done in (1, 3):
        process = subprocess.Popen(command("run"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        log = tmp_path / "run" / "metrics.csv"
        while process.poll() is None and not (log.is_file() and logged_epochs(log) >= epochs_done):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills
    assert not (tmp_path / "run" / "bundle").exists()
    subprocess.run(command("run"), check=True, capture_output=True)
    assert_equal(tmp_path / "run", tmp_path / "whole")


def logged_epochs(log: Path) -> int:
    return log.read_text(encoding="utf-8").count("train/loss")
