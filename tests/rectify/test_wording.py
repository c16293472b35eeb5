"""What a name says without its meaning."""

import numpy as np
import pytest

from camenn.rectify.wording import SIGNS, Wording, words_of

NAMES = np.array(["red apple", "green apple", "apple", "red apple", "fruit", "sour green apple", ""], dtype=object)


@pytest.fixture
def wording() -> Wording:
    return Wording(NAMES, ["fruit", "fresh fruit"])


def signs(wording: Wording, line: int, name: str, category: int) -> dict[str, float]:
    found = wording.signs(np.array([line]), np.array([name], dtype=object), np.array([category]))
    return dict(zip(SIGNS, found[0].tolist(), strict=True))


def test_words_are_letters_alone() -> None:
    assert words_of("crème fraîche 34% 2dl x no_name") == {"crème", "fraîche", "dl", "no", "name"}
    assert words_of("") == frozenset()


def test_the_commonest_word_is_the_one_that_most_other_names_hold(wording: Wording) -> None:
    assert wording.commonest_word("red apple") == "apple"
    assert wording.commonest_word("sour plum") == ""
    assert wording.commonest_word("") == ""


def test_a_name_is_counted_without_the_item_itself(wording: Wording) -> None:
    stands = "name stands under others too"
    assert signs(wording, 0, "red apple", 0)[stands] == pytest.approx(np.log1p(1))
    assert signs(wording, 1, "red apple", 0)[stands] == pytest.approx(np.log1p(2))
    assert signs(wording, 1, "green apple", 0)[stands] == 0
    assert signs(wording, 1, "never seen", 0)[stands] == 0


def test_a_name_says_less_than_longer_names_that_hold_its_words(wording: Wording) -> None:
    longer = "longer names hold its words"
    assert signs(wording, 2, "apple", 0)[longer] == pytest.approx(np.log1p(3))
    assert signs(wording, 1, "green apple", 0)[longer] == pytest.approx(np.log1p(1))
    assert signs(wording, 5, "sour green apple", 0)[longer] == 0
    assert signs(wording, 0, "sour apple green", 0)["words in the name"] == pytest.approx(np.log1p(3))


def test_a_name_may_be_its_category(wording: Wording) -> None:
    own = "name is its category's"
    assert signs(wording, 4, "fruit", 1)[own] == signs(wording, 4, "fruit", 0)[own] == 1
    assert (
        signs(wording, 0, "red apple", 0)[own]
        == signs(wording, 4, "fruit", -1)[own]
        == signs(wording, 6, "", 0)[own]
        == 0
    )
    assert wording.signs(np.zeros(0, np.int64), np.zeros(0, object), np.zeros(0, np.int64)).shape == (0, len(SIGNS))
