"""What was simulated, said in figures: the request, the formula, the best possible AUC."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camenn.simulation.assortment import BRANDS
from camenn.simulation.calendar import NUM_DAYS, START
from camenn.simulation.demand import BASE, CYCLE_DAYS, DEVICES, PARTS
from camenn.simulation.faults import PENALTY
from camenn.simulation.shoppers import (
    AGE_TASTE,
    DIETS,
    DISTRICTS,
    HOUSEHOLD_TASTE,
    PERSONAL_DIRECTIONS,
    PERSONAL_SPREAD,
)
from camenn.simulation.stores import STORES
from camenn.simulation.trading import Trade


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    items: int
    users: int
    requests: int
    candidates: int
    seed: int
    fault_rate: float


@dataclass(frozen=True, slots=True)
class SimulatedShop:
    """What was written."""

    folder: Path
    num_events: int
    conversion_rate: float
    """Share of the shown items that were bought."""
    best_auc: float
    """AUC of the true probability on all events: no model can be expected to do better."""
    logit_spread: float
    """Standard deviation of the true log-odds."""
    logit_shares: dict[str, float]
    """Covariance of each part with the log-odds, over the variance of the log-odds; they sum to 1."""


def auc(score: NDArray[np.float64], outcome: NDArray[np.int8]) -> float:
    """Chance that a bought event scores above one that was not, ties counting half; NaN without both outcomes."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    won = outcome == 1
    num_won, num_lost = int(won.sum()), int((~won).sum())
    if num_won == 0 or num_lost == 0:
        return float("nan")
    return float((rank[won].sum() - num_won * (num_won + 1) / 2) / (num_won * num_lost))


def account(played: Trade, folder: Path) -> SimulatedShop:
    """Sum up what happened."""
    parts = played.parts.reshape(len(PARTS), -1).astype(np.float64)
    logit = parts.sum(axis=0)
    spread = float(logit.std())
    shares = ((parts - parts.mean(axis=1, keepdims=True)) @ (logit - logit.mean())) / len(logit) / spread**2
    return SimulatedShop(
        folder=folder,
        num_events=played.converted.size,
        conversion_rate=float(played.converted.mean()),
        best_auc=auc(played.probability.ravel(), played.converted.ravel()),
        logit_spread=spread,
        logit_shares=dict(zip(PARTS, shares.round(4).tolist(), strict=True)),
    )


def statement(shop: SimulatedShop, wanted: Request) -> dict[str, object]:
    """All that fixes the demand, ready for JSON."""
    return {
        "asked": asdict(wanted),
        "start": str(np.datetime64(START, "us")) + "Z",
        "num_days": NUM_DAYS,
        "num_events": shop.num_events,
        "conversion_rate": shop.conversion_rate,
        "best_auc": shop.best_auc,
        "logit_spread": shop.logit_spread,
        "logit_shares": shop.logit_shares,
        "formula": "probability = 1 / (1 + exp(-(base + " + " + ".join(PARTS) + ")))",
        "base": BASE,
        "parts": PARTS,
        "constants": {
            "age_taste": AGE_TASTE,
            "household_taste": HOUSEHOLD_TASTE,
            "diets": {diet: {"share": share, **likings} for diet, (share, likings) in DIETS.items()},
            "personal": {"directions": PERSONAL_DIRECTIONS, "spread": PERSONAL_SPREAD},
            "districts": {name: {"x": x, "y": y, "wealth": wealth} for name, (x, y, wealth) in DISTRICTS.items()},
            "stores": {store.name: {"place": store.place, "price_level": store.price_level} for store in STORES},
            "brands": BRANDS,
            "devices": DEVICES,
            "cycle_days": CYCLE_DAYS,
            "fault_penalties": PENALTY,
        },
    }
