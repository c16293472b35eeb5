"""Whether two shops are the same, whatever their folders and files are called."""

import hashlib

from camenn.tables.shop import Shop

_CHUNK = 1 << 22


def shop_identity(shop: Shop) -> str:
    """Digest of who there is and what happened: the same for a copy, another once an item, user or event is."""
    digest = hashlib.blake2b(digest_size=8)
    for ids in (shop.catalogue.ids, shop.people.ids):
        for start in range(0, len(ids.values), _CHUNK):
            digest.update("\0".join(ids.values[start : start + _CHUNK].to_list()).encode())
        digest.update(b"\1")
    if shop.events is not None:
        for column in (shop.events.user_row, shop.events.item_row, shop.events.at, shop.events.converted):
            for start in range(0, len(column), _CHUNK):
                digest.update(column[start : start + _CHUNK].tobytes())
    return digest.hexdigest()
