import builtins
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from camenn.embeddings.image import image_encoder
from camenn.errors import EncoderError


@pytest.mark.parametrize(
    "error",
    [ModuleNotFoundError("No module named 'timm'"), RuntimeError("operator torchvision::nms does not exist")],
)
def test_a_timm_that_cannot_be_imported_says_what_to_install(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    real_import = builtins.__import__

    def without_timm(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "timm":
            raise error
        return real_import(name, *rest)

    for name in [name for name in sys.modules if name.split(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_timm)
    with pytest.raises(EncoderError, match=r'pip install -e "\.\[timm\]"'):
        image_encoder("timm:inception_v4")


def timm_with_cached(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Real timm, and random weights where the Hugging Face cache would hold the trained ones."""
    try:
        import timm
    except (ImportError, RuntimeError, AttributeError) as error:
        pytest.skip(f"timm does not load beside this torch: {error}")
    import huggingface_hub.constants
    from safetensors.torch import save_file

    cached = folder / f"models--{timm.get_pretrained_cfg(name).hf_hub_id.replace('/', '--')}"
    snapshot = cached / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("c0ffee")
    (snapshot / "config.json").write_text("{}")
    network = timm.create_model(name, pretrained=False)
    save_file(network.state_dict(), snapshot / "model.safetensors")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    return network.eval()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width"), [("inception_v4", 1536), ("vgg16", 4096), ("resnext50_32x4d", 2048)])
def test_the_networks_of_the_paper_give_a_vector_a_patch(
    name: str, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = timm_with_cached(name, tmp_path, monkeypatch)
    encoder = image_encoder(f"timm:{name}")
    pixels = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    prepared = encoder.prepare(Image.fromarray(pixels))
    got = encoder.encode(prepared[None])
    assert got.shape == (1, 9, width)
    config = network.pretrained_cfg
    scaled = (prepared / 255 - np.array(config["mean"])) / np.array(config["std"])
    with torch.inference_mode():
        features = network.forward_features(torch.from_numpy(scaled[:1]).permute(0, 3, 1, 2).float())
        theirs = network.forward_head(features, pre_logits=True)
    assert got[0, :1] == pytest.approx(theirs.numpy(), rel=1e-3, abs=1e-3)


@pytest.mark.slow
def test_a_name_timm_does_not_know_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timm_with_cached("resnext50_32x4d", tmp_path, monkeypatch)
    with pytest.raises(EncoderError, match="no weights of that name"):
        image_encoder("timm:no_such_network")
