import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from camenn.embeddings.builtin_image import BuiltinImage
from camenn.embeddings.image import image_encoder


def encode(*images: Image.Image) -> np.ndarray:
    encoder = BuiltinImage()
    return encoder.encode(np.stack([encoder.prepare(image) for image in images]))


def drawn(colour: str, shape: str = "ellipse", background: str = "white", size: int = 120) -> Image.Image:
    image = Image.new("RGB", (size, size), background)
    getattr(ImageDraw.Draw(image), shape)((size // 5, size // 5, size * 4 // 5, size * 4 // 5), fill=colour)
    return image


def away(first: Image.Image, second: Image.Image) -> float:
    a, b = encode(first, second)
    return float(np.linalg.norm(a - b))


def test_nine_patches_of_128_numbers() -> None:
    got = encode(drawn("red"), drawn("blue"))
    assert got.shape == (2, 9, 128)
    assert got.dtype == np.float32


def test_colour_is_seen() -> None:
    assert away(drawn("red"), drawn("darkred")) < away(drawn("red"), drawn("green"))
    assert away(drawn("red"), drawn("orange")) < away(drawn("red"), drawn("blue"))


def test_shape_is_seen_where_colour_is_the_same() -> None:
    assert away(drawn("red"), drawn("red", "rectangle")) > 3


def test_size_of_the_file_hardly_matters() -> None:
    assert away(drawn("red", size=120), drawn("red", size=480)) < 0.5 * away(drawn("red"), drawn("red", "rectangle"))


def test_blur_is_seen() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 120, 3), dtype=np.uint8))
    assert away(noise, noise.filter(ImageFilter.GaussianBlur(3))) > 10


def test_direction_of_stripes_is_seen() -> None:
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = 255
    across, down = Image.fromarray(stripes), Image.fromarray(stripes.transpose(1, 0, 2).copy())
    assert away(across, down) > 10


def test_only_the_patch_that_changed_changes_but_for_the_border_beside_it() -> None:
    before = Image.new("RGB", (96, 96), "white")
    after = before.copy()
    ImageDraw.Draw(after).rectangle((40, 40, 54, 54), fill="red")
    a, b = encode(before, after)
    changed = np.abs(a - b).max(1) > 1e-4
    assert changed.tolist() == [patch == 4 for patch in range(9)]


@pytest.mark.parametrize("fill", [0, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (640, 480)])
def test_a_picture_without_anything_in_it_gives_finite_numbers(fill: int, size: tuple[int, int]) -> None:
    got = encode(Image.new("RGB", size, (fill, fill, fill)))
    assert np.isfinite(got).all()
    assert np.abs(got).max() < 40


def test_every_process_gives_the_same_numbers() -> None:
    code = (
        "import numpy as np; from PIL import Image; from camenn.embeddings.builtin_image import BuiltinImage;"
        "noise = np.random.default_rng(5).integers(0, 255, (96, 96, 3), dtype=np.uint8);"
        "got = BuiltinImage().prepare(Image.fromarray(noise)); print(*got[::4, ::16].ravel().tolist())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    golden = [
        *(0.818, 0.101, -0.107, -0.009, 0.203, 0.149, 0.574, 0.023),
        *(0.887, -0.085, -0.271, 0.024, 0.212, 0.704, 0.470, 0.202),
        *(0.859, 0.428, -0.172, 0.153, 0.040, 0.627, 0.332, 0.189),
    ]
    assert [float(value) for value in runs[0].split()] == pytest.approx(golden, abs=2e-3), (
        "the arithmetic changed: raise the number in BuiltinImage.digest"
    )


def test_builtin_is_opened_by_name() -> None:
    encoder = image_encoder("builtin")
    assert (encoder.spec, encoder.width) == ("builtin", 128)
