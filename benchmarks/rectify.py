"""Time and memory of `camenn rectify` over many items, in a temporary folder.

    python benchmarks/rectify.py --items 10000 100000

Some simulated items are drawn and listed again and again, each with a cut and a light of its own in its picture, as
many photographs of the same goods are. The encoders are the built-in ones: reading and writing vectors counts, a
network does not. Peaks are of processes of their own; Linux only.
"""

import argparse
import io
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from large_shop import measure
from PIL import Image
from rich.console import Console
from rich.table import Table

from camenn.batches.pairs import PairConfig
from camenn.bundle import Bundle
from camenn.models.camenn import CamennConfig
from camenn.rectify.rectify import rectify
from camenn.run_config import RunConfig, TrainingConfig
from camenn.simulation.shop import simulate_shop
from camenn.tables.identity import shop_identity
from camenn.tables.shop import open_shop
from camenn.training.trainer import train

FILE_ROWS = 5_000
QUIET = Console(quiet=True)


def again(content: bytes, number: int) -> bytes:
    """The picture as somebody else would have taken it."""
    draw = np.random.default_rng(number)
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    width, height = picture.size
    left, top, right, bottom = draw.uniform(0.0, 0.15, 4)
    picture = picture.crop((int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height)))
    light = float(draw.uniform(0.75, 1.25))
    picture = picture.point(lambda value: min(255, round(value * light)))
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=int(draw.integers(70, 95)))
    return held.getvalue()


def list_again(drawn: Path, folder: Path, num_items: int) -> None:
    """A shop of that many items, of the drawn ones in turn."""
    items = pl.read_parquet(drawn / "items.parquet").filter(pl.col("image").is_not_null())
    folder.mkdir()
    with ProcessPoolExecutor() as pool:
        for number, start in enumerate(range(0, num_items, FILE_ROWS)):
            rows = np.arange(start, min(start + FILE_ROWS, num_items))
            part = items[rows % len(items)]
            pictures = list(pool.map(again, part["image"].to_list(), rows.tolist(), chunksize=250))
            ids = pl.Series([f"n{row:07d}" for row in rows])
            part = part.with_columns(item_id=ids, image=pl.Series(pictures))
            part.write_parquet(folder / f"items-{number:04d}.parquet", row_group_size=500)


def train_a_little(drawn: Path, run: Path) -> None:
    """`rectify` asks a run for its encoders; on the shop it was trained on it learns everything else anew."""
    config = RunConfig(
        model=CamennConfig(width=32, heads=2),
        pairs=PairConfig(items=100),
        training=TrainingConfig(max_epochs=1),
    )
    train(open_shop(drawn), config, run, console=QUIET)


def _compile(folder: Path) -> None:
    open_shop(folder)


def _encode(run: Path, folder: Path) -> None:
    Bundle.from_pretrained(run).encode(open_shop(folder), console=QUIET)


def _rectify(run: Path, folder: Path, out: Path) -> None:
    bundle, shop = Bundle.from_pretrained(run), open_shop(folder)
    bundle.facts["shop_identity"] = shop_identity(shop, bundle.config.split)  # as if it were trained on this shop
    found = rectify(bundle, shop, out, console=QUIET)
    print(f"{found.findings.height:,} findings, {int(found.findings['automatic'].sum()):,} automatic", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--drawn", type=int, default=2_000, help="Items that are drawn anew.")
    asked = parser.parse_args()
    table = Table("items", "step", title="camenn rectify")
    for heading in ("seconds", "items a second", "anonymous MiB", "resident MiB"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as name:
        drawn, run = Path(name) / "drawn", Path(name) / "run"
        simulate_shop(drawn, items=asked.drawn, users=200, requests=2000, seed=0)
        train_a_little(drawn, run)
        for num_items in asked.items:
            folder, out = Path(name) / f"shop-{num_items}", Path(name) / f"findings-{num_items}"
            list_again(drawn, folder, num_items)
            steps = {
                "check and compile": partial(_compile, folder),
                "encode": partial(_encode, run, folder),
                "rectify": partial(_rectify, run, folder, out),
            }
            for what, step in steps.items():
                seconds, anonymous, resident = measure(step)
                speed = num_items / seconds
                print(f"{num_items:,}: {what}: {seconds:.1f} s, {anonymous:,.0f} MiB, {resident:,.0f} MiB", flush=True)
                cells = (f"{seconds:.1f}", f"{speed:,.0f}", f"{anonymous:,.0f}", f"{resident:,.0f}")
                table.add_row(f"{num_items:,}", what, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
