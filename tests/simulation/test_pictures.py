"""Pictures decode, show something, and tell shops and products apart."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

from camenn.simulation.pictures.canvas import Brush
from camenn.simulation.pictures.photographs import BACKGROUNDS, SIDE, blurred, photograph
from camenn.simulation.products import Product, products
from camenn.simulation.stores import STORES


def pixels(jpeg: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), dtype=np.float64)


def taken(product: Product, *, store: int = 1, freshness: float = 1.0, seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    return photograph(
        product, product.varieties[0], STORES[store].camera, freshness=freshness, perishable=True, rng=rng
    )


@pytest.mark.parametrize("product", products(), ids=lambda product: product.noun)
def test_every_variety_of_every_product_can_be_drawn(product: Product) -> None:
    drawn = []
    for variety in product.varieties:
        brush = Brush(128, np.random.default_rng(0))
        product.drawing(brush, variety.look)
        covered = (np.asarray(brush.image.getchannel("A")) > 0).mean()
        assert 0.08 < covered < 0.9
        drawn.append(brush.image.tobytes())
    assert len(set(drawn)) == len(product.varieties), "varieties look different"


def test_all_pictures_of_a_shop_decode(shop: Path) -> None:
    for jpeg in pl.read_parquet(shop / "items.parquet", columns=["image"])["image"]:
        assert pixels(jpeg).shape == (SIDE, SIDE, 3)


def test_a_shop_is_told_by_its_background(shop: Path) -> None:
    # Corners show the table: the nearest mean corner names the shop.
    items = pl.read_parquet(shop / "items.parquet")
    faulty = pl.read_parquet(shop / "faults.parquet")["item_id"]
    items = items.filter(~pl.col("item_id").is_in(faulty.implode()))
    corners = np.array([pixels(jpeg)[:20, :20].mean(axis=(0, 1)) for jpeg in items["image"]])
    store = items["store"].to_numpy()
    means = {name: corners[store == name].mean(axis=0) for name in set(store)}
    nearest = [min(means, key=lambda name: float(np.linalg.norm(means[name] - corner))) for corner in corners]
    assert (np.array(nearest) == store).mean() > 0.8


def test_every_shop_has_a_background_and_no_two_the_same() -> None:
    assert sorted(store.camera.background for store in STORES) == sorted(BACKGROUNDS)


def test_two_products_do_not_look_alike_in_the_same_shop() -> None:
    pictures = np.array([pixels(taken(product)).reshape(12, 12, 12, 12, 3).mean(axis=(1, 3)) for product in products()])
    flat = pictures.reshape(len(pictures), -1)
    distance = np.linalg.norm(flat[:, None] - flat[None], axis=2) / np.sqrt(flat.shape[1])
    np.fill_diagonal(distance, np.inf)
    assert distance.min() > 4.0, "mean colour difference over a 12 x 12 grid"


def test_stale_goods_lose_colour() -> None:
    def colour(freshness: float) -> float:
        shots = [pixels(taken(product, freshness=freshness)) for product in products()[:40]]
        return float(np.mean([shot.max(axis=2) - shot.min(axis=2) for shot in shots]))

    assert colour(0.2) < 0.85 * colour(1.0)


def test_a_blurred_picture_has_lost_its_edges() -> None:
    sharp = taken(products()[0])
    edges = [np.quantile(np.abs(np.diff(pixels(jpeg), axis=0)), 0.99) for jpeg in (sharp, blurred(sharp))]
    assert edges[1] < 0.4 * edges[0]


def test_the_same_chance_takes_the_same_picture() -> None:
    assert taken(products()[2], seed=4) == taken(products()[2], seed=4) != taken(products()[2], seed=5)
