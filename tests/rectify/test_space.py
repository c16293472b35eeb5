"""The space: what a picture is judged by has not seen the picture's own pair."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from camenn.layers.aligned_space import AlignedSpace
from camenn.rectify.space import CrossFittedSpace, LearnedSpace
from vector_shop import vector_shop


def test_a_pair_says_nothing_about_where_its_own_fold_lies() -> None:
    held = vector_shop(each=4).listings
    fold = np.flatnonzero(held.fold == 2)
    swapped = held.text.copy()
    swapped[fold] = held.text[np.roll(fold, 1)]
    before = CrossFittedSpace(held.text, held.picture, held.fold)
    after = CrossFittedSpace(swapped, held.picture, held.fold)

    def told(space: CrossFittedSpace, index: np.ndarray) -> np.ndarray:  # whatever way the axes point
        return space.pictures(held.picture[index], held.fold[index]) @ space.texts(held.text).T

    np.testing.assert_allclose(told(after, fold), told(before, fold), atol=1e-4)
    others = np.flatnonzero(held.fold != 2)
    assert np.abs(told(after, others) - told(before, others)).max() > 0.05


def test_texts_and_pictures_have_length_one_and_own_pairs_lie_near() -> None:
    held = vector_shop().listings
    space = CrossFittedSpace(held.text, held.picture, held.fold)
    texts, pictures = space.texts(held.text), space.pictures(held.picture, held.fold)
    assert texts.shape == pictures.shape == (len(held), space.width)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(pictures, axis=1), 1, atol=1e-5)
    own = (texts * pictures).sum(axis=1)
    other = (texts * np.roll(pictures, 1, axis=0)).sum(axis=1)
    assert own.mean() > other.mean() + 0.4


def test_no_direction_counts_for_its_scale() -> None:
    held = vector_shop(each=4).listings
    stretched = held.picture * np.where(np.arange(held.picture.shape[1]) == 0, 100, 1).astype(np.float32)
    plain = CrossFittedSpace(held.text, held.picture, held.fold)
    other = CrossFittedSpace(held.text, stretched, held.fold)
    texts = plain.texts(held.text)
    told = plain.pictures(held.picture, held.fold) @ texts.T
    np.testing.assert_allclose(other.pictures(stretched, held.fold) @ other.texts(held.text).T, told, atol=0.02)


@pytest.mark.parametrize("num", [1, 2, 4])
def test_fewer_items_than_folds_have_a_space_too(num: int) -> None:
    held = vector_shop(each=1).listings.take(np.arange(num))
    held = replace(held, fold=np.arange(num))
    space = CrossFittedSpace(held.text, held.picture, held.fold)
    for placed in (space.texts(held.text), space.pictures(held.picture, held.fold)):
        assert placed.shape == (num, space.width)
        assert np.isfinite(placed).all()


def test_items_that_are_all_alike_have_a_space_too() -> None:
    text, picture = np.ones((10, 6), np.float32), np.ones((10, 8), np.float32)
    space = CrossFittedSpace(text, picture, np.arange(10) % 5)
    assert np.isfinite(space.texts(text)).all()
    assert np.isfinite(space.pictures(picture, np.arange(10) % 5)).all()


def test_pictures_without_any_text_are_compared_with_one_another() -> None:
    shop = vector_shop()
    space = CrossFittedSpace(np.zeros_like(shop.listings.text), shop.listings.picture, shop.listings.fold)
    pictures = space.pictures(shop.listings.picture, shop.listings.fold)
    assert pictures.shape == (len(pictures), space.width)
    told = pictures @ pictures.T
    same = shop.product[:, None] == shop.product
    assert told[same].mean() > told[~same].mean() + 0.3


def test_a_models_space_gives_what_its_layer_does() -> None:
    torch.manual_seed(0)
    layer = AlignedSpace(6, 8, 4, dropout=0.0, token_dropout=0.0).eval()
    space = LearnedSpace(layer)
    rng = np.random.default_rng(0)
    text, picture = rng.normal(size=(5, 6)).astype(np.float16), rng.normal(size=(5, 8)).astype(np.float16)
    texts, pictures = space.texts(text), space.pictures(picture, np.zeros(5, np.int64))
    assert space.width == texts.shape[1] == pictures.shape[1] == 4
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    with torch.inference_mode():
        expected = layer.image.project(torch.from_numpy(picture).float()).numpy()
    np.testing.assert_allclose(pictures, expected, atol=1e-6)
