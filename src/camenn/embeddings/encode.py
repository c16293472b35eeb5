"""A catalogue's texts and pictures turned into token vectors, once each, resumed where it was stopped."""

import json
import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from camenn.embeddings.image import ImageEncoder
from camenn.embeddings.patches import GRID, PictureError, load_picture
from camenn.embeddings.shards import ShardWriter, content_digest, hold, write_whole
from camenn.embeddings.store import META, Items, Meta, Modality, ids_digest, publish, read_meta, store_folder
from camenn.embeddings.text import TextEncoder

PROBLEMS = "problems.jsonl"
_TEXTS_A_STEP = 256
PICTURES_A_STEP = 16
_PICTURES_A_READ = 256  # a catalogue may hold pictures as bytes: not many at a time
_MAX_WORKERS = 32


@dataclass(frozen=True, slots=True)
class NotEncoded:
    """A text or picture that could not be encoded; its item has no tokens of this modality."""

    line: int
    """Line of the catalogue, from 0."""
    item_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """What encoding one modality came to."""

    modality: Modality
    folder: Path
    num_items: int
    num_encoded: int
    """Distinct contents encoded in this run."""
    num_with_tokens: int
    problems: tuple[NotEncoded, ...]
    seconds: float

    def __str__(self) -> str:
        rate = self.num_encoded / max(self.seconds, 1e-9)
        did = f"{self.num_encoded:,} encoded in {self.seconds:.1f} s ({rate:,.1f}/s)"
        parts = [did if self.num_encoded else "nothing to do"]
        if without := self.num_items - self.num_with_tokens - len(self.problems):
            parts.append(f"{without:,} without {self.modality}")
        if self.problems:
            parts.append(f"{len(self.problems):,} could not be encoded, see {self.folder / PROBLEMS}")
        return f"{self.modality}: {self.num_items:,} items: {', '.join(parts)}"


def encode_catalogue(
    catalogue: Items,
    shop_folder: Path,
    *,
    text: TextEncoder | None = None,
    image: ImageEncoder | None = None,
    console: Console | None = None,
) -> tuple[Encoded, ...]:
    """Bring the shop's stores of these encoders up to date; None leaves a modality alone.

    Only contents that the store does not hold yet are encoded, equal ones once. Stopped or killed, a later call
    goes on from the last shard; until the end the store is as it was before. A picture that cannot be read costs
    that picture and a line in the store's `problems.jsonl`. Progress is shown on `console`; a second process that
    encodes into the same store waits for the first. Raises StoreError when the disk is full.
    """
    done = []
    if text is not None:
        with _run(catalogue, shop_folder, modality="text", encoder=text, console=console) as run:
            _encode_texts(run, text)
            done.append(run.finish())
    if image is not None:
        with _run(catalogue, shop_folder, modality="image", encoder=image, console=console) as run:
            _encode_images(run, image)
            done.append(run.finish())
    return tuple(done)


@contextmanager
def _run(
    catalogue: Items,
    shop_folder: Path,
    *,
    modality: Modality,
    encoder: TextEncoder | ImageEncoder,
    console: Console | None,
) -> Iterator["_Run"]:
    folder = store_folder(shop_folder, modality=modality, encoder=encoder.digest)
    with hold(folder, console=console):
        published = read_meta(folder).num_tokens if (folder / META).is_file() else 0
        with (
            ShardWriter(folder, width=encoder.width, published_tokens=published) as writer,
            _progress(console) as progress,
        ):
            yield _Run(catalogue, folder, modality=modality, encoder=encoder, writer=writer, progress=progress)


