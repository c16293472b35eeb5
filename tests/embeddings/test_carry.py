"""A copied shop is given what its shop's encoders made."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camenn.embeddings.carry import carry_stores
from camenn.embeddings.encode import encode_catalogue
from camenn.embeddings.shards import JOURNAL, VECTORS
from camenn.embeddings.store import STORES, TokenStore, open_store, store_folder
from camenn.errors import StoreError


def encoded(shop: Path, fake: Any, counting_text: Any, written: list[str]) -> Path:
    encode_catalogue(fake(written=written), shop, text=counting_text)
    counting_text.seen.clear()
    return store_folder(shop, modality="text", encoder=counting_text.digest)


def test_a_copy_encodes_what_changed_alone(tmp_path: Path, fake: Any, counting_text: Any) -> None:
    shop, copy = tmp_path / "shop", tmp_path / "copy"
    folder = encoded(shop, fake, counting_text, ["one", "two or three", "four"])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    carry_stores(shop, copy)
    encode_catalogue(fake(written=["four", "one", "five five"]), copy, text=counting_text)
    assert counting_text.seen == ["five five"]
    arrived = TokenStore(store_folder(copy, modality="text", encoder=counting_text.digest))
    assert arrived.lengths(np.arange(2, 5)).tolist() == [1, 1, 2]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_vectors_of_a_shop_are_not_taken_for_those_of_its_copy(
    tmp_path: Path, fake: Any, shop_of: Any, counting_text: Any
) -> None:
    encoded(tmp_path / "shop", fake, counting_text, ["one", "two"])
    carry_stores(tmp_path / "shop", tmp_path / "copy")
    with pytest.raises(StoreError, match="camenn encode"):
        open_store(shop_of(tmp_path / "copy", fake(written=["two", "one"])), "text", counting_text.digest)


def test_a_shop_that_was_not_encoded_gives_nothing(tmp_path: Path) -> None:
    carry_stores(tmp_path / "shop", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_vectors_cut_short_are_encoded_again(tmp_path: Path, fake: Any, counting_text: Any) -> None:
    folder = encoded(tmp_path / "shop", fake, counting_text, ["one", "two"])
    with (folder / VECTORS).open("r+b") as vectors:
        vectors.truncate(8)
    carry_stores(tmp_path / "shop", tmp_path / "copy")
    encode_catalogue(fake(written=["one", "two"]), tmp_path / "copy", text=counting_text)
    assert counting_text.seen == ["one", "two"]


def test_vectors_that_cannot_be_written_are_told_and_leave_nothing(
    tmp_path: Path, fake: Any, counting_text: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"some")
        raise OSError(28, "No space left on device")

    folder = encoded(tmp_path / "shop", fake, counting_text, ["one"])
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StoreError, match=r"is whole.*No space left.*camenn encode"):
        carry_stores(tmp_path / "shop", tmp_path / "copy")
    assert list((tmp_path / "copy" / STORES).iterdir()) == []
    assert (folder / JOURNAL).is_file()
