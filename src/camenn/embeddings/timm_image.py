"""Picture networks of timm, such as the paper's Inception-v4: an extra, imported only when asked for."""

import hashlib
from typing import Any

import torch
from PIL import Image

from camenn.embeddings.pretrained import choose_device, first_line
from camenn.embeddings.pretrained_image import Preprocessing, PretrainedImage
from camenn.errors import EncoderError


def open_timm(spec: str, *, device: str | None = None) -> PretrainedImage:
    """Open `timm:NAME`, e.g. `timm:inception_v4`, `timm:vgg16`, `timm:resnext50_32x4d`, with its ImageNet weights.

    Raises EncoderError when timm or the weights are not there.
    """
    timm = _import_timm()
    name = spec.removeprefix("timm:")
    try:
        network = timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # an unknown name, no network, no such weights
        source = getattr(timm.get_pretrained_cfg(name, allow_unregistered=True), "hf_hub_id", None)
        fetch = f"; fetch it where there is a network with `hf download {source}`" if source else ""
        raise EncoderError(f"{spec}: timm cannot open it ({first_line(error)}){fetch}") from error
    config = timm.data.resolve_model_data_config(network)
    read = Preprocessing(
        size=int(config["input_size"][-1]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resample=int(Image.Resampling[str(config["interpolation"]).upper()]),
    )
    network = network.eval().requires_grad_(False)
    return PretrainedImage(
        network, spec=spec, weights=_weights_digest(network), read=read, device=choose_device(device)
    )


def _import_timm() -> Any:
    try:
        import timm
        import timm.data
    except (ImportError, RuntimeError, AttributeError) as error:  # a torchvision that does not fit this torch
        raise EncoderError(
            f"timm cannot be imported ({type(error).__name__}: {error}); install it with `pip install camenn[timm]`, "
            "where torchvision must be the one made for the torch that is installed"
        ) from error
    return timm


def _weights_digest(network: torch.nn.Module) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
