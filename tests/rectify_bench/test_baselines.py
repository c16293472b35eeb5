"""Other methods, where they are installed: suspicious is what they are known to find."""

import importlib.util
import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from camenn.rectify_bench import baselines
from vector_shop import vector_shop


def busy(blur: float) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(blur)).save(held, "PNG")
    return held.getvalue()


def test_what_is_not_installed_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert baselines.picture_checks(lambda start, stop: [busy(0)], 1) is None
    assert baselines.confident_learning(vector_shop().listings, seed=0) is None


@pytest.mark.filterwarnings("default")
def test_cleanvision_suspects_a_blurred_picture() -> None:
    score = baselines.picture_checks(lambda start, stop: [busy(0), None, busy(6)][start:stop], 3)
    assert score is not None
    assert score[2] > score[0]
    assert score[1] == 0


@pytest.mark.filterwarnings("default")
def test_cleanlab_suspects_a_wrong_category() -> None:
    listings = vector_shop().listings
    listings.category[0] = (listings.category[0] + 1) % 6
    score = baselines.confident_learning(listings, seed=0)
    assert score is not None
    assert score[0] > np.quantile(score, 0.9)
