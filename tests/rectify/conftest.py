"""What the tests of the ledger share."""

from postgresql_server import postgresql, postgresql_server

__all__ = ["postgresql", "postgresql_server"]
