"""What a row of tokens looks like when it enters the network, and the paper's optimiser."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from batch_factory import IMAGE_WIDTH, INPUTS, PATCHES, TEXT_WIDTH, items, pair_batch, request_batch, tokens
from camenn.batches import pairs
from camenn.batches.batch import Batch, Items, PairBatch, Tokens
from camenn.batches.pairs import draw_pairs
from camenn.batches.source import Source
from camenn.layers.embedding import ModalityEmbedding
from camenn.models.camenn import CamennConfig
from camenn.models.frames import MultiTaskModel
from camenn.models.inputs import Sequence
from camenn.models.zoo import build_model
from camenn.run_config import TrainingConfig
from camenn.training.optimizer import build_optimizer


@pytest.fixture(scope="module")
def model() -> MultiTaskModel:
    torch.manual_seed(0)
    return build_model(CamennConfig(width=16, heads=4, num_experts=2, top_k=1, aligned_width=0), INPUTS).eval()


def entering(model: MultiTaskModel, batch: Batch) -> Sequence:
    """The rows as the shared bottom gets them."""
    seen: list[Sequence] = []
    handle = model.bottom.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        model(batch)
    handle.remove()
    return seen[0]


def of_item(embedding: ModalityEmbedding | None, given: Tokens | None, item: int) -> list[Tensor]:
    """The tokens of one item: projected vector + position + segment (paper, equations 1 and 2)."""
    assert embedding is not None
    assert given is not None
    vectors = given.vectors[given.item == item]
    return [
        embedding.project(vector) + embedding.position.weight[place] + embedding.segment
        for place, vector in enumerate(vectors)
    ]


def assert_row(model: MultiTaskModel, row: Tensor, real: Tensor, expected: list[Tensor | None]) -> None:
    """The row holds these tokens, normalised, and nothing where None stands."""
    assert real.tolist() == [token is not None for token in expected]
    for place, token in enumerate(expected):
        if token is not None:
            assert torch.allclose(row[place], model.read.norm(token), atol=1e-5), place


def item_tokens(model: MultiTaskModel, given: Items, *, text_of: int, image_of: int) -> list[Tensor | None]:
    """Text, [SEP], patches, each modality in its own places."""
    assert given.text is not None
    text = of_item(model.read.embed.text, given.text, text_of)
    patches = of_item(model.read.embed.image, given.image, image_of)
    filled: list[Tensor | None] = [*text, *[None] * (given.text.length - len(text))]
    return [*filled, *([model.read.embed.sep, *patches] if patches else [None] * (1 + PATCHES))]


@torch.inference_mode()
def test_a_pair_is_cls_text_sep_patches(model: MultiTaskModel) -> None:
    batch = pair_batch()
    sequence = entering(model, batch)
    for row in range(batch.num_rows):
        told = item_tokens(model, batch.items, text_of=int(batch.text[row]), image_of=int(batch.image[row]))
        assert_row(model, sequence.vectors[row], sequence.mask[row], [model.read.embed.cls, *told])


@torch.inference_mode()
def test_a_request_begins_with_its_one_cls_and_ends_with_text_sep_patches_of_the_target_item(
    model: MultiTaskModel,
) -> None:
    batch = request_batch(num_requests=2, num_candidates=6)
    batch = replace(batch, candidates=torch.arange(1, 7).repeat(2))  # the second has no text, the third no picture
    sequence = entering(model, batch)
    cls = model.read.norm(model.read.embed.cls)
    assert torch.isclose(sequence.vectors, cls, atol=1e-6).all(dim=-1).sum(dim=1).tolist() == [1] * batch.num_rows
    for row, candidate in enumerate(batch.candidates.tolist()):
        told = item_tokens(model, batch.items, text_of=candidate, image_of=candidate)
        assert_row(model, sequence.vectors[row, :1], sequence.mask[row, :1], [model.read.embed.cls])
        assert_row(model, sequence.vectors[row, -len(told) :], sequence.mask[row, -len(told) :], told)


@torch.inference_mode()
def test_other_features_stand_between_cls_and_the_sequence_and_the_target_item_behind_it(
    model: MultiTaskModel,
) -> None:
    batch = request_batch(num_requests=4)
    batch.row_numbers[0, 0] = torch.nan
    batch.row_numbers[1] = torch.nan
    sequence = entering(model, batch)
    table, steps = model.read.embed.table, batch.history.shape[1]
    for row, request in enumerate(batch.request.tolist()):
        context = [table.weight[code] for code in batch.context[request]]
        assert_row(model, sequence.vectors[row, 1:3], sequence.mask[row, 1:3], list(context))
        real = (batch.history[request] > 0).repeat_interleave(2)
        has_picture = (batch.history[request] != 3).repeat_interleave(2) | torch.tensor([True, False] * steps)
        assert sequence.mask[row, 3 : 3 + 2 * steps].tolist() == (real & has_picture).tolist()
        meeting = 3 + 2 * steps
        numbers = model.read.embed.numbers
        counted = batch.row_numbers[row, :, None] * numbers.weight + numbers.bias
        known = None if row == 1 else counted.nansum(dim=0)  # one token for all of them
        expected = [table.weight[batch.row_codes[row, 0]], known]
        stop = meeting + len(expected)
        assert_row(model, sequence.vectors[row, meeting:stop], sequence.mask[row, meeting:stop], expected)


class SixItems:
    """A source of the items 1 to 6, all of them asked for at once."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        lengths = [0, 3, 1, 4, 2, 5, 6]
        self.items = Items(
            rows=torch.arange(7),
            codes=items(generator, 6).codes,
            text=tokens(generator, lengths, TEXT_WIDTH),
            image=tokens(generator, [0, *[PATCHES] * 6], IMAGE_WIDTH),
            num_whole=7,
        )

    def gather(self, rows: np.ndarray, *, num_whole: int, tokens: bool) -> Items:
        assert (rows.tolist(), num_whole, tokens) == (list(range(7)), 7, True)
        return self.items


