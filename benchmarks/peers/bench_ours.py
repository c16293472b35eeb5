"""CameNN on the peers' rows, in the shape of the peers' own scripts: one model a process.

    CAMENN_SHARED=SHARED PEERS_DATA=DATA python benchmarks/peers/bench_ours.py --model DeepFM [--rows N] [--test-rows N]

The road is the product's: a shop folder, features fitted on the training part, `StepPlan`, `prefetch`, the step of the
training loop, `score_requests`. Beside the road: the division of the requests, as the rows are divided already; and
the two fields of the moment, which the rows have not, are left out.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from camenn.batches.batch import Batch, RequestBatch
from camenn.batches.parts import find_parts
from camenn.batches.requests import Pieces, RequestConfig, RequestReader
from camenn.batches.source import open_source
from camenn.bundle import model_inputs
from camenn.metrics.ranking import auc
from camenn.models.afm import AfmConfig
from camenn.models.bst import BstConfig
from camenn.models.deepfm import DeepFmConfig
from camenn.models.din import DinConfig
from camenn.models.ffm import FfmConfig
from camenn.models.fm import FmConfig
from camenn.models.mmoe import MmoeConfig
from camenn.models.xdeepfm import XDeepFmConfig
from camenn.models.zoo import ModelConfig, build_model
from camenn.run_config import EncoderConfig, RunConfig, TrainingConfig
from camenn.scoring import Scores, score_requests
from camenn.tables.features import Coding, FeatureConfig, Features
from camenn.tables.fitting import fit_features
from camenn.tables.shop import Shop
from camenn.tables.split import Part
from camenn.training import trainer
from camenn.training.prepare import Prepared
from camenn.training.steps import StepPlan, prefetch

sys.path.insert(0, str(Path(os.environ["CAMENN_SHARED"]) / "peers"))
import common as peers  # the peers' settings, rows and report, used where they lie

from rows_as_shop import grouped, part_of_requests, write_rows  # isort: skip

WARM_UP = 10
"""Steps that are not counted, as the peers' probe has it."""
DIFFERS = {
    "MMoE": "ours answers the first label alone: a gate and a tower of two; the experts are the same",
    "DIN": "ours has no padding, Dice in the head",
    "BST": "ours reads the candidate's output alone, has gaps of time as positions",
}


def model_config(name: str) -> ModelConfig:
    """A model at the peers' setting."""
    hidden, width = tuple(peers.MLP), peers.DIM
    configs: dict[str, ModelConfig] = {
        "FM": FmConfig(width=width),
        "FFM": FfmConfig(width=width),
        "AFM": AfmConfig(width=width, attention_width=peers.AFM_ATT),
        "DeepFM": DeepFmConfig(width=width, hidden=hidden),
        "xDeepFM": XDeepFmConfig(width=width, maps=tuple(peers.CIN), split_half=False, hidden=hidden),
        "DIN": DinConfig(width=width, attention=tuple(peers.ATT), hidden=hidden),
        "BST": BstConfig(
            width=width,
            sequence_width=3 * width,
            heads=peers.HEADS,
            num_blocks=peers.BLOCKS,
            feed_forward=1,
            hidden=hidden,
        ),
        "MMoE": MmoeConfig(width=width, num_experts=peers.EXPERTS, expert=hidden, tower=tuple(peers.TOWER)),
    }
    return configs[name]


def run_config(model: ModelConfig, precision: Literal["32-true", "bf16-mixed"] = "32-true") -> RunConfig:
    """No content, no ids but the shop's own columns, plain Adam; nothing saved within the epoch."""
    reads_history = model.name in ("din", "bst")
    return RunConfig(
        encoders=EncoderConfig(text="", image=""),
        features=FeatureConfig(ids=False, min_count=1),
        requests=RequestConfig(
            rows=peers.BATCH, history_length=peers.L if reads_history else 0, candidate_tokens="pooled"
        ),
        model=model,
        training=TrainingConfig(
            learning_rate=peers.LR,
            betas=(0.9, 0.999),
            weight_decay=0.0,
            max_epochs=peers.EPOCHS,
            gradient_clip=0.0,
            checkpoint_s=math.inf,
            precision=precision,
        ),
    )


def prepare_rows(shop: Shop, config: RunConfig) -> Prepared:
    """What `training.prepare` does, for requests that are divided already."""
    request_parts = part_of_requests(shop)
    item_parts = np.full(len(shop.catalogue.ids), Part.TRAIN, dtype=np.int8)
    fitted = fit_features(shop, config.features, request_parts=request_parts, item_parts=item_parts)
    moments = (Coding.HOUR, Coding.WEEKDAY)
    features = Features([field for field in fitted.fields if field.coding not in moments], fitted.vocabularies)
    source = open_source(shop, features, text=None, image=None, text_length=config.encoders.text_length)
    parts = find_parts(source, request_parts=request_parts, item_parts=item_parts)
    trainer.seed_step(config.training.seed)
    inputs = model_inputs(config, features, None, None)
    model = build_model(config.model, inputs, precision=config.training.precision)
    return Prepared(parts, None, None, model)


