import json
import os
import pickle
import select
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camenn.embeddings.encode import encode_catalogue
from camenn.embeddings.store import TokenStore, open_store, store_folder
from camenn.errors import StoreError

WRITTEN = ["red apple", "", "a pear of a tree", "plum", "!", "red apple"]


@pytest.fixture
def shop(tmp_path: Path, fake: Any, shop_of: Any, counting_text: Any) -> Any:
    catalogue = fake(written=WRITTEN)
    encode_catalogue(catalogue, tmp_path, text=counting_text)
    return shop_of(tmp_path, catalogue)


@pytest.fixture
def store(shop: Any, counting_text: Any) -> TokenStore:
    return open_store(shop, "text", counting_text.digest)


def folder_of(shop: Any, counting_text: Any) -> Path:
    return store_folder(shop.folder, modality="text", encoder=counting_text.digest)


def test_a_row_gives_its_own_tokens(store: TokenStore) -> None:
    vectors, lengths = store.gather(np.array([2, 4, 5], np.int32))
    assert lengths.tolist() == [2, 5, 1]
    assert lengths.dtype == np.int32
    assert vectors.dtype == np.float16
    assert vectors[:, 0].tolist() == [3, 5, 1, 4, 2, 1, 4, 4]


def test_rows_come_in_the_order_asked_and_as_often(store: TokenStore) -> None:
    vectors, lengths = store.gather(np.array([5, 2, 5, 3, 2]))
    assert lengths.tolist() == [1, 2, 1, 0, 2]
    assert vectors[:, 0].tolist() == [4, 3, 5, 4, 3, 5]


def test_padding_and_unseen_have_no_tokens(store: TokenStore) -> None:
    vectors, lengths = store.gather(np.array([0, 1, 5, 0]))
    assert lengths.tolist() == [0, 0, 1, 0]
    assert vectors[:, 0].tolist() == [4]


@pytest.mark.parametrize("rows", [[], [0], [1, 3]])
def test_no_tokens_at_all_is_an_empty_answer(store: TokenStore, rows: list[int]) -> None:
    vectors, lengths = store.gather(np.array(rows, np.int32))
    assert vectors.shape == (0, 4)
    assert lengths.shape == (len(rows),)


@pytest.mark.parametrize("row", [-1, 8])
def test_a_row_outside_the_catalogue_is_an_error(store: TokenStore, row: int) -> None:
    with pytest.raises(IndexError, match=r"0\.\.7"):
        store.gather(np.array([2, row]))


def test_gather_agrees_with_reading_one_by_one(tmp_path: Path, fake: Any, shop_of: Any, counting_text: Any) -> None:
    rng = np.random.default_rng(0)
    written = [" ".join("x" * n for n in rng.integers(1, 9, count)) for count in rng.integers(0, 12, 200)]
    catalogue = fake(written=written)
    encode_catalogue(catalogue, tmp_path, text=counting_text)
    store = open_store(shop_of(tmp_path, catalogue), "text", counting_text.digest)
    rows = rng.integers(0, 202, 500)
    vectors, lengths = store.gather(rows)
    expected = [counting_text.encode([written[row - 2]])[0] for row in rows if row >= 2]
    assert (vectors == np.concatenate(expected)).all()
    assert store.lengths(rows).tolist() == lengths.tolist()


def test_it_says_what_it_holds(store: TokenStore) -> None:
    assert (len(store), store.width, store.digest) == (6, 4, "0123456789abcdef")
    assert (store.meta.num_with_tokens, store.meta.num_tokens) == (5, 9)


def test_a_worker_maps_the_files_itself(store: TokenStore) -> None:
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    assert pickle.loads(sent).gather(np.array([2]))[0].tolist() == store.gather(np.array([2]))[0].tolist()


def test_nobody_can_write_into_it(store: TokenStore) -> None:
    with pytest.raises(ValueError, match="read-only"):
        store._vectors[0] = 0


def test_a_missing_store_says_to_encode(shop: Any) -> None:
    with pytest.raises(StoreError, match="camenn encode"):
        open_store(shop, "image", "0123456789abcdef")


def test_other_items_than_it_was_made_for_are_noticed(shop: Any, fake: Any, counting_text: Any) -> None:
    shop.catalogue = fake(written=[*WRITTEN, "new"])
    with pytest.raises(StoreError, match=r"changed.*camenn encode"):
        open_store(shop, "text", counting_text.digest)


def test_an_altered_index_is_noticed(shop: Any, counting_text: Any) -> None:
    (index,) = folder_of(shop, counting_text).glob("index-*.npy")
    content = bytearray(index.read_bytes())
    content[-8] ^= 1
    index.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        open_store(shop, "text", counting_text.digest)


@pytest.mark.parametrize("name", ["vectors.f16", "index"])
def test_a_missing_file_is_noticed(shop: Any, counting_text: Any, name: str) -> None:
    (path,) = folder_of(shop, counting_text).glob(f"{name}*")
    path.unlink()
    with pytest.raises(StoreError, match=r"damaged.*delete the folder"):
        open_store(shop, "text", counting_text.digest)


def test_short_vectors_are_noticed(shop: Any, counting_text: Any) -> None:
    path = folder_of(shop, counting_text) / "vectors.f16"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(StoreError, match="too short"):
        open_store(shop, "text", counting_text.digest)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format": 1, "width": 4}'])
def test_broken_meta_is_noticed(shop: Any, counting_text: Any, content: str) -> None:
    (folder_of(shop, counting_text) / "meta.json").write_text(content)
    with pytest.raises(StoreError, match="damaged"):
        open_store(shop, "text", counting_text.digest)


def test_meta_is_readable_json(shop: Any, counting_text: Any) -> None:
    meta = json.loads((folder_of(shop, counting_text) / "meta.json").read_text())
    assert meta["spec"] == "counting"
    assert meta["modality"] == "text"


class Wide:
    """Gives a text that is a number as many tokens, numbered on from it; wide enough that threads share a gather."""

    spec, digest, width = "wide", "wide", 512

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        return [
            np.arange(int(text), dtype=np.float32)[:, None] + np.arange(512, dtype=np.float32) / 512 for text in texts
        ]


def test_a_large_gather_is_the_same_in_threads_and_in_a_forked_process(tmp_path: Path, fake: Any, shop_of: Any) -> None:
    catalogue = fake(written=[str(number % 50 + 1) for number in range(60)])
    encode_catalogue(catalogue, tmp_path, text=Wide())
    store = open_store(shop_of(tmp_path, catalogue), "text", "wide")
    rows = np.random.default_rng(0).integers(0, 62, 300)
    vectors, _ = store.gather(rows)
    assert vectors.nbytes > 4 << 20
    expected = [Wide().encode([catalogue.written[row - 2]])[0] for row in rows if row >= 2]
    assert (vectors == np.concatenate(expected).astype(np.float16)).all()
    reads, writes = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads about is the point
        child = os.fork()
    if child == 0:
        os.write(writes, b"same" if (store.gather(rows)[0] == vectors).all() else b"else")
        os._exit(0)
    os.close(writes)
    ready, _, _ = select.select([reads], [], [], 30)
    assert ready, "the forked process waits for threads it does not have"
    assert os.read(reads, 4) == b"same"
    os.waitpid(child, 0)
    os.close(reads)
