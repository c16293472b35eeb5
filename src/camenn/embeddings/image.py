"""Frozen picture encoders: what every one offers, and how one is opened (paper, section 3.1).

CHOICE: encoders are frozen; the paper says pre-trained, not whether they train on.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from camenn.embeddings.builtin_image import BuiltinImage


class ImageEncoder(Protocol):
    """Turns pictures into the vectors of their nine patches; frozen, so that an item is encoded once."""

    @property
    def spec(self) -> str:
        """What the user typed: `builtin`, a model's name, a folder, `timm:NAME`."""

    @property
    def digest(self) -> str:
        """Identity of weights and preprocessing: equal digests, equal vectors."""

    @property
    def width(self) -> int:
        """Numbers in a patch vector."""

    @property
    def input_size(self) -> int:
        """Side of one patch as the encoder reads it, in pixels."""

    def prepare(self, image: Image.Image) -> NDArray[np.generic]:
        """Do the part that decoding workers do: the nine patches of an RGB picture, in natural order."""

    def encode(self, prepared: NDArray[np.generic]) -> NDArray[np.float32]:
        """Give (pictures, 9, width) for a stack of what `prepare` gave."""


def image_encoder(spec: str, *, device: str | None = None) -> ImageEncoder:
    """Open `builtin`, a Hugging Face picture model by name or folder, `timm:NAME`, or `cells:` before a
    model's name for one pass over the whole picture.

    `device` is a torch device; without it the first GPU where there is one. Raises EncoderError when the model
    is not there or cannot be read, saying how to get it.
    """
    if spec == "builtin":
        return BuiltinImage()
    if spec.startswith("timm:"):
        from camenn.embeddings.timm_image import open_timm

        return open_timm(spec, device=device)
    if spec.startswith("cells:"):
        from camenn.embeddings.cells_image import open_cells

        return open_cells(spec, device=device)
    from camenn.embeddings.pretrained_image import open_pretrained_image

    return open_pretrained_image(spec, device=device)
