"""One small shop for all the tests, and the same shop without faults."""

from pathlib import Path

import pytest

from camenn.simulation import simulate_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "shop"
    simulate_shop(folder, items=150, users=120, requests=4000, seed=3)
    return folder


@pytest.fixture(scope="session")
def honest_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest") / "shop"
    simulate_shop(folder, items=150, users=120, requests=10, seed=3, fault_rate=0.0)
    return folder
