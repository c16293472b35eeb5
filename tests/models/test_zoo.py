"""What holds for every model of the zoo."""

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from batch_factory import INPUTS, one_row, pair_batch, request_batch
from camenn.batches.batch import Batch, Tokens
from camenn.comparison.cost import operations
from camenn.layers.embedding import Fields
from camenn.layers.fields import FieldReader
from camenn.models.inputs import Pattern
from camenn.models.output import Model, labels_of
from camenn.models.zoo import ZOO, build_model
from camenn.objectives.multi_task import MultiTaskObjective, ObjectiveConfig
from camenn.scoring import answer
from camenn.task import ALIGNMENT_TASKS, Task
from camenn.training.optimizer import clip_gradients

SMALL: dict[str, dict[str, Any]] = {
    "camenn": {"width": 16, "heads": 4, "aligned_width": 8, "num_experts": 3, "top_k": 2},
    "lr": {},
    "fm": {"width": 4},
    "ffm": {"width": 2},
    "afm": {"width": 4, "attention_width": 4},
    "wide_deep": {"width": 4, "hidden": (8, 8)},
    "deepfm": {"width": 4, "hidden": (8, 8)},
    "xdeepfm": {"width": 4, "maps": (6, 6), "hidden": (8, 8)},
    "din": {"width": 4, "attention": (8,), "hidden": (8, 8)},
    "bst": {"width": 4, "sequence_width": 16, "heads": 2, "hidden": (16, 8)},
    "shared_bottom": {"width": 4, "hidden": (16, 8), "tower": (8,)},
    "l2_constrained": {"width": 4, "hidden": (16, 8), "tower": (8,)},
    "cross_stitch": {"width": 4, "hidden": (16, 8), "tower": (8,)},
    "tensor_factorised": {"width": 4, "hidden": (32, 16), "tower": (8,), "rank": 8},
    "moe": {"width": 4, "num_experts": 3, "expert": (8,), "tower": (8,)},
    "mmoe": {"width": 4, "num_experts": 3, "expert": (8,), "tower": (8,)},
    "mose": {"width": 8, "num_experts": 2},
    "fashionbert": {"width": 16, "heads": 4, "num_blocks": 2},
}
OTHER: dict[str, dict[str, Any]] = {
    "camenn": {
        "width": 24,
        "heads": 2,
        "top_k": 1,
        "experts": "lstm",
        "pattern": Pattern.SHARED_HISTORY,
        "aligned_width": 0,
    },
    "bst": {"sequence_width": 24},
    "l2_constrained": {"distance": 0.1},
    "tensor_factorised": {"kind": "tensor_train"},
    "fashionbert": {"width": 24, "heads": 2, "num_blocks": 1},
}
"""Another value for options that `another` would not change in a telling way."""


STEPS = 300
"""Of learning a dozen rows by heart."""


