"""What the tests of rectify share."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits

from postgresql_server import postgresql, postgresql_server

__all__ = ["postgresql", "postgresql_server"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Many small regressions: where tests run side by side, threads wait for one another most of the time."""
    with threadpool_limits(1):
        yield
