import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from camenn.embeddings.patches import PictureError, cut_patches, load_picture

Saved = Callable[..., bytes]


def gradient(width: int, height: int) -> Image.Image:
    across = np.linspace(0, 255, width)[None].repeat(height, 0)
    down = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([across, down, np.full_like(across, 90)], axis=-1).astype(np.uint8))


def nine_colours(size: int) -> tuple[Image.Image, list[tuple[int, int, int]]]:
    colours = [(25 * patch, 255 - 25 * patch, 10 * patch) for patch in range(9)]
    image = Image.new("RGB", (3 * size, 3 * size))
    for patch, colour in enumerate(colours):
        image.paste(colour, (size * (patch % 3), size * (patch // 3), size * (patch % 3 + 1), size * (patch // 3 + 1)))
    return image, colours


def test_patches_come_left_to_right_then_top_to_bottom() -> None:
    image, colours = nine_colours(10)
    patches = cut_patches(image, size=6, resample=Image.Resampling.BILINEAR)
    assert patches.shape == (9, 6, 6, 3)
    assert [tuple(patch[0, 0]) for patch in patches] == colours


def test_no_patch_reads_a_pixel_of_its_neighbour() -> None:
    image, colours = nine_colours(10)
    for resample in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS):
        patches = cut_patches(image, size=32, resample=resample)
        assert (patches == np.array(colours)[:, None, None]).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (2, 2), (299, 224)])
def test_every_shape_of_picture_can_be_cut(size: tuple[int, int]) -> None:
    patches = cut_patches(Image.new("RGB", size, (9, 8, 7)), size=16, resample=Image.Resampling.BICUBIC)
    assert (patches == [9, 8, 7]).all()


def test_a_large_jpeg_is_decoded_no_larger_than_needed(saved: Saved) -> None:
    content = saved(gradient(2000, 1600), "JPEG")
    image = load_picture(content, at_least=300)
    assert image.size == (500, 400)
    whole = np.asarray(Image.open(io.BytesIO(content)).resize((500, 400), Image.Resampling.BOX)).astype(int)
    assert np.abs(np.asarray(image).astype(int) - whole).mean() < 2


def test_cmyk_is_brought_to_rgb(saved: Saved) -> None:
    red = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    pixel = np.asarray(load_picture(saved(red, "JPEG"), at_least=10))[5, 5]
    assert pixel[0] > 200
    assert pixel[1:].max() < 60


def test_a_transparent_palette_is_laid_on_white(saved: Saved) -> None:
    image = Image.new("P", (10, 10), 1)
    image.putpalette([0, 0, 0, 200, 0, 0] + [0] * 762)
    image.paste(0, (0, 0, 5, 10))
    pixels = np.asarray(load_picture(saved(image, "PNG", transparency=0), at_least=1))
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    assert tuple(pixels[0, 9]) == (200, 0, 0)


def test_half_transparent_colour_is_mixed_with_white(saved: Saved) -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert np.asarray(load_picture(saved(image, "PNG"), at_least=1))[0, 0].tolist() == [127, 127, 127]


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_tones(saved: Saved, format_: str) -> None:
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    pixels = np.asarray(load_picture(saved(Image.fromarray(values), format_), at_least=1))
    assert np.abs(pixels[..., 0].astype(int) - (values / 257).round()).max() <= 1


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0, 1e9])
def test_floating_grey_keeps_its_tones(saved: Saved, top: float) -> None:
    values = (np.linspace(0, 1, 64) * top).astype(np.float32).reshape(8, 8)
    values[0, 1] = np.nan
    pixels = np.asarray(load_picture(saved(Image.fromarray(values), "TIFF"), at_least=1))[..., 0]
    assert (pixels[0, 1], pixels[7, 7]) == (0, 255)
    assert pixels[4, 0] == pytest.approx(255 * 32 / 63, abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGBA", "YCbCr", "LAB", "HSV"])
def test_every_usual_mode_becomes_rgb(saved: Saved, mode: str) -> None:
    image = gradient(20, 20).convert("RGB" if mode == "LAB" else mode)
    format_ = "TIFF" if mode in ("YCbCr",) else "PNG"
    if mode == "HSV":
        image = image.convert("RGB")
    assert load_picture(saved(image, format_), at_least=1).mode == "RGB"


def test_a_rotated_photo_is_turned_upright(saved: Saved) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    image = Image.new("RGB", (40, 20), "black")
    ImageDraw.Draw(image).rectangle((0, 0, 9, 19), fill="white")
    upright = load_picture(saved(image, "JPEG", exif=exif, quality=95), at_least=20)
    assert upright.size == (20, 40)
    assert np.asarray(upright)[3].mean() > 200


def test_a_broken_exif_block_does_not_cost_the_picture(saved: Saved) -> None:
    content = saved(gradient(30, 20), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert load_picture(content, at_least=20).size == (30, 20)


def test_a_single_pixel_is_a_picture(saved: Saved) -> None:
    assert load_picture(saved(Image.new("RGB", (1, 1), "red"), "PNG"), at_least=300).size == (1, 1)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_a_truncated_picture_is_refused_with_a_reason(saved: Saved, format_: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    content = saved(Image.fromarray(noise), format_)
    with pytest.raises(PictureError, match=r"\w"):
        load_picture(content[: len(content) // 2], at_least=1)


@pytest.mark.parametrize("content", [b"not a picture", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"<svg></svg>"])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(PictureError):
        load_picture(content, at_least=1)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(PictureError, match="empty"):
        load_picture(b"", at_least=1)


def test_a_decompression_bomb_is_refused_unread(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(Image.new("RGB", (60, 60)), "PNG")
    for limit in (1000, 3000):  # above twice the limit, and between once and twice
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(PictureError, match="refused unread"):
                load_picture(content, at_least=1)


def test_postscript_is_never_opened(tmp_path: Path) -> None:
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    with pytest.raises(PictureError, match="not a picture"):
        load_picture(content, at_least=1)
