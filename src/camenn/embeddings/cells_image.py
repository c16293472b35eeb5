"""A picture model run once over the whole picture, its last feature map pooled to 3 x 3 cells. Beyond the paper.

DEVIATION: the paper runs its network on each patch alone. A cell of the map has seen what lies around it, and
one pass costs a quarter of nine; the figures of both are in docs/results.md.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from camenn.embeddings.cores import on_cores
from camenn.embeddings.patches import GRID, NUM_PATCHES
from camenn.embeddings.pretrained import choose_device, files_digest, find_model, load_model, placed
from camenn.embeddings.pretrained_image import Preprocessing, read_preprocessing
from camenn.errors import EncoderError

PREFIX = "cells:"
ENLARGED = 10 / 7
"""The whole picture is read this much larger than the network's own input: 320 pixels for 224."""
_PICTURES_ON_GPU = 64


class CellsImage:
    """Any network with a feature map, as nine vectors a picture."""

    def __init__(
        self, model: torch.nn.Module, *, spec: str, weights: str, read: Preprocessing, device: torch.device
    ) -> None:
        self.spec = spec
        self._side = round(read.size * ENLARGED)
        self.input_size = -(-self._side // GRID)  # of a cell: what a picture must at least be decoded to
        identity = f"camenn image 1, 3 x 3 cells at {self._side}\n{json.dumps(asdict(read))}\n{weights}"
        self.digest = hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()
        self._read, self._device = read, device
        self._model = placed(model, device)
        self.width = self._find_width()

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize: (size, size, 3) bytes."""
        size = (self._side, self._side)
        return np.asarray(image.resize(size, Image.Resampling(self._read.resample)))

    def encode(self, prepared: NDArray[np.generic]) -> NDArray[np.float32]:
        """Give (pictures, 9, width) for (pictures, size, size, 3) bytes."""
        pixels = torch.from_numpy(prepared).permute(0, 3, 1, 2)
        if self._device.type == "cpu":
            vectors = on_cores(self._run, torch.split(pixels, 1))  # one picture fills a core's cache
        else:
            vectors = [self._run(part) for part in torch.split(pixels, _PICTURES_ON_GPU)]
        encoded: NDArray[np.float32] = torch.cat(vectors).numpy()
        return encoded

    def _find_width(self) -> int:
        try:
            return self._run(torch.zeros(1, 3, self._side, self._side, dtype=torch.uint8)).shape[2]
        except (RuntimeError, ValueError, TypeError, AttributeError):  # a model of one picture size alone, for example
            raise _no_map(self.spec) from None

    def _run(self, pixels: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            states = self._model(pixel_values=self._read.normalise(pixels.to(self._device))).last_hidden_state
        if states.ndim != 4:
            raise _no_map(self.spec)
        pooled: torch.Tensor = functional.adaptive_avg_pool2d(states, GRID).flatten(2).transpose(1, 2)
        return pooled.float().cpu().reshape(-1, NUM_PATCHES, pooled.shape[-1])


def _no_map(spec: str) -> EncoderError:
    return EncoderError(f"{spec}: the model has no feature map to cut into cells; leave out {PREFIX!r}")


def open_cells(spec: str, *, device: str | None = None) -> CellsImage:
    """Open `cells:` and a transformers picture model by name or folder. Raises EncoderError when it is not usable."""
    name = spec.removeprefix(PREFIX)
    folder = find_model(name)
    model = load_model(folder, spec=name).eval()
    return CellsImage(
        model,
        spec=spec,
        weights=files_digest(folder),
        read=read_preprocessing(folder, spec=name),
        device=choose_device(device),
    )
