"""Our mechanisms against the peers' own modules with the same weights, in double precision, to 1e-5.

    make test-peers PEERS_SRC=SOURCES

Whole models where the peers' inputs can be made ours, else the module that holds the mechanism. Where a peer has
something more (a bias, a normalisation), it is set to do nothing; docs/peers.md lists what these are. FuxiCTR is read
from its checkout in PEERS_SRC, and its tests are skipped without one.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from camenn.batches.batch import Items, RequestBatch
from camenn.layers.behaviour import BehaviourTransformer
from camenn.layers.blocks import DenseStack
from camenn.layers.compressed_interaction import CompressedInteraction
from camenn.layers.embedding import Fields
from camenn.layers.fields import NUM_PASTS, FieldVectors, RowVectors
from camenn.layers.pairwise import FieldAwareProducts, Products
from camenn.layers.target_attention import TargetAttention
from camenn.layers.transformer import TransformerBlock
from camenn.models.afm import AfmConfig
from camenn.models.deepfm import DeepFmConfig
from camenn.models.frames import MultiGate
from camenn.models.inputs import Sequence
from camenn.models.mmoe import MmoeConfig
from camenn.models.output import Model, ModelInputs
from camenn.models.xdeepfm import XDeepFmConfig
from camenn.models.zoo import ModelConfig, build_model
from camenn.task import Task

SOURCES = Path(os.environ.get("PEERS_SRC") or "build/peers/src").absolute()
FIELDS, VALUES, WIDTH, ROWS, STEPS = 5, 7, 4, 12, 6
HIDDEN = (9, 6)


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    assert theirs.std() > 1e-2, "a figure that hardly varies shows nothing"
    torch.testing.assert_close(ours.double(), theirs.double(), rtol=0, atol=1e-5)


def random_weights(module: nn.Module) -> None:
    """Large enough that every part of a model shows in what it says."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.4)


def copy(target: Tensor | nn.Parameter, source: Tensor) -> None:
    with torch.no_grad():
        target.copy_(source.reshape(target.shape))


def copy_linears(target: nn.Module, source: nn.Module) -> None:
    """Weights and biases of the linear maps, in their order; a bias that only one has is set to zero."""
    pairs = zip(linears(target), linears(source), strict=True)
    for theirs, ours in pairs:
        copy(theirs.weight, ours.weight)
        if theirs.bias is not None and ours.bias is not None:
            copy(theirs.bias, ours.bias)
        else:
            nn.init.zeros_(theirs.bias if ours.bias is None else ours.bias)


def linears(module: nn.Module) -> list[nn.Linear]:
    return [part for part in module.modules() if isinstance(part, nn.Linear)]


def fuxictr(module: str) -> ModuleType:
    """A module of FuxiCTR by its path in the checkout."""
    root = SOURCES / "FuxiCTR"
    if not (root / "model_zoo").is_dir():
        pytest.skip(f"no FuxiCTR with its model zoo in {SOURCES}; set PEERS_SRC")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    name = module.replace("/", ".")
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, root / f"{module}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


# --- models of fields -------------------------------------------------------------------------------------------------


