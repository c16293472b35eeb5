"""Where an item's picture lies: a file inside the shop's folder, or bytes copied out of the items table."""

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class OutsideShopError(ValueError):
    """A picture's path leads out of the shop's folder."""


@dataclass(frozen=True, slots=True)
class PictureFolder:
    """Turns the paths of an items table into files, none of them outside the shop's folder."""

    root: Path
    _parents: dict[str, Path] = field(default_factory=dict, repr=False)

    def find(self, written: str) -> Path:
        """The file, which need not be there. Raises OutsideShopError for an absolute path and for one that leaves."""
        if "\0" in written or Path(written).is_absolute():
            raise OutsideShopError(written)
        parent, name = os.path.split(written)
        path = self._resolved(parent) / name
        if name in ("", ".", "..") or path.is_symlink():
            path = path.resolve()
        if not path.is_relative_to(self._resolved("")):
            raise OutsideShopError(written)
        return path

    def _resolved(self, parent: str) -> Path:
        # Following links costs some system calls a path: once a folder is enough.
        folder = self._parents.get(parent)
        if folder is None:
            folder = self._parents[parent] = (self.root / parent).resolve()
        return folder


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """Pictures that came as bytes, end to end in one memory-mapped file; an empty stretch is a missing picture."""

    content: NDArray[np.uint8]
    offset: NDArray[np.int64]

    def read(self, start: int, stop: int) -> list[bytes | None]:
        """The pictures of the lines start to stop."""
        bounds = self.offset[start : stop + 1].tolist()
        return [self.content[begin:end].tobytes() if end > begin else None for begin, end in itertools.pairwise(bounds)]
