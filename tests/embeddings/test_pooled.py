"""One vector an item, kept beside the store."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camenn.embeddings import pooled
from camenn.embeddings.encode import encode_catalogue
from camenn.embeddings.pooled import pooled_vectors
from camenn.embeddings.store import TokenStore
from camenn.errors import StoreError


@pytest.fixture
def store(tmp_path: Path, fake: Any, counting_text: Any) -> TokenStore:
    catalogue = fake(written=["red apple", "", "a pear of a tree"])
    return TokenStore(encode_catalogue(catalogue, tmp_path, text=counting_text)[0].folder)


@pytest.mark.parametrize("chunk", [1, 2, 4096])
def test_an_items_vector_is_the_mean_of_its_tokens(
    store: TokenStore, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(pooled, "_CHUNK", chunk)
    vectors = pooled_vectors(store)
    assert vectors.dtype == np.float16
    assert vectors[:, 0].tolist() == [0, 0, 4, 0, np.float16(12 / 5)]
    assert vectors[:, 1].tolist() == [0, 0, 1, 0, 1]


def test_a_full_disk_is_told_and_leaves_nothing_behind(store: TokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(store.folder.iterdir())

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)  # called with the partial file there
    with pytest.raises(StoreError, match="No space left on device; free some space"):
        pooled_vectors(store)
    assert set(store.folder.iterdir()) == before
