"""The tables in which decisions lie, and how SQLite and PostgreSQL are opened for them."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from camenn.errors import CamennError

_WAIT_MS = 10_000

METADATA = MetaData()
_ID = BigInteger().with_variant(Integer(), "sqlite")
META = Table("meta", METADATA, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
DECISIONS = Table(
    "decisions",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("columns", JSON, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("taken_from", Text),
    Column("batch", Text),
    Column("model", Text, nullable=False),
    Column("items", Text, nullable=False),
    Column("undoes", _ID, ForeignKey("decisions.id"), unique=True),
    # Whatever the servers do, of two decisions made on the same state of a finding one cannot be written.
    UniqueConstraint("item_id", "kind", "revision"),
    sqlite_autoincrement=True,
)


def open_engine(url: str) -> Engine:
    """A database to keep decisions in. Raises CamennError for an address that is none, or of another database."""
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
            raise CamennError(f"--ledger {parsed.drivername}: a ledger lies in sqlite or postgresql")
        engine = create_engine(parsed, pool_pre_ping=True)  # a database may be started again under a desk
    except ArgumentError as error:
        raise CamennError("--ledger is no address of a database; write sqlite:///FILE or postgresql://…") from error
    except ModuleNotFoundError as error:
        raise CamennError(f"a ledger in PostgreSQL needs {error.name}: pip install 'psycopg[binary]'") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for setting in (f"busy_timeout = {_WAIT_MS}", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads before it writes must hold the lock from the start, or it reads what is old.
    writes = connection.get_execution_options().get("camenn_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
