"""What a shop's encoders made so far, given to a copy of the shop."""

import shutil
from pathlib import Path

from camenn.embeddings.shards import JOURNAL, VECTORS, write_whole
from camenn.embeddings.store import STORES
from camenn.errors import StoreError


def carry_stores(shop_folder: Path, copy_folder: Path) -> None:
    """Copy the vectors of all stores to a copied shop that has none: encoding it then does what changed alone.

    They arrive unpublished, since published ones are taken for a shop's by its items' ids, which the copy has as well.
    Copied, not linked: both files grow where they lie. A process that encodes into the shop meanwhile is not waited
    for; the journal is read first and written last, so that each shard it names is there.
    Raises StoreError when they cannot be written; the copied shop is whole without.
    """
    for journal in sorted((shop_folder / STORES).glob(f"*/{JOURNAL}")):
        target = copy_folder / STORES / journal.parent.name
        try:
            target.mkdir(parents=True)
            finished = journal.read_bytes()
            shutil.copyfile(journal.with_name(VECTORS), target / VECTORS)
            write_whole(target / JOURNAL, finished)
        except (OSError, StoreError) as error:
            shutil.rmtree(target, ignore_errors=True)
            raise StoreError(
                f"{copy_folder} is whole, but the vectors of {shop_folder} could not be copied to it ({error}); "
                "make room, then run `camenn encode` on it"
            ) from error
