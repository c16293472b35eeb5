import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from camenn.embeddings import encode, shards
from camenn.embeddings.encode import encode_catalogue
from camenn.embeddings.store import TokenStore, open_store, store_folder
from camenn.errors import StoreError

Saved = Callable[..., bytes]
ALL = np.arange(2, 12)


def folder_of(shop: Path, encoder: Any) -> Path:
    modality = "text" if encoder.spec == "counting" else "image"
    return store_folder(shop, modality=modality, encoder=encoder.digest)


def tokens_of(shop: Path, encoder: Any, num_items: int) -> tuple[np.ndarray, np.ndarray]:
    return TokenStore(folder_of(shop, encoder)).gather(np.arange(2, num_items + 2))


def coloured(saved: Saved, number: int) -> bytes:
    return saved(Image.new("RGB", (30, 30), (number % 256, number // 256, 50)), "PNG")


class TestWhatIsEncoded:
    def test_everything_the_first_time_and_nothing_the_second(
        self, tmp_path: Path, fake: Any, counting_text: Any
    ) -> None:
        catalogue = fake(written=["red apple", "pear", ""])
        (first,) = encode_catalogue(catalogue, tmp_path, text=counting_text)
        (second,) = encode_catalogue(catalogue, tmp_path, text=counting_text)
        assert counting_text.seen == ["red apple", "pear"]
        assert (first.num_encoded, second.num_encoded) == (2, 0)
        assert "nothing to do" in str(second)
        assert "1 without text" in str(second)

    def test_only_what_changed(self, tmp_path: Path, fake: Any, counting_text: Any) -> None:
        encode_catalogue(fake(written=["one", "two", "three"]), tmp_path, text=counting_text)
        counting_text.seen.clear()
        encode_catalogue(fake(written=["three", "one", "four", "two"]), tmp_path, text=counting_text)
        assert counting_text.seen == ["four"]
        vectors, lengths = tokens_of(tmp_path, counting_text, 4)
        assert vectors[:, 0].tolist() == [5, 3, 4, 3]
        assert lengths.tolist() == [1, 1, 1, 1]

    def test_equal_contents_once(self, tmp_path: Path, fake: Any, counting_text: Any) -> None:
        encode_catalogue(fake(written=["milk"] * 600 + ["bread"] * 600), tmp_path, text=counting_text)
        assert counting_text.seen == ["milk", "bread"]
        vectors, _ = tokens_of(tmp_path, counting_text, 1200)
        assert vectors[:, 0].tolist() == [4] * 600 + [5] * 600

    def test_equal_pictures_once_wherever_they_lie(
        self, tmp_path: Path, fake: Any, mean_colour: Any, saved: Saved
    ) -> None:
        content = coloured(saved, 7)
        (tmp_path / "a.png").write_bytes(content)
        encode_catalogue(fake(pictures=[content, tmp_path / "a.png", None] * 40), tmp_path, image=mean_colour)
        assert mean_colour.num_seen == 1
        vectors, lengths = tokens_of(tmp_path, mean_colour, 120)
        assert lengths.tolist() == [9, 9, 0] * 40
        assert (vectors == np.array([7, 0, 50], np.float16)).all()

    def test_pictures_keep_their_lines_though_decoded_in_parallel(
        self, tmp_path: Path, fake: Any, mean_colour: Any, saved: Saved
    ) -> None:
        pictures = [coloured(saved, number) for number in range(600)]
        (done,) = encode_catalogue(fake(pictures=pictures), tmp_path, image=mean_colour)
        assert done.num_encoded == 600
        vectors, _ = tokens_of(tmp_path, mean_colour, 600)
        first = vectors.reshape(600, 9, 3)[:, 0].astype(int)
        assert (first[:, 0] + 256 * first[:, 1]).tolist() == list(range(600))

    def test_two_encoders_side_by_side(self, tmp_path: Path, fake: Any, shop_of: Any, counting_text: Any) -> None:
        catalogue = fake(written=["red apple"])
        encode_catalogue(catalogue, tmp_path, text=counting_text)
        other = type(counting_text)()
        other.digest, other.width = "other", 2
        other.encode = lambda texts: [np.ones((1, 2), np.float32) for _ in texts]
        encode_catalogue(catalogue, tmp_path, text=other)
        shop = shop_of(tmp_path, catalogue)
        assert open_store(shop, "text", "other").gather(np.array([2]))[0].tolist() == [[1, 1]]
        assert open_store(shop, "text", counting_text.digest).gather(np.array([2]))[0][:, 0].tolist() == [3, 5]

    def test_no_items_is_no_trouble(self, tmp_path: Path, fake: Any, counting_text: Any, mean_colour: Any) -> None:
        done = encode_catalogue(fake(), tmp_path, text=counting_text, image=mean_colour)
        assert [one.num_items for one in done] == [0, 0]
        assert len(TokenStore(folder_of(tmp_path, counting_text))) == 0

    def test_progress_names_the_work_its_rate_and_the_time_left(
        self, tmp_path: Path, fake: Any, counting_text: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 0.0

        def bars(console: Console) -> Progress:
            made = progress(console)
            made.get_time = lambda: now
            return made

        def slowly(run: Any, num_lines: int) -> None:
            nonlocal now
            now += 4.0
            advance(run, num_lines)
            run._progress.refresh()

        progress, advance = encode._progress, encode._Run.advance
        monkeypatch.setattr(encode, "_TEXTS_A_STEP", 2)
        monkeypatch.setattr(encode, "_progress", bars)
        monkeypatch.setattr(encode._Run, "advance", slowly)
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, color_system=None, width=120)
        encode_catalogue(fake(written=list("abcdefghij")), tmp_path, text=counting_text, console=console)
        lines = out.getvalue().split("encode text")
        assert any(re.search(r" 4/10 0\.5/s 0:00:12", line) for line in lines), lines
        assert re.search(r"10/10 0\.5/s 0:00:00", lines[-1])


class TestNumbers:
    def test_what_half_precision_cannot_hold_is_clipped(self, tmp_path: Path, fake: Any, counting_text: Any) -> None:
        encode_catalogue(fake(written=["huge", "-huge", "ok"]), tmp_path, text=counting_text)
        vectors, _ = tokens_of(tmp_path, counting_text, 3)
        assert vectors[:, 0].tolist() == [65504, -65504, 2]

    def test_nan_costs_its_item_and_a_line_in_the_log(self, tmp_path: Path, fake: Any, counting_text: Any) -> None:
        (done,) = encode_catalogue(fake(written=["ok", "so nan", "fine", "so nan"]), tmp_path, text=counting_text)
        vectors, lengths = tokens_of(tmp_path, counting_text, 4)
        assert lengths.tolist() == [1, 0, 1, 0]
        assert np.isfinite(vectors).all()
        assert [(p.line, p.item_id) for p in done.problems] == [(1, "item-1"), (3, "item-3")]
        assert "NaN" in done.problems[0].reason


class TestBadPictures:
    @pytest.fixture
    def bad(self, tmp_path: Path, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> list[bytes | Path | None]:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
        good = coloured(saved, 1)
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8))
        return [
            good,
            saved(noise, "JPEG")[:600],
            b"",
            tmp_path / "missing.png",
            saved(Image.new("RGB", (100, 100)), "PNG"),
            saved(Image.new("RGB", (60, 60)), "PNG"),
            b"not a picture",
            tmp_path,
            None,
            saved(Image.new("CMYK", (20, 20)), "JPEG"),
            saved(Image.new("RGB", (1, 1)), "PNG"),
        ]

    def test_each_costs_itself_and_a_line_in_the_log(
        self, tmp_path: Path, fake: Any, mean_colour: Any, bad: list[bytes | Path | None]
    ) -> None:
        (done,) = encode_catalogue(fake(pictures=bad), tmp_path, image=mean_colour)
        _, lengths = tokens_of(tmp_path, mean_colour, len(bad))
        assert lengths.tolist() == [9, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9]
        log = [json.loads(line) for line in (done.folder / "problems.jsonl").read_text().splitlines()]
        assert [entry["line"] for entry in log] == [1, 2, 3, 4, 5, 6, 7]
        assert log[0]["item_id"] == "item-1"
        for entry, word in zip(
            log,
            ["truncated", "empty", "No such file", "refused unread", "refused unread", "not a picture", "directory"],
            strict=True,
        ):
            assert word.lower() in entry["reason"].lower(), entry
        assert "7 could not be encoded" in str(done)

    def test_a_picture_made_good_is_encoded_and_leaves_the_log(
        self, tmp_path: Path, fake: Any, mean_colour: Any, saved: Saved
    ) -> None:
        path = tmp_path / "photo.png"
        path.write_bytes(b"half a pict")
        catalogue = fake(pictures=[coloured(saved, 1), path])
        (before,) = encode_catalogue(catalogue, tmp_path, image=mean_colour)
        path.write_bytes(coloured(saved, 2))
        (after,) = encode_catalogue(catalogue, tmp_path, image=mean_colour)
        assert (len(before.problems), len(after.problems)) == (1, 0)
        assert after.num_encoded == 1
        assert (after.folder / "problems.jsonl").read_text() == ""

    def test_nothing_is_printed_nor_warned_for_them(
        self, tmp_path: Path, fake: Any, mean_colour: Any, bad: Any, capfd: pytest.CaptureFixture[str]
    ) -> None:
        encode_catalogue(fake(pictures=bad), tmp_path, image=mean_colour)
        assert capfd.readouterr() == ("", "")


class Slow:
    """Encodes a word at a time, and stops the world after so many."""

    spec, digest, width = "counting", "slow", 4

    def __init__(self, stop_after: int | None = None, error: BaseException | None = None) -> None:
        self.num_seen = 0
        self._stop_after = stop_after
        self._error = error or RuntimeError("the encoder broke")

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        self.num_seen += len(texts)
        if self._stop_after is not None and self.num_seen > self._stop_after:
            raise self._error
        return [np.full((1, 4), len(text), np.float32) for text in texts]


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_CONTENTS", 100)


@pytest.mark.usefixtures("small_shards")
class TestStopped:
    WRITTEN = tuple("x" * (number % 50 + 1) + f" {number}" for number in range(2000))

    @pytest.mark.parametrize("error", [RuntimeError("broke"), KeyboardInterrupt()])
    def test_what_was_encoded_before_an_error_or_interrupt_is_not_encoded_again(
        self, tmp_path: Path, fake: Any, error: BaseException
    ) -> None:
        catalogue = fake(written=list(self.WRITTEN))
        with pytest.raises(type(error)):
            encode_catalogue(catalogue, tmp_path, text=Slow(stop_after=1100, error=error))
        again = Slow()
        (done,) = encode_catalogue(catalogue, tmp_path, text=again)
        assert again.num_seen == 2000 - 1024  # four steps of 256 were kept
        vectors, _ = tokens_of(tmp_path, again, 2000)
        assert vectors[:, 0].tolist() == [len(text) for text in self.WRITTEN]
        assert done.num_with_tokens == 2000

    def test_the_store_stays_as_it_was_until_the_end(self, tmp_path: Path, fake: Any, shop_of: Any) -> None:
        old = fake(written=["a", "bb", "ccc"])
        encode_catalogue(old, tmp_path, text=Slow())
        store = open_store(shop_of(tmp_path, old), "text", "slow")
        with pytest.raises(RuntimeError):
            encode_catalogue(fake(written=list(self.WRITTEN)), tmp_path, text=Slow(stop_after=1100))
        for seen in (store, open_store(shop_of(tmp_path, old), "text", "slow")):
            assert seen.gather(np.array([2, 3, 4]))[0][:, 0].tolist() == [1, 2, 3]

    def test_a_torn_last_shard_is_cut_off(self, tmp_path: Path, fake: Any) -> None:
        catalogue = fake(written=list(self.WRITTEN))
        with pytest.raises(RuntimeError):
            encode_catalogue(catalogue, tmp_path, text=Slow(stop_after=1100))
        folder = folder_of(tmp_path, Slow())
        with (folder / "vectors.f16").open("ab") as vectors, (folder / "journal.jsonl").open("ab") as journal:
            vectors.write(b"\x01" * 77)
            journal.write(b'{"start": 1024, "lengths": [1, ')
        again = Slow()
        encode_catalogue(catalogue, tmp_path, text=again)
        assert again.num_seen == 2000 - 1024
        assert tokens_of(tmp_path, again, 2000)[0][:, 0].tolist() == [len(text) for text in self.WRITTEN]

    def test_a_damaged_shard_is_encoded_again_and_only_that(self, tmp_path: Path, fake: Any) -> None:
        catalogue = fake(written=list(self.WRITTEN))
        encode_catalogue(catalogue, tmp_path, text=Slow())
        path = folder_of(tmp_path, Slow()) / "vectors.f16"
        content = bytearray(path.read_bytes())
        content[350 * 8] ^= 255  # token 350, 4 wide, 2 bytes each
        path.write_bytes(content)
        again = Slow()
        encode_catalogue(catalogue, tmp_path, text=again)
        assert again.num_seen == 100
        assert tokens_of(tmp_path, again, 2000)[0][:, 0].tolist() == [len(text) for text in self.WRITTEN]

    def test_a_lost_journal_never_costs_the_published_vectors(self, tmp_path: Path, fake: Any, shop_of: Any) -> None:
        catalogue = fake(written=["a", "bb"])
        encode_catalogue(catalogue, tmp_path, text=Slow())
        store = open_store(shop_of(tmp_path, catalogue), "text", "slow")
        (folder_of(tmp_path, Slow()) / "journal.jsonl").unlink()
        with pytest.raises(RuntimeError):
            encode_catalogue(catalogue, tmp_path, text=Slow(stop_after=0))
        assert store.gather(np.array([2, 3]))[0][:, 0].tolist() == [1, 2]

    def test_a_kill_loses_at_most_the_last_shard(self, tmp_path: Path) -> None:
        code = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from conftest import FakeCatalogue, CountingText
from camenn.embeddings import encode, shards
from camenn.embeddings.encode import encode_catalogue
from pathlib import Path
shards.SHARD_CONTENTS = 100
class Slow(CountingText):
    def encode(self, texts):
        if sys.argv[2] == "slow":
            time.sleep(0.1)
        print(len(texts), flush=True)
        return super().encode(texts)
catalogue = FakeCatalogue(written=[f"text {{i}}" for i in range(20_000)])
encode_catalogue(catalogue, Path(sys.argv[1]), text=Slow())
"""
        shop = str(tmp_path / "shop")
        process = subprocess.Popen([sys.executable, "-c", code, shop, "slow"], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        handed_over = sum(int(process.stdout.readline()) for _ in range(12))
        process.send_signal(signal.SIGKILL)
        handed_over += sum(int(line) for line in process.stdout)
        process.wait()
        process.stdout.close()
        done = subprocess.run([sys.executable, "-c", code, shop, "fast"], capture_output=True, text=True, check=True)
        again = sum(int(line) for line in done.stdout.split())
        assert 20_000 <= handed_over + again <= 20_000 + 256 + 100  # a step under way, a shard not yet full
        (folder,) = (tmp_path / "shop" / ".camenn" / "embeddings").iterdir()
        store = TokenStore(folder)
        _, lengths = store.gather(np.arange(2, 20_002))
        assert (lengths == 2).all()

    def test_a_full_disk_is_said_and_the_store_before_is_whole(
        self, tmp_path: Path, fake: Any, shop_of: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = fake(written=["a", "bb", "ccc"])
        encode_catalogue(old, tmp_path, text=Slow())
        writes = iter(range(1000))

        def full(descriptor: int) -> None:
            if next(writes) == 7:
                raise OSError(errno.ENOSPC, "No space left on device")
            real_fsync(descriptor)

        real_fsync = os.fsync
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="full: free some space"):
            encode_catalogue(fake(written=list(self.WRITTEN)), tmp_path, text=Slow())
        monkeypatch.undo()
        monkeypatch.setattr(shards, "SHARD_CONTENTS", 100)
        assert open_store(shop_of(tmp_path, old), "text", "slow").gather(np.array([4]))[0][0, 0] == 3
        again = Slow()
        encode_catalogue(fake(written=list(self.WRITTEN)), tmp_path, text=again)
        assert again.num_seen == 2000 - 300  # three shards of two fsyncs each stood; the fourth was cut off
        assert tokens_of(tmp_path, again, 2000)[0][:, 0].tolist() == [len(text) for text in self.WRITTEN]

    def test_a_disk_full_while_publishing_leaves_the_store_before(
        self, tmp_path: Path, fake: Any, shop_of: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = fake(written=["a", "bb", "ccc"])
        encode_catalogue(old, tmp_path, text=Slow())

        def full(self: Path, target: Path) -> Path:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", full)
            with pytest.raises(StoreError, match="full"):
                encode_catalogue(fake(written=["dddd", "a"]), tmp_path, text=Slow())
        assert open_store(shop_of(tmp_path, old), "text", "slow").gather(np.array([4]))[0][0, 0] == 3
        assert not list(folder_of(tmp_path, Slow()).glob("*.part"))


def test_a_second_process_waits_for_the_first(tmp_path: Path, fake: Any, counting_text: Any) -> None:
    catalogue = fake(written=["a", "b"])
    said = io.StringIO()
    with shards.hold(folder_of(tmp_path, counting_text), console=None):
        second = threading.Thread(
            target=encode_catalogue,
            args=(catalogue, tmp_path),
            kwargs={"text": counting_text, "console": Console(file=said, width=500)},
        )
        second.start()
        until = time.monotonic() + 20
        while "waiting for another process" not in said.getvalue():
            assert time.monotonic() < until
            time.sleep(0.01)
        assert counting_text.seen == []
    second.join(20)
    assert counting_text.seen == ["a", "b"]
