"""Products of fields against sums over all pairs, written out in NumPy."""

from itertools import combinations

import numpy as np
import pytest
import torch

from camenn.layers import compressed_interaction, pairwise
from camenn.layers.compressed_interaction import CompressedInteraction, interact
from camenn.layers.fields import FieldVectors, RowVectors
from camenn.layers.pairwise import AttentionalProducts, FieldAwareProducts, Products

WIDTH = 6
COUNTS = (3, 2, 1)
NUM_FIELDS = sum(COUNTS)


@pytest.fixture
def fields() -> RowVectors:
    """Two requests, five items and four rows, some of their fields missing."""
    generator = torch.Generator().manual_seed(0)
    lines = (torch.tensor([0, 0, 1, 1]), torch.tensor([4, 1, 1, 3]), None)
    parts = []
    for number, (count, line) in enumerate(zip((2, 5, 4), lines, strict=True)):
        mask = torch.rand(count, COUNTS[number], generator=generator) < 0.8
        vectors = torch.randn(count, COUNTS[number], WIDTH, generator=generator) * mask[..., None]
        parts.append(FieldVectors(vectors, mask, line))
    return RowVectors(*parts)


def rows(fields: RowVectors) -> tuple[np.ndarray, np.ndarray]:
    return fields.rows().numpy().astype(float), fields.row_mask().numpy()


def test_parts_are_laid_out_as_the_rows_that_point_to_them(fields: RowVectors) -> None:
    vectors, mask = rows(fields)
    assert vectors.shape == (4, NUM_FIELDS, WIDTH)
    assert (vectors[2, :3] == fields.request.vectors[1].numpy()).all()
    assert (vectors[0, 3:5] == fields.item.vectors[4].numpy()).all()
    assert (mask[3, 5:] == fields.meeting.mask[3].numpy()).all()
    assert fields.total().numpy() == pytest.approx(vectors.sum(axis=1), abs=1e-5)
    assert fields.squares().numpy() == pytest.approx((vectors**2).sum(axis=(1, 2)), abs=1e-5)


def test_products_are_the_sum_over_pairs_of_fields(fields: RowVectors) -> None:
    vectors, _ = rows(fields)
    expected = [sum(one @ other for one, other in combinations(row, 2)) for row in vectors]
    assert Products()(fields).numpy() == pytest.approx(expected, abs=1e-4)


def test_field_aware_products_take_the_vector_for_the_field_that_is_met(fields: RowVectors) -> None:
    latent = rows(fields)[0].reshape(4, NUM_FIELDS, NUM_FIELDS, 1)  # one dimension for each met field
    expected = np.zeros(4)
    for row in range(4):
        for one, other in combinations(range(NUM_FIELDS), 2):
            expected[row] += latent[row, one, other] @ latent[row, other, one]
    assert FieldAwareProducts(NUM_FIELDS)(fields).numpy() == pytest.approx(expected, abs=1e-4)


def test_the_gradient_of_field_aware_products_is_that_of_their_sum() -> None:
    vectors, mask = torch.randn(3, 4, 8, dtype=torch.float64, requires_grad=True), torch.ones(3, 4, dtype=torch.bool)

    def logits(vectors: torch.Tensor) -> torch.Tensor:
        parts = [FieldVectors(vectors[:, some], mask[:, some]) for some in (slice(1), slice(1, 3), slice(3, 4))]
        answer: torch.Tensor = FieldAwareProducts(4)(RowVectors(*parts))
        return answer

    assert torch.autograd.gradcheck(logits, (vectors,))


def test_attentional_products_weigh_the_pairs_that_are_there(fields: RowVectors) -> None:
    torch.manual_seed(1)
    pooling = AttentionalProducts(NUM_FIELDS, WIDTH, attention_width=5, dropout=0.0)
    vectors, mask = rows(fields)
    state = {name: value.numpy().astype(float) for name, value in pooling.state_dict().items()}
    expected = []
    for row in range(4):
        pairs, scores = [], []
        for one, other in combinations(range(NUM_FIELDS), 2):
            if mask[row, one] and mask[row, other]:
                pair = vectors[row, one] * vectors[row, other]
                hidden = np.maximum(state["attention.weight"] @ pair + state["attention.bias"], 0)
                pairs.append(pair)
                scores.append(np.exp(state["score.weight"][0] @ hidden))
        pooled = np.average(pairs, axis=0, weights=scores)
        expected.append(state["head.weight"][0] @ pooled)
    assert pooling(fields).detach().numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("num_fields", [2, 5, 6])
