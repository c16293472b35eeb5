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


def contrast_of_own(aligned: Aligned, group: list[int]) -> torch.Tensor:
    """The contrast of a batch of every item's own text and picture."""
    items = torch.arange(1, len(group))
    return contrast(aligned, torch.tensor(group), text=items, image=items, fits=torch.ones(len(items), dtype=bool))


def test_contrast_agrees_with_a_loop() -> None:
    group = [0, 14, 11, 13, 12]
    got = contrast_of_own(space(4), group)
    assert float(got) == pytest.approx(by_hand(space(4), group, [1, 2, 3, 4]), rel=1e-9)


def test_items_of_one_text_are_one_choice_for_a_picture_and_all_right_for_the_text() -> None:
    aligned, group = space(5, same_text=((1, 4), (1, 5))), [0, 8, 3, 9, 8, 8]
    got = contrast_of_own(aligned, group)
    assert float(got) == pytest.approx(by_hand(aligned, group, [1, 2, 3, 4, 5]), rel=1e-9)
    assert float(got) != pytest.approx(by_hand(aligned, [0, 8, 3, 9, 7, 6], [1, 2, 3, 4, 5]), rel=1e-3)


def test_a_picture_whose_own_text_is_wrong_chooses_the_text_of_the_pair_that_fits() -> None:
    """Item 3 shows what item 1 says: its text is a choice of all pictures, and chooses none itself."""
    aligned, group = space(4), [0, 14, 11, 13, 12]
    text, image = torch.tensor([1, 2, 1, 4, 3, 2]), torch.tensor([1, 2, 3, 4, 3, 4])
    fits = torch.tensor([True, True, True, True, False, False])
    got = contrast(aligned, torch.tensor(group), text=text, image=image, fits=fits)
    texts, pictures = aligned.text.numpy(), aligned.image.numpy()
    own = {1: 1, 2: 2, 3: 1, 4: 4}
    to_text = [surprise([SCALE * pictures[i] @ texts[t] for t in (1, 2, 3, 4)], own[i] - 1) for i in (1, 2, 3, 4)]
    scores = {t: [SCALE * texts[t] @ pictures[i] for i in (1, 2, 3, 4)] for t in (1, 2, 4)}
    to_image = [
        np.mean([surprise(scores[1], 0), surprise(scores[1], 2)]),
        surprise(scores[2], 1),
        surprise(scores[4], 3),
    ]
    expected = IMAGE_TO_TEXT_SHARE * np.mean(to_text) + (1 - IMAGE_TO_TEXT_SHARE) * np.mean(to_image)
    assert float(got) == pytest.approx(float(expected), rel=1e-9)


def test_pairs_of_which_none_fits_teach_nothing() -> None:
    items = torch.tensor([1, 2])
    wrong = torch.zeros(2, dtype=bool)
    assert float(contrast(space(2), torch.arange(3), text=items, image=items, fits=wrong)) == 0.0


def test_an_item_without_text_or_without_picture_never_counts() -> None:
    aligned, group = space(5), [0, 1, 2, 3, 4, 5]
    aligned.text[2], aligned.image[4] = 0.0, 0.0
    assert float(contrast_of_own(aligned, group)) == pytest.approx(by_hand(aligned, group, [1, 3, 5]), rel=1e-9)


@pytest.mark.parametrize("num_items", [0, 1, 3])
def test_one_text_leaves_nothing_to_tell_apart(num_items: int) -> None:
    aligned = space(num_items)
    text = aligned.text.clone().requires_grad_()
    loss = contrast_of_own(replace(aligned, text=text), [0] + [7] * num_items)
    assert loss.item() == 0.0
    loss.backward()
    assert text.grad is not None
    assert (text.grad == 0).all()