class _Run:
    """One modality's pass over the catalogue: which content each line holds, and what became of it.

    `note`, `claim`, `refuse` and `refuse_line` may be called from any thread.
    """

    def __init__(
        self,
        catalogue: Items,
        folder: Path,
        *,
        modality: Modality,
        encoder: TextEncoder | ImageEncoder,
        writer: ShardWriter,
        progress: Progress,
    ) -> None:
        self.catalogue = catalogue
        self._folder = folder
        self._modality: Modality = modality
        self._encoder = encoder
        self._writer = writer
        self._digests = np.zeros((catalogue.num_items, 16), np.uint8)
        self._filled = np.zeros(catalogue.num_items, bool)
        self._claimed: set[bytes] = set()
        self._claiming = threading.Lock()
        self._bad_lines: dict[int, str] = {}
        self._bad_contents: dict[bytes, str] = {}
        self._num_encoded = 0
        self._began = time.perf_counter()
        self._progress = progress
        self._bar = progress.add_task(f"encode {modality}", total=catalogue.num_items)

    def note(self, line: int, digest: bytes) -> None:
        """Say which content a line holds."""
        self._digests[line] = np.frombuffer(digest, np.uint8)
        self._filled[line] = True

    def claim(self, digest: bytes) -> bool:
        """Say whether the caller is the one to encode this content."""
        with self._claiming:
            if digest in self._writer.known or digest in self._claimed:
                return False
            self._claimed.add(digest)
            return True

    def refuse_line(self, line: int, reason: str) -> None:
        """Leave a line without tokens: its content cannot be had."""
        self._bad_lines[line] = reason

    def refuse(self, digest: bytes, reason: str) -> None:
        """Leave all lines of a content without tokens."""
        self._bad_contents[digest] = reason

    def keep(self, digest: bytes, vectors: NDArray[np.float32]) -> None:
        """Store a content's (tokens, width)."""
        if np.isnan(vectors).any():
            self.refuse(digest, "the encoder gave NaN")
        else:
            self._writer.add(digest, vectors)
            self._num_encoded += 1

    def advance(self, num_lines: int) -> None:
        """Show that lines are done with."""
        self._progress.advance(self._bar, num_lines)

    def finish(self) -> Encoded:
        """Publish where each line's tokens lie, and log what could not be encoded."""
        self._writer.flush()
        spans = np.zeros((2, self.catalogue.num_items), np.int64)
        for line in np.flatnonzero(self._filled).tolist():
            digest = self._digests[line].tobytes()
            if (span := self._writer.known.get(digest)) is not None:
                spans[:, line] = span.start, span.length
            else:
                self._bad_lines[line] = self._bad_contents[digest]
        problems = self._log_problems()
        meta = Meta(
            modality=self._modality,
            encoder=self._encoder.digest,
            spec=self._encoder.spec,
            width=self._encoder.width,
            num_items=self.catalogue.num_items,
            num_with_tokens=int((spans[1] > 0).sum()),
            num_tokens=self._writer.num_tokens,
            index="",
            ids=ids_digest(self.catalogue),
        )
        publish(self._folder, spans, meta=meta)
        return Encoded(
            modality=self._modality,
            folder=self._folder,
            num_items=meta.num_items,
            num_encoded=self._num_encoded,
            num_with_tokens=meta.num_with_tokens,
            problems=problems,
            seconds=time.perf_counter() - self._began,
        )

    def _log_problems(self) -> tuple[NotEncoded, ...]:
        ids = self.catalogue.ids.values
        problems = tuple(NotEncoded(line, str(ids[line]), reason) for line, reason in sorted(self._bad_lines.items()))
        lines = [json.dumps(asdict(problem), ensure_ascii=False) + "\n" for problem in problems]
        write_whole(self._folder / PROBLEMS, "".join(lines).encode())
        return problems


def _encode_texts(run: _Run, encoder: TextEncoder) -> None:
    num_items = run.catalogue.num_items
    for start in range(0, num_items, _TEXTS_A_STEP):
        texts = run.catalogue.texts(start, min(start + _TEXTS_A_STEP, num_items))
        fresh: dict[bytes, str] = {}
        for line, text in enumerate(texts, start):
            if text.strip():
                digest = content_digest(text.encode())
                run.note(line, digest)
                if run.claim(digest):
                    fresh[digest] = text
        for digest, vectors in zip(fresh, encoder.encode(list(fresh.values())), strict=True):
            run.keep(digest, vectors)
        run.advance(len(texts))


_Prepared = tuple[bytes, NDArray[np.generic]]


def _encode_images(run: _Run, encoder: ImageEncoder) -> None:
    waiting: list[_Prepared] = []
    for prepared in _prepared_in_order(run, encoder):
        if prepared is None:
            run.advance(1)
            continue
        waiting.append(prepared)
        if len(waiting) == PICTURES_A_STEP:
            _encode_step(run, encoder, waiting)
            waiting = []
    if waiting:
        _encode_step(run, encoder, waiting)


def _encode_step(run: _Run, encoder: ImageEncoder, prepared: list[_Prepared]) -> None:
    vectors = encoder.encode(np.stack([patches for _, patches in prepared]))
    for (digest, _), picture in zip(prepared, vectors, strict=True):
        run.keep(digest, picture)
    run.advance(len(prepared))


def _prepared_in_order(run: _Run, encoder: ImageEncoder) -> Iterator[_Prepared | None]:
    """Decode in threads (Pillow lets go of the interpreter), a few steps ahead of the encoder, no more."""
    workers = min(os.cpu_count() or 1, _MAX_WORKERS)
    ahead: deque[Future[_Prepared | None]] = deque()
    # Pillow warns of a suspiciously large picture where we want it refused, and of broken EXIF where we do not care.
    with warnings.catch_warnings(), ThreadPoolExecutor(workers, "decode") as pool:
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for line, source in _sources(run.catalogue):
            ahead.append(pool.submit(_prepare, run, encoder, line, source))
            if len(ahead) > 2 * PICTURES_A_STEP + workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _sources(catalogue: Items) -> Iterator[tuple[int, bytes | Path | None]]:
    for start in range(0, catalogue.num_items, _PICTURES_A_READ):
        yield from enumerate(catalogue.images(start, min(start + _PICTURES_A_READ, catalogue.num_items)), start)


def _prepare(run: _Run, encoder: ImageEncoder, line: int, source: bytes | Path | None) -> _Prepared | None:
    if source is None:
        return None
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        run.refuse_line(line, error.strerror or str(error))
        return None
    digest = content_digest(content)
    run.note(line, digest)
    if not run.claim(digest):
        return None
    try:
        image = load_picture(content, at_least=GRID * encoder.input_size)
    except PictureError as error:
        run.refuse(digest, str(error))
        return None
    return digest, encoder.prepare(image)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.1f}/s" if task.speed else "", style="progress.data.speed")


def _progress(console: Console | None) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
        disable=console is None,
    )