class Watch:
    """When batches were asked for, when they came, and how many rows they held."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.got: list[float] = []
        self.rows: list[int] = []
        self.waited, self.began = peers.run_delay(), time.perf_counter()

    def ask(self) -> None:
        """A batch is wanted now."""
        self.asked.append(time.perf_counter())

    def receive(self, num_rows: int) -> None:
        """It came."""
        self.got.append(time.perf_counter())
        self.rows.append(num_rows)

    def steps(self, plan: StepPlan, steps: list[Any], *, epoch: int) -> Iterator[tuple[int, tuple[Batch, ...]]]:
        """In place of `prefetch`: the same batches, noted."""
        gathered = prefetch(plan, steps, epoch=epoch)
        self.ask()
        for number, batches in gathered:
            self.receive(batches[0].num_rows)
            yield number, batches
            self.ask()

    def stop(self) -> dict[str, float]:
        """Rows a second with and without loading, as `common.Probe.result`."""
        end = time.perf_counter()
        began = [*self.asked, end][: len(self.rows) + 1]
        last = len(self.rows) - (self.rows[-1] < peers.BATCH)
        counted = range(WARM_UP, last)
        if not counted:
            raise SystemExit(
                f"{len(self.rows)} steps are too few: the first {WARM_UP} and a short last are not counted"
            )
        rows, seconds = sum(self.rows[step] for step in counted), began[last] - began[WARM_UP]
        loading = sum(self.got[step] - self.asked[step] for step in counted)
        return {
            "incl": rows / seconds,
            "excl": rows / (seconds - loading),
            "load_frac": loading / seconds,
            "steps": len(counted),
            "delay": (peers.run_delay() - self.waited) / (end - self.began),
        }


class WatchedReader:
    """A reader whose batches are noted."""

    def __init__(self, reader: RequestReader, watch: Watch) -> None:
        self.reader, self.watch = reader, watch

    def rows_an_event(self) -> int:
        return self.reader.rows_an_event()

    def batch(self, pieces: Pieces, *, seed: tuple[int, ...]) -> RequestBatch:
        self.watch.ask()
        batch = self.reader.batch(pieces, seed=seed)
        self.watch.receive(batch.num_rows)
        return batch


def train_epochs(prepared: Prepared, config: RunConfig, run: Path) -> tuple[Any, dict[str, float]]:
    """The loop of `trainer.train` without what follows an epoch: validation, the choice, the bundle."""
    fabric = Fabric(accelerator="cpu", devices=1, precision=config.training.precision)
    loop = trainer._Loop(fabric, prepared, config, run, Console(quiet=True))
    watch = Watch()
    trainer.prefetch = watch.steps
    with trainer.repeatable(fabric.device):
        for _ in range(peers.EPOCHS):
            loop._epoch(loop.progress)
            loop.progress.epoch, loop.progress.step = loop.progress.epoch + 1, 0
    return loop, watch.stop()


def floor(loop: Any, prepared: Prepared, config: RunConfig) -> float:
    """Rows a second of a step that made its matrix products at the machine's rate and passed once over its parameters.

    Nine values are moved a parameter: its gradient is cleared and measured, Adam reads it and three more and writes
    three. Additions, look-ups and whatever lies between two products are not in it.
    """
    low = config.training.precision == "bf16-mixed"
    square = torch.randn(2048, 2048, dtype=torch.bfloat16 if low else torch.float32)
    rate = 2 * 2048**3 / fastest(lambda: square @ square)
    num_values = sum(parameter.numel() for parameter in prepared.model.parameters())
    values = torch.zeros(4, num_values)  # as many as the parameters, their gradient and Adam's two take
    value_s = fastest(lambda: values.add_(1.0)) / (8 * num_values)
    steps = list(enumerate(loop.plan.epoch(0)))[:1]
    [(number, batches)] = prefetch(loop.plan, steps, epoch=0)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        loop._step(batches, number, loop.progress)
    return batches[0].num_rows / (counter.get_total_flops() / rate + 9 * num_values * value_s)


def fastest(run: Callable[[], Any]) -> float:
    """Seconds of the fastest of ten."""
    seconds = []
    for _ in range(10):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def score_test(loop: Any, prepared: Prepared, config: RunConfig) -> tuple[Scores, dict[str, float]]:
    """The test rows, scored as validation and evaluation score."""
    pieces = prepared.parts.requests(Part.TEST, config.requests)
    watch = Watch()
    scores = score_requests(prepared.model, WatchedReader(loop.plan.reader, watch), pieces)
    return scores, watch.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", required=True, choices=["FM", "FFM", "AFM", "DeepFM", "xDeepFM", "DIN", "BST", "MMoE"]
    )
    parser.add_argument("--rows", type=int)
    parser.add_argument("--test-rows", type=int)
    parser.add_argument("--group", type=int, default=1, help="rows that are the candidates of one request")
    parser.add_argument("--precision", choices=["32-true", "bf16-mixed"], default="32-true")
    asked = parser.parse_args()
    splits = {
        name: grouped(peers.load(name, count), asked.group)
        for name, count in (("train", asked.rows), ("test", asked.test_rows))
    }
    config = run_config(model_config(asked.model), asked.precision)
    with tempfile.TemporaryDirectory() as folder:
        with_history = asked.model in peers.SEQ
        shop = write_rows(
            splits, Path(folder) / "shop", num_fields=peers.F, group=asked.group, with_history=with_history
        )
        prepared = prepare_rows(shop, config)
        loop, training = train_epochs(prepared, config, Path(folder) / "run")
        scores, inference = score_test(loop, prepared, config)
        floor_speed = floor(loop, prepared, config)
    parameters = sum(parameter.numel() for parameter in prepared.model.parameters())
    common_facts = {
        "rows": len(splits["train"]["label"]),
        "group": asked.group,
        "precision": asked.precision,
        "floor": floor_speed,
        "differs": DIFFERS.get(asked.model, ""),
    }
    area = auc(scores.logits, scores.labels)
    peers.report("CameNN", asked.model, training, inference, parameters, area, **common_facts)


if __name__ == "__main__":
    main()
