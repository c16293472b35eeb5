"""What needs no verdict: shared pictures, duplicates, slipped prices."""

import numpy as np
import pytest

from camenn.rectify.rules import duplicates, odd_prices, shared_pictures


def names(*written: str) -> np.ndarray:
    return np.array(written, dtype=object)


def test_of_the_products_under_one_picture_one_at_most_is_right() -> None:
    group = np.array([0, 0, 0, 3, 4, 4])
    probability, count = shared_pictures(
        group, names("apple", "pear", "apple", "leek", "milk", "milk"), np.array([0.9, 0.1, 0.8, 0.5, 0.2, 0.2])
    )
    np.testing.assert_allclose(probability, [0.1, 0.9, 0.1, 0, 0, 0], atol=1e-9)
    assert count.tolist() == [2, 2, 2, 1, 1, 1]


def test_products_that_nothing_speaks_for_share_the_doubt() -> None:
    probability, count = shared_pictures(np.zeros(4, np.int64), names("a", "b", "c", "d"), np.full(4, 0.3))
    np.testing.assert_allclose(probability, 0.75)
    assert count.tolist() == [4, 4, 4, 4]
    probability, _ = shared_pictures(np.zeros(2, np.int64), names("a", "b"), np.zeros(2))
    assert probability.tolist() == [1, 1]
    assert shared_pictures(np.zeros(0, np.int64), names(), np.zeros(0))[0].shape == (0,)


def test_a_duplicate_has_name_picture_and_store_of_an_earlier_item() -> None:
    group = np.array([0, 0, 0, 0, 4, 0, 0])
    name = names("apple", "apple", "pear", "apple", "apple", "", "")
    store = names("North", "North", "North", "South", "North", "North", "North")
    assert duplicates(group, name, store).tolist() == [-1, 0, -1, -1, -1, -1, -1]
    nowhere = np.full(7, None, dtype=object)
    assert duplicates(group, name, nowhere).tolist() == [-1, 0, -1, 0, -1, -1, -1]


@pytest.mark.parametrize("slip", [0.01, 0.1, 10, 100])
def test_a_price_that_slipped_is_odd_and_a_dear_one_is_not(slip: float) -> None:
    rng = np.random.default_rng(0)
    usual = rng.uniform(5, 20, 400)
    price = usual * np.exp(rng.normal(0, 0.2, 400))
    price[3] *= slip
    probability = odd_prices(price, usual)
    assert probability[3] > 0.9
    assert np.delete(probability, 3).max() < 0.1
    assert odd_prices(price * 7, usual * 7)[3] == pytest.approx(probability[3])  # whatever the currency


def test_in_a_shop_of_wild_prices_a_tenfold_one_is_not_odd() -> None:
    rng = np.random.default_rng(0)
    usual = np.full(400, 10.0)
    price = usual * np.exp(rng.normal(0, 2, 400))
    price[3] = 100.0
    assert odd_prices(price, usual)[3] < 0.1


def test_what_is_unknown_is_not_odd() -> None:
    price = np.array([1.0, np.nan, 0.0, -3.0, 2.0, 1.0, 5.0])
    usual = np.array([1.0, 1.0, 1.0, 1.0, np.nan, 0.0, 5.0])
    assert odd_prices(price, usual)[1:6].tolist() == [0, 0, 0, 0, 0]
    assert odd_prices(np.array([100.0]), np.array([1.0])).tolist() == [0]
    assert odd_prices(np.zeros(0), np.zeros(0)).shape == (0,)
