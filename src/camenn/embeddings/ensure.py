"""The store of a shop and encoder, encoding what is missing."""

from __future__ import annotations

from rich.console import Console

from camenn.embeddings.encode import encode_catalogue
from camenn.embeddings.image import image_encoder
from camenn.embeddings.store import Modality, ShopOfItems, TokenStore, open_store
from camenn.embeddings.text import text_encoder
from camenn.tables.shop import Shop


def ensure_stores(
    shop: Shop, *, text: str, image: str, console: Console
) -> tuple[TokenStore | None, TokenStore | None]:
    """The stores of both modalities; None of one that the shop has not, or no encoder is named for.

    Raises:
        EncoderError: an encoder is not there.
        StoreError: the vectors cannot be written.
    """
    return (
        ensure_store(shop, "text", text, console=console) if text and shop.catalogue.has_text else None,
        ensure_store(shop, "image", image, console=console) if image and shop.catalogue.has_images else None,
    )


def ensure_store(shop: ShopOfItems, modality: Modality, spec: str, *, console: Console | None = None) -> TokenStore:
    """Load the encoder, encode the items that changed, open the store.

    Raises:
        EncoderError: the encoder is not there.
        StoreError: the vectors cannot be written.
    """
    text = text_encoder(spec) if modality == "text" else None
    image = image_encoder(spec) if modality == "image" else None
    encoder = text if text is not None else image
    assert encoder is not None
    encoded = encode_catalogue(shop.catalogue, shop.folder, text=text, image=image, console=console)
    if console is not None:
        console.print(*map(str, encoded), sep="\n", markup=False, highlight=False)
    return open_store(shop, modality, encoder.digest)
