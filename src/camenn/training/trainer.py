"""The loop: Fabric under a short loop, so that a step is a pure function of weights, seed and step number.

The Trainer of the same family keeps its own pickled checkpoints and cannot resume within an epoch.
DEVIATION: PyTorch and Fabric, not TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from camenn.batches.batch import Batch, move
from camenn.batches.pairing import Pairing
from camenn.bundle import Bundle, Calibration
from camenn.errors import CamennError
from camenn.metrics.calibration import fit_platt
from camenn.metrics.ranking import auc
from camenn.objectives.multi_task import MultiTaskObjective
from camenn.run_config import RunConfig, config_to_json
from camenn.scoring import Scores, score_pairs, score_requests
from camenn.tables.identity import shop_identity
from camenn.tables.shop import Shop
from camenn.tables.split import Part
from camenn.task import ALIGNMENT_TASKS, Task
from camenn.training.checkpoint import Checkpoints, Progress
from camenn.training.logs import RunLog
from camenn.training.mixing import mix_parts
from camenn.training.optimizer import build_optimizer, clip_gradients, economise_tables
from camenn.training.prepare import Prepared, prepare
from camenn.training.steps import StepPlan, prefetch
from camenn.training.trimming import Trimmed


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where to train."""

    accelerator: str = "auto"
    devices: int = 1


@dataclass(frozen=True, slots=True)
class Trained:
    """What training made."""

    bundle: Bundle
    is_writer: bool
    """Whether this is the process that writes files; the others of a group have nothing more to do."""


