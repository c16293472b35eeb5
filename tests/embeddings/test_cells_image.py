import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from camenn.embeddings.encode import encode_catalogue
from camenn.embeddings.image import image_encoder
from camenn.embeddings.store import TokenStore
from camenn.embeddings.text import text_encoder
from camenn.errors import EncoderError
from camenn.run_config import read_config

SIZE = 64  # of the network's own input; the whole picture is read at 91 pixels
SETTINGS = {
    "size": {"height": SIZE, "width": SIZE},
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.25, 0.3],
    "rescale_factor": 1 / 255,
    "resample": 3,
}


def save(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(SETTINGS))
    return folder


@pytest.fixture(scope="module")
def tiny_resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(0)
    model = ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1]))
    return save(model, tmp_path_factory.mktemp("tiny-resnet"))


@pytest.fixture(scope="module")
def tiny_mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import MobileNetV2Config, MobileNetV2Model

    torch.manual_seed(0)
    model = MobileNetV2Model(MobileNetV2Config(depth_multiplier=0.1, finegrained_output=False))
    return save(model, tmp_path_factory.mktemp("tiny-mobilenet"))


def save_vit(folder: Path, *, image_size: int) -> Path:
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    config = ViTConfig(
        image_size=image_size,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    return save(ViTModel(config, add_pooling_layer=False), folder)


def photo(*, seed: int = 0, size: tuple[int, int] = (90, 120)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8))


@pytest.mark.parametrize("network", ["tiny_resnet", "tiny_mobilenet"])
def test_a_picture_has_nine_vectors(network: str, request: pytest.FixtureRequest) -> None:
    encoder = image_encoder(f"cells:{request.getfixturevalue(network)}")
    pictures = [photo(), photo(seed=1), photo(seed=2, size=(200, 40))]
    prepared = np.stack([encoder.prepare(picture) for picture in pictures])
    assert prepared.shape[1:] == (91, 91, 3)
    got = encoder.encode(prepared)
    assert got.shape == (3, 9, encoder.width)
    assert got.dtype == np.float32
    assert np.isfinite(got).all()
    assert len(np.unique(got.reshape(27, -1), axis=0)) == 27


def test_the_cells_are_those_of_the_networks_last_map(tiny_resnet: Path) -> None:
    from transformers import ResNetModel

    encoder = image_encoder(f"cells:{tiny_resnet}")
    prepared = encoder.prepare(photo())
    normal = (prepared.astype(np.float32) / 255 - SETTINGS["image_mean"]) / SETTINGS["image_std"]
    with torch.inference_mode():
        pixels = torch.from_numpy(normal).permute(2, 0, 1)[None].float()
        states = ResNetModel.from_pretrained(tiny_resnet).eval()(pixels).last_hidden_state[0].numpy()
    assert states.shape == (12, 12, 12)
    means = states.reshape(12, 3, 4, 3, 4).mean((2, 4)).reshape(12, 9).T  # rows of cells, from the upper left
    assert encoder.encode(np.stack([prepared]))[0] == pytest.approx(means, abs=1e-4)


@pytest.mark.parametrize("bright", range(9))
def test_one_bright_cell_answers_where_it_stands(tiny_resnet: Path, bright: int) -> None:
    encoder = image_encoder(f"cells:{tiny_resnet}")
    dark = np.zeros((90, 90, 3), dtype=np.uint8)
    lit = dark.copy()
    row, column = divmod(bright, 3)
    lit[30 * row : 30 * row + 30, 30 * column : 30 * column + 30] = 255
    prepared = np.stack([encoder.prepare(Image.fromarray(picture)) for picture in (dark, lit)])
    plain, answered = encoder.encode(prepared)
    assert np.linalg.norm(answered - plain, axis=1).argmax() == bright


def test_cells_and_patches_of_one_network_are_two_encoders(tiny_resnet: Path, tiny_mobilenet: Path) -> None:
    specs = [f"{prefix}{folder}" for prefix in ("cells:", "") for folder in (tiny_resnet, tiny_mobilenet)]
    assert len({image_encoder(spec).digest for spec in specs}) == 4
    assert image_encoder(specs[0]).digest == image_encoder(specs[0]).digest
    assert image_encoder(specs[0]).spec == specs[0]


@pytest.mark.parametrize("image_size", [91, SIZE])
def test_a_network_without_a_feature_map_is_said(tmp_path: Path, image_size: int) -> None:
    folder = save_vit(tmp_path / "vit", image_size=image_size)
    with pytest.raises(EncoderError, match="cells:"):
        image_encoder(f"cells:{folder}")


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="there is no folder"):
        image_encoder(f"cells:{tmp_path / 'none'}")


@pytest.mark.slow
def test_groceries_are_encoded_as_their_configuration_says(
    shared: Path, tmp_path: Path, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMENN_SHARED", str(shared))
    specs = read_config(Path(__file__).parents[2] / "configs" / "grocery-store.toml").encoders
    assert specs.image.startswith("cells:")
    source = shared / "data" / "grocery-store"
    items = pl.read_parquet(source / "images.parquet").gather_every(200).head(12)
    names, photos = items["name"].to_list(), [source / path for path in items["image"]]
    assert len(set(photos)) == 12

    def stores(folder: Path, order: slice) -> list[TokenStore]:
        catalogue = fake(written=names[order], pictures=photos[order])
        text, image = text_encoder(specs.text), image_encoder(specs.image)
        return [TokenStore(done.folder) for done in encode_catalogue(catalogue, folder, text=text, image=image)]

    text, image = stores(tmp_path / "shop", slice(None))
    assert (text.width, image.width) == (384, 1280)
    assert (text.lengths(np.arange(2, 14)) > 0).all()
    cells, lengths = image.gather(np.arange(2, 14))
    assert lengths.tolist() == [9] * 12
    assert np.isfinite(cells).all()
    assert len(np.unique(cells, axis=0)) == 9 * 12
    _, backwards = stores(tmp_path / "backwards", slice(None, None, -1))
    assert np.allclose(backwards.gather(np.arange(13, 1, -1))[0], cells, rtol=0.004, atol=0.004)
