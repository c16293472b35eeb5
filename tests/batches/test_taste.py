"""Item vectors learned from surprises."""

import numpy as np

from camenn.batches import taste
from camenn.batches.taste import Taste, item_vectors


def two_camps(num_users: int = 200, num_items: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half of the users take to even items and turn down odd ones, the other half the other way."""
    user, item = np.divmod(np.arange(num_users * num_items), num_items)
    return user.astype(np.int32), item.astype(np.int32), np.where((user + item) % 2 == 0, 0.5, -0.5)


def fitted(item_of: np.ndarray, user: np.ndarray, surprise: np.ndarray, num_items: int) -> Taste:
    one = Taste(item_of, num_items=num_items, num_folds=1)
    one.fit(0, user, item_of, surprise)
    return one


def suits(one: Taste, past: list[int], surprise: list[float], candidates: list[int]) -> np.ndarray:
    return one.score(
        np.zeros(1, dtype=np.int32),
        np.array([past], dtype=np.int32),
        np.array([surprise]),
        np.array(candidates, dtype=np.int32),
        np.zeros(len(candidates), dtype=np.int64),
    )


def test_who_took_to_an_item_is_suited_by_what_its_camp_takes_to() -> None:
    user, item, surprise = two_camps()
    even, odd, other = suits(fitted(item, user, surprise, 41), [0, 3], [0.5, -0.5], [2, 5, 40])
    assert even > 0.1
    assert odd < -0.1
    assert abs(other) < 1e-9  # nobody was shown it


def test_products_of_vectors_come_near_the_covariance_of_surprises_with_fewer_dimensions_than_items(
    monkeypatch,
) -> None:
    monkeypatch.setattr(taste, "WIDTH", 2)
    user, item, surprise = two_camps()
    vectors = item_vectors(user, item, surprise, 40)
    assert vectors.shape == (40, 2)
    shrunk = 200 * 0.25 / (200 + taste.SHRINK)
    assert np.allclose(vectors @ vectors.T, np.where(np.add.outer(np.arange(40), np.arange(40)) % 2, -shrunk, shrunk))


def test_only_the_items_most_often_shown_have_vectors(monkeypatch) -> None:
    monkeypatch.setattr(taste, "MAX_ITEMS", 20)
    user, item, surprise = two_camps()
    rare = (item >= 20) & (user >= 100)
    one = fitted(item[~rare], user[~rare], surprise[~rare], 40)
    scores = suits(one, [0], [0.5], list(range(40)))
    assert (abs(scores[:20]) > 0.01).all()
    assert (abs(scores[20:]) < 1e-9).all()


def test_events_without_any_surprise_or_of_one_user_and_item_give_no_vectors() -> None:
    user, item, surprise = two_camps()
    assert not item_vectors(user, item, surprise * 0, 40).any()
    zero = np.zeros(1, dtype=np.int32)
    assert not item_vectors(zero, zero, np.ones(1), 1).any()


def test_the_same_events_give_the_same_vectors() -> None:
    rng = np.random.default_rng(0)
    user, item = rng.integers(50, size=900).astype(np.int32), rng.integers(60, size=900).astype(np.int32)
    surprise = rng.normal(size=900)
    assert np.array_equal(item_vectors(user, item, surprise, 60), item_vectors(user, item, surprise, 60))
