"""The stated probability is the true one, and follows from what is written down and from the past alone."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from camenn.simulation.assortment import stock
from camenn.simulation.demand import CYCLE_DAYS, PARTS
from camenn.simulation.products import CATEGORIES, products
from camenn.simulation.shoppers import DISTRICTS
from camenn.simulation.stores import STORES


@pytest.fixture(scope="module")
def events(shop: Path) -> pl.DataFrame:
    """Events beside their truth, item and user."""
    logged, truth = pl.read_parquet(shop / "events.parquet"), pl.read_parquet(shop / "truth.parquet")
    assert logged.select("request_id", "item_id").equals(truth.select("request_id", "item_id"))
    both = pl.concat([logged, truth.drop("request_id", "item_id")], how="horizontal")
    items = pl.read_parquet(shop / "items.parquet").select("item_id", "price", "store")
    users = pl.read_parquet(shop / "users.parquet")
    return both.join(items, on="item_id", maintain_order="left").join(users, on="user_id", maintain_order="left")


@pytest.fixture(scope="module")
def stated(shop: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((shop / "simulation.json").read_text(encoding="utf-8"))
    return loaded


def test_as_many_buy_as_the_probabilities_say(events: pl.DataFrame) -> None:
    probability = events["probability"].to_numpy()
    error = np.sqrt((probability * (1 - probability)).sum()) / len(events)
    assert events["converted"].mean() == pytest.approx(probability.mean(), abs=4 * error)


def test_every_tenth_of_the_events_is_calibrated(events: pl.DataFrame) -> None:
    probability, bought = events["probability"].to_numpy(), events["converted"].to_numpy()
    for tenth in np.array_split(np.argsort(probability), 10):
        error = np.sqrt((probability[tenth] * (1 - probability[tenth])).sum()) / len(tenth)
        assert bought[tenth].mean() == pytest.approx(probability[tenth].mean(), abs=4 * error)


def test_the_parts_sum_to_the_log_odds(events: pl.DataFrame, stated: dict[str, Any]) -> None:
    probability = events["probability"].to_numpy()
    logit = stated["base"] + sum(events[f"logit_{part}"].to_numpy().astype(float) for part in PARTS)
    np.testing.assert_allclose(np.log(probability / (1 - probability)), logit, atol=1e-5)
    assert sum(stated["logit_shares"].values()) == pytest.approx(1.0, abs=1e-3)


def test_the_best_auc_is_that_of_the_truth(events: pl.DataFrame, stated: dict[str, Any]) -> None:
    recomputed = roc_auc_score(events["converted"].to_numpy(), events["probability"].to_numpy())
    assert stated["best_auc"] == pytest.approx(recomputed, abs=1e-9)
    assert stated["conversion_rate"] == events["converted"].mean()


def test_the_shop_is_as_hard_as_a_real_one(stated: dict[str, Any]) -> None:
    assert 0.80 < stated["best_auc"] < 0.88
    assert 0.15 < stated["conversion_rate"] < 0.28
    assert max(stated["logit_shares"].values()) < 0.25, "one part drowns the others"


def test_habit_follows_from_earlier_purchases_alone(events: pl.DataFrame) -> None:
    # By hand, request by request: what was bought before, how often and how long ago.
    items = stock(150, 3)
    kind = dict(zip(items.item_id, items.product.tolist(), strict=True))
    cycle = [CYCLE_DAYS[product.category] for product in products()]
    times: Counter[tuple[str, int]] = Counter()
    last: dict[tuple[str, int], float] = {}
    expected = []
    for request in events.partition_by("request_id", maintain_order=True):
        now = request["at"][0].timestamp() / 86_400
        keys = [(request["user_id"][0], kind[item]) for item in request["item_id"]]
        for key in keys:
            satisfied = np.exp(-2 * (now - last[key]) / cycle[key[1]]) if key in last else 0.0
            expected.append(np.log2(1 + min(times[key], 3)) - 2 * satisfied)
        for key, bought in zip(keys, request["converted"], strict=True):
            times[key] += bought
            last.update({key: now} if bought else {})
    np.testing.assert_allclose(events["logit_habit"].to_numpy(), expected, atol=2e-3)
    assert np.std(expected) > 0.3


def test_loyalty_follows_from_distance_and_earlier_purchases(events: pl.DataFrame) -> None:
    places = {store.name: store.place for store in STORES}
    visits: Counter[tuple[str, str]] = Counter()
    expected = []
    for request in events.partition_by("request_id", maintain_order=True):
        user = request["user_id"][0]
        home = np.array(DISTRICTS[request["district"][0]][:2])
        for store in request["store"]:
            familiar = 0.25 * np.log2(1 + min(visits[user, store], 15))
            expected.append(0.30 + familiar - 1.2 * np.linalg.norm(home - np.array(places[store])))
        for store, bought in zip(request["store"], request["converted"], strict=True):
            visits[user, store] += bought
    np.testing.assert_allclose(events["logit_loyalty"].to_numpy(), expected, atol=1e-4)


def test_price_counts_against_the_median_of_the_true_category(events: pl.DataFrame) -> None:
    items = stock(150, 3)
    category = dict(zip(items.item_id, items.category.tolist(), strict=True))
    median = [np.median(items.price[items.category == place]) for place in range(len(CATEGORIES))]
    usual = np.array([median[category[item]] for item in events["item_id"]])
    relative = np.log(events["price"].to_numpy() * (1 - events["discount"].to_numpy()) / usual)
    far = np.abs(relative) > 0.05
    sensitivity = pl.Series(-events["logit_price"].to_numpy()[far] / relative[far])
    by_user = pl.DataFrame({"user": events["user_id"].filter(pl.Series(far)), "sensitivity": sensitivity})
    spread = by_user.group_by("user").agg(pl.col("sensitivity").max() - pl.col("sensitivity").min())["sensitivity"]
    assert (spread < 1e-4).all(), "a shopper has one sensitivity"
    assert (sensitivity > 0).all()
