"""Catalogues held in memory, encoders that count, and tiny models saved to a folder."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image


@dataclass
class FakeIds:
    values: pl.Series


@dataclass
class FakeCatalogue:
    """What encoding reads of a catalogue; ids are a, b, c..."""

    written: list[str] = field(default_factory=list)
    pictures: list[bytes | Path | None] = field(default_factory=list)

    @property
    def num_items(self) -> int:
        return max(len(self.written), len(self.pictures))

    @property
    def ids(self) -> FakeIds:
        return FakeIds(pl.Series([f"item-{line}" for line in range(self.num_items)]))

    def texts(self, start: int, stop: int) -> list[str]:
        return (self.written or [""] * self.num_items)[start:stop]

    def images(self, start: int, stop: int) -> list[bytes | Path | None]:
        return (self.pictures or [None] * self.num_items)[start:stop]


class CountingText:
    """Gives each word the vector of its length; remembers what it was asked. 'nan' and 'huge' misbehave."""

    spec = "counting"
    digest = "0123456789abcdef"
    width = 4

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        self.seen.extend(texts)
        return [np.array([self._vector(word) for word in text.split()], np.float32).reshape(-1, 4) for text in texts]

    def _vector(self, word: str) -> list[float]:
        value = {"nan": np.nan, "huge": 1e30, "-huge": -np.inf}.get(word, float(len(word)))
        return [value, 1.0, 2.0, 3.0]


class MeanColour:
    """Gives each patch its mean colour; counts the pictures."""

    spec = "mean colour"
    digest = "fedcba9876543210"
    width = 3
    input_size = 8

    def __init__(self) -> None:
        self.num_seen = 0

    def prepare(self, image: Image.Image) -> np.ndarray:
        from camenn.embeddings.patches import cut_patches

        return cut_patches(image, size=8, resample=Image.Resampling.BILINEAR)

    def encode(self, prepared: np.ndarray) -> np.ndarray:
        self.num_seen += len(prepared)
        return prepared.mean((2, 3)).astype(np.float32)


@pytest.fixture
def fake() -> type[FakeCatalogue]:
    return FakeCatalogue


@pytest.fixture
def counting_text() -> CountingText:
    return CountingText()


@pytest.fixture
def mean_colour() -> MeanColour:
    return MeanColour()


@dataclass
class FakeShop:
    folder: Path
    catalogue: FakeCatalogue


@pytest.fixture
def shop_of() -> type[FakeShop]:
    return FakeShop


def _saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


@pytest.fixture(scope="session")
def saved() -> Callable[..., bytes]:
    """saved(image, "PNG", **options): the bytes of a picture file."""
    return _saved


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers, 16 wide, with random weights and a vocabulary of a few fruits."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "green", "apple", "pear", "##s", "."]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder
