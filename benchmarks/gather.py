"""Bytes a second of gathering random items from a token store over those of a plain memory-mapped copy.

    python benchmarks/gather.py
    python benchmarks/gather.py --width 768 --megabytes 2000

The plain copy reads as many bytes, one after another, from the same file (in the page cache, as a store is when it
is trained on, and larger than the processor's caches). Both are run in turn; each one's best round counts, what
disturbed the others being the machine.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from camenn.embeddings.encode import encode_catalogue
from camenn.embeddings.shards import VECTORS
from camenn.embeddings.store import TokenStore


@dataclass(frozen=True, slots=True)
class Ids:
    values: pl.Series


@dataclass(frozen=True, slots=True)
class Numbered:
    """Items whose texts are their numbers."""

    num_items: int

    @property
    def ids(self) -> Ids:
        return Ids(pl.Series(range(self.num_items)).cast(pl.String))

    def texts(self, start: int, stop: int) -> list[str]:
        return [str(number) for number in range(start, stop)]

    def images(self, start: int, stop: int) -> list[bytes | Path | None]:
        return [None] * (stop - start)


@dataclass(frozen=True, slots=True)
class Random:
    """Gives a text as many random tokens as its number says."""

    width: int
    fixed: int | None
    spec: str = "random"
    digest: str = "random"

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        rng = np.random.default_rng(int(texts[0]))
        lengths = [self.fixed or int(text) * 7919 % 50 + 1 for text in texts]
        return [rng.standard_normal((length, self.width), np.float32) for length in lengths]


def rates(shop: Path, *, num_items: int, width: int, fixed: int | None, rows: int, rounds: int) -> tuple[float, float]:
    """Bytes a second of the copy and of the gather."""
    (done,) = encode_catalogue(Numbered(num_items), shop, text=Random(width, fixed))
    store = TokenStore(done.folder)
    plain = np.memmap(done.folder / VECTORS, np.uint8, mode="r")
    rng = np.random.default_rng(0)
    copied, gathered = 0.0, 0.0
    for _ in range(rounds):
        wanted = rng.integers(2, num_items + 2, rows)
        size = int(store.lengths(wanted).sum()) * width * 2
        start = int(rng.integers(0, len(plain) - size))
        copied = max(copied, size / seconds(plain[start : start + size].copy))
        gathered = max(gathered, size / seconds(partial(store.gather, wanted)))
    return copied, gathered


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, help="one width in place of 128, 384, 768 and 1280")
    parser.add_argument("--megabytes", type=int, default=400, help="size of the store")
    parser.add_argument("--rows", type=int, default=1000, help="items a gather")
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    for width in [arguments.width] if arguments.width else [128, 384, 768, 1280]:
        for name, fixed in (("9 patches", 9), ("1 to 50 words", None)):
            with tempfile.TemporaryDirectory() as shop:
                copied, gathered = rates(
                    Path(shop),
                    num_items=arguments.megabytes * 1_000_000 // (width * 2 * (fixed or 25)),
                    width=width,
                    fixed=fixed,
                    rows=arguments.rows,
                    rounds=arguments.rounds,
                )
            print(
                f"width {width:4d}, {name:13s}: copy {copied / 1e9:6.2f} GB/s  gather {gathered / 1e9:6.2f} GB/s  "
                f"ratio {gathered / copied:.2f} (aim 0.5)",
                flush=True,
            )


if __name__ == "__main__":
    main()
