"""The days that are simulated."""

from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

NUM_DAYS: Final = 35
MICROSECONDS_A_DAY: Final = 86_400_000_000
START: Final = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp()) * 1_000_000
"""A Monday, midnight UTC, in microseconds since 1970."""

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def day(at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Days since START, with fraction."""
    return (at - START) / MICROSECONDS_A_DAY


def hour(at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Hour of the day, 0..24, with fraction."""
    return day(at) % 1.0 * 24


def weekday(at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place in WEEKDAYS."""
    return day(at).astype(np.int64) % 7


def daypart(at: NDArray[np.int64]) -> NDArray[np.str_]:
    """The part of the day a shop would log."""
    return np.array(("night", "morning", "midday", "afternoon", "evening"))[
        np.searchsorted((6, 11, 14, 17), hour(at), side="right")
    ]


def is_weekend(at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """From Friday 15:00 to Sunday night."""
    return day(at) % 7.0 >= 4.0 + 15 / 24