def some_fields(width: int = WIDTH) -> RowVectors:
    """Two fields of three requests, one of four items, two of each row."""
    return RowVectors(
        FieldVectors(torch.randn(3, 2, width), torch.ones(3, 2, dtype=torch.bool), torch.arange(ROWS) // 4),
        FieldVectors(torch.randn(4, 1, width), torch.ones(4, 1, dtype=torch.bool), torch.arange(ROWS) % 4),
        FieldVectors(torch.randn(ROWS, 2, width), torch.ones(ROWS, 2, dtype=torch.bool)),
    )


def our_model(config: ModelConfig) -> Model:
    """Of a shop with nothing but fields of the request."""
    inputs = ModelInputs(
        num_codes=1 + FIELDS * VALUES,
        item_fields=Fields(()),
        context_fields=Fields((1,) * FIELDS),
        num_row_fields=0,
        num_numbers=0,
        text_width=None,
        image_width=None,
        max_text=1,
        max_patches=1,
        max_steps=STEPS,
    )
    model = build_model(config, inputs).eval()
    random_weights(model)
    return model


def field_batch(values: Tensor) -> RequestBatch:
    """One request a row. values: (rows, fields) from 0."""
    rows = len(values)
    nothing = torch.zeros(rows, 1, dtype=torch.int64)
    return RequestBatch(
        items=Items(torch.arange(2), torch.zeros(2, 0, dtype=torch.int64), None, None, 2),
        context=values + 1 + torch.arange(FIELDS) * VALUES,
        history=nothing,
        history_outcome=nothing,
        history_age=nothing,
        history_whole=False,
        candidates=torch.ones(rows, dtype=torch.int64),
        request=torch.arange(rows),
        row_codes=torch.zeros(rows, 0, dtype=torch.int64),
        row_numbers=torch.zeros(rows, 0),
        labels=torch.zeros(rows),
    )


def of_field(table: Tensor, field: int) -> Tensor:
    """(values, width): a field's stretch of our one table."""
    return table[1 + field * VALUES : 1 + (field + 1) * VALUES]


def deepctr_columns() -> list[object]:
    inputs = pytest.importorskip("deepctr_torch.inputs")
    return [inputs.SparseFeat(f"f{field}", VALUES, embedding_dim=WIDTH) for field in range(FIELDS)]


def copy_additive(theirs: nn.Module, ours: Model) -> None:
    """Table, first order and bias into a model of DeepCTR-Torch."""
    table = ours.logit.embed.table.weight
    for field in range(FIELDS):
        copy(theirs.embedding_dict[f"f{field}"].weight, of_field(table, field)[:, 1:])
        copy(theirs.linear_model.embedding_dict[f"f{field}"].weight, of_field(table, field)[:, 0])
    copy(theirs.out.bias, ours.logit.bias)


def copy_perceptron(theirs: nn.Module, head: nn.Linear, ours: nn.Module) -> None:
    """A perceptron over fields into their dense network and its last map, which has no bias."""
    first, *rest, last = linears(ours)
    own = theirs.linears
    copy(own[0].weight, first.weight[:, : FIELDS * WIDTH])  # what follows are the pasts, missing here
    copy(own[0].bias, first.bias)
    for target, source in zip(own[1:], rest, strict=True):
        copy(target.weight, source.weight)
        copy(target.bias, source.bias)
    copy(head.weight, last.weight)
    nn.init.zeros_(last.bias)


def asked_values() -> Tensor:
    return torch.randint(0, VALUES, (ROWS, FIELDS))


def probability(model: Model, values: Tensor) -> Tensor:
    return torch.sigmoid(model(field_batch(values)).logits[Task.CONVERSION])


def test_deepfm_is_that_of_deepctr_torch() -> None:
    models = pytest.importorskip("deepctr_torch.models")
    columns, values = deepctr_columns(), asked_values()
    ours = our_model(DeepFmConfig(width=WIDTH, hidden=HIDDEN))
    theirs = models.DeepFM(columns, columns, dnn_hidden_units=HIDDEN).double().eval()
    copy_additive(theirs, ours)
    copy_perceptron(theirs.dnn, theirs.dnn_linear, ours.logit.terms[1])
    assert_same(probability(ours, values), theirs(values.double()).squeeze(-1))


@pytest.mark.parametrize("split_half", [False, True])
def test_xdeepfm_is_that_of_deepctr_torch_without_activation_and_bias_of_the_maps(split_half: bool) -> None:
    models = pytest.importorskip("deepctr_torch.models")
    columns, values = deepctr_columns(), asked_values()
    maps = (6, 4)
    ours = our_model(XDeepFmConfig(width=WIDTH, maps=maps, split_half=split_half, hidden=HIDDEN))
    theirs = models.xDeepFM(
        columns,
        columns,
        dnn_hidden_units=HIDDEN,
        cin_layer_size=maps,
        cin_split_half=split_half,
        cin_activation="linear",
    )
    theirs = theirs.double().eval()
    copy_additive(theirs, ours)
    copy_perceptron(theirs.dnn, theirs.dnn_linear, ours.logit.terms[1])
    interaction = ours.logit.terms[0]
    pasts = slice(FIELDS, FIELDS + NUM_PASTS)  # missing here: what is multiplied with them is zero
    first, second = interaction.weights
    assert first[pasts].numel() > 0
    copy(theirs.cin.conv1ds[0].weight, first[:FIELDS, :FIELDS].permute(2, 1, 0))
    copy(theirs.cin.conv1ds[1].weight, second[:FIELDS].permute(2, 1, 0))
    for convolution in theirs.cin.conv1ds:
        nn.init.zeros_(convolution.bias)
    copy(theirs.cin_linear.weight, interaction.head.weight)
    assert_same(probability(ours, values), theirs(values.double()).squeeze(-1))


def test_afm_is_that_of_deepctr_torch() -> None:
    models = pytest.importorskip("deepctr_torch.models")
    columns, values = deepctr_columns(), asked_values()
    ours = our_model(AfmConfig(width=WIDTH, attention_width=3))
    theirs = models.AFM(columns, columns, attention_factor=3).double().eval()
    copy_additive(theirs, ours)
    products = ours.logit.terms[0]
    copy(theirs.fm.attention_W, products.attention.weight.T)
    copy(theirs.fm.attention_b, products.attention.bias)
    copy(theirs.fm.projection_h, products.score.weight.T)
    copy(theirs.fm.projection_p, products.head.weight.T)
    assert_same(probability(ours, values), theirs(values.double()).squeeze(-1))


def test_products_are_those_of_all_three_peers() -> None:
    fields = some_fields()
    ours, rows = Products()(fields), fields.rows()
    assert_same(ours, pytest.importorskip("deepctr_torch.layers.interaction").FM()(rows).squeeze(-1))
    assert_same(ours, pytest.importorskip("torch_rechub.basic.layers").FM()(rows).squeeze(-1))
    theirs = fuxictr("fuxictr/pytorch/layers/interactions/inner_product").InnerProductInteraction(FIELDS)
    assert_same(ours, theirs(rows).squeeze(-1))


def test_field_aware_products_are_those_of_fuxictr() -> None:
    theirs = fuxictr("model_zoo/FFM/src/FFM").FFM
    fields = some_fields(FIELDS * WIDTH)
    latent = fields.rows().unflatten(-1, (FIELDS, WIDTH))
    # Their table e gives field i its vector for field e where i > e, for field e + 1 where i <= e.
    tables = [
        torch.stack([latent[:, i, e if i > e else e + 1] for i in range(FIELDS)], dim=1) for e in range(FIELDS - 1)
    ]
    made = theirs.ffm_interaction(SimpleNamespace(num_fields=FIELDS), tables)
    assert_same(FieldAwareProducts(FIELDS)(fields), made.squeeze(-1))


def test_compressed_interaction_is_that_of_fuxictr_without_bias_of_the_maps() -> None:
    network = fuxictr("fuxictr/pytorch/layers/interactions/compressed_interaction_net").CompressedInteractionNet
    fields, maps = some_fields(), [6, 4]
    ours, theirs = CompressedInteraction(FIELDS, maps, split_half=False), network(FIELDS, maps)
    random_weights(ours)
    for convolution, weight in zip(theirs.cin_layer.values(), ours.weights, strict=True):
        copy(convolution.weight, weight.permute(2, 0, 1))
        nn.init.zeros_(convolution.bias)
    copy(theirs.fc.weight, ours.head.weight)
    nn.init.zeros_(theirs.fc.bias)
    assert_same(ours(fields), theirs(fields.rows()).squeeze(-1))


# --- readers of the history -------------------------------------------------------------------------------------------


def histories(lengths: Tensor) -> RequestBatch:
    """One candidate a request; items 1 to 20; steps of one request are of different ages, their place from 1."""
    rows = len(lengths)
    real = torch.arange(STEPS) < lengths[:, None]
    items = Items(torch.arange(21), torch.zeros(21, 0, dtype=torch.int64), None, None, 21)
    return RequestBatch(
        items=items,
        context=torch.zeros(rows, 0, dtype=torch.int64),
        history=torch.where(real, torch.randint(1, 21, (rows, STEPS)), 0),
        history_outcome=torch.where(real, 2, 0),
        history_age=(torch.arange(STEPS) + 1).expand(rows, -1),
        history_whole=False,
        candidates=torch.randint(1, 21, (rows,)),
        request=torch.arange(rows),
        row_codes=torch.zeros(rows, 0, dtype=torch.int64),
        row_numbers=torch.zeros(rows, 0),
        labels=torch.zeros(rows),
    )


def some_items(width: int) -> Tensor:
    items = torch.randn(21, width)
    items[0] = 0.0
    return items


def our_attention(width: int) -> TargetAttention:
    """Without what it says of an outcome, with statistics as after some training."""
    ours = TargetAttention(width, HIDDEN)
    random_weights(ours)
    nn.init.zeros_(ours.outcome.weight)
    for norm in norms(ours):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    return ours


def norms(module: nn.Module) -> list[nn.BatchNorm1d]:
    return [part for part in module.modules() if isinstance(part, nn.BatchNorm1d)]


def copy_attention(theirs: nn.Module, ours: TargetAttention, bend: str = "alpha") -> None:
    """Linear maps, slopes and measured statistics of Dice; a learned scale after the norm is one, its shift zero."""
    copy_linears(theirs, ours)
    slopes = [parameter for name, parameter in theirs.named_parameters() if name.endswith(bend)]
    for target, source in zip(slopes, (p for n, p in ours.named_parameters() if n.endswith("slope")), strict=True):
        copy(target, source)
    for target, source in zip(norms(theirs), norms(ours), strict=True):
        copy(target.running_mean, source.running_mean)
        copy(target.running_var, source.running_var)
        if target.affine:
            nn.init.ones_(target.weight)
            nn.init.zeros_(target.bias)


LENGTHS = torch.arange(ROWS) % STEPS + 1


def fuxictr_attention(width: int, ours: TargetAttention) -> nn.Module:
    layer = fuxictr("fuxictr/pytorch/layers/attentions/target_attention").DIN_Attention
    theirs = layer(width, attention_units=list(HIDDEN), hidden_activations="Dice")
    copy_attention(theirs, ours)
    return theirs


def test_target_attention_is_that_of_fuxictr() -> None:
    batch, items, ours = histories(LENGTHS), some_items(8), our_attention(8)
    theirs = fuxictr_attention(8, ours).eval()
    made = theirs(items[batch.candidates], items[batch.history], batch.history > 0)
    assert_same(ours.eval()(items, batch), made)


def test_target_attention_trains_as_that_of_fuxictr_where_nothing_is_padding() -> None:
    batch, items, ours = histories(torch.full((ROWS,), STEPS)), some_items(8), our_attention(8)
    theirs = fuxictr_attention(8, ours).train()
    made = theirs(items[batch.candidates], items[batch.history], batch.history > 0)
    assert_same(ours.train()(items, batch), made)


def test_dice_of_fuxictr_measures_padding_too_and_ours_does_not() -> None:
    batch, items, ours = histories(LENGTHS), some_items(8), our_attention(8)
    theirs = fuxictr_attention(8, ours).train()
    made = theirs(items[batch.candidates], items[batch.history], batch.history > 0)
    assert (ours.train()(items, batch) - made).abs().max() > 1e-2


def test_target_attention_is_that_of_deepctr_torch() -> None:
    layer = pytest.importorskip("deepctr_torch.layers.sequence").AttentionSequencePoolingLayer
    batch, items, ours = histories(LENGTHS), some_items(8), our_attention(8)
    theirs = layer(att_hidden_units=HIDDEN, att_activation="dice", embedding_dim=8).double().eval()
    copy_attention(theirs, ours)
    made = theirs(items[batch.candidates][:, None], items[batch.history], LENGTHS[:, None])
    assert_same(ours.eval()(items, batch), made.squeeze(1))


def copy_block(theirs: nn.Module, ours: TransformerBlock, names: dict[str, str]) -> None:
    """Attention of torch's own layout, the two maps and norms by their names over there."""
    attention = theirs.get_submodule(names["attention"])
    copy(attention.in_proj_weight, ours.query_key_value.weight)
    copy(attention.in_proj_bias, ours.query_key_value.bias)
    for own in ("attention_output", "expand", "contract", "attention_norm", "feed_forward_norm"):
        target, source = theirs.get_submodule(names[own]), ours.get_submodule(own)
        copy(target.weight, source.weight)
        copy(target.bias, source.bias)


def test_behaviour_transformer_is_that_of_fuxictr_with_its_places_as_gaps_of_time() -> None:
    theirs_of = fuxictr("model_zoo/BST/src/BST")
    item_width, place_width = 6, 2
    width = item_width + place_width
    batch, items = histories(LENGTHS), some_items(item_width)
    ours = BehaviourTransformer(item_width, width=width, heads=2, num_blocks=2, feed_forward=1, dropout=0.0)
    random_weights(ours)
    theirs = theirs_of.BehaviorTransformer(
        STEPS + 1, model_dim=width, num_heads=2, stacked_transformer_layers=2, position_dim=place_width
    ).eval()
    # They put an item beside its place; ours adds the two, which is the same where each has dimensions of its own.
    copy(ours.project.weight, torch.eye(width, item_width))
    nn.init.zeros_(ours.project.bias)
    nn.init.zeros_(ours.outcome.weight)
    nn.init.zeros_(ours.gap.weight)
    copy(ours.gap.weight.data[1 : STEPS + 1, item_width:], theirs.position_emb[:STEPS])
    copy(ours.gap.weight.data[0, item_width:], theirs.position_emb[STEPS])
    names = {
        "attention": "attention",
        "attention_output": "attention.out_proj",
        "expand": "ffn.0",
        "contract": "ffn.2",
        "attention_norm": "layer_norm1",
        "feed_forward_norm": "layer_norm2",
    }
    for block, own in zip(theirs.transformer_blocks, ours.blocks, strict=True):
        copy_block(block, own, names)
    sequence = torch.cat([items[batch.history], items[batch.candidates][:, None]], dim=1)
    _, mask = theirs_of.BST.get_mask(SimpleNamespace(use_causal_mask=False, num_heads=2), batch.history)
    assert_same(ours(items, batch), theirs(sequence, mask)[:, -1])


def test_transformer_block_is_that_of_torch_rechub() -> None:
    features = pytest.importorskip("torch_rechub.basic.features")
    ranking = pytest.importorskip("torch_rechub.models.ranking.bst")
    target = [features.SparseFeature("item", vocab_size=9, embed_dim=8)]
    past = [features.SequenceFeature("past", vocab_size=9, embed_dim=8, pooling="concat", shared_with="item")]
    model = ranking.BST([], past, target, {"dims": [4]}, nhead=2, dropout=0.0, max_seq_len=STEPS + 1).double().eval()
    (layer,) = model.transformer_layers.layers
    ours = TransformerBlock(8, heads=2, activation=functional.leaky_relu, feed_forward=256)
    random_weights(ours)
    names = {
        "attention": "self_attn",
        "attention_output": "self_attn.out_proj",
        "expand": "linear1",
        "contract": "linear2",
        "attention_norm": "norm1",
        "feed_forward_norm": "norm2",
    }
    copy_block(layer, ours, names)
    x, mask = torch.randn(ROWS, STEPS, 8), torch.arange(STEPS) < LENGTHS[:, None]
    made = model.transformer_layers(x, src_key_padding_mask=~mask)
    assert_same(ours(x, mask)[mask], made[mask])


# --- experts and gates ------------------------------------------------------------------------------------------------


def test_mixture_of_experts_is_that_of_fuxictr_for_every_task() -> None:
    layer = fuxictr("model_zoo/multitask/MMoE/src/MMoE").MMoE_Layer
    width, tasks = FIELDS * WIDTH, list(Task)
    ours = MultiGate([DenseStack(width, HIDDEN, dropout=0.0) for _ in range(3)], width=width, top_k=3)
    random_weights(ours)
    theirs = layer(3, len(tasks), width, list(HIDDEN), [], "ReLU", 0.0, False)
    for target, source in zip(theirs.experts, ours.mixture.experts, strict=True):
        copy_linears(target, source)
    for target, task in zip(theirs.gate, tasks, strict=True):
        copy_linears(target, ours.gates[task.value])
    x = torch.randn(ROWS, width)
    sequence = Sequence(x[:, None], torch.ones(ROWS, 1, dtype=torch.bool))
    for task, made in zip(tasks, theirs(x), strict=True):
        assert_same(ours(task, sequence)[0].vectors[:, 0], made)


def test_mmoe_is_that_of_deepctr_torch_in_its_first_task() -> None:
    models = pytest.importorskip("deepctr_torch.models")
    columns, values = deepctr_columns(), asked_values()
    ours = our_model(MmoeConfig(width=WIDTH, num_experts=3, expert=HIDDEN, tower=(5,)))
    theirs = models.MMOE(
        columns,
        num_experts=3,
        expert_dnn_hidden_units=HIDDEN,
        gate_dnn_hidden_units=(),
        tower_dnn_hidden_units=(5,),
        task_types=["binary", "binary"],
        task_names=["conversion", "other"],
    )
    theirs = theirs.double().eval()
    copy_mmoe(theirs, ours)
    assert_same(probability(ours, values), theirs(values.double())[:, 0])


def copy_mmoe(theirs: nn.Module, ours: Model) -> None:
    table, known = ours.read.embed.table.weight, slice(FIELDS * WIDTH)
    for field in range(FIELDS):
        copy(theirs.embedding_dict[f"f{field}"].weight, of_field(table, field))
    for target, source in zip(theirs.expert_dnn, ours.routing.mixture.experts, strict=True):
        for number, (theirs_linear, linear) in enumerate(zip(target.linears, linears(source), strict=True)):
            copy(theirs_linear.weight, linear.weight if number else linear.weight[:, known])
            copy(theirs_linear.bias, linear.bias)
    gate = ours.routing.gates[Task.CONVERSION.value].linear
    copy(theirs.gate_dnn_final_layer[0].weight, gate.weight[:, known])
    nn.init.zeros_(gate.bias)
    tower = ours.towers[Task.CONVERSION.value]
    copy_linears(theirs.tower_dnn[0], tower.block)
    copy(theirs.tower_dnn_final_layer[0].weight, tower.head.weight)
    nn.init.zeros_(tower.head.bias)
    nn.init.zeros_(theirs.out[0].bias)
