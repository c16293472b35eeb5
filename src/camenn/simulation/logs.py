"""The tables of events: what the shop's log shows, and the truth beside it."""

import numpy as np
import polars as pl

from camenn.simulation.calendar import WEEKDAYS, daypart, weekday
from camenn.simulation.demand import DEVICES, PARTS
from camenn.simulation.trading import Trade


def logged(played: Trade, item_id: list[str], user_id: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events in order of time, and their truth line by line (the probability, and its log-odds part by part)."""
    num_requests, num_candidates = played.converted.shape
    by_request = np.repeat(np.arange(num_requests), num_candidates)
    shown = played.shown
    request_id = pl.Series([f"r{number:07d}" for number in range(num_requests)])[by_request]
    item = pl.Series(item_id)[shown.item.ravel()]
    days = pl.Series(WEEKDAYS)[weekday(shown.at)[by_request]]
    events = pl.DataFrame(
        {
            "request_id": request_id,
            "user_id": pl.Series(user_id)[shown.user[by_request]],
            "item_id": item,
            "at": pl.Series(shown.at[by_request]).cast(pl.Datetime("us", "UTC")),
            "converted": played.converted.ravel(),
            "position": np.tile(np.arange(1, num_candidates + 1, dtype=np.int8), num_requests),
            "device": pl.Series(list(DEVICES))[shown.device[by_request]],
            "daypart": daypart(shown.at)[by_request].tolist(),
            "weekday": days,
            "discount": shown.discount.ravel(),
        }
    )
    truth = pl.DataFrame({"request_id": request_id, "item_id": item, "probability": played.probability.ravel()})
    return events, truth.with_columns(
        pl.Series(f"logit_{name}", part.ravel()) for name, part in zip(PARTS, played.parts, strict=True)
    )
