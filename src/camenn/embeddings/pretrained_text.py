"""The text models of transformers, such as the paper's BERT."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from camenn.embeddings.builtin_text import MAX_TOKENS
from camenn.embeddings.cores import on_cores
from camenn.embeddings.pretrained import choose_device, files_digest, find_model, first_line, load_model, load_tokenizer
from camenn.errors import EncoderError

_TEXTS_ON_CORE = 16
_TEXTS_ON_GPU = 256
_MAX_CHARACTERS = 10_000  # fifty tokens lie within; the tokenizer would read the rest only to drop it


class PretrainedText:
    """Last hidden states of the real tokens, [CLS] and [SEP] left to the ranking model.

    CHOICE: last hidden states; the encoder's own [CLS] and [SEP] are dropped.
    """

    def __init__(self, spec: str, *, device: str | None = None) -> None:
        folder = find_model(spec)
        self.spec = spec
        self._device = choose_device(device)
        self._tokenizer = load_tokenizer(folder, spec=spec)
        model = load_model(folder, spec=spec)
        if getattr(model.config, "is_encoder_decoder", False):
            model = model.get_encoder()
        self._model = getattr(model, "text_model", model).to(self._device)
        self.width = self._find_width()
        self._max_length = self._length_limit()
        self.digest = _digest(folder)

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Give each text (tokens <= 50, width), computed in batches of like length."""
        vectors = [np.empty((0, self.width), np.float32) for _ in texts]
        filled = [i for i, text in enumerate(texts) if text.strip()]
        if not filled:
            return vectors
        tokens = self._tokenizer(
            [texts[i][:_MAX_CHARACTERS] for i in filled],
            truncation=True,
            max_length=self._max_length,
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        by_length = sorted(range(len(filled)), key=lambda k: len(tokens["input_ids"][k]))
        size = _TEXTS_ON_CORE if self._device.type == "cpu" else _TEXTS_ON_GPU
        batches = [by_length[first : first + size] for first in range(0, len(by_length), size)]
        ids = [[tokens["input_ids"][k] for k in batch] for batch in batches]
        states = on_cores(self._hidden, ids) if self._device.type == "cpu" else [self._hidden(part) for part in ids]
        for batch, hidden in zip(batches, states, strict=True):
            for row, k in enumerate(batch):
                real = [i for i, special in enumerate(tokens["special_tokens_mask"][k]) if not special]
                vectors[filled[k]] = hidden[row, real]
        return vectors

    def _hidden(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        longest = max(map(len, ids))
        padded = torch.full((len(ids), longest), self._tokenizer.pad_token_id or 0)
        mask = torch.zeros((len(ids), longest), dtype=torch.long)
        for row, line in enumerate(ids):
            padded[row, : len(line)] = torch.tensor(line)
            mask[row, : len(line)] = 1
        with torch.inference_mode():
            output = self._model(input_ids=padded.to(self._device), attention_mask=mask.to(self._device))
        hidden: NDArray[np.float32] = output.last_hidden_state.float().cpu().numpy()
        return hidden

    def _find_width(self) -> int:
        try:
            return int(self._hidden([[0]]).shape[-1])
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise EncoderError(
                f"{self.spec}: gives no vector for a token ({first_line(error)}); is it a text model?"
            ) from error

    def _length_limit(self) -> int:
        # CHOICE: the 50 do not count special tokens.
        wanted = MAX_TOKENS + int(self._tokenizer.num_special_tokens_to_add())
        positions = getattr(self._model.config, "max_position_embeddings", None) or wanted
        return min(wanted, int(self._tokenizer.model_max_length), int(positions))


def _digest(folder: Path) -> str:
    read = f"camenn text 1, last hidden state, {MAX_TOKENS} tokens"
    return hashlib.blake2b(f"{read}\n{files_digest(folder)}".encode(), digest_size=8).hexdigest()
