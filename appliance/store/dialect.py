"""All that differs between SQLite and PostgreSQL stands here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from peewee import Database, DatabaseError, OperationalError, PostgresqlDatabase, SqliteDatabase

BUSY_TIMEOUT_S = 30
LEAST_ROOM_BYTES = 1 << 20
"""About forty messages with their journal; with less, what comes may not be kept whole."""


class StoreError(Exception):
    """The database cannot be used; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One of the two databases: how to open it and what its types are called."""

    name: str
    types: dict[str, str]
    path: Path | None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded default."""
        return self.name == "sqlite"

    def begin(self, database: Database, *, write: bool) -> Any:
        """A transaction; a writing one takes its lock at once, so that read-then-write cannot fail half-way."""
        if self.is_sqlite:
            return database.atomic("IMMEDIATE" if write else "DEFERRED")
        return database.atomic() if write else _consistent_view(database)

    @contextmanager
    def alone(self, database: Database) -> Iterator[None]:
        """Nobody else prepares the database meanwhile (SQLite's file has its own lock)."""
        if self.is_sqlite:
            yield
            return
        execute(database, "SELECT pg_advisory_lock(7305)")
        try:
            yield
        finally:
            if not database.is_closed():
                execute(database, "SELECT pg_advisory_unlock(7305)")

    def has_room(self) -> bool:
        """Whether the disk under an embedded database takes anything new (a database server looks after its own)."""
        if self.path is None:
            return True
        disk = os.statvfs(self.path.parent)
        return disk.f_bavail * disk.f_frsize >= LEAST_ROOM_BYTES

    def lock_clause(self) -> str | None:
        """What a SELECT adds to hold its row until commit (SQLite's BEGIN IMMEDIATE holds everything)."""
        return None if self.is_sqlite else "FOR UPDATE"

    def table_names(self, database: Database) -> set[str]:
        """Names of the tables that exist."""
        return set(database.get_tables())


@contextmanager
def _consistent_view(database: Database) -> Iterator[None]:
    """One snapshot for all statements of a reading transaction, as SQLite gives by nature."""
    with database.atomic():
        execute(database, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


_SQLITE_TYPES = {"id": "BLOB", "blob": "BLOB", "big": "INTEGER", "int": "INTEGER", "text": "TEXT"}
_POSTGRES_TYPES = {"id": "BYTEA", "blob": "BYTEA", "big": "BIGINT", "int": "INTEGER", "text": 'TEXT COLLATE "C"'}

PRAGMAS: dict[str, int | str] = {
    "page_size": 1024,  # before WAL and the first table; a quarter of the default's wear per small commit
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: NORMAL lost every acknowledged row in a power cut
    "foreign_keys": 1,
    "secure_delete": 1,
    "wal_autocheckpoint": 1000,
    "cache_size": -8000,
}


def connect(url: str) -> tuple[Database, Dialect]:
    """The database behind ``url`` (``sqlite:///path`` or ``postgresql://user@host:port/name``), not yet opened.

    Raises StoreError for any other address.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = Path(unquote(parts.path[1:] if parts.path.startswith("//") else parts.path))
        sqlite = SqliteDatabase(str(path), pragmas=PRAGMAS, timeout=BUSY_TIMEOUT_S)
        return sqlite, Dialect("sqlite", _SQLITE_TYPES, path)
    if parts.scheme in {"postgresql", "postgres"}:
        postgres = PostgresqlDatabase(
            parts.path.lstrip("/"),
            host=parts.hostname,
            port=parts.port or 5432,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or "") or None,
            connect_timeout=10,
        )
        return postgres, Dialect("postgresql", _POSTGRES_TYPES, None)
    raise StoreError(
        "The database address must begin with sqlite:/// or postgresql://. Correct store.url in the settings."
    )


def execute(database: Database, statement: str) -> Any:  # the cursor of a driver
    """Executes a statement that has no place in a query builder (schema, pragmas)."""
    return database.execute_sql(statement)  # type: ignore[no-untyped-call]  # peewee leaves this method untyped


DAMAGED = "The database file is damaged. Restore the last backup."


def check_sqlite(database: Database, *, deep: bool) -> None:
    """Refuses a file that would lose rows: synchronous must be FULL; ``deep`` reads every page (after an unclean stop).

    Raises StoreError.
    """
    if execute(database, "PRAGMA synchronous").fetchone()[0] != PRAGMAS["synchronous"]:
        raise StoreError(
            "The database does not write safely (synchronous is not FULL). Start again; if this stays, report it."
        )
    if deep and execute(database, "PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise StoreError(DAMAGED)


def explain(error: DatabaseError) -> StoreError:
    """What a database's error at opening means to the person who must act."""
    if isinstance(error, OperationalError):
        return StoreError(
            f"The database cannot be opened ({error}). Check that it runs, that the disk has room and the folder is ours."
        )
    return StoreError(DAMAGED)