def test_the_gradient_of_pooled_pairs_is_that_of_their_formula(
    num_fields: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairwise, "CHUNK", 2 * WIDTH * num_fields**2)  # four rows a chunk
    torch.manual_seed(1)
    pooling = AttentionalProducts(num_fields, WIDTH, attention_width=5, dropout=0.0).double()
    vectors, mask = torch.randn(5, num_fields, WIDTH, dtype=torch.float64), torch.rand(5, num_fields) < 0.8

    def logits(vectors: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        parts = [FieldVectors(vectors[:, :1], mask[:, :1]), FieldVectors(vectors[:, 1:], mask[:, 1:])]
        fields = RowVectors(*parts, FieldVectors(vectors[:, :0], mask[:, :0]))
        state = dict(zip(dict(pooling.named_parameters()), parameters, strict=True))
        answer: torch.Tensor = torch.func.functional_call(pooling, state, (fields,))
        return answer

    parameters = [parameter.detach().requires_grad_() for parameter in pooling.parameters()]
    assert torch.autograd.gradcheck(logits, (vectors.requires_grad_(), *parameters))


def some_interaction() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Eight lines of three fields and five maps, and the weight of two maps."""
    generator = torch.Generator().manual_seed(0)
    sizes = ((3, 8), (5, 8), (3, 5, 2))
    first, state, weight = (torch.randn(size, generator=generator, dtype=torch.float64) for size in sizes)
    return first, state, weight


@pytest.fixture(params=[15, 45, 2**19], ids=["a line a chunk", "three lines a chunk", "one chunk"])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_interaction, "CHUNK", request.param)


@pytest.mark.usefixtures("chunk")
def test_an_interaction_is_the_sum_over_all_products() -> None:
    first, state, weight = some_interaction()
    expected = np.zeros((2, 8))
    for i in range(3):
        for j in range(5):
            expected += weight[i, j].numpy()[:, None] * (first[i] * state[j]).numpy()
    assert interact(first, state, weight).numpy() == pytest.approx(expected, abs=1e-12)


@pytest.mark.usefixtures("chunk")
def test_the_gradient_of_an_interaction_is_that_of_its_sum() -> None:
    given = tuple(x.requires_grad_() for x in some_interaction())
    assert torch.autograd.gradcheck(interact, given)
    first, _, weight = given
    assert torch.autograd.gradcheck(lambda one, by: interact(one, one, by), (first, weight[:, :3].detach()))


@pytest.mark.parametrize("split_half", [False, True])
@pytest.mark.parametrize("maps", [(4,), (4, 6), (8, 4, 6)])
def test_a_compressed_interaction_network_raises_the_order_layer_by_layer(
    fields: RowVectors, maps: tuple[int, ...], split_half: bool
) -> None:
    torch.manual_seed(2)
    network = CompressedInteraction(NUM_FIELDS, maps, split_half=split_half)
    vectors, _ = rows(fields)
    state, told = vectors, []
    for depth, weight in enumerate(network.weights):
        made = np.einsum("niw,njw,ijh->nhw", vectors, state, weight.detach().numpy().astype(float))
        half = maps[depth] // 2 if split_half and depth < len(maps) - 1 else 0
        state = made[:, :half] if half else made
        told.append(made[:, half:].sum(axis=2))
    expected = np.concatenate(told, axis=1) @ network.head.weight[0].detach().numpy()
    assert network(fields).detach().numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)


def pairwise_layers() -> list[torch.nn.Module]:
    return [
        CompressedInteraction(NUM_FIELDS, (8, 4, 6), split_half=True),
        AttentionalProducts(NUM_FIELDS, WIDTH, attention_width=5, dropout=0.0),
        FieldAwareProducts(NUM_FIELDS),
    ]


@pytest.mark.parametrize("number", range(3))
def test_half_precision_answers_in_full_and_is_close(fields: RowVectors, number: int) -> None:
    torch.manual_seed(3)
    layer = pairwise_layers()[number]
    inputs = [*layer.parameters(), *(part.vectors.requires_grad_() for part in fields)]
    whole = layer(fields)
    with torch.autocast("cpu", torch.bfloat16):
        half = layer(fields)
    assert half.dtype == torch.float32
    assert (half - whole).norm() < 0.05 * whole.norm()
    exact, rough = (torch.autograd.grad(logits.sum(), inputs) for logits in (whole, half))
    for one, other in zip(exact, rough, strict=True):
        assert other.dtype == torch.float32
        assert (other - one).norm() < 0.05 * one.norm() + 1e-6
