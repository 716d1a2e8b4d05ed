"""A copy of a database while others write to it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from broker.errors import StoreError
from broker.store.database import open_store
from broker.store.snapshot import is_database, snapshot


def test_the_copy_is_of_one_moment_and_stops_no_writer(tmp_path: Path) -> None:
    """Each transaction adds to two tables; the copy never holds one half."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript("CREATE TABLE a (x BLOB); CREATE TABLE b (x BLOB);")
    stop, written = threading.Event(), [0]

    def write() -> None:
        with closing(sqlite3.connect(path, timeout=10)) as db:
            while not stop.is_set():
                with db:
                    db.execute("INSERT INTO a VALUES (zeroblob(3000))")
                    db.execute("INSERT INTO b VALUES (zeroblob(3000))")
                written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            with snapshot(path, tmp_path / ".copy") as copy, closing(sqlite3.connect(copy)) as db:
                counts = [db.execute(f"SELECT count(*) FROM {t}").fetchone() for t in "ab"]
                assert counts[0] == counts[1]
                assert oct(copy.stat().st_mode & 0o777) == "0o600"
    finally:
        stop.set()
        writer.join()
    assert written[0] > 10
    assert sorted(one.name for one in tmp_path.iterdir() if "copy" in one.name) == []


def test_a_state_database_can_be_opened_from_its_copy(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    with store.transaction() as tx:
        tx.meta.set("x", b"1")
    with snapshot(tmp_path / "state.db", tmp_path / "copy.db") as copy:
        assert is_database(copy)
        (tmp_path / "kept.db").write_bytes(copy.read_bytes())
    store.close()
    kept = open_store(tmp_path / "kept.db")
    with kept.reading() as tx:
        assert tx.meta.get("x") == b"1"
    kept.close()


def test_a_damaged_database_is_refused_and_leaves_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    with pytest.raises(StoreError) as caught, snapshot(path, tmp_path / "copy.db"):
        pass
    assert caught.value.code == "store_corrupt"
    assert list(tmp_path.iterdir()) == [path]


def test_a_fault_of_the_caller_is_not_the_databases(tmp_path: Path) -> None:
    open_store(tmp_path / "state.db").close()
    with pytest.raises(OSError, match="mine"), snapshot(tmp_path / "state.db", tmp_path / "c.db"):
        raise OSError("mine")
    assert not (tmp_path / "c.db").exists()
