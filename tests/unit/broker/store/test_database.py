"""The SQLite file: its mode, its versions, its damage, and what is cleared from it."""

# ruff: noqa: PT012 - that a transaction fails as a whole takes more than one statement

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.errors import StoreError
from broker.store.database import Store, open_store
from broker.store.rows import NewInboxRow, NewOutboxRow
from broker.store.sqlite_backend import of_sqlite
from broker.store.versions import SCHEMA_VERSION


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = open_store(path)
    yield opened
    opened.close()


def run(script: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])},
    )


def test_the_file_is_private_and_so_is_its_wal(store: Store, path: Path) -> None:
    with store.transaction() as tx:
        tx.meta.set("a", b"1")
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_file_that_others_may_read_becomes_private(path: Path) -> None:
    open_store(path).close()
    path.chmod(0o644)
    open_store(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_sqlite_runs_as_the_durability_rule_says(store: Store) -> None:
    with store._engine.connect() as connection:
        ask = connection.exec_driver_sql
        assert ask("PRAGMA journal_mode").scalar() == "wal"
        assert ask("PRAGMA synchronous").scalar() == 2  # FULL
        assert ask("PRAGMA foreign_keys").scalar() == 1
        assert ask("PRAGMA busy_timeout").scalar() == 5000
        assert ask("PRAGMA secure_delete").scalar() == 1
        assert ask("PRAGMA user_version").scalar() == SCHEMA_VERSION


def test_two_processes_may_make_the_file_at_once(path: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from broker.store.database import open_store
        open_store(Path(sys.argv[1])).close()
        """
    processes = [run(script, path) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]


def test_a_new_file_waits_while_another_process_changes_its_journal_mode(path: Path) -> None:
    """SQLite refuses at once here, without its busy handler; the store has to wait itself."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE unfinished (id INTEGER)")
    release = threading.Timer(0.3, other.rollback)
    release.start()
    try:
        open_store(path).close()
    finally:
        release.join()
        other.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\x00" * 5000])
def test_a_file_that_is_no_database_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert caught.value.code == "store_corrupt"
    assert caught.value.fix
    assert path.read_bytes() == content


def test_damage_inside_the_file_is_found_by_the_check(path: Path) -> None:
    store = open_store(path)
    with store.transaction() as tx:
        for number in range(200):
            tx.outbox.add_many([NewOutboxRow(str(number), "t", 0, b"v" * 2000, False)], 1)
    store.close()
    with path.open("r+b") as file:
        file.seek(4096 * 40)
        file.write(os.urandom(4096 * 20))
    with pytest.raises(StoreError) as caught:
        damaged = open_store(path)
        try:
            damaged.check()
        finally:
            damaged.close()
    assert caught.value.code == "store_corrupt"


def test_another_programs_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE patients (name TEXT)")
    other.close()
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert caught.value.code == "store_corrupt"


def test_a_newer_schema_is_refused(path: Path) -> None:
    open_store(path).close()
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    other.close()
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert caught.value.code == "store_newer"


def test_a_full_disk_is_named_and_loses_nothing_committed(store: Store) -> None:
    with store.transaction() as tx:
        tx.meta.set("a", b"1")
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.meta._connection.exec_driver_sql("PRAGMA max_page_count = 1")
        for _ in range(100):
            tx.outbox.add_many([NewOutboxRow("id", "t", 0, b"v" * 100_000, False)], 1)
    assert caught.value.code == "store_full"
    with store.reading() as tx:
        assert tx.meta.get("a") == b"1"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        open_store(tmp_path / "file" / "state.db")
    assert caught.value.code == "store_unusable"


def test_content_that_is_cleared_is_gone_from_the_file(path: Path) -> None:
    store = open_store(path)
    with store.transaction() as tx:
        seq = tx.inbox.add(
            NewInboxRow("s", "i", "t", 1, "t", 0, "g", 0, b"JANE" * 3000, b"", b"c" * 32)
        )
    with store.transaction() as tx:
        tx.inbox.mark_delivered(seq, 2, None)
    store.close()
    assert b"JANEJANE" not in path.read_bytes()


def test_content_that_is_cleared_is_gone_from_the_journal_of_a_store_in_use(path: Path) -> None:
    store = open_store(path)
    journal = path.with_name(f"{path.name}-wal")
    with store.transaction() as tx:
        seq = tx.inbox.add(
            NewInboxRow("s", "i", "t", 1, "t", 0, "g", 0, b"JANE" * 3000, b"", b"c" * 32)
        )
    with store.transaction() as tx:
        tx.inbox.mark_delivered(seq, 2, None)
    assert b"JANEJANE" in journal.read_bytes()  # the page as it was before
    store.fold()
    assert b"JANEJANE" not in path.read_bytes() + journal.read_bytes()
    with store.reading() as tx:
        assert tx.inbox.counts().undelivered == 0
    with store.transaction() as tx:
        tx.meta.set("still", b"writes")
    store.close()


def test_a_second_store_of_one_process_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    """Otherwise another process that closes would take itself for the last, and fold the journal
    away under the first store."""
    path = tmp_path / "state.db"
    first = open_store(path)
    with first.transaction() as tx:
        tx.meta.set("name", b"value")
    open_store(path).close()
    other = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
    other += "c.execute('SELECT * FROM meta').fetchall(); c.close()"
    subprocess.run([sys.executable, "-c", other, str(path)], check=True)
    assert Path(f"{path}-wal").exists()
    first.close()


@pytest.mark.parametrize(
    ("sqlite_code", "room", "code"),
    [
        (sqlite3.SQLITE_IOERR, 0, "store_full"),
        (sqlite3.SQLITE_CANTOPEN, 0, "store_full"),
        (sqlite3.SQLITE_IOERR, 2**30, "store_unusable"),
        (sqlite3.SQLITE_CORRUPT, 0, "store_corrupt"),
    ],
)
def test_a_database_that_a_full_disk_does_not_let_open_is_store_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_code: int, room: int, code: str
) -> None:
    class SqliteFault(sqlite3.OperationalError):
        sqlite_errorcode = sqlite_code

    used = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: used._replace(free=room))
    assert of_sqlite(SqliteFault("injected"), tmp_path / "state.db").code == code
