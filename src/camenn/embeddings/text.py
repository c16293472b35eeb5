"""Frozen text encoders: what every one offers, and how one is opened (paper, section 3.1).

CHOICE: encoders are frozen; the paper says pre-trained, not whether they train on.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from camenn.embeddings.builtin_text import BuiltinText


class TextEncoder(Protocol):
    """Turns texts into token vectors; frozen, so that an item is encoded once."""

    @property
    def spec(self) -> str:
        """What the user typed: `builtin`, a model's name, a folder."""

    @property
    def digest(self) -> str:
        """Identity of weights and preprocessing: equal digests, equal vectors."""

    @property
    def width(self) -> int:
        """Numbers in a token vector."""

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Give each text (tokens <= 50, width); (0, width) where it has none."""


def text_encoder(spec: str, *, device: str | None = None) -> TextEncoder:
    """Open `builtin`, or a Hugging Face text model by name or folder.

    `device` is a torch device; without it the first GPU where there is one. Raises EncoderError when the model
    is not there or cannot be read, saying how to get it.
    """
    if spec == "builtin":
        return BuiltinText()
    from camenn.embeddings.pretrained_text import PretrainedText

    return PretrainedText(spec, device=device)