def drawn() -> tuple[PairBatch, np.ndarray]:
    """A batch of drawn pairs, in which an index is the catalogue row, and the item each was made from."""
    groups = np.arange(7)
    made = draw_pairs(np.arange(1, 7, dtype=np.int32), groups, negatives=2, rng=np.random.default_rng(0))
    return pairs.pair_batch(cast(Source, SixItems()), groups, made), made.anchor


def test_a_negative_of_ita_has_the_text_of_another_item_and_one_of_tia_its_picture() -> None:
    batch, anchor = drawn()
    text, image, wrong = batch.text.numpy(), batch.image.numpy(), batch.labels.numpy() == 0
    ita, tia = wrong & batch.image_to_text.numpy(), wrong & batch.text_to_image.numpy()
    assert (ita.sum(), tia.sum(), (ita & tia).sum()) == (12, 12, 0)
    assert (image[ita] == anchor[ita]).all()
    assert (text[ita] != anchor[ita]).all()
    assert (text[tia] == anchor[tia]).all()
    assert (image[tia] != anchor[tia]).all()
    assert (text[~wrong] == anchor[~wrong]).all()
    assert (image[~wrong] == anchor[~wrong]).all()


@torch.inference_mode()
def test_what_enters_for_a_drawn_pair_is_the_text_of_the_one_and_the_picture_of_the_other(
    model: MultiTaskModel,
) -> None:
    batch, anchor = drawn()
    sequence = entering(model, batch)
    for row in range(batch.num_rows):
        own, is_wrong = int(anchor[row]), batch.labels[row] == 0
        other_text = int(batch.text[row]) if is_wrong and batch.image_to_text[row] else own
        other_image = int(batch.image[row]) if is_wrong and batch.text_to_image[row] else own
        told = item_tokens(model, batch.items, text_of=other_text, image_of=other_image)
        assert_row(model, sequence.vectors[row], sequence.mask[row], [model.read.embed.cls, *told])


def test_the_optimiser_has_the_papers_values(model: MultiTaskModel) -> None:
    optimizer = build_optimizer(model, TrainingConfig())
    assert isinstance(optimizer, torch.optim.Adam)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (4e-4, (0.95, 0.999), 1e-4)
    assert not group.get("decoupled_weight_decay", False)  # added to the gradient: Adam, not AdamW
    assert {id(one) for one in group["params"]} == {id(one) for one in model.parameters()}
