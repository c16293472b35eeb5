"""From a shop and a configuration to what the loop needs: parts, features, encoders, an untrained model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from rich.console import Console

from camenn.batches.counting import with_counts
from camenn.batches.parts import Parts, find_parts
from camenn.batches.source import open_source
from camenn.bundle import EncoderIdentity, model_inputs
from camenn.embeddings.ensure import ensure_stores
from camenn.embeddings.store import TokenStore
from camenn.errors import DataError
from camenn.layers.embedding import InputEmbedding
from camenn.layers.fields import FieldReader
from camenn.layers.soft_match import SoftMatches
from camenn.models.output import Model
from camenn.models.zoo import build_model
from camenn.run_config import RunConfig
from camenn.tables.fitting import fit_features
from camenn.tables.shop import Shop
from camenn.tables.split import Part, split_shop

STANDARDISE_ITEMS = 4096
"""Training items whose vectors the mean and deviation are measured on."""
READS_CONTENT = (FieldReader, InputEmbedding, SoftMatches)
"""Whose `text` and `image` standardise the encoders' vectors."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A shop made ready for one configuration."""

    parts: Parts
    text: EncoderIdentity | None
    image: EncoderIdentity | None
    model: Model


def prepare(shop: Shop, config: RunConfig, *, console: Console) -> Prepared:
    """Divide, fit features on the training part, open the encoded catalogue (encoding what is missing), build.

    Raises:
        DataError: the training part is empty.
    """
    request_parts, item_parts = split_shop(shop, config.split)
    if request_parts is not None and not (request_parts == Part.TRAIN).any():
        raise DataError(
            f"{shop.folder}: no request is left to train on, the split takes all of them; "
            "lower split.test, split.test_days or split.validation"
        )
    features = fit_features(shop, config.features, request_parts=request_parts, item_parts=item_parts)
    encoders = config.encoders
    text_store, image_store = ensure_stores(shop, text=encoders.text, image=encoders.image, console=console)
    text, image = _identity(encoders.text, text_store), _identity(encoders.image, image_store)
    source = open_source(shop, features, text=text_store, image=image_store, text_length=encoders.text_length)
    parts = find_parts(source, request_parts=request_parts, item_parts=item_parts)
    if config.features.counts and request_parts is not None:
        features = with_counts(parts)
        parts = replace(parts, source=replace(source, features=features))
        source = parts.source
    torch.manual_seed(config.training.seed)
    inputs = model_inputs(config, features, text, image)
    model = build_model(config.model, inputs, precision=config.training.precision)
    standardise(model, parts)
    if model.code_counts is not None:
        model.code_counts.copy_(torch.from_numpy(parts.code_counts()))
    return Prepared(parts, text, image, model)


def _identity(spec: str, store: TokenStore | None) -> EncoderIdentity | None:
    return None if store is None else EncoderIdentity(spec=spec, digest=store.digest, width=store.width)


def _training_items(parts: Parts) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    seen = parts.item_parts == Part.TRAIN
    events, train = parts.source.shop.events, parts.training_events()
    if events is not None and train is not None:
        seen[np.asarray(events.item_row)[train]] = True
    rows = np.flatnonzero(seen).astype(np.int32)
    if len(rows) > STANDARDISE_ITEMS:
        rows = np.sort(np.random.default_rng(0).choice(rows, STANDARDISE_ITEMS, replace=False))
    return rows


def standardise(model: Model, parts: Parts) -> None:
    """Measure the encoders' vectors on training items: tokens for the tokens, pooled ones for the aligned space.

    Rivals are items that alignment trains on: one it is judged by is not to meet its own text or picture among them.
    """
    rows = _training_items(parts)
    items = parts.source.gather(rows, num_whole=len(rows), tokens=True)
    for module in model.modules():
        if not isinstance(module, READS_CONTENT):
            continue
        for tokens, reader in ((items.text, module.text), (items.image, module.image)):
            if reader is not None and tokens is not None and len(tokens.vectors):
                reader.standardise.fit(tokens.vectors)
    space = model.aligned_space
    if space is None:
        return
    for tokens, projection in ((items.text, space.text), (items.image, space.image)):
        if tokens is not None and tokens.present.any():
            pooled = tokens.pooled[tokens.present].float()
            projection.standardise.fit(pooled)
            aligned = torch.from_numpy(parts.item_parts[rows] == Part.TRAIN)[tokens.present]
            projection.remember(_shuffled(torch.unique(pooled[aligned], dim=0)))


def _shuffled(vectors: torch.Tensor) -> torch.Tensor:
    """In a random order that is always the same."""
    return vectors[torch.randperm(len(vectors), generator=torch.Generator().manual_seed(0))]
