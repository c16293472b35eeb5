import builtins
import sys
from typing import Any

import numpy as np
import pytest
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
    with pytest.raises(EncoderError, match=r"pip install camenn\[timm\]"):
        image_encoder("timm:inception_v4")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inception_v4", "vgg16", "resnext50_32x4d"])
def test_the_networks_of_the_paper_give_a_vector_a_patch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        import timm
    except (ImportError, RuntimeError, AttributeError) as error:
        pytest.skip(f"timm does not load beside this torch: {error}")
    create = timm.create_model
    monkeypatch.setattr(
        timm, "create_model", lambda *args, **options: create(*args, **{**options, "pretrained": False})
    )
    encoder = image_encoder(f"timm:{name}")
    prepared = encoder.prepare(Image.new("RGB", (300, 200), "red"))
    got = encoder.encode(prepared[None])
    assert got.shape == (1, 9, {"inception_v4": 1536, "vgg16": 4096, "resnext50_32x4d": 2048}[name])
    assert np.isfinite(got).all()
