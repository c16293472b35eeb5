"""The picture models of transformers, run on each patch."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from camenn.embeddings.cores import on_cores
from camenn.embeddings.patches import cut_patches
from camenn.embeddings.pretrained import (
    choose_device,
    files_digest,
    find_model,
    first_line,
    load_model,
    placed,
    read_json,
)
from camenn.errors import EncoderError

_PATCHES_ON_CORE = 3  # what a core's cache holds of a network's first layers: 1.5 times as fast as 18
_PATCHES_ON_GPU = 576


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a network wants its pixels: (value * rescale - offset - mean) / std of a `size` pixel square."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    rescale: float = 1 / 255
    offset: float = 0.0
    resample: int = int(Image.Resampling.BILINEAR)
    swap_channels: bool = False

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Bring (n, 3, height, width) bytes to what the network was trained on."""
        mean, std = (torch.tensor(v, device=pixels.device).view(1, 3, 1, 1) for v in (self.mean, self.std))
        values = pixels.float()
        if self.swap_channels:
            values = values.flip(1)
        return values.mul_(self.rescale / std).sub_((self.offset + mean) / std)


class PretrainedImage:
    """Any network that gives a vector a picture, run on each patch.

    CHOICE: the pooled output of each patch, resized to the network's input; not class scores.
    """

    def __init__(
        self, network: torch.nn.Module, *, spec: str, weights: str, read: Preprocessing, device: torch.device
    ) -> None:
        self.spec = spec
        self.input_size = read.size
        identity = f"camenn image 1, 3 x 3 patches, pooled\n{json.dumps(asdict(read))}\n{weights}"
        self.digest = hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()
        self._read = read
        self._device = device
        # Depthwise convolutions run about twice as fast with channels last, and decoded pixels lie so anyway.
        self._network = placed(network, device)
        self.width = self._find_width()

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Cut and resize: (9, size, size, 3) bytes, a quarter of what floats would take in the queue."""
        return cut_patches(image, size=self._read.size, resample=Image.Resampling(self._read.resample))

    def encode(self, prepared: NDArray[np.generic]) -> NDArray[np.float32]:
        """Give (pictures, 9, width) for (pictures, 9, size, size, 3) bytes."""
        pictures, patches = prepared.shape[:2]
        pixels = torch.from_numpy(prepared.reshape(-1, *prepared.shape[2:])).permute(0, 3, 1, 2)
        if self._device.type == "cpu":
            vectors = on_cores(self._run, torch.split(pixels, _PATCHES_ON_CORE))
        else:
            vectors = [self._run(part) for part in torch.split(pixels, _PATCHES_ON_GPU)]
        encoded: NDArray[np.float32] = torch.cat(vectors).view(pictures, patches, self.width).numpy()
        return encoded

    def _run(self, pixels: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            vectors: torch.Tensor = self._network(self._read.normalise(pixels.to(self._device)))
        return vectors.float().cpu()

    def _find_width(self) -> int:
        size = self._read.size
        try:
            return self._run(torch.zeros(1, 3, size, size, dtype=torch.uint8)).shape[1]
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise EncoderError(
                f"{self.spec}: gives no vector for a picture of {size} x {size} pixels ({first_line(error)}); "
                "is it a picture model?"
            ) from error


class _Pooled(torch.nn.Module):
    """A transformers picture model, cut down to its pooled output."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Give (n, width): the model's own pooling, or the mean of its last states where it has none."""
        output = self.model(pixel_values=pixels)
        pooled: torch.Tensor | None = getattr(output, "pooler_output", None)
        if pooled is not None:
            return pooled.flatten(1)
        states: torch.Tensor = output.last_hidden_state
        return states.mean(1) if states.ndim == 3 else states.flatten(2).mean(2)


def open_pretrained_image(spec: str, *, device: str | None = None) -> PretrainedImage:
    """Open a transformers picture model by name or folder. Raises EncoderError when it is not usable."""
    folder = find_model(spec)
    read = read_preprocessing(folder, spec=spec)
    model = load_model(folder, spec=spec)
    network = _Pooled(getattr(model, "vision_model", model)).eval()
    return PretrainedImage(network, spec=spec, weights=files_digest(folder), read=read, device=choose_device(device))


def read_preprocessing(folder: Path, *, spec: str) -> Preprocessing:
    """How a model's own files say that pictures are read. Raises EncoderError where they do not."""
    if (folder / "preprocessor_config.json").is_file():
        settings = read_json(folder / "preprocessor_config.json", spec=spec)
    else:
        settings = read_json(folder / "processor_config.json", spec=spec).get("image_processor", {})
    try:
        size = settings["crop_size"] if settings.get("do_center_crop") else settings["size"]
        normalised = settings.get("do_normalize", True)
        return Preprocessing(
            size=_side(size),
            mean=_channels(settings["image_mean"]) if normalised else (0.0, 0.0, 0.0),
            std=_channels(settings["image_std"]) if normalised else (1.0, 1.0, 1.0),
            rescale=float(settings.get("rescale_factor", 1 / 255)) if settings.get("do_rescale", True) else 1.0,
            offset=1.0 if settings.get("rescale_offset") else 0.0,
            resample=int(Image.Resampling(settings.get("resample", Image.Resampling.BILINEAR))),
            swap_channels=bool(settings.get("do_flip_channel_order")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EncoderError(
            f"{spec}: the preprocessor settings in {folder} do not say how pictures are read "
            f"(size, image_mean, image_std): {type(error).__name__}: {error}"
        ) from error


def _side(size: Any) -> int:
    """Read the side of a network's input; a patch is resized to it whole, so nothing is cropped."""
    if isinstance(size, dict):
        size = next(size[name] for name in ("height", "shortest_edge", "longest_edge", "width") if name in size)
    if int(size) < 1:
        raise ValueError(f"a size of {size} pixels")
    return int(size)


def _channels(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
