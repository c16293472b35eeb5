"""Whether two shops are the same, whatever their folders and files are called."""

import hashlib

import polars as pl

from camenn.tables.shop import Shop
from camenn.tables.split import SplitConfig

_CHUNK = 1 << 22


def shop_identity(shop: Shop, split: SplitConfig) -> str:
    """Digest of who there is and what happened: the same for a copy, another once an item, user or event is.

    All that its division by `split` rests on is in it, so that what was trained on is never judged as unseen.
    """
    digest = hashlib.blake2b(shop.settings.time_zone.encode(), digest_size=8)
    for ids in (shop.catalogue.ids, shop.people.ids):
        for start in range(0, len(ids.values), _CHUNK):
            digest.update("\0".join(ids.values[start : start + _CHUNK].to_list()).encode())
        digest.update(b"\1")
    if split.item_column in shop.catalogue.table.collect_schema().names():
        digest.update("\0".join(shop.catalogue.column(split.item_column).cast(pl.String).fill_null("\2")).encode())
    if shop.events is not None:
        events = shop.events
        for column in (events.user_row, events.item_row, events.at, events.converted, events.request_offset):
            for start in range(0, len(column), _CHUNK):
                digest.update(column[start : start + _CHUNK].tobytes())
    return digest.hexdigest()
