"""One vector an item: the mean of its tokens, worked out once a store and kept beside it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camenn.embeddings.store import TokenStore
from camenn.errors import StoreError

_CHUNK = 4096


def pooled_vectors(store: TokenStore) -> NDArray[np.float16]:
    """(item rows, width), memory-mapped; zeros where an item has no token, rows 0 and 1 among them.

    Raises:
        StoreError: the disk is full.
    """
    path = store.folder / f"pooled-{store.meta.index.removeprefix('index-')}"
    if not path.is_file():
        partial = path.with_name(f".{os.getpid()}-{path.name}")
        try:
            _write(store, partial)
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StoreError(
                f"{path}: not written: {error.strerror or error}; free some space and try again"
            ) from error
        for other in store.folder.glob("pooled-*.npy"):
            if other != path:
                other.unlink()
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))  # a plain array indexes faster


def _write(store: TokenStore, path: Path) -> None:
    """Written plainly: of a full disk a mapped file says nothing, the process is killed."""
    num_rows = len(store) + 2
    descr = np.lib.format.dtype_to_descr(np.dtype(np.float16))
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": descr, "fortran_order": False, "shape": (num_rows, store.width)}
        )
        for start in range(0, num_rows, _CHUNK):
            vectors, lengths = store.gather(np.arange(start, min(start + _CHUNK, num_rows)))
            pooled = np.zeros((len(lengths), store.width), dtype=np.float16)
            real = np.flatnonzero(lengths)
            if len(real):
                first = (np.cumsum(lengths) - lengths)[real]
                sums = np.add.reduceat(vectors.astype(np.float32), first, axis=0)
                pooled[real] = sums / lengths[real, None]
            file.write(pooled.tobytes())
