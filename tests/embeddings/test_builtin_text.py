import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camenn.embeddings.builtin_text import BuiltinText, split_words
from camenn.embeddings.text import text_encoder

SAMPLE = "Strawberries 500 g, sweet; 新鮮な草莓 🍓 עגבנייה"


def vectors(text: str) -> np.ndarray:
    return BuiltinText().encode([text])[0]


def likeness(first: str, second: str) -> float:
    return float(vectors(first)[0] @ vectors(second)[0]) / 128


def test_words_that_share_letters_are_near_one_another() -> None:
    assert likeness("strawberry", "strawberries") > 0.4
    assert likeness("yoghurt", "yoghurts") > 0.5
    assert likeness("tomato", "tomatoes") > 0.5


def test_words_that_share_none_are_at_right_angles() -> None:
    words = ["milk", "carrot", "zucchini", "bread", "fish", "olive", "honey", "jug"]
    between = [likeness(a, b) for a in words for b in words if a < b]
    assert max(np.abs(between)) < 0.35
    assert abs(np.mean(between)) < 0.08


def test_a_vector_has_unit_mean_square() -> None:
    assert (vectors(SAMPLE) ** 2).mean(1) == pytest.approx(1.0, abs=1e-5)


def test_case_and_width_of_characters_do_not_matter() -> None:
    assert split_words("ＳＴＲＡＷＢＥＲＲＹ Straße") == split_words("strawberry STRASSE")
    assert split_words("cafe\u0301") == split_words("caf\u00e9")


def test_chinese_and_japanese_are_read_by_character() -> None:
    assert split_words("新鲜 apple草莓") == ["新", "鲜", "apple", "草", "莓"]
    assert split_words("ｲﾁｺﾞ") == ["イ", "チ", "ゴ"]


def test_right_to_left_and_marked_scripts_stay_whole_words() -> None:
    assert split_words("\u200fעגבנייה שרי\u200e") == ["עגבנייה", "שרי"]
    assert len(split_words("स्ट्रॉबेरी ताज़ा")) == 2


def test_at_most_fifty_words_are_read_however_long_the_text() -> None:
    assert vectors("fresh ripe apple " * 20_000).shape == (50, 128)
    assert vectors("a" * 100_000).shape == (1, 128)


@pytest.mark.parametrize("text", ["", "   ", " \u200b ", "!?-_/"])
def test_no_word_gives_no_token(text: str) -> None:
    assert vectors(text).shape == (0, 128)


@given(st.text(max_size=300))
def test_any_text_gives_finite_vectors(text: str) -> None:
    got = vectors(text)
    assert got.shape == (len(split_words(text)), 128)
    assert np.isfinite(got).all()


def test_every_process_and_machine_gives_the_same_bits() -> None:
    here = hashlib.blake2b(vectors(SAMPLE).tobytes(), digest_size=8).hexdigest()
    code = (
        "import hashlib; from camenn.embeddings.builtin_text import BuiltinText;"
        f"print(hashlib.blake2b(BuiltinText().encode([{SAMPLE!r}])[0].tobytes(), digest_size=8).hexdigest())"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == here
    assert here == "fd4a308dcb8824f3", "the arithmetic changed: raise the number in BuiltinText.digest"


def test_builtin_is_opened_by_name() -> None:
    encoder = text_encoder("builtin")
    assert (encoder.spec, encoder.width) == ("builtin", 128)
    assert encoder.digest == text_encoder("builtin").digest
