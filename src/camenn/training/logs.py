"""Figures of a run over time: `metrics.csv` in long form, and TensorBoard."""

from __future__ import annotations

import csv
from pathlib import Path

from torch.utils.tensorboard.writer import SummaryWriter

COLUMNS = ("step", "epoch", "name", "value")


class RunLog:
    """Appends figures. On resuming, those of the epoch that goes on are dropped, as they will come again."""

    def __init__(self, folder: Path, *, from_epoch: int, from_step: int) -> None:
        self.path = folder / "metrics.csv"
        rows: list[list[str]] = []
        if from_epoch and self.path.is_file():
            with self.path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in list(csv.reader(file))[1:] if len(row) == 4 and int(row[1]) < from_epoch]
        folder.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        with partial.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([list(COLUMNS), *rows])
        partial.replace(self.path)
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=from_step + 1 if from_step else None)

    def write(self, figures: dict[str, float], *, step: int, epoch: int) -> None:
        """Log figures such as `train/loss` at a global step."""
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([[step, epoch, name, repr(value)] for name, value in figures.items()])
        for name, value in figures.items():
            self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush what TensorBoard holds back."""
        self.board.close()
