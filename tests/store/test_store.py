"""The store keeps its promises on both databases."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from tests_support import columns_of

from appliance.domain.ids import split_id
from appliance.messaging import status
from appliance.store import Store, StoreError, audit, content, journal, open_store
from appliance.store import tables as t
from appliance.store.migrations import LATEST
from appliance.wire import chain
from appliance.wire.kinds import EraseEntry, decode_body


def test_tables_and_migrations_name_the_same_columns(box: Store) -> None:
    """The models describe exactly the schema that the frozen steps made."""
    for table in t.ALL:
        assert columns_of(box, table._meta.table_name) == {field.column_name for field in table._meta.sorted_fields}


def test_ids_of_one_transaction_are_ordered_and_of_this_incarnation(box: Store) -> None:
    """Ids sort by birth and carry the store's incarnation."""
    with box.write() as tx:
        ids = [tx.new_id() for _ in range(5)]
    assert ids == sorted(ids)
    assert {split_id(i)[0] for i in ids} == {box.node.incarnation}


def test_counter_after_reopening_goes_on(make_store) -> None:
    """A counter is never used again after a restart."""
    store = make_store()
    with store.write() as tx:
        last = tx.counter()
    store.close()
    with make_store().write() as tx:
        assert tx.counter() > last


def test_transaction_that_fails_leaves_nothing(box: Store) -> None:
    """A crash in the middle leaves none of the transaction, its counter included."""

    def crash() -> None:
        with box.write() as tx:
            content.keep(tx, "secret")
            tx.event("message", "x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    with box.read() as tx:
        assert tx.all(t.Content.select()) == []
        assert tx.all(t.Events.select()) == []


def test_other_node_on_the_same_database_is_refused(make_store) -> None:
    """A database belongs to one node for ever."""
    store = make_store("baidoa", "box")
    store.close()
    with pytest.raises(StoreError, match="belongs to the box 'baidoa'"):
        make_store("baidoa", "hub")


def test_newer_schema_is_refused(make_store) -> None:
    """A file of a newer version is not touched."""
    store = make_store()
    store.database.execute_sql(f"UPDATE schema_version SET version = {LATEST + 1}")
    store.close()
    with pytest.raises(StoreError, match="newer Fieldbox"):
        make_store()


def test_sqlite_writes_with_full_synchronous(tmp_path: Path, clock) -> None:
    """WAL and FULL: NORMAL loses acknowledged rows in a power cut."""
    store = open_store(f"sqlite:///{tmp_path}/box.db", node="b", kind="box", clock=clock)
    pragma = {
        name: store.database.execute_sql(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "page_size", "foreign_keys")
    }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "page_size": 1024, "foreign_keys": 1}
    store.close()


def test_damaged_sqlite_after_an_unclean_stop_is_said(tmp_path: Path, clock) -> None:
    """A damaged file is refused in words, not opened."""
    url, path = f"sqlite:///{tmp_path}/box.db", tmp_path / "box.db"
    store = open_store(url, node="b", kind="box", clock=clock)
    with store.write() as tx:
        for n in range(200):
            content.keep(tx, f"text {n} " * 20)
    store.close()
    raw = bytearray(path.read_bytes())
    for offset in range(20 * 1024, len(raw) - 1024, 1024):
        raw[offset : offset + 64] = b"\xff" * 64
    path.write_bytes(raw)
    Path(f"{path}-wal").write_bytes(b"left behind")
    with pytest.raises(StoreError, match="damaged"):
        open_store(url, node="b", kind="box", clock=clock)


def test_erased_content_leaves_its_digest_and_no_text(box: Store) -> None:
    """Erasure removes text, PDU and salt, keeps the digest, and stays after the content is told again."""
    with box.write() as tx:
        kept = content.keep(tx, "who did what", pdu=b"\x01")
        salt_text = content.read(tx, kept.id)
        content.erase(tx, kept.id)
    with box.write() as tx:
        assert content.keep_received(tx, kept.id, digest=kept.digest, content=salt_text)
        row = tx.one(t.Content.select().where(t.Content.id == kept.id))
    assert (row["text"], row["pdu"], row["salt"], bytes(row["digest"])) == (None, None, None, kept.digest)
    assert row["erased_at"] is not None


