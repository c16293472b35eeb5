"""The contrast of the aligned space against its formula, written out as a loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from camenn.layers.aligned_space import Aligned
from camenn.objectives.alignment import IMAGE_TO_TEXT_SHARE, contrast

SCALE = 7.0


def space(num_items: int, *, same_text: tuple[tuple[int, int], ...] = ()) -> Aligned:
    """Random unit vectors behind the padding item; the second of each pair has the text of the first."""
    generator = torch.Generator().manual_seed(0)
    text, image = (
        torch.nn.functional.normalize(torch.randn(num_items + 1, 5, generator=generator, dtype=torch.float64), dim=-1)
        for _ in range(2)
    )
    for first, second in same_text:
        text[second] = text[first]
    text[0], image[0] = 0.0, 0.0
    return Aligned(text, image, torch.tensor(SCALE, dtype=torch.float64), torch.zeros(()), torch.zeros(()))


def surprise(scores: list[float], chosen: int) -> float:
    """-log of the softmax at one place."""
    return float(np.log(np.sum(np.exp(scores))) - scores[chosen])


def by_hand(aligned: Aligned, group: list[int], items: list[int]) -> float:
    """The contrast of these items, one picture and one text after another."""
    text, image = aligned.text.numpy(), aligned.image.numpy()
    groups = sorted({group[item] for item in items})
    text_of = [next(text[item] for item in items if group[item] == one) for one in groups]
    to_text = [surprise([SCALE * image[item] @ one for one in text_of], groups.index(group[item])) for item in items]
    to_image = []
    for number, one in enumerate(groups):
        scores = [SCALE * text_of[number] @ image[item] for item in items]
        own = [place for place, item in enumerate(items) if group[item] == one]
        to_image.append(np.mean([surprise(scores, place) for place in own]))
    return float(IMAGE_TO_TEXT_SHARE * np.mean(to_text) + (1 - IMAGE_TO_TEXT_SHARE) * np.mean(to_image))


def test_contrast_agrees_with_a_loop() -> None:
    group = [0, 14, 11, 13, 12]
    got = contrast(space(4), torch.tensor(group))
    assert float(got) == pytest.approx(by_hand(space(4), group, [1, 2, 3, 4]), rel=1e-9)


def test_items_of_one_text_are_one_choice_for_a_picture_and_all_right_for_the_text() -> None:
    aligned, group = space(5, same_text=((1, 4), (1, 5))), [0, 8, 3, 9, 8, 8]
    got = contrast(aligned, torch.tensor(group))
    assert float(got) == pytest.approx(by_hand(aligned, group, [1, 2, 3, 4, 5]), rel=1e-9)
    assert float(got) != pytest.approx(by_hand(aligned, [0, 8, 3, 9, 7, 6], [1, 2, 3, 4, 5]), rel=1e-3)


@pytest.mark.parametrize("padding_group", [0, 3, 99])
def test_the_padding_item_never_counts(padding_group: int) -> None:
    aligned, group = space(4), [padding_group, 3, 5, 3, 6]
    bare = replace(aligned, text=aligned.text[1:], image=aligned.image[1:])
    assert contrast(aligned, torch.tensor(group)).equal(contrast(bare, torch.tensor(group[1:])))


def test_an_item_without_text_or_without_picture_never_counts() -> None:
    aligned, group = space(5), [0, 1, 2, 3, 4, 5]
    aligned.text[2], aligned.image[4] = 0.0, 0.0
    assert float(contrast(aligned, torch.tensor(group))) == pytest.approx(by_hand(aligned, group, [1, 3, 5]), rel=1e-9)


@pytest.mark.parametrize("num_items", [0, 1, 3])
def test_one_text_leaves_nothing_to_tell_apart(num_items: int) -> None:
    aligned = space(num_items)
    text = aligned.text.clone().requires_grad_()
    loss = contrast(replace(aligned, text=text), torch.tensor([0] + [7] * num_items))
    assert loss.item() == 0.0
    loss.backward()
    assert text.grad is not None
    assert (text.grad == 0).all()
