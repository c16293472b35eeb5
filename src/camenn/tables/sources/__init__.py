"""Importers: public data sets to ordinary shop folders."""

from collections.abc import Callable
from pathlib import Path

from camenn.errors import CamennError
from camenn.tables.sources.grocery_store import import_grocery_store
from camenn.tables.sources.hm_products import import_hm_products
from camenn.tables.sources.movielens_100k import import_movielens_100k
from camenn.tables.sources.open_bandit import import_open_bandit
from camenn.tables.sources.uci_online_retail import import_uci_online_retail

SOURCES: dict[str, Callable[[Path, Path], None]] = {
    "grocery-store": import_grocery_store,
    "hm-products": import_hm_products,
    "movielens-100k": import_movielens_100k,
    "open-bandit": import_open_bandit,
    "uci-online-retail": import_uci_online_retail,
}
"""By the name that `camenn import` takes; each reads a source folder and writes a new shop folder."""


def import_source(name: str, source: Path, target: Path) -> None:
    """Reads the data set in `source` and writes a shop folder, whole or not at all.

    Raises CamennError for a name that is not in SOURCES, a source that is not there, a target that holds anything.
    """
    if name not in SOURCES:
        raise CamennError(f"no data set is called {name!r}; there are {', '.join(SOURCES)}")
    SOURCES[name](source, target)