def test_sealed_content_is_never_written_in_clear(box: Store) -> None:
    """What is sealed at commit cannot be read by the box (I11)."""
    with box.write() as tx:
        kept = content.keep(tx, "danger", sealed_to="focal-point", sealed=b"ciphertext")
        assert content.read(tx, kept.id) is None
        row = tx.one(t.Content.select().where(t.Content.id == kept.id))
    assert (row["text"], row["pdu"], row["salt"]) == (None, None, None)


def test_journal_chain_holds_over_its_bodies(box: Store) -> None:
    """Each hash follows from the one before and the bytes as stored, also after erasure of a content."""
    with box.write() as tx:
        for _ in range(3):
            kept = content.keep(tx, "text")
            journal.append(tx, "hub", journal.CONVERSATIONS, EraseEntry(kept.id), content_id=kept.id)
        content.erase(tx, kept.id)
    lane = journal.Lane("hub", int(box.node.incarnation), journal.CONVERSATIONS)
    with box.read() as tx:
        entries = journal.read(tx, lane, 0, max_entries=10, max_bytes=10_000)
    digest = chain.GENESIS
    for entry in entries:
        digest = chain.extend(digest, entry.body)
        assert digest == entry.hash
        assert isinstance(decode_body(entry.body, epoch=lane.epoch).entry, EraseEntry)
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert entries[-1].content is None


def test_writers_in_parallel_never_leave_a_gap_behind_a_reader(make_store) -> None:
    """A reader that follows the lane by cursor misses nothing, however many write at once (the head is locked)."""
    store, writers, each = make_store(), 4, 25
    seen: list[int] = []
    done = threading.Event()
    lane = journal.Lane("hub", int(store.node.incarnation), journal.BULK)

    def write() -> None:
        other = make_store()
        for _ in range(each):
            with other.write() as tx:
                journal.append(tx, "hub", journal.BULK, EraseEntry(tx.new_id()))
        other.release()

    def follow() -> None:
        while len(seen) < writers * each and not done.is_set():
            with store.read() as tx:
                seen.extend(
                    e.seq for e in journal.read(tx, lane, seen[-1] if seen else 0, max_entries=7, max_bytes=10_000)
                )
        store.release()

    threads = [threading.Thread(target=write, name=f"writer-{n}") for n in range(writers)]
    reader = threading.Thread(target=follow, name="reader")
    for thread in [reader, *threads]:
        thread.start()
    for thread in threads:
        thread.join(60)
    reader.join(20)
    done.set()
    assert seen == list(range(1, writers * each + 1))


def test_acknowledgement_never_goes_back_nor_beyond(box: Store) -> None:
    """A late or lying acknowledgement changes nothing it should not."""
    lane = journal.Lane("hub", int(box.node.incarnation), journal.BULK)
    with box.write() as tx:
        for _ in range(5):
            journal.append(tx, "hub", journal.BULK, EraseEntry(tx.new_id()))
        journal.acknowledge(tx, lane, applied=4, stable=9)
        journal.acknowledge(tx, lane, applied=2, stable=1)
        assert journal.outgoing(tx, "hub") == [journal.Outgoing(lane, 5, 4, 4)]
        assert journal.waiting(tx, "hub")[0] == 1
        journal.acknowledge(tx, lane, applied=99, stable=99)
        assert journal.waiting(tx, "hub") == (0, None)


def test_audit_chain_tells_the_line_that_was_changed(box: Store) -> None:
    """Any later change to the trail is detected (SE8)."""
    with box.write() as tx:
        for n in range(4):
            audit.note(tx, "amina", "message.write", n, part=n)
    with box.write() as tx:
        assert audit.verify(tx) is None
        tx.run(t.Audit.update(actor="somebody").where(t.Audit.seq == 3))
        assert audit.verify(tx) == 3


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
def test_full_disk_is_noticed(box: Store, monkeypatch) -> None:
    """What the status says of the disk is what the file system says, and a database server is not judged by our disk."""
    assert status.snapshot(box).has_room
    free = os.statvfs_result((1024, 1024, 100, 10, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr("appliance.store.dialect.os.statvfs", lambda _path: free)
    assert not status.snapshot(box).has_room
