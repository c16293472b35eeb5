"""What a model said of every row of a split, and what was true: all that figures and tables need."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camenn.task import Task


@dataclass(frozen=True, slots=True)
class TaskPredictions:
    """One task's answers on one split; one entry a row.

    Raises ValueError where lengths, types or ranges do not fit.
    """

    task: Task
    split: str
    """`validation`, `test`, or any other name."""
    logits: NDArray[np.float64]
    """(rows,) as the model gives them."""
    probabilities: NDArray[np.float64]
    """(rows,) after calibration."""
    labels: NDArray[np.float64]
    """(rows,) 0 or 1."""
    groups: NDArray[np.int64]
    """(rows,) what rows belong together: the request for conversion, the item for the alignment tasks."""
    items: NDArray[np.int64]
    """(rows,) catalogue row of the candidate, or of the item that a pair was made from."""

    def __post_init__(self) -> None:
        where = f"predictions of {self.task} on {self.split}"
        length = len(self.logits)
        for name, kind in (("logits", "f"), ("probabilities", "f"), ("labels", "f"), ("groups", "i"), ("items", "i")):
            values = getattr(self, name)
            if values.shape != (length,):
                raise ValueError(f"{where}: {name} have shape {values.shape}, logits have {length} rows")
            if values.dtype.kind != kind or values.dtype.itemsize != 8:
                raise ValueError(f"{where}: {name} are {values.dtype}, not 64 bits wide")
            if kind == "f" and not np.isfinite(values).all():
                raise ValueError(f"{where}: {name} are not all finite")
        if not np.isin(self.labels, (0.0, 1.0)).all():
            raise ValueError(f"{where}: labels are not all 0 or 1")
        if ((self.probabilities < 0) | (self.probabilities > 1)).any():
            raise ValueError(f"{where}: probabilities are not all within 0 and 1")

    def __len__(self) -> int:
        return len(self.logits)
