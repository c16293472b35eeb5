"""A checkpoint is whole or not there; the one before stands until the next is complete."""

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from camenn.errors import BundleError, CamennError
from camenn.training import checkpoint as module
from camenn.training.checkpoint import Checkpoints, Progress
from toy import write_toy_shop
from toy_run import small_config, train_on


class Killed(BaseException):
    pass


def made(seed: int, *, width: int = 3) -> tuple[torch.nn.Linear, torch.optim.Adam]:
    """A model and an optimiser with two steps behind them."""
    torch.manual_seed(seed)
    model = torch.nn.Linear(width, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    take_steps(model, optimizer)
    return model, optimizer


def take_steps(model: torch.nn.Linear, optimizer: torch.optim.Adam) -> None:
    for step in range(2):
        optimizer.zero_grad()
        model(torch.full((1, model.in_features), step + 1.0)).square().sum().backward()
        optimizer.step()


def state(model: torch.nn.Module) -> list[float]:
    return torch.nn.utils.parameters_to_vector(model.parameters()).tolist()


def restored(folder: Path, *, width: int = 3) -> tuple[list[float], Progress]:
    model, optimizer = made(9, width=width)
    progress = Checkpoints(folder).restore(model, optimizer, run="")
    return state(model), progress


def test_weights_optimiser_and_counters_come_back(tmp_path: Path) -> None:
    model, optimizer = made(0)
    progress = Progress(epoch=2, step=5, global_step=17, best_score=1 / 3, train_s=0.1, losses={"loss": [0.1, 3.0]})
    Checkpoints(tmp_path).save(model, optimizer, progress)
    other, other_optimizer = made(1)
    assert state(other) != state(model)
    assert Checkpoints(tmp_path).restore(other, other_optimizer, run="") == progress
    assert state(other) == state(model)
    take_steps(model, optimizer)
    take_steps(other, other_optimizer)
    assert state(other) == state(model)


def test_a_run_without_a_checkpoint_has_nothing_to_restore(tmp_path: Path) -> None:
    assert restored(tmp_path)[1] == Progress()


def test_the_best_weights_come_back_whatever_came_later(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    best, later = made(0), made(1)
    checkpoints.save_best(best[0])
    checkpoints.save(*later, Progress(epoch=1))
    model, _ = made(2)
    checkpoints.restore_best(model)
    assert state(model) == state(best[0])


def test_a_run_without_best_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds no best weights; remove the folder"):
        Checkpoints(tmp_path).restore_best(made(0)[0])


def test_a_checkpoint_of_a_model_of_another_shape_is_refused(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(*made(0), Progress())
    with pytest.raises(BundleError, match="a checkpoint of another model or shop; give the run another folder"):
        restored(tmp_path, width=4)


@pytest.mark.parametrize("content", ["", '{"epoch": 1, "age": 2}'])
def test_a_checkpoint_that_another_version_wrote_is_refused(tmp_path: Path, content: str) -> None:
    Checkpoints(tmp_path).save(*made(0), Progress())
    (tmp_path / "last" / "progress.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match="another version wrote it"):
        restored(tmp_path)


@pytest.mark.parametrize("killed_at", range(4))
def test_a_kill_anywhere_while_writing_leaves_one_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    former, new = made(0), made(1)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(*former, Progress(epoch=1))
    steps = iter(range(100))

    def dying(real: Any) -> Any:
        def step(*args: Any, **others: Any) -> Any:
            if next(steps) == killed_at:
                raise Killed
            return real(*args, **others)

        return step

    with monkeypatch.context() as patch:  # the four things that are done to the disk, in order
        patch.setattr(module, "save_file", dying(module.save_file))
        patch.setattr(Path, "write_text", dying(Path.write_text))
        patch.setattr(Path, "rename", dying(Path.rename))
        with pytest.raises(Killed):
            checkpoints.save(*new, Progress(epoch=2))
    assert restored(tmp_path) == (state(former[0]), Progress(epoch=1))
    checkpoints.save(*new, Progress(epoch=2))
    assert restored(tmp_path) == (state(new[0]), Progress(epoch=2))
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_two_kills_between_the_renames_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    former, rename = made(0), Path.rename
    Checkpoints(tmp_path).save(*former, Progress(epoch=1))

    def die_at_the_second(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise Killed
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", die_at_the_second)
    for _ in range(2):
        with pytest.raises(Killed):
            Checkpoints(tmp_path).save(*made(1), Progress(epoch=2))
        assert restored(tmp_path) == (state(former[0]), Progress(epoch=1))


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("I/O error: No space left on device")],
    ids=["system", "safetensors"],
)
def test_a_full_disk_is_told_and_the_former_checkpoint_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    former = made(0)
    Checkpoints(tmp_path).save(*former, Progress(epoch=1))

    def full(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(CamennError, match=r"checkpoint not written: .*No space left on device.*the one before stands"):
        Checkpoints(tmp_path).save(*made(1), Progress(epoch=2))
    assert restored(tmp_path) == (state(former[0]), Progress(epoch=1))
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_run_on_a_full_disk_is_told_and_goes_on_once_there_is_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=40)
    config = small_config(training={"max_epochs": 1, "checkpoint_s": 0.0})
    real, calls = module.save_file, iter(range(100))

    def full_from_the_third(*args: Any, **others: Any) -> None:
        if next(calls) >= 2:
            raise SafetensorError("I/O error: No space left on device")
        real(*args, **others)

    with monkeypatch.context() as patch:
        patch.setattr(module, "save_file", full_from_the_third)
        with pytest.raises(CamennError, match="free some space and start the same command again"):
            train_on(shop, tmp_path / "run", config)
    assert train_on(shop, tmp_path / "run", config).bundle.facts["epochs"] == 1


CHECKPOINT_WITH_LITTLE_SPACE = """
import resource, signal, sys
from pathlib import Path
import torch
from camenn.errors import CamennError
from camenn.training.checkpoint import Checkpoints, Progress
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
model = torch.nn.Linear(100, 100)
checkpoints = Checkpoints(Path(sys.argv[1]))
checkpoints.save(model, torch.optim.Adam(model.parameters()), Progress(epoch=1))
before = {path: path.read_bytes() for path in Path(sys.argv[1]).rglob("*.*")}
for limit in (10, 4_000, 30_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        checkpoints.save(model, torch.optim.Adam(model.parameters()), Progress(epoch=2))
    except CamennError as error:
        print(error)
    assert {path: path.read_bytes() for path in Path(sys.argv[1]).rglob("*.*")} == before
"""


@pytest.mark.slow
def test_a_real_limit_on_files_leaves_the_former_checkpoint_whole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECKPOINT_WITH_LITTLE_SPACE, str(tmp_path)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("checkpoint not written") == 3
