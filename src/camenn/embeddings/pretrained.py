"""Finding and loading pre-trained models: from a folder or the Hugging Face cache, never by unpickling."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from camenn.errors import EncoderError

# What a model needs of a repository: no pickles, no other framework's copies, no sub-folders.
_WANTED = ("*.json", "*.safetensors", "*.txt", "*.model")
_UNWANTED = ("*/*",)
_REACH_S = 5.0  # the fetch itself has no limit for its first connection: without a network it would hang for minutes
_logger = logging.getLogger(__name__)


def choose_device(name: str | None) -> torch.device:
    """Give the named torch device, or the first GPU where there is one."""
    try:
        return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise EncoderError(f"no device {name!r}: {error}") from error


def placed(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """A picture network on its device, laid out as convolutions run fastest."""
    laid: torch.nn.Module = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's types
    return laid


def find_model(spec: str) -> Path:
    """Give the folder of a model: the folder itself ($VARIABLES are filled in), or a name's copy in the cache.

    A cached name is never looked up again, so that an encoder stays what it was; others are fetched. Raises
    EncoderError, saying how to fetch it, when that fails.
    """
    folder = Path(os.path.expandvars(spec)).expanduser()
    if not folder.is_dir():
        if spec.startswith((".", "/", "~", "$")) or spec.count("/") > 1 or "\\" in spec:
            raise EncoderError(f"there is no folder {folder}; give the folder of a saved model, or a model's name")
        folder = _snapshot(spec)
    if not (folder / "config.json").is_file():
        raise EncoderError(f"{spec}: the folder {folder} holds no config.json; give the folder of a saved model")
    if not any(folder.glob("*.safetensors")):
        raise EncoderError(
            f"{spec}: the folder {folder} holds no *.safetensors file (pickled weights are not read: load the "
            "model in a trusted place and save it again with save_pretrained)"
        )
    return folder


def _snapshot(spec: str) -> Path:
    """Give a name's folder in the cache, as it is there; fetch it only where it is not."""
    from huggingface_hub import HfApi, snapshot_download

    def find(*, cached: bool) -> Path:
        return Path(
            snapshot_download(
                spec, allow_patterns=list(_WANTED), ignore_patterns=list(_UNWANTED), local_files_only=cached
            )
        )

    with suppress(Exception):
        folder = find(cached=True)
        if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
            return folder
    _logger.info("fetching %s from Hugging Face", spec)
    try:
        HfApi().model_info(spec, timeout=_REACH_S)
        return find(cached=False)
    except Exception as error:  # no network, no such model, no access, not a name at all
        raise EncoderError(
            f"{spec!r} is neither a folder here nor a model that could be fetched ({first_line(error)}). Fetch it "
            f"where there is a network with `hf download {spec}`, or give the folder that holds its config.json "
            "and model.safetensors"
        ) from error


def files_digest(folder: Path) -> str:
    """Digest of the files that decide what a model computes, whatever its folder is called."""
    digest = hashlib.blake2b(digest_size=16)
    files = [path for pattern in _WANTED for path in folder.glob(pattern) if path.is_file()]
    for path in sorted(files, key=lambda path: path.name):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()


def read_json(path: Path, *, spec: str) -> dict[str, Any]:
    """Read one of a model's settings files. Raises EncoderError when it is missing or broken."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise EncoderError(f"{spec}: the folder {path.parent} holds no {path.name}") from None
    except ValueError as error:
        raise EncoderError(f"{spec}: {path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise EncoderError(f"{spec}: {path} is not a table of settings")
    return content


def load_tokenizer(folder: Path, *, spec: str) -> Any:
    """Load a model's tokenizer from its folder alone."""
    from transformers import AutoTokenizer

    with _quiet(), _plain_errors(spec, "tokenizer"):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def load_model(folder: Path, *, spec: str) -> Any:
    """Load a model from its folder alone: float32, frozen, every weight but an unused pooler's accounted for."""
    from transformers import AutoModel

    with _quiet(), _plain_errors(spec, "model"):
        model, loading = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    missing = {name for name in loading["missing_keys"] if not name.startswith("pooler.")}
    if missing:
        raise EncoderError(f"{spec}: weights are missing, e.g. {min(missing)}; is the file of this architecture?")
    if loading["missing_keys"]:
        model.pooler = None  # it would be random: the states it would have pooled are averaged instead
    return model.eval().requires_grad_(False)


def first_line(error: Exception) -> str:
    """What a library's error says, without the pages that may follow."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def _plain_errors(spec: str, part: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        extra = 'pip install -e ".[timm]"' if "timm" in str(error).lower() else str(error).strip()
        raise EncoderError(f"{spec}: the {part} needs a library that is not installed: {extra}") from error
    except Exception as error:  # transformers raises nearly anything on a damaged or foreign folder
        raise EncoderError(f"{spec}: the {part} cannot be loaded: {first_line(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' bars and load report out of our own progress."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging  # untyped
    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
