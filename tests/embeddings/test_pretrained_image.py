import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from camenn.embeddings.image import image_encoder
from camenn.embeddings.patches import cut_patches, load_picture
from camenn.embeddings.pretrained_image import Preprocessing, read_preprocessing
from camenn.errors import EncoderError

SETTINGS = {
    "size": {"shortest_edge": 40},
    "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32},
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.25, 0.3],
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "resample": 3,
}


@pytest.fixture(scope="module")
def tiny_resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import ResNetConfig, ResNetModel

    folder = tmp_path_factory.mktemp("tiny-resnet")
    torch.manual_seed(0)
    ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1])).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(SETTINGS))
    return folder


@pytest.fixture(scope="module")
def tiny_vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier, so that no weights of a pooler are saved."""
    from transformers import ViTConfig, ViTForImageClassification

    folder = tmp_path_factory.mktemp("tiny-vit")
    torch.manual_seed(0)
    config = ViTConfig(
        image_size=32, patch_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    ViTForImageClassification(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({**SETTINGS, "do_center_crop": False, "size": {"height": 32, "width": 32}})
    )
    return folder


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))


def test_each_patch_is_pooled_as_the_network_pools(tiny_resnet: Path, photo: Image.Image) -> None:
    from transformers import ResNetModel

    encoder = image_encoder(str(tiny_resnet))
    got = encoder.encode(encoder.prepare(photo)[None])
    assert (encoder.input_size, encoder.width, got.shape) == (32, 12, (1, 9, 12))
    pixels = cut_patches(photo, size=32, resample=Image.Resampling.BICUBIC).astype(np.float32) / 255
    normal = (pixels - np.array(SETTINGS["image_mean"])) / np.array(SETTINGS["image_std"])
    model = ResNetModel.from_pretrained(tiny_resnet).eval()
    with torch.inference_mode():
        output = model(torch.from_numpy(normal).permute(0, 3, 1, 2).float())
    assert got[0] == pytest.approx(output.pooler_output.flatten(1).numpy(), abs=1e-4)


def test_pixels_are_normalised_as_transformers_does(tiny_resnet: Path, photo: Image.Image) -> None:
    from transformers import AutoImageProcessor

    settings = {**SETTINGS, "image_processor_type": "ViTImageProcessor", "do_center_crop": False, "do_resize": False}
    settings["size"] = {"height": 90, "width": 120}
    folder = tiny_resnet.parent / "reference"
    folder.mkdir(exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    reference = AutoImageProcessor.from_pretrained(folder, backend="pil")
    theirs = reference(photo, return_tensors="pt")["pixel_values"]
    ours = read(tiny_resnet).normalise(torch.from_numpy(np.asarray(photo).copy())[None].permute(0, 3, 1, 2))
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_company_does_not_change_a_picture(tiny_resnet: Path, photo: Image.Image) -> None:
    encoder = image_encoder(str(tiny_resnet))
    pictures = [photo.rotate(10 * n) for n in range(7)]
    prepared = np.stack([encoder.prepare(picture) for picture in pictures])
    assert encoder.encode(prepared)[4] == pytest.approx(encoder.encode(prepared[4:5])[0], abs=1e-4)


def test_states_are_averaged_where_a_pooler_was_never_trained(tiny_vit: Path, photo: Image.Image) -> None:
    from transformers import ViTModel

    encoder = image_encoder(str(tiny_vit))
    prepared = encoder.prepare(photo)
    got = encoder.encode(prepared[None])[0]
    model = ViTModel.from_pretrained(tiny_vit, add_pooling_layer=False).eval()
    with torch.inference_mode():
        pixels = read(tiny_vit).normalise(torch.from_numpy(prepared).permute(0, 3, 1, 2))
        states = model(pixels).last_hidden_state
    assert got == pytest.approx(states.mean(1).numpy(), abs=1e-4)
    assert image_encoder(str(tiny_vit)).encode(prepared[None])[0] == pytest.approx(got, abs=1e-6)


@pytest.mark.parametrize(
    ("changed", "byte", "value"),
    [
        ({"do_normalize": False}, 255, 1.0),
        ({"do_normalize": False, "do_rescale": False}, 255, 255.0),
        ({"do_normalize": False, "rescale_factor": 1 / 127.5, "rescale_offset": True}, 0, -1.0),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}, 255, 1.0),
    ],
)
def test_settings_decide_the_range(
    tiny_resnet: Path, tmp_path: Path, changed: dict[str, object], byte: int, value: float
) -> None:
    folder = with_settings(tiny_resnet, tmp_path, {**SETTINGS, **changed})
    pixels = torch.full((1, 3, 4, 4), byte, dtype=torch.uint8)
    values = read(folder).normalise(pixels)
    assert torch.allclose(values, torch.tensor(value), atol=1e-5)


def test_channels_are_swapped_where_the_network_wants_it(tiny_resnet: Path, tmp_path: Path) -> None:
    folder = with_settings(tiny_resnet, tmp_path, {**SETTINGS, "do_flip_channel_order": True, "do_normalize": False})
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    values = read(folder).normalise(pixels)
    assert values.flatten().tolist() == pytest.approx([1.0, 0.2, 0.0])


def test_a_change_of_preprocessing_is_another_encoder(tiny_resnet: Path, tmp_path: Path) -> None:
    folder = with_settings(tiny_resnet, tmp_path, {**SETTINGS, "resample": 2})
    assert image_encoder(str(folder)).digest != image_encoder(str(tiny_resnet)).digest


@pytest.mark.parametrize("settings", [None, {}, {"size": 32}, {**SETTINGS, "image_mean": [1]}, {**SETTINGS, "size": 0}])
def test_missing_or_odd_settings_are_said(
    tiny_resnet: Path, tmp_path: Path, settings: dict[str, object] | None
) -> None:
    if settings and settings.get("size") == 0:
        settings = {**settings, "do_center_crop": False}
    folder = with_settings(tiny_resnet, tmp_path, settings)
    with pytest.raises(EncoderError, match=r"processor"):
        image_encoder(str(folder))


def test_a_text_model_is_no_picture_model(tiny_bert: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bert, tmp_path / "copy")
    (tmp_path / "copy" / "preprocessor_config.json").write_text(json.dumps(SETTINGS))
    with pytest.raises(EncoderError, match="is it a picture model"):
        image_encoder(str(tmp_path / "copy"))


def read(folder: Path) -> Preprocessing:
    return read_preprocessing(folder, spec="tiny")


def with_settings(folder: Path, tmp_path: Path, settings: dict[str, object] | None) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    if settings is None:
        (copy / "preprocessor_config.json").unlink()
    else:
        (copy / "preprocessor_config.json").write_text(json.dumps(settings))
    return copy


def test_a_real_network_finds_photos_of_one_product_alike(shared: Path) -> None:
    encoder = image_encoder(str(shared / "weights" / "mobilenet_v2_1.0_224_tf2"))
    assert (encoder.width, encoder.input_size) == (1280, 224)
    names = ["Banana_001", "Banana_002", "Zucchini_001", "Zucchini_002"]
    folder = shared / "data" / "grocery-store" / "images" / "train"
    photos = [load_picture((folder / f"{name}.jpg").read_bytes(), at_least=672) for name in names]
    pooled = encoder.encode(np.stack([encoder.prepare(photo) for photo in photos])).mean(1)
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    likeness = pooled @ pooled.T
    assert min(likeness[0, 1], likeness[2, 3]) > likeness[:2, 2:].mean()
