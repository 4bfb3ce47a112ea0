"""Opening a store, and its transactions: the one door through which everything is written."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from peewee import Database, DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError, Query

from appliance.domain.ids import INCARNATION_BITS, Incarnation, make_id
from appliance.domain.records import Moment
from appliance.runtime.bell import Bell
from appliance.runtime.clock import Clock
from appliance.store import tables as t
from appliance.store.dialect import Dialect, StoreError, check_sqlite, connect, execute, explain
from appliance.store.migrations import LATEST, STEPS

log = logging.getLogger(__name__)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """This node as its store knows it."""

    name: str
    kind: str
    incarnation: Incarnation


class UnstorableError(ValueError):
    """Another node's record holds a value the database refuses."""


class Tx:
    """One transaction. Reading methods take peewee queries and give plain dicts."""

    def __init__(
        self, database: Database, dialect: Dialect, now: Moment, *, write: bool, entropy: Callable[[int], bytes]
    ) -> None:
        self.database = database
        self.dialect = dialect
        self.now = now
        self.entropy = entropy
        self._write = write
        self._dirty = False
        self._node: Row = self.one(self._locked(t.Node.select().where(t.Node.id == 1))) or {}
        self._counter: int = self._node.get("counter", 0)
        self._hlc: int = self._node.get("hlc", 0)

    @property
    def node(self) -> NodeInfo:
        """This node."""
        return NodeInfo(self._node["name"], self._node["kind"], Incarnation(self._node["incarnation"]))

    def _locked(self, query: Any) -> Any:
        clause = self.dialect.lock_clause()
        return query.for_update(clause) if self._write and clause else query

    def all(self, query: Any) -> list[Row]:
        """All rows of a SELECT."""
        return list(query.dicts().execute(self.database))

    def one(self, query: Any) -> Row | None:
        """The first row of a SELECT, or None."""
        rows = self.all(query.limit(1))
        return rows[0] if rows else None

    def value(self, query: Any) -> Any:
        """The first column of the first row, or None."""
        rows = list(query.tuples().limit(1).execute(self.database))
        return rows[0][0] if rows else None

    def lock(self, query: Any) -> Row | None:
        """The first row, held until commit."""
        return self.one(self._locked(query))

    def run(self, query: Query) -> int:
        """Executes an INSERT, UPDATE or DELETE; the number of rows an UPDATE or DELETE touched."""
        result = query.execute(self.database)
        return result if isinstance(result, int) else 0

    def insert(self, table: type[t.Table], **values: Any) -> None:
        """Adds one row."""
        table.insert(**values).execute(self.database)

    def upsert(self, table: type[t.Table], keys: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Adds the row or, where ``keys`` exist, sets its ``values``."""
        query = table.insert({**keys, **values})
        columns = [getattr(table, name) for name in keys]
        if values:
            query = query.on_conflict(conflict_target=columns, update=dict(values))
        else:
            query = (
                query.on_conflict(conflict_target=columns, action="IGNORE")
                if self.dialect.is_sqlite
                else query.on_conflict_ignore()
            )
        query.execute(self.database)

    def counter(self) -> int:
        """The next number of the store's one counter; commits in its order."""
        self._dirty = True
        self._counter += 1
        return self._counter

    def new_id(self) -> UUID:
        """A new record id."""
        return make_id(Incarnation(self._node["incarnation"]), self.counter())

    def stamp(self) -> int:
        """A hybrid logical time: milliseconds and a 16-bit counter, never going back."""
        self._dirty = True
        self._hlc = max(self._hlc + 1, self.now.ms << 16)
        return self._hlc

    def saw(self, hlc: int) -> None:
        """Takes note of another node's hybrid time, unless it runs more than five minutes ahead."""
        if self._hlc < hlc <= (self.now.ms + 300_000) << 16:
            self._dirty = True
            self._hlc = hlc

    def event(self, topic: str, subject: object, conversation: UUID | None = None) -> None:
        """Tells the change feed."""
        self.insert(t.Events, seq=self.counter(), topic=topic, subject=str(subject), conversation=conversation)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undoes what stands inside it when it raises, and nothing else; a value no column takes is an UnstorableError."""
        try:
            with self.database.savepoint():
                yield
        except (DataError, IntegrityError) as error:
            raise UnstorableError(type(error).__name__) from error  # its text may quote the record

    def finish(self) -> None:
        """Writes what the transaction kept in memory; called once, just before commit."""
        if self._dirty:
            self.run(t.Node.update(counter=self._counter, hlc=self._hlc).where(t.Node.id == 1))


class Store:
    """One node's database, open. Threads may share it; each has its own connection."""

    def __init__(
        self,
        database: Database,
        dialect: Dialect,
        *,
        clock: Clock,
        bell: Bell | None,
        entropy: Callable[[int], bytes],
        lock: IO[bytes] | None,
    ) -> None:
        self.database = database
        self.dialect = dialect
        self.clock = clock
        self._bell = bell
        self._entropy = entropy
        self._lock = lock
        self._closing = threading.Lock()
        self._node: NodeInfo | None = None

    @property
    def node(self) -> NodeInfo:
        """This node."""
        if self._node is None:
            with self.read() as tx:
                self._node = tx.node
        return self._node

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A writing transaction: everything in it is committed together, then the bell rings."""
        with self._transaction(write=True):
            tx = Tx(self.database, self.dialect, self.clock.now(), write=True, entropy=self._entropy)
            yield tx
            tx.finish()
        if self._bell is not None:
            self._bell.ring()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A reading transaction: one consistent view."""
        with self._transaction(write=False):
            yield Tx(self.database, self.dialect, self.clock.now(), write=False, entropy=self._entropy)

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[None]:
        """One transaction; a connection its server closed is given up, so that the next one opens another."""
        try:
            with self.dialect.begin(self.database, write=write):
                yield
        except (InterfaceError, OperationalError):
            if not self.dialect.is_sqlite and not self.database.in_transaction():
                self.release()
            raise

    def release(self) -> None:
        """Closes the calling thread's connection; a thread calls it when it ends."""
        if not self.database.is_closed():
            self.database.close()

    def close(self) -> None:
        """Closes the calling thread's connection and gives up the file's lock; may be called twice."""
        self.release()
        with self._closing:
            if self._lock is not None:
                self._lock.close()
                self._lock = None


def open_store(
    url: str,
    *,
    node: str,
    kind: str,
    clock: Clock,
    bell: Bell | None = None,
    entropy: Callable[[int], bytes] = os.urandom,
) -> Store:
    """The store at ``url``, created or migrated as needed, checked after an unclean stop.

    ``node`` and ``kind`` ("box" or "hub") name this node; they are written once and must match ever after. Raises StoreError.
    """
    database, dialect = connect(url)
    lock: IO[bytes] | None = None
    alone = False
    if dialect.path is not None:
        dialect.path.parent.mkdir(parents=True, exist_ok=True)
        lock, alone = _take_lock(dialect.path)
    store = Store(database, dialect, clock=clock, bell=bell, entropy=entropy, lock=lock)
    try:
        if dialect.is_sqlite:
            check_sqlite(database, deep=alone and _was_unclean(dialect.path))
        with dialect.alone(database):
            _migrate(store)
            _introduce(store, node=node, kind=kind)
    except DatabaseError as error:
        store.close()
        raise explain(error) from error
    except StoreError:
        store.close()
        raise
    if lock is not None:
        fcntl.flock(lock, fcntl.LOCK_SH)
    return store


def _take_lock(path: Path) -> tuple[IO[bytes], bool]:
    """The file's lock, exclusive while we look at it; whether nobody else had it open."""
    lock = Path(f"{path}.lock").open("ab")  # noqa: SIM115 - held for the life of the store
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(lock, fcntl.LOCK_SH)
        return lock, False
    return lock, True


def _was_unclean(path: Path | None) -> bool:
    wal = Path(f"{path}-wal")
    return wal.exists() and wal.stat().st_size > 0


def _migrate(store: Store) -> None:
    """Brings the schema to the newest step in one transaction, after a copy; refuses a newer file."""
    database, dialect = store.database, store.dialect
    version = _version(database, dialect)
    if version > LATEST:
        raise StoreError("This database was written by a newer Fieldbox. Install that version again.")
    if version == LATEST:
        return
    if version and dialect.path is not None:
        execute(database, "PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy2(dialect.path, f"{dialect.path}.before-{LATEST}")
    with dialect.begin(database, write=True):
        for number in range(_version(database, dialect), LATEST):
            for statement in STEPS[number]:
                execute(database, statement.format(**dialect.types))
        execute(database, "DELETE FROM schema_version")
        t.SchemaVersion.insert(version=LATEST).execute(database)
    log.info("= schema %d → %d", version, LATEST)


def _version(database: Database, dialect: Dialect) -> int:
    if "schema_version" not in dialect.table_names(database):
        execute(database, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    row = execute(database, "SELECT max(version) FROM schema_version").fetchone()
    return int(row[0] or 0)


def _introduce(store: Store, *, node: str, kind: str) -> None:
    with store.write() as tx:
        row = tx.one(t.Node.select())
        if row is None:
            raw = int.from_bytes(tx.entropy(8), "big") >> (64 - INCARNATION_BITS)
            tx.insert(
                t.Node,
                id=1,
                name=node,
                kind=kind,
                incarnation=raw | 1 << 40,
                counter=0,
                hlc=0,
                boots=1,
                created_at=tx.now.ms,
            )
        elif (row["name"], row["kind"]) != (node, kind):
            raise StoreError(
                f"This database belongs to the {row['kind']} {row['name']!r}. Point the settings of {kind} {node!r} at another file."
            )
