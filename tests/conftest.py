"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from camenn.bundle import Bundle
    from camenn.tables.shop import Shop

torch.set_num_threads(1)  # tests run side by side


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and weights that `CAMENN_SHARED` names; ../shared of the repository by default."""
    folder = Path(os.environ.get("CAMENN_SHARED", Path(__file__).parents[1] / ".." / "shared")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set CAMENN_SHARED to the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the toy shop in `shop` and a run on it in `run`, trained once; not to be changed."""
    from toy_run import train_toy  # the tests that train nothing do not wait for it

    return train_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def bundle(toy: Path) -> Bundle:
    """What the run on the toy shop learned."""
    from camenn.bundle import Bundle

    return Bundle.from_pretrained(toy / "run")


@pytest.fixture(scope="module")
def shop(toy: Path) -> Shop:
    """The toy shop, open."""
    from camenn.tables.shop import open_shop

    return open_shop(toy / "shop")
