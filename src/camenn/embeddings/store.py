"""Token vectors of a catalogue, ragged, half precision, memory-mapped."""

import hashlib
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.embeddings.shards import VECTORS, write_whole
from camenn.errors import StoreError

Modality = Literal["text", "image"]
META = "meta.json"
STORES = Path(".camenn") / "embeddings"
"""Where a shop keeps its stores."""
_FORMAT = 1
_MAX_PARTS = 4
_BYTES_A_PART = 1 << 18
_FIRST_ROW = 2  # catalogue rows 0 and 1 are padding and unseen: they have no tokens


class Ids(Protocol):
    """The shop's identifiers of the catalogue's lines."""

    @property
    def values(self) -> pl.Series:
        """One string a line."""


class Items(Protocol):
    """What encoding reads of a catalogue."""

    @property
    def num_items(self) -> int:
        """Lines of the catalogue; line 0 is catalogue row 2."""

    @property
    def ids(self) -> Ids:
        """The shop's identifiers, in line order."""

    def texts(self, start: int, stop: int) -> list[str]:
        """Texts of lines start..stop, empty where missing."""

    def images(self, start: int, stop: int) -> list[bytes | Path | None]:
        """Picture files of lines start..stop, or their content, or None where missing."""


class ShopOfItems(Protocol):
    """What opening a store reads of a shop."""

    @property
    def folder(self) -> Path:
        """The shop's folder."""

    @property
    def catalogue(self) -> Items:
        """Its items."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What a published store says of itself."""

    modality: str
    encoder: str
    """Digest of weights and preprocessing; also in the folder's name."""
    spec: str
    """What the user typed."""
    width: int
    num_items: int
    num_with_tokens: int
    num_tokens: int
    """Tokens in the vectors' file; those of contents that no item has any more are among them."""
    index: str
    ids: str
    """Digest of the catalogue's identifiers, in line order."""
    format: int = _FORMAT


class TokenStore:
    """Vectors of every item's tokens, read where they lie. Safe to share between threads and to send to workers."""

    def __init__(self, folder: Path) -> None:
        """Open a published store. Raises StoreError when it is missing, half written or damaged."""
        self.folder = folder
        self.meta = read_meta(folder)
        self._start, self._length = self._read_index()
        tokens, width = self.meta.num_tokens, self.meta.width
        path = folder / VECTORS
        if not path.is_file() or path.stat().st_size < tokens * width * 2:
            raise _damaged(folder, f"{VECTORS} is missing or too short")
        # An empty file cannot be mapped.
        self._vectors: NDArray[np.float16] = (
            np.asarray(np.memmap(path, np.float16, mode="r", shape=(tokens, width)))
            if tokens
            else np.empty((0, width), np.float16)
        )

    @property
    def digest(self) -> str:
        """Identity of the encoder and its preprocessing."""
        return self.meta.encoder

    @property
    def width(self) -> int:
        """Numbers in a token vector."""
        return self.meta.width

    def __len__(self) -> int:
        """Items of the catalogue, with tokens or without."""
        return self.meta.num_items

    def __reduce__(self) -> tuple[type["TokenStore"], tuple[Path]]:
        return TokenStore, (self.folder,)  # a worker maps the files itself instead of being sent their content

    def lengths(self, rows: NDArray[np.integer]) -> NDArray[np.int32]:
        """Give the number of tokens of each catalogue row, in the shape of `rows`; 0 for rows 0 and 1."""
        _, length = self._spans(rows)
        return length.astype(np.int32)

    def gather(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.float16], NDArray[np.int32]]:
        """Give the token vectors of catalogue rows (n,), one row after another: (total tokens, width), and
        lengths (n,). Rows 0 and 1 have none. Raises IndexError for a row outside the catalogue.
        """
        start, length = self._spans(rows)
        before = np.cumsum(length) - length
        positions = np.repeat(start - before, length) + np.arange(length.sum())
        return _take(self._vectors, positions), length.astype(np.int32)

    def _spans(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        lines = np.asarray(rows, np.int64) - _FIRST_ROW
        if lines.size and (lines.min() < -_FIRST_ROW or lines.max() >= len(self)):
            raise IndexError(f"catalogue rows must lie in 0..{len(self) + 1}")
        real = lines >= 0
        if real.all():
            return self._start[lines], self._length[lines]
        start, length = np.zeros_like(lines), np.zeros_like(lines)
        start[real], length[real] = self._start[lines[real]], self._length[lines[real]]
        return start, length

    def _read_index(self) -> NDArray[np.int64]:
        path = self.folder / self.meta.index
        if not path.is_file() or _index_name(path.read_bytes()) != self.meta.index:
            raise _damaged(self.folder, f"{self.meta.index} is missing or altered")
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))  # a plain array indexes faster


