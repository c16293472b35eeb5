"""What is hidden is not read, tells nothing of the label, and is judged as the formulas say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from batch_factory import INPUTS, PATCHES, pair_batch
from camenn.batches.batch import PairBatch, Tokens
from camenn.layers.masking import Hidden, patch_divergence
from camenn.models.fashionbert import FashionBert, FashionBertConfig, build

PAIRS = 12
"""Of `pair_batch`; the first four fit."""


@pytest.fixture
def model() -> FashionBert:
    torch.manual_seed(0)
    return build(FashionBertConfig(width=16, heads=4, num_blocks=2, dropout=0.0), INPUTS)


def drawn(model: FashionBert, batch: PairBatch) -> tuple[Hidden, Hidden]:
    assert model.masking is not None
    torch.manual_seed(3)
    hidden = model.masking.draw(batch, model.read.embed)
    assert hidden is not None
    return hidden


def last_states(model: FashionBert, batch: PairBatch, hidden: tuple[Hidden, Hidden]) -> Tensor:
    states: Tensor = model.bottom(model.read.pairs(batch, hidden=hidden)).vectors
    return states


def changed(tokens: Tokens, index: Tensor) -> Tokens:
    """The same tokens, with other vectors at these."""
    vectors = tokens.vectors.clone()
    vectors[index] += 5.0
    return replace(tokens, vectors=vectors)


def with_other(batch: PairBatch, modality: str, index: Tensor) -> PairBatch:
    given = {"text": batch.items.text, "image": batch.items.image}[modality]
    assert given is not None
    other = changed(given, index)
    items = replace(batch.items, text=other) if modality == "text" else replace(batch.items, image=other)
    return replace(batch, items=items)


def entropy(scores: np.ndarray, right: int) -> float:
    """-log of the softmax at one place."""
    return float(np.log(sum(np.exp(scores))) - scores[right])


@torch.no_grad()
@pytest.mark.parametrize("modality", ["text", "image"])
def test_the_vector_of_a_hidden_token_is_never_read(model: FashionBert, modality: str) -> None:
    batch = pair_batch()
    hidden = drawn(model, batch)
    one = hidden[modality == "image"]
    before = last_states(model, batch, hidden)
    for row in one.mask.any(dim=1).nonzero().squeeze(-1).tolist():
        of_row = one.token[row]
        after = last_states(model, with_other(batch, modality, of_row[one.mask[row]]), hidden)
        assert after[row].equal(before[row])
        after = last_states(model, with_other(batch, modality, of_row[(of_row >= 0) & ~one.mask[row]]), hidden)
        assert not torch.allclose(after[row], before[row])  # else this shows nothing


@torch.no_grad()
def test_what_is_hidden_keeps_its_place_and_segment(model: FashionBert) -> None:
    batch, embed = pair_batch(), model.read.embed
    words, patches = hidden = drawn(model, batch)
    row, place = words.mask.nonzero()[0].tolist()
    row_of_patch, place_of_patch = patches.mask.nonzero()[0].tolist()
    assert model.masking is not None
    assert embed.text is not None
    assert embed.image is not None
    read = model.read.pairs(batch, hidden=hidden).vectors
    word = model.masking.word + embed.text.position.weight[place] + embed.text.segment
    nothing = embed.image.project(torch.zeros(embed.image.project.in_features))
    patch = nothing + embed.image.position.weight[place_of_patch] + embed.image.segment
    assert torch.allclose(read[row, 1 + place], model.read.norm(word), atol=1e-6)
    assert torch.allclose(
        read[row_of_patch, 2 + words.mask.shape[1] + place_of_patch], model.read.norm(patch), atol=1e-6
    )


def test_a_share_of_each_pair_is_hidden_and_never_all_of_it(model: FashionBert) -> None:
    batch = pair_batch()
    words, patches = drawn(model, batch)
    for row in range(PAIRS):
        count = int((words.token[row] >= 0).sum())
        assert int(words.mask[row].sum()) == (0 if count < 2 else max(1, round(0.15 * count)))
        assert int(patches.mask[row].sum()) == max(1, round(0.10 * PATCHES))
    assert not (words.mask & (words.token < 0)).any()


def test_what_is_hidden_does_not_depend_on_whether_a_pair_fits(model: FashionBert) -> None:
    batch = pair_batch()
    for one, other in zip(drawn(model, batch), drawn(model, replace(batch, labels=1 - batch.labels)), strict=True):
        assert one.mask.equal(other.mask)


def test_pairs_that_do_not_fit_add_nothing_to_the_losses_of_what_is_hidden(model: FashionBert) -> None:
    batch = pair_batch()
    hidden = drawn(model, batch)
    states = last_states(model, batch, hidden).detach().requires_grad_()
    assert model.masking is not None
    losses = model.masking.losses(*hidden, states, fits=batch.labels > 0)
    assert losses.keys() == {"masked_word_loss", "masked_patch_loss"}
    (gradient,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), states)
    reached = gradient.abs().sum(dim=-1) > 0
    places = torch.zeros_like(reached)
    places[:, 1 : 1 + hidden[0].mask.shape[1]] = hidden[0].mask
    places[:, 2 + hidden[0].mask.shape[1] :] = hidden[1].mask
    assert reached.equal(places & (batch.labels > 0)[:, None])
    assert model.masking.losses(*hidden, states, fits=torch.zeros(PAIRS, dtype=torch.bool)) == {}


@torch.no_grad()
def test_a_hidden_word_is_chosen_among_the_distinct_words_of_the_batch(model: FashionBert) -> None:
    batch = pair_batch()
    assert batch.items.text is not None
    twice = batch.items.text.vectors.clone()
    twice[-1] = twice[0]  # a word that two items have is one choice
    batch = replace(batch, items=replace(batch.items, text=replace(batch.items.text, vectors=twice)))
    words, patches = hidden = drawn(model, batch)
    states = last_states(model, batch, hidden)
    assert model.masking is not None
    distinct: list[list[float]] = []
    for vector in twice.tolist():
        if vector not in distinct:
            distinct.append(vector)
    assert len(distinct) == len(twice) - 1
    scores = model.masking.word_logits(states[:, 1 : 1 + words.mask.shape[1]], torch.tensor(distinct), words.modality)
    expected = []
    for row in range(4):
        for place in words.mask[row].nonzero().squeeze(-1).tolist():
            right = distinct.index(twice[words.token[row, place]].tolist())
            expected.append(entropy(scores[row, place].double().numpy(), right))
    got = model.masking.losses(words, patches, states, fits=batch.labels > 0)["masked_word_loss"]
    assert float(got) == pytest.approx(np.mean(expected), rel=1e-5)


@torch.no_grad()
def test_a_hidden_patch_is_judged_by_the_divergence_from_its_standardised_features(model: FashionBert) -> None:
    batch = pair_batch()
    words, patches = hidden = drawn(model, batch)
    patches.modality.standardise.fit(patches.tokens.vectors * 3.0 + 1.0)
    states = last_states(model, batch, hidden)
    assert model.masking is not None
    expected = []
    for row in range(4):
        for place in patches.mask[row].nonzero().squeeze(-1).tolist():
            said = model.masking.patch(states[row, 2 + words.mask.shape[1] + place])
            true = patches.modality.standardise(patches.tokens.vectors[patches.token[row, place]])
            expected.append(divergence(said.double().numpy(), true.double().numpy()))
    got = model.masking.losses(words, patches, states, fits=batch.labels > 0)["masked_patch_loss"]
    assert float(got) == pytest.approx(np.mean(expected), rel=1e-5)


def divergence(predicted: np.ndarray, true: np.ndarray) -> float:
    """KL of two softmaxes, one feature after another."""
    p, q = (np.exp(scores) / np.exp(scores).sum() for scores in (true, predicted))
    return float(sum(p[i] * np.log(p[i] / q[i]) for i in range(len(p))))


def test_the_divergence_is_zero_only_where_the_shares_agree() -> None:
    true = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    assert float(patch_divergence(true + 4.0, true)) == pytest.approx(0.0, abs=1e-6)
    assert float(patch_divergence(true.flip(1), true)) > 0.1


def test_nothing_is_hidden_outside_training(model: FashionBert) -> None:
    batch = pair_batch()
    assert model.train()(batch).losses.keys() == {"masked_word_loss", "masked_patch_loss"}
    assert model.eval()(batch).losses == {}
    first, second = (model(batch).logits for _ in range(2))
    assert all(first[task].equal(second[task]) for task in first)
