"""Rate of the whole encoding pipeline (read, decode, cut, resize, encode, write) over that of the bare encoder.

    CAMENN_SHARED=../shared python benchmarks/encode.py
    python benchmarks/encode.py --images FOLDER --encoder SPEC --num 128

The bare encoder is given the same pictures' patches, already decoded and resized. Both are run in turn, round after
round, so that what else the machine does falls on both; the ratio of each round's rates is printed and their median.
On a machine that others use at the same time, the second ratio, of processor seconds, is the steadier one.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch

from camenn.embeddings.encode import PICTURES_A_STEP, encode_catalogue
from camenn.embeddings.image import ImageEncoder, image_encoder
from camenn.embeddings.patches import GRID, load_picture


@dataclass(frozen=True, slots=True)
class Ids:
    values: pl.Series


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of pictures as a catalogue."""

    paths: tuple[Path, ...]

    @property
    def num_items(self) -> int:
        return len(self.paths)

    @property
    def ids(self) -> Ids:
        return Ids(pl.Series([path.name for path in self.paths], dtype=pl.String))

    def texts(self, start: int, stop: int) -> list[str]:
        return [path.stem for path in self.paths[start:stop]]

    def images(self, start: int, stop: int) -> list[bytes | Path | None]:
        return list(self.paths[start:stop])


@dataclass(frozen=True, slots=True)
class Rate:
    """Pictures a second: by the clock, and of processor time."""

    wall: float
    processor: float


def measured(work: Callable[[], None], num: int) -> Rate:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Rate(num / (time.perf_counter() - wall), num / (time.process_time() - processor))


def bare_rate(encoder: ImageEncoder, prepared: np.ndarray) -> Rate:
    """The encoder alone."""

    def work() -> None:
        for first in range(0, len(prepared), PICTURES_A_STEP):
            encoder.encode(prepared[first : first + PICTURES_A_STEP])

    return measured(work, len(prepared))


def pipeline_rate(encoder: ImageEncoder, catalogue: Folder) -> Rate:
    """From files to a finished store."""

    def work() -> None:
        (done,) = encode_catalogue(catalogue, Path(shop), image=encoder)
        if done.problems or done.num_encoded != catalogue.num_items:
            raise SystemExit(f"not all pictures are distinct and good: {done}")

    with tempfile.TemporaryDirectory() as shop:
        return measured(work, catalogue.num_items)


def main() -> None:
    shared = Path(os.environ.get("CAMENN_SHARED", "../shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=shared / "data" / "grocery-store" / "images" / "train")
    parser.add_argument("--encoder", default=str(shared / "weights" / "mobilenet_v2_1.0_224_tf2"))
    parser.add_argument("--num", type=int, default=64, help="pictures a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None, help="torch threads")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    paths = tuple(sorted(arguments.images.rglob("*.jpg"))[: arguments.num])
    if not paths:
        raise SystemExit(f"no pictures under {arguments.images}: give --images or set CAMENN_SHARED")
    encoder = image_encoder(arguments.encoder)
    images = [load_picture(path.read_bytes(), at_least=GRID * encoder.input_size) for path in paths]
    prepared = np.stack([encoder.prepare(image) for image in images])
    encoder.encode(prepared[:PICTURES_A_STEP])
    print(f"{len(paths)} pictures, {arguments.encoder}, {torch.get_num_threads()} threads, {os.cpu_count()} cores")
    ratios, processor_ratios = [], []
    for turn in range(arguments.rounds):
        bare, whole = bare_rate(encoder, prepared), pipeline_rate(encoder, Folder(paths))
        ratios.append(whole.wall / bare.wall)
        processor_ratios.append(whole.processor / bare.processor)
        print(
            f"round {turn + 1}: bare {bare.wall:8.2f}/s  pipeline {whole.wall:8.2f}/s  ratio {ratios[-1]:.3f}"
            f"  of processor time {processor_ratios[-1]:.3f}",
            flush=True,
        )
    print(f"median ratio {statistics.median(ratios):.3f} (aim 0.9), of processor time", end=" ")
    print(f"{statistics.median(processor_ratios):.3f}")


if __name__ == "__main__":
    main()