def _take(vectors: NDArray[np.float16], positions: NDArray[np.int64]) -> NDArray[np.float16]:
    """Copy rows, in a few threads where they are many: one core waits for memory most of the time."""
    taken = np.empty((len(positions), vectors.shape[1]), np.float16)
    parts = min(_MAX_PARTS, taken.nbytes // _BYTES_A_PART)
    if parts < 2:
        return np.take(vectors, positions, axis=0)
    cuts = [len(positions) * part // parts for part in range(parts + 1)]

    def fill(part: int) -> None:
        mine = slice(cuts[part], cuts[part + 1])
        np.take(vectors, positions[mine], axis=0, out=taken[mine], mode="clip")  # "raise" would copy twice

    waiting = [_threads(os.getpid()).submit(fill, part) for part in range(1, parts)]
    fill(0)
    for future in waiting:
        future.result()
    return taken


@cache
def _threads(process: int) -> ThreadPoolExecutor:
    """The threads of this process: those of the one it was forked from did not come along."""
    return ThreadPoolExecutor(_MAX_PARTS - 1, "gather")


def store_folder(shop_folder: Path, *, modality: Modality, encoder: str) -> Path:
    """Where a shop keeps the vectors of one modality by one encoder."""
    return shop_folder / STORES / f"{modality}-{encoder}"


def open_store(shop: ShopOfItems, modality: Modality, digest: str) -> TokenStore:
    """Open the vectors that the encoder of this digest made of the shop's texts or pictures.

    Raises StoreError, saying to run `camenn encode`, when there are none or the shop's items are others by now.
    """
    folder = store_folder(shop.folder, modality=modality, encoder=digest)
    encode = f"run `camenn encode {shop.folder}` with the same --{modality} encoder"
    if not (folder / META).is_file():
        raise StoreError(f"{shop.folder}: no {modality} vectors of encoder {digest}: {encode}")
    store = TokenStore(folder)
    if store.meta.ids != ids_digest(shop.catalogue):
        raise StoreError(f"{folder}: the shop's items have changed since it was made: {encode}")
    return store


def ids_digest(items: Items) -> str:
    """Digest of a catalogue's identifiers in line order."""
    joined = "\0".join(items.ids.values.to_list())
    return hashlib.blake2b(joined.encode(), digest_size=8).hexdigest()


def read_meta(folder: Path) -> Meta:
    """Read what a store says of itself. Raises StoreError when it is missing or of another format."""
    try:
        return Meta(**_checked(json.loads((folder / META).read_text("utf-8"))))
    except FileNotFoundError:
        raise StoreError(f"{folder}: not a finished store (no {META}): run `camenn encode`") from None
    except (ValueError, TypeError) as error:
        raise _damaged(folder, f"{META} cannot be read ({error})") from error


def publish(folder: Path, spans: NDArray[np.int64], *, meta: Meta) -> Meta:
    """Name where each item's tokens lie, spans (2, items) of start and length, and make it the store's state.

    Until the last step the store is as it was before. Raises StoreError when the disk is full.
    """
    content = io.BytesIO()
    np.save(content, spans, allow_pickle=False)
    meta = replace(meta, index=_index_name(content.getvalue()))
    if not (folder / meta.index).is_file():
        write_whole(folder / meta.index, content.getvalue())
    write_whole(folder / META, json.dumps(asdict(meta), indent=1, ensure_ascii=False).encode())
    for path in folder.glob("index-*.npy"):
        if path.name != meta.index:
            path.unlink()
    return meta


def _index_name(content: bytes) -> str:
    return f"index-{hashlib.blake2b(content, digest_size=8).hexdigest()}.npy"


def _checked(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"not of format {_FORMAT}")
    return content


def _damaged(folder: Path, what: str) -> StoreError:
    return StoreError(f"{folder} is damaged: {what}; delete the folder and run `camenn encode`")
