"""Where encoded contents are appended, shard by shard, so that a kill loses at most the last one.

A store's folder holds

    vectors.f16      token vectors of every content encoded so far, one after another, half precision
    journal.jsonl    one line a finished shard: where it starts, its contents' digests and lengths, its checksum
    index-*.npy      published: first token and number of tokens of every item of the catalogue
    meta.json        published last: which index, how many items, what encoder

A content is the bytes of a text or a picture. It is kept by its digest, so equal ones are encoded once and unchanged
ones never again. Both files only grow: what `meta.json` names stays whole whatever happens to a later run.
"""

import errno
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from camenn.errors import StoreError

VECTORS = "vectors.f16"
JOURNAL = "journal.jsonl"
SHARD_CONTENTS = 1024
_SHARD_SECONDS = 60.0  # with a slow encoder a thousand pictures are too long to lose
_LARGEST = float(np.finfo(np.float16).max)
_DIGEST_BYTES = 16


def content_digest(content: bytes) -> bytes:
    """Digest that names a text's or picture's bytes: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Span:
    """Where a content's tokens lie in the vectors."""

    start: int
    length: int


class ShardWriter:
    """The contents encoded so far, and the end where more are appended. One writer a folder at a time."""

    def __init__(self, folder: Path, *, width: int, published_tokens: int) -> None:
        """Open the folder, which the caller holds; damaged shards are forgotten, so that their contents are
        encoded again. What lies beyond the last shard is cut off, but never of the `published_tokens`.
        """
        self._folder = folder
        self._width = width
        self.known: dict[bytes, Span] = {}
        self._vectors = (folder / VECTORS).open("ab", buffering=0)
        self._end = max(self._read_journal(), published_tokens)
        self._vectors.truncate(self._end * width * 2)
        self._journal = (folder / JOURNAL).open("ab", buffering=0)
        self._pending: list[tuple[bytes, NDArray[np.float16]]] = []
        self._flushed_at = time.monotonic()

    @property
    def num_tokens(self) -> int:
        """Tokens written, those of forgotten contents included."""
        return self._end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None or not issubclass(kind, StoreError):
                self.flush()  # an interrupt or a failing encoder need not cost what is encoded already
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the files; what is pending is dropped."""
        self._vectors.close()
        self._journal.close()

    def add(self, digest: bytes, vectors: NDArray[np.float32]) -> None:
        """Keep a content's (tokens, width), clipped to what half precision holds. NaN is the caller's to refuse."""
        half = vectors.clip(-_LARGEST, _LARGEST).astype(np.float16)
        self._pending.append((digest, half))
        if len(self._pending) >= SHARD_CONTENTS or time.monotonic() - self._flushed_at > _SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as one shard, vectors first, so that a journal line is never ahead of them.

        Raises StoreError when the disk is full; what was flushed before is whole.
        """
        if not self._pending:
            return
        block = np.concatenate([vectors for _, vectors in self._pending]).tobytes()
        lengths = [len(vectors) for _, vectors in self._pending]
        line = {
            "start": self._end,
            "lengths": lengths,
            "contents": b"".join(digest for digest, _ in self._pending).hex(),
            "vectors": content_digest(block).hex(),
        }
        with full_disk_said(self._folder):
            _append(self._vectors, block)
            _append(self._journal, json.dumps(line).encode() + b"\n")
        self._learn([digest for digest, _ in self._pending], lengths, start=self._end)
        self._end += sum(lengths)
        self._pending.clear()
        self._flushed_at = time.monotonic()

    def _learn(self, digests: Sequence[bytes], lengths: Sequence[int], *, start: int) -> None:
        for digest, length in zip(digests, lengths, strict=True):
            self.known[digest] = Span(start, length)
            start += length

    def _read_journal(self) -> int:
        """Learn the whole shards, cut a torn last line off; give the end of the last shard in tokens."""
        path = self._folder / JOURNAL
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        if lines and not lines[-1].endswith(b"\n"):
            os.truncate(path, sum(map(len, lines[:-1])))
            lines.pop()
        end = 0
        if lines:
            with (self._folder / VECTORS).open("rb") as vectors:
                for line in lines:
                    end = max(end, self._read_shard(line, vectors))
        return end

    def _read_shard(self, line: bytes, vectors: Any) -> int:
        try:
            shard = json.loads(line)
            start, lengths = int(shard["start"]), [int(length) for length in shard["lengths"]]
            joined, checksum = bytes.fromhex(shard["contents"]), bytes.fromhex(shard["vectors"])
        except (ValueError, KeyError, TypeError):
            return 0
        vectors.seek(start * self._width * 2)
        block = vectors.read(sum(lengths) * self._width * 2)
        if content_digest(block) != checksum:
            return 0
        digests = [joined[i : i + _DIGEST_BYTES] for i in range(0, len(joined), _DIGEST_BYTES)]
        self._learn(digests, lengths, start=start)
        return start + sum(lengths)


@contextmanager
def hold(folder: Path, *, console: Console | None) -> Iterator[None]:
    """Make the folder and keep other processes from writing in it, waiting for one that already does.

    Let go of at the end, or by the system when the process is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if console is not None:
                    console.print(f"waiting for another process that encodes into {folder}")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def full_disk_said(folder: Path) -> Iterator[None]:
    """Turn a full disk into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StoreError(
            f"the disk that holds {folder} is full: free some space and run again; "
            "what was encoded before is whole and will not be encoded again"
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, whatever happens meanwhile."""
    part = path.with_name(path.name + ".part")
    with full_disk_said(path.parent):
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def _append(file: Any, content: bytes) -> None:
    end = os.fstat(file.fileno()).st_size
    rest = memoryview(content)
    try:
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)  # the next shard, or the next run, appends to whole ones
        raise
