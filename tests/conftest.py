"""What all tests share."""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # tests run side by side


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and weights that `CAMENN_SHARED` names; ../shared of the repository by default."""
    folder = Path(os.environ.get("CAMENN_SHARED", Path(__file__).parents[1] / ".." / "shared")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set CAMENN_SHARED to the folder that holds it")
    return folder
