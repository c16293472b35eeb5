"""Encoding a real shop's tables, from its files to the vectors of a row."""

from pathlib import Path

import numpy as np
import polars as pl

from camenn.embeddings.builtin_image import BuiltinImage
from camenn.embeddings.builtin_text import BuiltinText
from camenn.embeddings.encode import encode_catalogue
from camenn.embeddings.store import open_store
from camenn.tables.shop import open_shop
from toy import COLOURS, toy_items, write_toy_shop


def test_the_row_of_an_item_gives_the_tokens_of_its_text_and_picture(tmp_path: Path) -> None:
    shop = open_shop(write_toy_shop(tmp_path / "shop"))
    encode_catalogue(shop.catalogue, shop.folder, text=BuiltinText(), image=BuiltinImage())
    text = open_store(shop, "text", BuiltinText().digest)
    image = open_store(shop, "image", BuiltinImage().digest)
    assert len(text) == len(image) == shop.catalogue.num_items == 40
    rows = shop.catalogue.ids.encode(pl.Series(["i5", "i0"]))
    vectors, lengths = text.gather(rows)
    items = toy_items(40)
    written = [f"{items['name'][i]}. {items['description'][i]}" for i in (5, 0)]
    expected = BuiltinText().encode(written)
    assert lengths.tolist() == [len(tokens) for tokens in expected]
    assert (vectors == np.concatenate(expected).astype(np.float16)).all()
    assert image.gather(rows)[1].tolist() == [9, 9]


def test_pictures_of_one_colour_are_nearest_one_another(tmp_path: Path) -> None:
    shop = open_shop(write_toy_shop(tmp_path / "shop"))
    encode_catalogue(shop.catalogue, shop.folder, image=BuiltinImage())
    vectors, _ = open_store(shop, "image", BuiltinImage().digest).gather(np.arange(2, 42))
    pooled = vectors.reshape(40, 9, 128).astype(np.float32).mean(1)
    distance = np.linalg.norm(pooled[:, None] - pooled, axis=2)
    np.fill_diagonal(distance, np.inf)
    colour = np.arange(40) % len(COLOURS)
    assert (colour[distance.argmin(1)] == colour).all()


def test_an_item_added_later_is_all_that_is_encoded(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop")
    before = open_shop(folder)
    encode_catalogue(before.catalogue, folder, text=BuiltinText(), image=BuiltinImage())
    toy_items(41).write_parquet(folder / "items.parquet")
    after = open_shop(folder)
    done = encode_catalogue(after.catalogue, folder, text=BuiltinText(), image=BuiltinImage())
    assert [one.num_encoded for one in done] == [0, 1]  # its text is another item's, its picture is new
    assert len(open_store(after, "image", BuiltinImage().digest)) == 41
