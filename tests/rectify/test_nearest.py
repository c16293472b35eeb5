"""The nearest neighbours, against all pairs compared one by one."""

import numpy as np
import pytest

from camenn.rectify import nearest
from camenn.rectify.nearest import NOTHING, Nearest


def unit(rng: np.random.Generator, num: int, width: int = 8) -> np.ndarray:
    vectors = rng.normal(size=(num, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("block_bytes", [64 << 20, 2000])
def test_it_finds_what_comparing_all_pairs_finds(monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    monkeypatch.setattr(nearest, "_BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng, 200), unit(rng, 37)
    item, group = np.arange(200), rng.integers(60, size=200)
    of_query, group_of_query = rng.integers(200, size=37), rng.integers(60, size=37)
    place, cosine = Nearest(vectors, item, group).search(queries, item=of_query, group=group_of_query, k=7)
    for row in range(37):
        allowed = [j for j in range(200) if item[j] != of_query[row] and group[j] != group_of_query[row]]
        expected = sorted(allowed, key=lambda j: -float(queries[row] @ vectors[j]))[:7]
        assert place[row].tolist() == expected
        np.testing.assert_allclose(cosine[row], vectors[expected] @ queries[row], atol=1e-6)


def test_it_never_finds_the_item_itself_or_a_copy_of_its_picture() -> None:
    rng = np.random.default_rng(1)
    vectors = np.repeat(unit(rng, 5), 3, axis=0)  # three copies each
    group, item = np.repeat(np.arange(5), 3), np.arange(15)
    place, cosine = Nearest(vectors, item, group).search(vectors, item=item, group=group, k=12)
    found = cosine > NOTHING
    assert found.sum(axis=1).tolist() == [12] * 15
    assert not (group[place] == group[:, None])[found].any()
    nobody = np.full(15, -1)
    place, _ = Nearest(vectors, item, group).search(vectors, item=item, group=nobody, k=2)
    assert not (place == item[:, None]).any()
    assert (group[place] == group[:, None]).all()


def test_where_there_are_fewer_nothing_is_made_up() -> None:
    vectors = unit(np.random.default_rng(2), 3)
    held = Nearest(vectors, np.arange(3), np.arange(3))
    place, cosine = held.search(vectors[:1], item=np.array([0]), group=np.array([0]), k=6)
    assert place.shape == cosine.shape == (1, 6)
    assert (cosine[0] > NOTHING).tolist() == [True, True, False, False, False, False]
    assert set(place[0, :2].tolist()) == {1, 2}
    none = Nearest(np.zeros((0, 8), np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64))
    place, cosine = none.search(vectors, item=np.arange(3), group=np.arange(3), k=2)
    assert (cosine == NOTHING).all()
    assert held.search(vectors[:0], item=np.arange(0), group=np.arange(0), k=2)[0].shape == (0, 2)


def test_many_are_looked_for_in_the_likeliest_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    middles = unit(rng, 20, 16)
    vectors = np.repeat(middles, 150, axis=0) + 0.1 * unit(rng, 3000, 16)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[:200] = vectors[0]  # one picture in two hundred listings
    group, item = np.concatenate([np.zeros(200, np.int64), np.arange(200, 3000)]), np.arange(3000)
    asked = np.concatenate([np.arange(5), rng.integers(200, 3000, 60)])
    about = {"item": item[asked], "group": group[asked], "k": 20}
    exact, cosine = Nearest(vectors, item, group).search(vectors[asked], **about)
    monkeypatch.setattr(nearest, "EXACT", 1000)
    many = Nearest(vectors, item, group)
    assert many._cells is not None
    found, near = many.search(vectors[asked], **about)
    assert (near > NOTHING).all()
    assert not (group[found] == group[asked][:, None]).any()
    shared = [len(set(ours) & set(theirs)) / 20 for ours, theirs in zip(found.tolist(), exact.tolist(), strict=True)]
    assert np.mean(shared) > 0.9
    np.testing.assert_allclose(near[:, 0], cosine[:, 0], atol=5e-3)  # half precision
    again, _ = Nearest(vectors, item, group).search(vectors[asked], **about)
    np.testing.assert_array_equal(again, found)


def test_without_faiss_all_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "EXACT", 10)
    monkeypatch.setattr(nearest.importlib.util, "find_spec", lambda name: None)
    vectors = unit(np.random.default_rng(4), 50)
    place, _ = Nearest(vectors, np.arange(50), np.arange(50)).search(
        vectors[:1], item=np.array([0]), group=np.array([0]), k=1
    )
    assert place[0, 0] == np.argsort(-(vectors @ vectors[0]))[1]
