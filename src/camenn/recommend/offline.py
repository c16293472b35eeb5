"""Ranked items for a list of users, offline: a pure function over a bundle and a shop.

DEVIATION: the whole catalogue is scored, no matching stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from camenn.batches.requests import Askers, RequestReader
from camenn.bundle import Bundle, Calibration
from camenn.errors import DataError
from camenn.scoring import answer
from camenn.tables.features import Side
from camenn.tables.shop import Shop
from camenn.tables.vocabulary import Vocabulary
from camenn.task import Task

CANDIDATES_A_PASS = 128
"""Few enough that what a block computes of them stays in a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendConfig:
    """What may be recommended."""

    k: int = 20
    """Items a user."""
    keep_bought: bool = False
    """Whether items the user bought before may come again."""
    available: tuple[str, ...] | None = None
    """Item ids that can be had; None: all of the catalogue."""
    at: int | None = None
    """The moment of the requests, microseconds since 1970 in UTC; None: just after the last event."""


def recommend_items(
    bundle: Bundle, shop: Shop, user_ids: Sequence[str], config: RecommendConfig, *, console: Console | None = None
) -> pl.DataFrame:
    """Columns user_id, rank (from 1), item_id, probability; a user nobody knows gets what suits the unknown.

    Raises:
        DataError: the shop has no events to have trained conversion on, an available id is not in the
            catalogue, or nothing is left to recommend.
    """
    if not bundle.features.of(Side.CONTEXT):
        raise DataError(
            "this bundle was not trained on purchases, so it cannot recommend; train it on a shop with events"
        )
    scorer = _Scorer(bundle, shop, config)
    users = pl.Series(list(user_ids), dtype=pl.String)
    rows = shop.people.ids.encode(users)
    frames = [
        scorer.rank(user_id, int(row))
        for user_id, row in track(
            list(zip(users, rows, strict=True)), "recommending", console=console or Console(quiet=True), transient=True
        )
    ]
    return pl.concat(frames) if frames else scorer.empty()


def write_recommendations(ranked: pl.DataFrame, path: Path) -> None:
    """Write Parquet; a file that stood there stays whole until the new one is complete."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ranked.write_parquet(partial)
        partial.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:  # a full disk comes as either
        partial.unlink(missing_ok=True)
        raise DataError(f"{path}: not written: {error}") from error


class _Scorer:
    def __init__(self, bundle: Bundle, shop: Shop, config: RecommendConfig) -> None:
        self.model = bundle.model.eval()
        self.shop, self.config = shop, config
        self.calibration = bundle.calibration.get(Task.CONVERSION, Calibration())
        self.source = bundle.open(shop)
        self.items = self._by_length(self._available())
        if shop.events is None:
            raise DataError(f"{shop.folder}: the shop has no events, so nobody's past to recommend by")
        self.at = int(shop.events.at.max()) + 1 if config.at is None else config.at
        self.reader = RequestReader(self.source, bundle.requests_of(shop), counted=np.asarray(shop.events.at) < self.at)
        self.row_slots = sum(f.slots for f in bundle.features.of(Side.ROW, "events"))
        moment = bundle.features.moments(np.array([self.at]), time_zone=shop.settings.time_zone)
        stored = np.zeros((1, self.source.event_codes.shape[1] - moment.shape[1]), dtype=np.int32)
        self.moment = np.concatenate([stored, moment], axis=1)

    def _available(self) -> NDArray[np.int32]:
        if self.config.available is None:
            return np.arange(Vocabulary.FIRST, len(self.shop.catalogue.ids), dtype=np.int32)
        rows = self.shop.catalogue.ids.encode(pl.Series(list(self.config.available), dtype=pl.String))
        unknown = [i for i, row in zip(self.config.available, rows, strict=True) if row < Vocabulary.FIRST]
        if unknown:
            raise DataError(f"{len(unknown)} available items are not in the catalogue, such as {unknown[0]!r}")
        if len(rows) == 0:
            raise DataError("the list of available items is empty, so nothing is left to recommend")
        return np.unique(rows)

    def _by_length(self, items: NDArray[np.int32]) -> NDArray[np.int32]:
        """Items of like length beside one another, since a pass is as long as its longest."""
        modalities = (one for one in (self.source.text, self.source.image) if one is not None)
        lengths = [one.store.lengths(items) for one in modalities]
        return items[np.lexsort([items, *lengths])]

    def rank(self, user_id: str, user_row: int) -> pl.DataFrame:
        """The best items of one user."""
        events = self.reader.events
        begin, stop = int(events.user_offset[user_row]), int(events.user_offset[user_row + 1])
        late = np.asarray(events.at[begin:stop]) >= self.at  # in no order where requests overlap
        end = begin + int(late.argmax()) if late.any() else stop
        items = self.items
        if not self.config.keep_bought:
            past = slice(begin, end)
            bought = np.asarray(events.item_row[past])[np.asarray(events.converted[past]) == 1]
            items = items[~np.isin(items, bought)]
        logits = self._logits(user_row, end, items)
        best = np.lexsort((items, -logits))[: self.config.k]
        probability = self.calibration.probabilities(logits[best])
        return pl.DataFrame(
            {
                "user_id": [user_id] * len(best),
                "rank": np.arange(1, len(best) + 1, dtype=np.int32),
                "item_id": self.shop.catalogue.ids.decode(items[best]),
                "probability": probability,
            },
            schema=self.empty().schema,
        )

    def _logits(self, user_row: int, end: int, items: NDArray[np.int32]) -> NDArray[np.float64]:
        askers = Askers(np.array([user_row], dtype=np.int32), np.array([end]), np.array([self.at]), self.moment)
        logits = [np.zeros(0)]
        for start in range(0, len(items), CANDIDATES_A_PASS):
            chunk = items[start : start + CANDIDATES_A_PASS]
            batch = self.reader.assemble(
                askers,
                chunk,
                np.zeros(len(chunk), dtype=np.int64),
                np.zeros((len(chunk), self.row_slots), dtype=np.int32),
                np.zeros(len(chunk), dtype=np.float32),
            )
            logits.append(answer(self.model, batch).logits[Task.CONVERSION].cpu().double().numpy())
        return np.concatenate(logits)

    @staticmethod
    def empty() -> pl.DataFrame:
        return pl.DataFrame(
            schema={"user_id": pl.String, "rank": pl.Int32, "item_id": pl.String, "probability": pl.Float64}
        )
