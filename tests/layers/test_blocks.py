"""LSTM blocks against an LSTM run over each row's own tokens."""

import torch

from camenn.layers.blocks import FORGET_BIAS, LstmBlock

WIDTH = 6


def test_each_row_is_read_from_its_last_token_to_its_first_and_nothing_else_is() -> None:
    torch.manual_seed(0)
    block = LstmBlock(WIDTH, dropout=0.0)
    x, mask = torch.randn(5, 9, WIDTH), torch.rand(5, 9) < 0.5
    mask[:, 0] = True
    mask[1] = True
    mask[2, 1:] = False
    out = block(x, mask)
    for row, real in zip(range(len(x)), mask, strict=True):
        alone, _ = block.lstm(x[row, real].flip(0)[None])
        assert torch.allclose(out[row, real], alone[0].flip(0), atol=1e-6)
        assert not out[row, ~real].any()
    elsewhere = torch.where(mask[..., None], x, torch.randn_like(x))
    assert torch.equal(block(elsewhere, mask), out)


def test_forget_gates_begin_open() -> None:
    lstm = LstmBlock(WIDTH, dropout=0.0).lstm
    forget = slice(WIDTH, 2 * WIDTH)
    assert (lstm.bias_ih_l0[forget] + lstm.bias_hh_l0[forget] == FORGET_BIAS).all()
    assert not (lstm.bias_ih_l0[:WIDTH] == FORGET_BIAS).any()


def test_no_rows_give_none() -> None:
    x = torch.zeros(0, 4, WIDTH)
    assert LstmBlock(WIDTH, dropout=0.0)(x, x[..., 0] > 0).shape == x.shape
