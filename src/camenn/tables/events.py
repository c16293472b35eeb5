"""What happened, compiled: columns in memory-mapped files, sorted by user and time."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Events:
    """Events, sorted by user, then by their request's instant, request, own instant and place in the files.

    A request is the rows of one user with one `request_id` (its instant is their earliest), or, where there is
    no `request_id`, the rows of one user at one instant. Its rows are contiguous.
    """

    user_row: NDArray[np.int32]
    """(n,) row in `People.ids`."""
    item_row: NDArray[np.int32]
    """(n,) row in `Catalogue.ids`."""
    at: NDArray[np.int64]
    """(n,) microseconds since 1970 in UTC."""
    converted: NDArray[np.int8]
    """(n,) 0 or 1; all 1 when `has_outcomes` is False."""
    has_outcomes: bool
    """Events are impressions with an outcome; else every event is a purchase."""
    context: pl.LazyFrame
    """Context columns and `request_id` (null where there is none); a line is an event position."""
    user_offset: NDArray[np.int64]
    """(number of user codes + 1,) events of user row u lie in [user_offset[u], user_offset[u + 1])."""
    request_offset: NDArray[np.int64]
    """(number of requests + 1,) events of request q lie in [request_offset[q], request_offset[q + 1])."""
    history_end: NDArray[np.int64]
    """(number of requests,) every event of the user before this position is strictly earlier than the request."""
    purchase_position: NDArray[np.int64]
    """(number of purchases,) positions with `converted` 1, ascending."""
    purchase_count: NDArray[np.int64]
    """(n + 1,) how many purchases lie before each position."""

    def __len__(self) -> int:
        return len(self.at)

    @property
    def num_requests(self) -> int:
        return len(self.history_end)
