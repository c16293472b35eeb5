"""Picture networks of timm, such as the paper's Inception-v4: an extra, imported only when asked for."""

from typing import Any

from PIL import Image

from camenn.embeddings.pretrained import choose_device, files_digest, find_model, first_line
from camenn.embeddings.pretrained_image import Preprocessing, PretrainedImage
from camenn.errors import EncoderError


def open_timm(spec: str, *, device: str | None = None) -> PretrainedImage:
    """Open `timm:NAME`, e.g. `timm:inception_v4`, `timm:vgg16`, `timm:resnext50_32x4d`, with its ImageNet weights.

    Raises EncoderError when timm or the weights are not there.
    """
    timm = _import_timm()
    name = spec.removeprefix("timm:")
    config = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    if config is None or not config.hf_hub_id:
        raise EncoderError(f"{spec}: timm {timm.__version__} has no weights of that name; see timm.list_pretrained()")
    folder = find_model(config.hf_hub_id)
    weights = folder / "model.safetensors"  # named outright, or timm would go on to a pickled copy
    try:
        network = timm.create_model(
            name, pretrained=True, num_classes=0, pretrained_cfg_overlay={"file": str(weights), "source": "timm"}
        )
    except Exception as error:  # damaged or foreign weights
        raise EncoderError(f"{spec}: timm cannot load {weights}: {first_line(error)}") from error
    wanted = timm.data.resolve_model_data_config(network)
    read = Preprocessing(
        size=int(wanted["input_size"][-1]),
        mean=tuple(wanted["mean"]),
        std=tuple(wanted["std"]),
        resample=int(Image.Resampling[str(wanted["interpolation"]).upper()]),
    )
    return PretrainedImage(
        network.eval().requires_grad_(False),
        spec=spec,
        weights=f"{name} {files_digest(folder)}",
        read=read,
        device=choose_device(device),
    )


def _import_timm() -> Any:
    try:
        import timm
        import timm.data
    except (ImportError, RuntimeError, AttributeError) as error:  # a torchvision that does not fit this torch
        raise EncoderError(
            f'timm cannot be imported ({type(error).__name__}: {error}); install it with `pip install -e ".[timm]"`, '
            "where torchvision must be the one made for the torch that is installed"
        ) from error
    return timm