def another(value: Any) -> Any:
    """A switch turned, a share of nine tenths, twice a size, a layer less or one of twice the units."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return value[:-1] or (2 * value[0],)
    return 0.9 if isinstance(value, float) else 2 * value


def others(name: str) -> dict[str, Any]:
    """Another value for each option of a model."""
    config, _ = ZOO[name]
    plain, told = config(**SMALL.get(name, {})), OTHER.get(name, {})
    options = [field.name for field in fields(config) if field.name != "name"]
    assert set(told) <= set(options)
    return {option: told[option] if option in told else another(getattr(plain, option)) for option in options}


def small(name: str, **changes: Any) -> Model:
    torch.manual_seed(0)
    config, _ = ZOO[name]
    model = build_model(config(**{**SMALL.get(name, {}), **changes}), INPUTS)
    if model.code_counts is not None:
        model.code_counts.fill_(5.0)
    for module in model.modules():
        if isinstance(module, FieldReader):
            grow(module)
    return model


def grow(reader: FieldReader) -> None:
    """What fields say begins so small that a change is lost in rounding; here it is as after some training."""
    with torch.no_grad():
        reader.table.weight[1:] += 0.1 * torch.randn(reader.table.weight[1:].shape)
        for embedding in (reader.text, reader.image):
            if embedding is not None:
                embedding.project.weight *= 100.0


@pytest.fixture(params=list(ZOO))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def variants(name: str) -> list[dict[str, Any]]:
    """What must hold of each attention pattern, and of each kind of expert in both, where a model has them."""
    if name != "camenn":
        return [{}]
    ablated = [{"experts": "mlp"}, {"experts": "lstm", "shared_bottom": False}]
    return [{"pattern": pattern, **other} for pattern in Pattern for other in ({}, *ablated)]


@pytest.fixture(
    params=[(name, number) for name in ZOO for number in range(len(variants(name)))],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def model(request: pytest.FixtureRequest) -> Model:
    name, number = request.param
    return small(name, **variants(name)[number]).eval()


def batches_of(model: Model) -> tuple[Batch, ...]:
    """One batch of each kind that a model answers."""
    return (request_batch(), pair_batch()) if Task.IMAGE_TO_TEXT in model.tasks else (request_batch(),)


def conversion(model: Model, batch: Batch) -> torch.Tensor:
    return model(batch).logits[Task.CONVERSION].detach()


@pytest.mark.parametrize("whole", [False, True])
def test_a_row_scores_the_same_alone_as_in_a_batch(model: Model, whole: bool) -> None:
    batch = request_batch(whole=whole)
    together = conversion(model, batch)
    alone = torch.cat([conversion(model, one_row(batch, row)) for row in range(batch.num_rows)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_pair_scores_the_same_alone_as_in_a_batch(model: Model) -> None:
    batch = pair_batch()
    if Task.IMAGE_TO_TEXT not in model.tasks:
        with pytest.raises(TypeError, match="conversion alone"):
            model(batch)
        return
    together = model(batch).logits
    for task in ALIGNMENT_TASKS:
        rows = batch.image_to_text if task is Task.IMAGE_TO_TEXT else batch.text_to_image
        alone = []
        for row in rows.nonzero().squeeze(-1).tolist():
            single = replace(
                batch,
                text=batch.text[[row]],
                image=batch.image[[row]],
                labels=batch.labels[[row]],
                image_to_text=batch.image_to_text[[row]],
                text_to_image=batch.text_to_image[[row]],
            )
            alone.append(model(single).logits[task])
        assert torch.allclose(together[task], torch.cat(alone), atol=1e-5)


def test_padding_is_never_read(model: Model) -> None:
    batch = request_batch()
    padded = replace(
        batch,
        history=torch.cat([torch.zeros(3, 2, dtype=torch.int64), batch.history], dim=1),
        history_outcome=torch.cat([torch.full((3, 2), 2), batch.history_outcome], dim=1),
        history_age=torch.cat([torch.full((3, 2), 7), batch.history_age], dim=1),
    )
    assert torch.allclose(conversion(model, padded), conversion(model, batch), atol=1e-5)


def test_candidates_of_a_request_do_not_see_one_another(model: Model) -> None:
    batch = request_batch()
    changed = batch.candidates.clone()
    changed[0] = changed[0] % 6 + 1
    before, after = conversion(model, batch), conversion(model, replace(batch, candidates=changed))
    assert torch.allclose(before[1:], after[1:], atol=1e-6)
    assert not torch.allclose(before[0], after[0])


def test_the_history_changes_the_score(model: Model) -> None:
    batch = request_batch()
    flipped = torch.where(batch.history_outcome > 0, 3 - batch.history_outcome, 0)
    before, after = conversion(model, batch), conversion(model, replace(batch, history_outcome=flipped))
    assert torch.allclose(before[batch.request == 0], after[batch.request == 0], atol=1e-6)  # it has no history
    assert not torch.allclose(before[batch.request == 1], after[batch.request == 1], atol=1e-6)


def test_a_missing_modality_is_masked_not_made_up(model: Model) -> None:
    batch = request_batch()
    assert batch.items.text is not None
    noise = replace(
        batch.items.text, pooled=torch.where(batch.items.text.present[:, None], batch.items.text.pooled, 9.0)
    )
    noisy = replace(batch, items=replace(batch.items, text=noise))
    assert torch.allclose(conversion(model, noisy), conversion(model, batch), atol=1e-6)


def test_a_shop_without_text_or_pictures_is_scored(name: str) -> None:
    batch = request_batch()
    bare = replace(batch, items=replace(batch.items, text=None, image=None))
    assert torch.isfinite(conversion(small(name).eval(), bare)).all()
    torch.manual_seed(0)
    config, _ = ZOO[name]
    built = build_model(config(**SMALL.get(name, {})), replace(INPUTS, text_width=None, image_width=None)).eval()
    assert torch.isfinite(conversion(built, bare)).all()


def test_a_shop_without_any_feature_is_scored(name: str) -> None:
    torch.manual_seed(0)
    config, _ = ZOO[name]
    inputs = replace(
        INPUTS, item_fields=Fields(()), context_fields=Fields(()), num_row_fields=0, num_numbers=0, num_codes=1
    )
    batch = request_batch()
    empty = replace(
        batch,
        items=replace(batch.items, codes=batch.items.codes[:, :0]),
        context=batch.context[:, :0],
        row_codes=batch.row_codes[:, :0],
        row_numbers=batch.row_numbers[:, :0],
    )
    assert torch.isfinite(conversion(build_model(config(**SMALL.get(name, {})), inputs).eval(), empty)).all()


def test_every_parameter_gets_a_gradient(name: str) -> None:
    every_expert = {"top_k": 3} if "top_k" in others(name) else {}
    for variant in variants(name):
        model = small(name, **variant, **every_expert)
        loss, _ = MultiTaskObjective(model, ObjectiveConfig())(batches_of(model))
        loss.backward()
        without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert without == []


def test_a_handful_of_rows_can_be_memorised(name: str) -> None:
    model = small(name, **{option: 0.0 for option in ("dropout", "aligned_dropout") if option in others(name)})
    objective = MultiTaskObjective(model, ObjectiveConfig())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2 if len(model.tasks) > 1 else 0.1)
    batches = batches_of(model)
    for _ in range(STEPS):
        loss, parts = objective(batches)
        optimizer.zero_grad()
        loss.backward()
        clip_gradients(model.parameters(), 5.0)  # as training does, lest an LSTM leaps out of what it has learned
        optimizer.step()
    assert all(float(value) < 0.05 for key, value in parts.items() if key.removesuffix("_loss") in list(Task))


def test_each_option_changes_the_result(name: str) -> None:
    def loss(model: Model) -> float:
        model.train()
        torch.manual_seed(1)
        return float(MultiTaskObjective(model, ObjectiveConfig())(batches_of(model))[0].detach())

    plain = loss(small(name))
    assert plain == loss(small(name))
    unchanged = [option for option, value in others(name).items() if loss(small(name, **{option: value})) == plain]
    assert unchanged == []


def test_task_weights_are_used(name: str) -> None:
    def loss(**weights: float) -> float:
        model = small(name).eval()
        return float(MultiTaskObjective(model, ObjectiveConfig(**weights))(batches_of(model))[0].detach())

    plain = loss()
    with torch.no_grad():
        output = small(name).eval()(request_batch())
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        output.logits[Task.CONVERSION], labels_of(request_batch(), Task.CONVERSION)
    )
    assert loss(conversion=3.0) == pytest.approx(plain + 2 * float(expected), rel=1e-5)
    for weight in ("image_to_text", "text_to_image", "contrast", "load_balance") if name == "camenn" else ():
        assert loss(**{weight: 2.0}) != plain


@pytest.mark.parametrize("name", ZOO)
def test_a_history_may_be_left_out(name: str) -> None:
    torch.manual_seed(0)
    config, _ = ZOO[name]
    model = build_model(config(**SMALL.get(name, {})), replace(INPUTS, max_steps=0)).eval()
    whole = request_batch()
    cut = {field: getattr(whole, field)[:, :0] for field in ("history", "history_outcome", "history_age")}
    logits = answer(model, replace(whole, **cut)).logits[Task.CONVERSION]
    assert logits.shape == (whole.num_rows,)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", ZOO)
def test_half_precision_comes_close_and_gives_single_logits(name: str) -> None:
    model = small(name).eval()
    single = answer(model, request_batch()).logits[Task.CONVERSION]
    model.precision = "bf16-mixed"
    half = answer(model, request_batch()).logits[Task.CONVERSION]
    assert half.dtype == torch.float32
    assert torch.allclose(half, single, atol=0.05, rtol=0.05)
    assert not torch.equal(half, half.bfloat16().float())
    if name not in ("lr", "fm", "ffm"):  # sums of what was looked up, which stay single
        assert not torch.equal(half, single)


def test_half_precision_is_trained_in_and_its_operations_counted(name: str) -> None:
    model = small(name)
    for batch in map(as_stored, batches_of(model)):
        with torch.autocast("cpu", torch.bfloat16):
            loss, _ = MultiTaskObjective(model.train(), ObjectiveConfig())((batch,))
        loss.backward()
        assert torch.isfinite(loss.detach())
        model.precision = "32-true"
        counted = operations(model.eval(), batch)
        model.precision = "bf16-mixed"
        assert operations(model, batch) == counted
        assert counted > 0 or name == "lr"


def as_stored(batch: Batch) -> Batch:
    """Encoder vectors in the half precision that a store holds."""

    def halved(tokens: Tokens | None) -> Tokens | None:
        return None if tokens is None else replace(tokens, vectors=tokens.vectors.half(), pooled=tokens.pooled.half())

    return replace(batch, items=replace(batch.items, text=halved(batch.items.text), image=halved(batch.items.image)))
