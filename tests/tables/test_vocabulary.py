import numpy as np
import polars as pl
import pytest

from camenn.tables.vocabulary import Vocabulary


@pytest.fixture
def fruit() -> Vocabulary:
    return Vocabulary(pl.Series(["pear", "plum", "番茄"]))


def test_null_is_padding_and_a_stranger_is_unseen(fruit: Vocabulary) -> None:
    codes = fruit.encode(pl.Series(["番茄", None, "kiwi", "pear", "pear"]))
    assert codes.dtype == np.int32
    assert codes.tolist() == [4, 0, 1, 2, 2]


def test_decoding_undoes_encoding(fruit: Vocabulary) -> None:
    assert fruit.decode(np.array([4, 3, 0, 1, 2])).to_list() == ["番茄", "plum", None, None, "pear"]


def test_codes_count_padding_and_unseen(fruit: Vocabulary) -> None:
    assert len(fruit) == 5
    assert len(Vocabulary(pl.Series([], dtype=pl.String))) == 2


def test_an_empty_vocabulary_has_seen_nothing() -> None:
    empty = Vocabulary(pl.Series([], dtype=pl.String))
    assert empty.encode(pl.Series(["x", None])).tolist() == [1, 0]
    assert empty.encode(pl.Series([], dtype=pl.String)).tolist() == []
    assert empty.decode(np.array([1, 0])).to_list() == [None, None]


@pytest.mark.parametrize("values", [["a", "a"], ["a", None], [1, 2]])
def test_values_must_be_distinct_strings(values: list[object]) -> None:
    with pytest.raises(ValueError, match="vocabulary"):
        Vocabulary(pl.Series(values))


def test_an_unknown_code_is_an_error(fruit: Vocabulary) -> None:
    with pytest.raises(IndexError):
        fruit.decode(np.array([5]))
    with pytest.raises(IndexError):
        fruit.decode(np.array([-1]))