def train(
    shop: Shop,
    config: RunConfig,
    run: Path,
    *,
    pairing: Pairing | None = None,
    hardware: Hardware | None = None,
    console: Console | None = None,
) -> Trained:
    """Train to the end, or go on where a killed run stopped, and write `run/bundle`.

    pairing: what reviewers decided of the shop's texts and pictures.

    Raises:
        DataError: the shop offers nothing to train on.
        BundleError: `run` holds a checkpoint of another model, or of other decisions.
    """
    console = Console() if console is None else console
    hardware = Hardware() if hardware is None else hardware
    fabric = Fabric(
        accelerator=hardware.accelerator,
        devices=hardware.devices,
        strategy="ddp_find_unused_parameters_true" if hardware.devices > 1 else "auto",
        precision=config.training.precision,
    )
    fabric.launch()
    if not fabric.is_global_zero:
        console = Console(quiet=True)
    prepared = prepare(shop, config, console=console)
    pairing = fabric.broadcast(pairing)  # a ledger grows while processes start
    loop = _Loop(fabric, prepared, pairing, config, run, console)
    with repeatable(fabric.device):
        progress = loop.run_to_end()
    bundle = loop.bundle(shop, progress)
    if fabric.is_global_zero:
        bundle.save_pretrained(run / "bundle")
    fabric.barrier()
    return Trained(bundle, fabric.is_global_zero)


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """On a processor, add up what meets in one row in a fixed order, not in the one in which threads come to it."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    settings: Any = torch.utils.deterministic  # whose types lack the switch below
    filled = settings.fill_uninitialized_memory
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
        settings.fill_uninitialized_memory = False  # it would take a tenth of a small model's step
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = filled


class _Loop:
    def __init__(
        self,
        fabric: Fabric,
        prepared: Prepared,
        pairing: Pairing | None,
        config: RunConfig,
        run: Path,
        console: Console,
    ) -> None:
        self.fabric, self.prepared, self.config, self.console = fabric, prepared, config, console
        self.model, self.pairing = prepared.model, pairing
        self.plan = StepPlan(prepared.parts, config, tasks=self.model.tasks, pairing=pairing)
        self.objective = MultiTaskObjective(self.model, config.objective)
        if fabric.world_size == 1:
            economise_tables(self.model)
        optimizer = build_optimizer(self.objective, config.training)
        self.module, self.optimizer = fabric.setup(self.objective, optimizer)
        self.kept = self.model
        self.weights = torch.nn.ModuleDict({"model": self.model})
        if config.training.ema_decay:
            self.weights["average"] = self.kept = deepcopy(self.model).eval()
        if config.pairs.trim_after:
            self.weights["trimmed"] = self.trimmed = Trimmed(self.model, num_rows=len(prepared.parts.groups))
        self.checkpoints = Checkpoints(run / "checkpoints")
        identity = _run_identity(config, prepared, pairing, num_processes=fabric.world_size)
        self.progress = self.checkpoints.restore(self.weights, optimizer, run=identity)
        self.log = (
            RunLog(run, from_epoch=self.progress.epoch, from_step=self.progress.global_step)
            if fabric.is_global_zero
            else None
        )
        self.saved_at = time.monotonic()
        self.raw_optimizer = optimizer

    def run_to_end(self) -> Progress:
        progress = self.progress
        if progress.global_step and not self._finished():
            self.console.print(f"going on at epoch {progress.epoch + 1}, step {progress.step}")
        while not self._finished():
            self._epoch(progress)
            self._conclude(progress)
            progress.epoch, progress.step = progress.epoch + 1, 0
            progress.losses = {}
            self._checkpoint()
        if self.log is not None:
            self.log.close()
        self.fabric.barrier()
        self.checkpoints.restore_best(self.kept)
        return progress

    def _finished(self) -> bool:
        settings, progress = self.config.training, self.progress
        return progress.epoch >= settings.max_epochs or progress.stale_epochs >= settings.patience

    def _epoch(self, progress: Progress) -> None:
        counted_at = time.monotonic()
        self.module.train()
        steps = list(enumerate(self.plan.epoch(progress.epoch, left_out=self._left_out(progress))))
        world, rank = self.fabric.world_size, self.fabric.global_rank
        steps = steps[: len(steps) // world * world][rank::world] or steps[:1]
        with _bar(self.console) as bar:
            shown = bar.add_task(f"epoch {progress.epoch + 1}", total=len(steps), completed=progress.step, loss="")
            for number, batches in prefetch(self.plan, steps[progress.step :], epoch=progress.epoch):
                loss = self._step(batches, number, progress)
                bar.update(shown, advance=1, loss=f"loss {loss:.3f}")
                now = time.monotonic()
                progress.train_s, counted_at = progress.train_s + now - counted_at, now
                if now - self.saved_at > self.config.training.checkpoint_s:
                    self._check_weights(progress)
                    self._checkpoint()
        self._check_weights(progress)

    def _left_out(self, progress: Progress) -> NDArray[np.bool_] | None:
        """(item rows,) what this epoch leaves out; within an epoch it stays what it was at the beginning."""
        if not self.config.pairs.trim_after:
            return None
        if progress.step == 0 and progress.epoch >= self.config.pairs.trim_after:
            self.trimmed.update(self.plan)
            self.trimmed.rows.copy_(self.fabric.broadcast(self.trimmed.rows))
            self.console.print(f"{int(self.trimmed.rows.sum()):,} items look wrong and are left out of this epoch")
        return self.trimmed.rows.numpy()

    def _step(self, batches: tuple[Batch, ...], number: int, progress: Progress) -> float:
        settings = self.config.training
        seed_step(settings.seed, progress.epoch, number)
        # An iterator, since mixed precision would look into a tuple and refuse frozen batches.
        loss, parts = self.module(iter([move(batch, self.fabric.device) for batch in batches]))
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        measured = loss.detach()
        if settings.gradient_clip:
            measured = measured + clip_gradients(self.model.parameters(), settings.gradient_clip)
        if not torch.isfinite(measured):
            raise _diverged("loss or gradient", progress, number)
        self.optimizer.step()
        progress.step += 1
        progress.global_step += 1
        progress.rows += sum(batch.num_rows for batch in batches)
        if settings.ema_decay:
            follow(self.kept, self.model, decay=settings.ema_decay, step=progress.global_step)
        for name, value in {"loss": loss.detach(), **parts}.items():
            total = progress.losses.setdefault(name, [0.0, 0.0])
            total[0] += float(value)
            total[1] += 1.0
        return float(loss.detach())

    def _check_weights(self, progress: Progress) -> None:
        """Before they are kept: where nothing clips, nothing has measured the gradients."""
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.model.parameters()):
            raise _diverged("a weight", progress, progress.step - 1)

    def _checkpoint(self) -> None:
        self.saved_at = time.monotonic()
        if self.fabric.is_global_zero:
            self.checkpoints.save(self.weights, self.raw_optimizer, self.progress)

    def _conclude(self, progress: Progress) -> None:
        """Log an epoch on the first process; keep the best."""
        figures = {f"train/{name}": total / count for name, (total, count) in progress.losses.items()}
        if self.log is not None:
            validation = self._validate()
            figures |= validation
            self.log.write(figures, step=progress.global_step, epoch=progress.epoch)
            shown = [f"{name.split('/')[1]} {value:.4f}" for name, value in validation.items()]
            loss = f"epoch {progress.epoch + 1}: loss {figures['train/loss']:.4f}"
            self.console.print("  ".join([loss, *shown]))
        self._choose(progress, float(self.fabric.broadcast(self._score(figures))))

    def _validate(self) -> dict[str, float]:
        """Fit how the towers weigh their parts on the validation part; AUC of each task there."""
        scores = self._validation_scores()
        logits = mix_parts(self.kept, scores)
        return {f"validation/{task}_auc": auc(logits[task], one.labels) for task, one in scores.items()}

    def _choose(self, progress: Progress, score: float) -> None:
        if score > progress.best_score:
            progress.best_score, progress.best_epoch, progress.stale_epochs = score, progress.epoch, 0
            if self.fabric.is_global_zero:
                self.checkpoints.save_best(self.kept)
        else:
            progress.stale_epochs += 1

    def _score(self, figures: dict[str, float]) -> float:
        """What epochs are compared by; without anything to validate on, the training loss."""
        monitor = self.config.training.monitor
        conversion = figures.get(f"validation/{Task.CONVERSION}_auc", float("nan"))
        alignment = float(np.mean([figures.get(f"validation/{task}_auc", float("nan")) for task in ALIGNMENT_TASKS]))
        order = [alignment, conversion] if monitor == "alignment" else [conversion, alignment]
        known = [value for value in order if math.isfinite(value)]
        if not known:
            return -figures["train/loss"]
        return sum(known) / len(known) if monitor == "mean" else known[0]

    def _validation_scores(self) -> dict[Task, Scores]:
        """Logits of the validation part by task, as far as the shop has them."""
        parts = self.prepared.parts
        found: dict[Task, Scores] = {}
        pieces = parts.requests(Part.VALIDATION, self.config.requests)
        if pieces is not None and self.plan.reader is not None:
            found[Task.CONVERSION] = score_requests(self.kept, self.plan.reader, pieces)
        pairs = parts.evaluation_pairs(Part.VALIDATION, self.config.pairs)
        if pairs is not None:
            found |= score_pairs(self.kept, parts, pairs)
        return found

    def bundle(self, shop: Shop, progress: Progress) -> Bundle:
        """The best weights, calibrated on validation."""
        calibration = {
            task: Calibration(*fit_platt(one.logits, one.labels))
            for task, one in self._validation_scores().items()
            if 0 < one.labels.mean() < 1
        }
        facts: dict[str, Any] = {
            "shop": str(shop.folder.absolute()),
            "shop_identity": shop_identity(shop, self.config.split),
            "seed": self.config.training.seed,
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch + 1,
            "best_score": round(progress.best_score, 6),
            "steps": progress.global_step,
            "rows": progress.rows * self.fabric.world_size,
            "training_s": round(progress.train_s, 1),
            "device": str(self.fabric.device),
            "torch": torch.__version__,
        }
        if self.pairing is not None:
            facts |= {"decided_items": int(self.pairing.decided.sum()), "decisions": self.pairing.digest}
        prepared = self.prepared
        return Bundle(
            model=self.kept.eval(),
            config=self.config,
            features=prepared.parts.source.features,
            text=prepared.text,
            image=prepared.image,
            calibration=calibration,
            facts=facts,
        )


def _run_identity(config: RunConfig, prepared: Prepared, pairing: Pairing | None, *, num_processes: int) -> str:
    """What a run may not change when it goes on: all but how long it trains, when it saves and where its shop lies."""
    free = replace(config.training, max_epochs=0, patience=0, checkpoint_s=0.0)
    settings = json.dumps(config_to_json(replace(config, training=free, shop="")), sort_keys=True)
    encoders = [one and one.digest for one in (prepared.text, prepared.image)]
    identity = f"{settings}\n{shop_identity(prepared.parts.source.shop, config.split)}\n{encoders}\n{num_processes}"
    if pairing is not None:
        identity += f"\n{pairing.digest}"
    return hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()


def follow(average: torch.nn.Module, model: torch.nn.Module, *, decay: float, step: int) -> None:
    """Move an average of weights towards the model's after step 1, 2, ...; the first steps are soon forgotten.

    What is measured and not learned, as a batch normalisation's mean, is taken over as it is.
    """
    share = 1.0 - min(decay, (1.0 + step) / (10.0 + step))
    with torch.no_grad():
        for mean, value in zip(average.parameters(), model.parameters(), strict=True):
            mean.lerp_(value, share)
        for kept, measured in zip(average.buffers(), model.buffers(), strict=True):
            kept.copy_(measured)


def _diverged(what: str, progress: Progress, number: int) -> CamennError:
    return CamennError(
        f"training diverged: {what} of epoch {progress.epoch + 1}, step {number + 1} is not finite; "
        "lower training.learning_rate, or set a smaller training.gradient_clip (0 is none)"
    )


def seed_step(*numbers: int) -> None:
    """Dropout of a step depends on these numbers alone, so that a resumed run drops the same."""
    seed = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed goes to absent devices too, for half a millisecond
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


def with_seed(config: RunConfig, seed: int) -> RunConfig:
    """The configuration with another training seed."""
    return replace(config, training=replace(config.training, seed=seed))


def _bar(console: Console) -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
