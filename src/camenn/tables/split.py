"""Which requests and items train, which choose, which judge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.errors import ConfigError
from camenn.tables.catalogue import Catalogue
from camenn.tables.events import Events
from camenn.tables.shop import Shop
from camenn.tables.vocabulary import Vocabulary

MICROSECONDS_A_DAY = 86_400_000_000


class Part(IntEnum):
    """A part of a split."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitConfig:
    """How requests and items are divided. A history may reach into any part: it is strictly earlier.

    CHOICE: requests and items are divided, not rows; 10% is held back for early stopping.
    """

    requests: Literal["random", "days", "user_time", "items"] = "random"
    """`random`: the paper's 75/25; `days`: the last days are the test; `user_time`: each user's latest requests are;
    `items`: those that offer an item of the test part, so that whole items are held out of training."""
    test: float = 0.25
    """Share of the test part, of requests (`random`), of each user's events (`user_time`), of items (`random`)."""
    test_days: int = 1
    """Days of the test part (`days`); the paper's online test learns from seven and tests on the eighth."""
    validation: float = 0.1
    """Share of what is not test that chooses the best epoch and the calibration; never trained on."""
    item_column: str | None = None
    """Divide items by this column of the items table instead of at random."""
    item_test: tuple[str, ...] = ()
    """Values of `item_column` that make the test part."""
    seed: int = 0


def split_shop(shop: Shop, config: SplitConfig) -> tuple[NDArray[np.int8] | None, NDArray[np.int8]]:
    """The part of each request, (num_requests,) or None without events, and of each item, (item rows,).

    Raises:
        ConfigError: the items table has no `item_column`.
    """
    item_parts = split_items(shop.catalogue, config)
    if shop.events is None:
        return None, item_parts
    if config.requests == "items":
        return _parts_of_their_items(shop.events, item_parts), item_parts
    return split_requests(shop.events, config, time_zone=shop.settings.time_zone), item_parts


def split_requests(events: Events, config: SplitConfig, *, time_zone: str = "UTC") -> NDArray[np.int8]:
    """The part of each request, (num_requests,), at random or by time; `split_shop` also divides by items.

    time_zone: the shop's, in which days begin.
    """
    assert config.requests != "items"
    if config.requests == "random":
        return _random_parts(len(events.request_offset) - 1, config)
    first = np.asarray(events.request_offset[:-1])
    if config.requests == "days":
        return _split_days(_local(np.asarray(events.at[first]), time_zone), config)
    return _split_user_time(events, first, config)


def split_items(catalogue: Catalogue, config: SplitConfig) -> NDArray[np.int8]:
    """The part of each item by catalogue row, (len(catalogue.ids),); rows before the first item get -1."""
    parts = np.full(len(catalogue.ids), -1, dtype=np.int8)
    if config.item_column is None:
        parts[Vocabulary.FIRST :] = _random_parts(catalogue.num_items, config)
        return parts
    if config.item_column not in catalogue.table.collect_schema().names():
        raise ConfigError(
            f"split.item_column: the items table has no column {config.item_column!r}; "
            "name one it has, or leave the setting out to divide items at random"
        )
    values = catalogue.column(config.item_column).cast(pl.String)
    test = values.is_in(list(config.item_test)).fill_null(False).to_numpy()
    random = _random_parts(catalogue.num_items, config, test=0.0)
    parts[Vocabulary.FIRST :] = np.where(test, Part.TEST, random)
    return parts


def _parts_of_their_items(events: Events, item_parts: NDArray[np.int8]) -> NDArray[np.int8]:
    """A request is of the test part where any item that it offers is, else of validation where any is of that."""
    return np.maximum.reduceat(item_parts[events.item_row], events.request_offset[:-1])


def _random_parts(count: int, config: SplitConfig, *, test: float | None = None) -> NDArray[np.int8]:
    test = config.test if test is None else test
    place = np.random.default_rng([config.seed, count]).permutation(count)
    num_test = round(test * count)
    num_validation = round(config.validation * (count - num_test))
    parts = np.zeros(count, dtype=np.int8)
    parts[place < num_test + num_validation] = Part.VALIDATION
    parts[place < num_test] = Part.TEST
    return parts


def _local(at: NDArray[np.int64], time_zone: str) -> NDArray[np.int64]:
    """Instants by the clock of a zone, as microseconds."""
    zoned = pl.Series(at).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(time_zone)
    return zoned.dt.replace_time_zone(None).to_physical().to_numpy()


def _split_days(at: NDArray[np.int64], config: SplitConfig) -> NDArray[np.int8]:
    """The last `test_days` days from the last midnight on; validation is the latest share before.

    at: microseconds by the shop's clock.
    """
    last_midnight = at.max() // MICROSECONDS_A_DAY * MICROSECONDS_A_DAY
    test_from = last_midnight - (config.test_days - 1) * MICROSECONDS_A_DAY
    parts = np.zeros(len(at), dtype=np.int8)
    parts[at >= test_from] = Part.TEST
    before = at[at < test_from]
    if len(before) and config.validation:
        validation_from = np.quantile(before, 1.0 - config.validation, method="higher")
        parts[(at >= validation_from) & (at < test_from)] = Part.VALIDATION
    return parts


def _split_user_time(events: Events, first: NDArray[np.int64], config: SplitConfig) -> NDArray[np.int8]:
    """Each user's latest share of events, whole requests; requests of one moment stay together."""
    user = np.asarray(events.user_row[first])
    start, stop = events.user_offset[user], events.user_offset[user + 1]
    place = (np.asarray(events.history_end) - start) / (stop - start)
    parts = np.zeros(len(first), dtype=np.int8)
    parts[place >= (1.0 - config.test) * (1.0 - config.validation)] = Part.VALIDATION
    parts[place >= 1.0 - config.test] = Part.TEST
    return parts
