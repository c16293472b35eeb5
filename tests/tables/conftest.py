"""Small shops written to a temporary folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

MakeShop = Callable[..., Path]

ITEMS = {"item_id": ["a", "b", "c"], "name": ["Pear", "Plum", None], "price": [1.5, None, 3.0]}
EVENTS = {
    "user_id": ["u", "u", "v"],
    "item_id": ["a", "b", "a"],
    "at": ["2024-05-01 10:00", "2024-05-01 11:00", "2024-05-02 09:30:15"],
    "converted": [1, 0, 1],
}


@pytest.fixture
def make_shop(tmp_path: Path) -> MakeShop:
    """Writes `make_shop(items=..., events=..., settings=..., files={"items-2.csv": "..."})` and returns the folder.

    A table is a mapping of columns or a frame; without `items` the three of ITEMS are written.
    """

    def make(*, files: dict[str, str | bytes] | None = None, settings: str = "", **tables: Any) -> Path:
        folder = tmp_path / "shop"
        folder.mkdir()
        for name, table in ({"items": ITEMS} | tables).items():
            if table is not None:
                pl.DataFrame(table).write_parquet(folder / f"{name}.parquet")
        if settings:
            (folder / "shop.toml").write_text(settings, encoding="utf-8")
        for name, content in (files or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return make


@pytest.fixture
def events() -> dict[str, list[Any]]:
    """Three good events, to be changed at will."""
    return {name: list(values) for name, values in EVENTS.items()}
