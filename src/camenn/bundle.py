"""The artefact: weights, configuration, features, digests. All that evaluation and serving need, no pickles."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from rich.console import Console
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from camenn.batches.requests import RequestConfig
from camenn.batches.source import Source, open_source
from camenn.embeddings.ensure import ensure_store
from camenn.embeddings.patches import NUM_PATCHES
from camenn.embeddings.store import Modality, open_store
from camenn.errors import BundleError
from camenn.layers.embedding import Fields
from camenn.metrics.calibration import sigmoid
from camenn.models.output import Model, ModelInputs
from camenn.models.zoo import build_model
from camenn.run_config import RunConfig, config_to_json, parse_config
from camenn.tables.features import Features, Side
from camenn.tables.shop import Shop
from camenn.tables.vocabulary import Vocabulary
from camenn.task import Task

FORMAT = 1
WEIGHTS, CONFIG, FEATURES, VOCABULARIES, MANIFEST, CARD = (
    "model.safetensors",
    "config.json",
    "features.json",
    "vocabularies.parquet",
    "manifest.json",
    "README.md",
)

REMEDY = "load it with the version that wrote it, or train the model again"


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """Which frozen encoder made the vectors a model was trained on."""

    spec: str
    """As typed, such as `builtin` or a model's name."""
    digest: str
    """Of the encoder and its preprocessing; another encoder of the same name is refused."""
    width: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """From logits to probabilities, fitted on validation."""

    scale: float = 1.0
    bias: float = 0.0

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """sigmoid(scale x logit + bias), of the logits' shape."""
        return sigmoid(self.scale * logits + self.bias)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A trained model with everything it needs to read a shop."""

    model: Model
    config: RunConfig
    features: Features
    text: EncoderIdentity | None
    image: EncoderIdentity | None
    calibration: dict[Task, Calibration]
    facts: dict[str, Any]
    """What training says of itself: the shop's digest, seed, epochs, seconds, versions."""

    @property
    def digest(self) -> str:
        """Of the weights, so that what was said by a model can be traced to it."""
        digest = hashlib.blake2b(digest_size=16)
        for name, value in sorted(self.model.state_dict().items()):
            held = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(f"{name} {tuple(value.shape)}\0".encode() + held.numpy().tobytes())
        return digest.hexdigest()

    def inputs(self) -> ModelInputs:
        """The sizes the model was built for."""
        return model_inputs(self.config, self.features, self.text, self.image)

    def open(self, shop: Shop) -> Source:
        """Read a shop, seen or unseen, through this model's features and encoders.

        Raises:
            StoreError: the shop is not encoded with this model's encoders.
        """
        catalogue = shop.catalogue
        text = None if self.text is None or not catalogue.has_text else open_store(shop, "text", self.text.digest)
        image = None if self.image is None or not catalogue.has_images else open_store(shop, "image", self.image.digest)
        return open_source(shop, self.features, text=text, image=image, text_length=self.config.encoders.text_length)

    def requests_of(self, shop: Shop) -> RequestConfig:
        """How a shop's requests are read: past outcomes are purchases alone where it logs nothing else."""
        has_outcomes = shop.events is not None and shop.events.has_outcomes
        return self.config.requests if has_outcomes else replace(self.config.requests, history="purchases")

    def encode(self, shop: Shop, *, console: Console | None = None) -> None:
        """Run this model's encoders over what of a shop is not encoded yet; told on `console`, if given.

        Raises:
            BundleError: an encoder of that name is there, but not the one the model was trained with.
        """
        wanted: tuple[tuple[Modality, EncoderIdentity | None, bool], ...] = (
            ("text", self.text, shop.catalogue.has_text),
            ("image", self.image, shop.catalogue.has_images),
        )
        for modality, identity, has in wanted:
            if identity is None or not has:
                continue
            store = ensure_store(shop, modality, identity.spec, console=console)
            if store.digest != identity.digest:
                raise BundleError(
                    f"the {modality} encoder {identity.spec!r} is not the one this model was trained with "
                    f"({store.digest} in place of {identity.digest}); bring the same version of its weights"
                )

    def save_pretrained(self, folder: Path) -> None:
        """Write the bundle; what stood there before stays whole until the new one is complete.

        Raises:
            BundleError: the folder holds something else, or the disk does not take it.
        """
        folder = Path(folder).absolute()
        if folder.exists() and not (folder / MANIFEST).is_file() and (folder.is_file() or any(folder.iterdir())):
            raise BundleError(f"{folder}: holds something that is no bundle; save into a new or an empty folder")
        partial, replaced = (folder.with_name(f".{folder.name}.{state}") for state in ("partial", "replaced"))
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            self._write(partial)
            if folder.exists():  # otherwise a kill left `replaced` as all there is
                shutil.rmtree(replaced, ignore_errors=True)
                folder.rename(replaced)
            partial.rename(folder)
            shutil.rmtree(replaced, ignore_errors=True)
        except (OSError, SafetensorError, pl.exceptions.PolarsError) as error:  # as each says that a disk is full
            if replaced.exists() and not folder.exists():
                replaced.rename(folder)
            shutil.rmtree(partial, ignore_errors=True)
            raise BundleError(f"{folder}: not saved: {error}; what was there is untouched") from error

    def _write(self, folder: Path) -> None:
        weights = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        _write_json(
            folder / CONFIG,
            {
                "run": config_to_json(self.config),
                "text": None if self.text is None else asdict(self.text),
                "image": None if self.image is None else asdict(self.image),
                "calibration": {task.value: asdict(one) for task, one in self.calibration.items()},
                "facts": self.facts,
            },
        )
        _write_json(folder / FEATURES, self.features.to_json())
        vocabularies = [
            pl.DataFrame({"field": [name] * len(one.values), "value": one.values.cast(pl.String)})
            for name, one in self.features.vocabularies.items()
        ]
        empty = pl.DataFrame(schema={"field": pl.String, "value": pl.String})
        pl.concat([empty, *vocabularies]).write_parquet(folder / VOCABULARIES)
        (folder / CARD).write_text(model_card(self), encoding="utf-8")
        digests = {path.name: _digest(path) for path in sorted(folder.iterdir())}
        _write_json(folder / MANIFEST, {"format": FORMAT, "sha256": digests})
        for path in folder.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())

    @classmethod
    def from_pretrained(cls, folder: Path, *, device: torch.device | str = "cpu") -> Bundle:
        """Read a bundle, or the run that holds one, its model onto `device`.

        Raises:
            BundleError: a file is missing or altered, or of a format this version does not read.
        """
        folder = _find(Path(folder))
        _check_files(folder)
        features = _read_features(folder)
        try:
            raw = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            config = parse_config(raw["run"], where=str(folder / CONFIG))
            text = None if raw["text"] is None else EncoderIdentity(**raw["text"])
            image = None if raw["image"] is None else EncoderIdentity(**raw["image"])
            calibration = {Task(name): Calibration(**one) for name, one in raw["calibration"].items()}
            facts = dict(raw["facts"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(
                f"{folder / CONFIG}: not readable as this version's configuration: {error}; {REMEDY}"
            ) from None
        inputs = model_inputs(config, features, text, image)
        model = build_model(config.model, inputs, precision=config.training.precision)
        try:
            model.load_state_dict(load_file(folder / WEIGHTS))
        except (SafetensorError, RuntimeError) as error:
            raise BundleError(
                f"{folder / WEIGHTS}: weights do not fit the features and configuration: {error}; {REMEDY}"
            ) from None
        return cls(model.eval().to(device), config, features, text, image, calibration, facts)


def model_inputs(
    config: RunConfig, features: Features, text: EncoderIdentity | None, image: EncoderIdentity | None
) -> ModelInputs:
    """The sizes a model is built for. Slots stand in the order in which batches carry them."""
    return ModelInputs(
        num_codes=features.num_codes,
        item_fields=Fields(tuple(field.slots for field in features.of(Side.ITEM))),
        context_fields=Fields(tuple(field.slots for field in features.of(Side.CONTEXT))),
        num_row_fields=len(features.of(Side.ROW)),
        num_numbers=len(features.numbers),
        text_width=None if text is None else text.width,
        image_width=None if image is None else image.width,
        max_text=config.encoders.text_length,
        max_patches=NUM_PATCHES,
        max_steps=config.requests.history_length,
    )


def _find(folder: Path) -> Path:
    """The bundle of a bundle's or run's folder; the former one where a kill came between two renames."""
    places = (folder, folder / "bundle")
    former = (place.parent / f".{place.name}.replaced" for place in places)
    return next((place for place in (*places, *former) if (place / MANIFEST).is_file()), folder)


def _check_files(folder: Path) -> None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        written_as, digests = manifest["format"], dict(manifest["sha256"])
    except FileNotFoundError:
        raise BundleError(f"{folder}: no bundle here ({MANIFEST} is missing); give a run or bundle folder") from None
    except (KeyError, TypeError, ValueError):
        raise BundleError(f"{folder / MANIFEST}: damaged; save the bundle again from its run") from None
    if written_as != FORMAT:
        raise BundleError(f"{folder}: bundle format {written_as!r}, this version reads format {FORMAT}; {REMEDY}")
    if missing := {WEIGHTS, CONFIG, FEATURES, VOCABULARIES} - digests.keys():
        raise BundleError(f"{folder / MANIFEST}: does not list {', '.join(sorted(missing))}; copy the bundle again")
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: missing; copy the bundle again, whole")
        if _digest(path) != digest:
            raise BundleError(f"{path}: altered since it was saved (its SHA-256 differs); copy the bundle again")


def _read_features(folder: Path) -> Features:
    try:
        fitted = Features.from_json(json.loads((folder / FEATURES).read_text(encoding="utf-8")))
        table = pl.read_parquet(folder / VOCABULARIES)
        groups = {name[0]: part["value"] for name, part in table.group_by("field", maintain_order=True)}
        empty = pl.Series([], dtype=pl.String)
        coded = [field.name for field in fitted.fields if field.coding in ("value", "list")]
        vocabularies = {name: Vocabulary(groups.get(name, empty)) for name in coded}
        features = Features(fitted.fields, vocabularies, fitted.numbers)
        _check_places(features)
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise BundleError(f"{folder / FEATURES}: not readable as this version's features: {error}; {REMEDY}") from None
    return features


def _check_places(features: Features) -> None:
    """The codes of the fields follow one another, each field with as many as its values or edges need."""
    start = 1
    for field in features.fields:
        size = field.size
        if field.name in features.vocabularies:
            size = len(features.vocabularies[field.name]) - 1
        elif field.coding == "quantile":
            size = len(field.edges) + 2
        if (field.offset, field.size) != (start, size):
            raise ValueError(f"the codes of {field.name} are not where the fields before it and its values put them")
        start += size


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_card(bundle: Bundle) -> str:
    """What a reader of the folder should know."""
    parameters = sum(p.numel() for p in bundle.model.parameters())
    encoders = [
        f"- {name} encoder, frozen: `{one.spec}` ({one.width} wide)"
        for name, one in (("text", bundle.text), ("picture", bundle.image))
        if one is not None
    ]
    facts = [f"- {name.replace('_', ' ')}: {value}" for name, value in bundle.facts.items() if name != "shop"]
    features = bundle.features
    names = [f"`{name}`" for name in (*(f.name for f in features.fields), *(n.name for n in features.numbers))]
    return "\n".join(
        [
            "---",
            "library_name: camenn",
            "tags: [recommender-system, cross-modal-alignment, mixture-of-experts]",
            "---",
            f"# {bundle.config.model.name}",
            "",
            "Predicts whether a user buys an item (CVR), and whether its text and picture fit each other (ITA, TIA).",
            "",
            f"- parameters: {parameters:,}",
            *encoders,
            *facts,
            "",
            f"Reads the features {', '.join(names) or 'none'}; columns that a shop lacks are masked.",
            "",
            "```python",
            "from camenn import Bundle, open_shop",
            "",
            'bundle = Bundle.from_pretrained("path/to/this/folder")',
            'source = bundle.open(open_shop("path/to/shop"))',
            "```",
            "",
            "Probabilities are calibrated on the validation part of the shop it was trained on, and on no other.",
            "",
        ]
    )
