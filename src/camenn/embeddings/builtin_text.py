"""The text encoder that needs no download: each word a vector hashed from its letters.

A word's vector is a signed random projection of the bag of the word itself and its character 3- to 5-grams:
every one of these is hashed to 128 bits, its bits are its signs, and the signs are added. Words that share
letters come out near one another (strawberry, strawberries), others at right angles give or take 1/sqrt(128).
Sums of signs are whole numbers, so the result is the same to the last bit on every machine.

DEVIATION: no download.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

MAX_TOKENS = 50
"""The paper's maximum text sequence length."""

_WIDTH = 128
_NGRAMS = (3, 4, 5)
_MAX_CHARACTERS = 4_000  # fifty words lie well within; a 100,000-character description is not read to its end
_MAX_WORD = 40
_WORD_WEIGHT = 2  # the whole word counts as two n-grams, so that short words are told apart
_ALONE = (  # scripts written without spaces: each character is a token
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


class BuiltinText:
    """Hashed words and character n-grams; deterministic, case and accents' encoding ignored."""

    spec: ClassVar[str] = "builtin"
    width: ClassVar[int] = _WIDTH

    @property
    def digest(self) -> str:
        """Identity of what is computed; the number rises when the arithmetic changes."""
        return hashlib.blake2b(b"camenn builtin text 1", digest_size=8).hexdigest()

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Give each text (tokens, 128), at most 50 tokens, each of unit mean square; (0, 128) for no words."""
        return [
            np.stack([_word_vector(word) for word in words])
            if (words := split_words(text))
            else np.empty((0, _WIDTH), np.float32)
            for text in texts
        ]


def split_words(text: str) -> list[str]:
    """Split into at most 50 words of letters, marks and digits; Chinese and Japanese by character."""
    normal = unicodedata.normalize("NFKC", text[:_MAX_CHARACTERS]).casefold()
    return unicodedata.normalize("NFKC", normal).translate(_SEPARATED).split()[:MAX_TOKENS]


class _Separated(dict[int, str]):
    """What a character becomes before splitting at blanks; worked out when first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cf" or 0xFE00 <= code <= 0xFE0F:  # joiners, direction marks, variation selectors
            becomes = ""
        elif category == "So" or any(first <= code <= last for first, last in _ALONE):
            becomes = f" {character} "
        elif category[0] in "LMN":
            becomes = character
        else:
            becomes = " "
        self[code] = becomes
        return becomes


_SEPARATED = _Separated()


@lru_cache(maxsize=1 << 16)
def _word_vector(word: str) -> NDArray[np.float32]:
    framed = f"<{word[:_MAX_WORD]}>"
    grams = [framed[i : i + n] for n in _NGRAMS for i in range(len(framed) - n + 1)]
    hashes = [hashlib.blake2b(gram.encode(), digest_size=_WIDTH // 8).digest() for gram in grams]
    whole = hashlib.blake2b(word.encode(), digest_size=_WIDTH // 8, person=b"word").digest()
    bits = np.unpackbits(np.frombuffer(b"".join([whole] * _WORD_WEIGHT + hashes), np.uint8))
    sums = 2 * bits.reshape(-1, _WIDTH).sum(axis=0, dtype=np.int64) - (len(hashes) + _WORD_WEIGHT)
    scale = np.sqrt(_WIDTH / max(int(sums @ sums), 1))
    vector: NDArray[np.float32] = (sums * scale).astype(np.float32)
    return vector
