import pytest
import torch
from torch import nn

from camenn.layers.transformer import FEW_KEYS, Memory, TransformerBlock, attention, pack_rows

WIDTH, HEADS = 16, 4


@pytest.fixture
def block() -> TransformerBlock:
    torch.manual_seed(0)
    return TransformerBlock(WIDTH, heads=HEADS).eval()


def random_rows(rows: int, length: int, *, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(rows, length, generator=generator) > 0.3
    mask[:, 0] = True
    return torch.randn(rows, length, WIDTH, generator=generator), mask


def test_block_agrees_with_the_encoder_layer_of_torch(block: TransformerBlock) -> None:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, dropout=0.0, batch_first=True).eval()
    names = {
        "self_attn.in_proj_weight": block.query_key_value.weight,
        "self_attn.in_proj_bias": block.query_key_value.bias,
        "self_attn.out_proj.weight": block.attention_output.weight,
        "self_attn.out_proj.bias": block.attention_output.bias,
        "linear1.weight": block.expand.weight,
        "linear1.bias": block.expand.bias,
        "linear2.weight": block.contract.weight,
        "linear2.bias": block.contract.bias,
        "norm1.weight": block.attention_norm.weight,
        "norm1.bias": block.attention_norm.bias,
        "norm2.weight": block.feed_forward_norm.weight,
        "norm2.bias": block.feed_forward_norm.bias,
    }
    layer.load_state_dict({name: value.detach() for name, value in names.items()})
    x, mask = random_rows(5, 7)
    expected = layer.self_attn(x, x, x, key_padding_mask=~mask, need_weights=False)[0]
    expected = layer.norm1(x + expected)
    expected = layer.norm2(expected + layer.linear2(torch.relu(layer.linear1(expected))))
    assert torch.allclose(block(x, mask)[mask], expected[mask], atol=1e-6)


def test_masked_tokens_are_never_read(block: TransformerBlock) -> None:
    x, mask = random_rows(5, 7)
    other = torch.where(mask[..., None], x, 100.0 * torch.randn_like(x))
    assert torch.equal(block(x, mask)[mask], block(other, mask)[mask])


@pytest.mark.parametrize("rows_a_request", [1, 2, 3, 7])
@pytest.mark.parametrize("memory_length", [3, 20, 90])
def test_memory_is_read_like_tokens_of_the_row(
    block: TransformerBlock, rows_a_request: int, memory_length: int
) -> None:
    request = torch.arange(4).repeat_interleave(rows_a_request)[:-1]
    x, mask = random_rows(len(request), 5)
    remembered, remembered_mask = random_rows(4, memory_length, seed=2)
    together = torch.cat([x, remembered[request]], dim=1)
    expected = block(together, torch.cat([mask, remembered_mask[request]], dim=1))[:, :5]
    got = block(x, mask, memory=Memory(remembered, remembered_mask, request))
    assert torch.allclose(got[mask], expected[mask], atol=1e-5)


def test_asking_for_the_first_tokens_alone_changes_nothing_of_them(block: TransformerBlock) -> None:
    x, mask = random_rows(5, 7)
    assert torch.allclose(block(x, mask, num_outputs=2), block(x, mask)[:, :2], atol=1e-6)
    memory = Memory(*random_rows(2, 30, seed=2), torch.tensor([0, 0, 0, 1, 1]))
    expected = block(x, mask, memory=memory)[:, :1]
    assert torch.allclose(block(x, mask, memory=memory, num_outputs=1), expected, atol=1e-6)


def test_rows_of_a_line_are_of_one_request_and_in_order() -> None:
    lines, request = pack_rows(torch.tensor([0, 0, 0, 2, 2, 5]), 2)
    assert lines.tolist() == [[0, 1], [2, -1], [3, 4], [5, -1]]
    assert request.tolist() == [0, 0, 2, 5]


def test_a_width_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="does not divide into 5 heads"):
        TransformerBlock(16, heads=5)


def heads_of(num_keys: int, *, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    """Queries, keys and values of two heads of three rows, and their mask."""
    generator = torch.Generator().manual_seed(3)
    query, key, value = (
        torch.randn(3, 2, length, 4, generator=generator, dtype=dtype, requires_grad=True)
        for length in (5, num_keys, num_keys)
    )
    mask = torch.rand(3, 1, 1, num_keys, generator=generator) > 0.3
    mask[..., 0] = True
    return query, key, value, mask


@pytest.mark.parametrize("num_keys", [1, 7, FEW_KEYS, FEW_KEYS + 1])
def test_attention_is_its_formula_with_few_keys_and_with_many(num_keys: int) -> None:
    query, key, value, mask = heads_of(num_keys)
    scores = query @ key.transpose(-1, -2) / key.shape[-1] ** 0.5
    expected = torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1) @ value
    torch.testing.assert_close(attention(query, key, value, mask), expected)


def test_gradients_of_attention_are_those_of_its_formula() -> None:
    query, key, value, mask = heads_of(7)
    assert torch.autograd.gradcheck(lambda *given: attention(*given, mask), (query, key, value))


@pytest.mark.parametrize("num_keys", [7, FEW_KEYS + 1])
def test_attention_in_half_precision_is_close_and_stays_there(num_keys: int) -> None:
    query, key, value, mask = heads_of(num_keys, dtype=torch.float32)
    exact = attention(query, key, value, mask)
    with torch.autocast("cpu", torch.bfloat16):
        low = attention(query.bfloat16(), key.bfloat16(), value.bfloat16(), mask)
    assert low.dtype is torch.bfloat16
    torch.testing.assert_close(low.float(), exact, rtol=0.05, atol=0.03)


def test_the_feed_forward_is_as_many_times_as_wide_as_asked() -> None:
    assert TransformerBlock(WIDTH, heads=HEADS, feed_forward=3).expand.out_features == 3 * WIDTH
