"""Pictures that show nothing, on drawn ones whose defects are known."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from camenn.rectify.pictures import FEWEST, MEASURES, Defect, judge_pictures, measure_all, measures, with_defect

NUM = 100


def drawn(seed: int, *, side: int = 160) -> Image.Image:
    """Shapes of any colours before a light wall, with a little grain."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (side, side), tuple(rng.integers(150, 250, 3).tolist()))
    brush = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(8, 20))):
        left, top = rng.integers(0, side - 30, 2).tolist()
        box = (left, top, left + int(rng.integers(15, 70)), top + int(rng.integers(15, 70)))
        shape = brush.ellipse if rng.random() < 0.5 else brush.rectangle
        shape(box, fill=tuple(rng.integers(0, 255, 3).tolist()), outline=(20, 20, 20))
    grain = np.asarray(picture, np.int16) + rng.normal(0, 6, (side, side, 3))
    return Image.fromarray(grain.clip(0, 255).astype(np.uint8))


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def shelf(contents: Sequence[bytes | Path | None]) -> "object":
    return lambda start, stop: list(contents[start:stop])


def look(contents: Sequence[bytes | Path | None]) -> tuple[object, np.ndarray]:
    measured = measure_all(shelf(contents), len(contents), tell=lambda _: None)
    fold = np.random.default_rng(0).integers(5, size=len(contents))
    return measured, judge_pictures(measured, fold, shelf(contents), seed=0)


@pytest.fixture(scope="module")
def judged() -> tuple[np.ndarray, np.ndarray]:
    """A hundred pictures, of which each fifth line holds a defect in turn; (n,) which, and the probabilities."""
    defect = np.where(np.arange(NUM) % 5 == 0, 1 + (np.arange(NUM) // 5) % 4, 0)
    rng = np.random.default_rng(5)
    pictures = [
        with_defect(drawn(line), Defect(kind), rng) if kind else drawn(line) for line, kind in enumerate(defect)
    ]
    for line in np.flatnonzero(defect == Defect.EMPTY).tolist():  # one colour, as those that stand in for a missing one
        pictures[line] = Image.new("RGB", (160, 160), tuple(rng.integers(0, 256, 3).tolist()))
    return defect, look([png(picture) for picture in pictures])[1]


@pytest.mark.parametrize("kind", list(Defect)[1:])
def test_each_defect_is_recognised(judged: tuple[np.ndarray, np.ndarray], kind: Defect) -> None:
    defect, probability = judged
    found = probability[defect == kind]
    assert (1 - found[:, Defect.NONE] > 0.5).mean() >= 0.8
    assert (found[:, 1:].argmax(axis=1) + 1 == kind).mean() >= 0.8


def test_pictures_without_a_defect_are_left_alone(judged: tuple[np.ndarray, np.ndarray]) -> None:
    defect, probability = judged
    assert (probability[defect == 0, Defect.NONE] > 0.5).mean() > 0.97
    np.testing.assert_allclose(probability.sum(axis=1), 1)


def test_absent_and_unreadable_are_told_apart_and_not_judged(tmp_path: Path) -> None:
    held = tmp_path / "held.png"
    held.write_bytes(png(drawn(1)))
    contents = [png(drawn(line)) for line in range(FEWEST)] + [None, b"no picture", b"", held, tmp_path / "gone.png"]
    measured, probability = look(contents)
    assert np.flatnonzero(measured.absent).tolist() == [FEWEST]
    assert np.flatnonzero(measured.unreadable).tolist() == [FEWEST + 1, FEWEST + 2, FEWEST + 4]
    missing = [FEWEST, FEWEST + 1, FEWEST + 2, FEWEST + 4]
    assert np.isnan(measured.signals[missing]).all()
    assert not probability[missing].any()
    assert np.isfinite(measured.signals[FEWEST + 3]).all()


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 160 * 160 - 1)
    measured, _ = look([png(drawn(0)), png(drawn(1, side=100))])
    assert measured.unreadable.tolist() == [True, False]


def test_of_few_pictures_nothing_is_said() -> None:
    _, probability = look([png(drawn(line)) for line in range(FEWEST - 1)])
    assert probability.shape == (FEWEST - 1, len(Defect))
    assert not probability.any()


def test_measures_are_finite_for_any_picture() -> None:
    for picture in (
        drawn(0),
        Image.new("RGB", (1, 1)),
        Image.new("RGB", (2, 300), "white"),
        Image.new("RGB", (3, 3), "red"),
    ):
        found = measures(picture)
        assert found.shape == (len(MEASURES),)
        assert np.isfinite(found).all()


def test_measuring_tells_how_far_it_is() -> None:
    told: list[int] = []
    measure_all(shelf([png(drawn(line)) for line in range(3)]), 3, tell=told.append)
    assert told == [1, 2, 3]
