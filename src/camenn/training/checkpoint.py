"""Where a run stands, so that a killed one goes on to the same weights. Tensors in safetensors, counters in JSON."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from camenn.errors import BundleError, CamennError


@dataclass(slots=True)
class Progress:
    """Counters of a run."""

    run: str = ""
    """Digest of the settings, the shop, the decisions and the number of processes the run was started with."""
    epoch: int = 0
    step: int = 0
    """Steps done within the epoch by each process."""
    global_step: int = 0
    best_score: float = float("-inf")
    best_epoch: int = -1
    stale_epochs: int = 0
    """Epochs since the best."""
    train_s: float = 0.0
    """Spent on steps, validation apart."""
    rows: int = 0
    """Candidates and pairs trained on by each process."""
    losses: dict[str, list[float]] = field(default_factory=dict)
    """Sum and count of each loss since the epoch began."""


class Checkpoints:
    """Two folders under a run: `best` holds the best weights, `last` all it takes to go on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, weights: nn.ModuleDict, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        """Write `last`; a kill in between leaves the one before."""
        tensors = dict(weights.state_dict())
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
        self._write("last", tensors, json.dumps(asdict(progress)))

    def save_best(self, model: nn.Module) -> None:
        """Write `best`."""
        self._write("best", dict(model.state_dict()), "{}")

    def restore(self, weights: nn.ModuleDict, optimizer: torch.optim.Optimizer, *, run: str) -> Progress:
        """Take up `last` of this run, or begin one where there is none yet.

        Raises:
            BundleError: the checkpoint is of another model or version, or was started with other settings, decisions
                or another shop.
        """
        folder = self._complete("last")
        if folder is None:
            return Progress(run=run)
        try:
            progress = Progress(**json.loads((folder / "progress.json").read_text(encoding="utf-8")))
        except (TypeError, ValueError):
            raise _another(folder, "another version wrote it") from None
        if progress.run != run:
            raise _another(folder, "its settings, seed, shop, decisions or number of processes were others")
        tensors = load_file(folder / "tensors.safetensors")
        state: dict[int, dict[str, Tensor]] = {}
        for name in [name for name in tensors if name.startswith("optimizer.")]:
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = tensors.pop(name)
        _load_model(weights, tensors, folder)
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        return progress

    def restore_best(self, model: nn.Module) -> None:
        """Load the best weights."""
        folder = self._complete("best")
        if folder is None:
            raise BundleError(f"{self.folder}: holds no best weights; remove the folder and train the run again")
        _load_model(model, load_file(folder / "tensors.safetensors"), folder)

    def _complete(self, name: str) -> Path | None:
        """The folder of this name, or the one it was about to replace when the run was killed."""
        for folder in (self.folder / name, self.folder / f".{name}.replaced"):
            if (folder / "progress.json").is_file():
                return folder
        return None

    def _write(self, name: str, tensors: dict[str, Tensor], progress: str) -> None:
        partial, target, replaced = (self.folder / n for n in (f".{name}.partial", name, f".{name}.replaced"))
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, partial / "tensors.safetensors")
            with (partial / "tensors.safetensors").open("rb") as file:
                os.fsync(file.fileno())
            (partial / "progress.json").write_text(progress, encoding="utf-8")
        except (OSError, SafetensorError) as error:  # a full disk comes as the second from safetensors
            shutil.rmtree(partial, ignore_errors=True)
            raise CamennError(
                f"{target}: checkpoint not written: {error}; the one before stands, "
                "free some space and start the same command again"
            ) from error
        if target.exists():  # otherwise a kill left `replaced` as all there is
            shutil.rmtree(replaced, ignore_errors=True)
            target.rename(replaced)
        partial.rename(target)
        shutil.rmtree(replaced, ignore_errors=True)


def _load_model(model: nn.Module, tensors: dict[str, Tensor], folder: Path) -> None:
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise _another(folder, str(error).splitlines()[0]) from None


def _another(folder: Path, why: str) -> BundleError:
    return BundleError(
        f"{folder}: a checkpoint of another model or shop; give the run another folder, or restore the "
        f"configuration it was started with ({why})"
    )
