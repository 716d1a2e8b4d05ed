"""Promises of a transaction, in a SQLite file and in a PostgreSQL schema alike."""

# ruff: noqa: PT012 - that a transaction fails as a whole takes more than one statement

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from broker.errors import StoreError
from broker.record import KafkaPartition
from broker.store import backend
from broker.store.database import StatePlace, Store, open_store
from broker.store.rows import NewInboxRow, NewOutboxRow
from tests.support.state_places import argument


def run(script: str, place: StatePlace) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), argument(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])},
    )


def test_committed_data_is_there_after_reopening(place: StatePlace) -> None:
    first = open_store(place)
    with first.transaction() as tx:
        tx.meta.set("a", b"1")
        tx.meta.set("a", b"2")
    first.close()
    second = open_store(place)
    with second.reading() as tx:
        assert tx.meta.get("a") == b"2"
        assert tx.meta.get("b") is None
    second.check()
    second.close()


def test_any_exception_rolls_everything_back(store: Store) -> None:
    with pytest.raises(KeyError), store.transaction() as tx:
        tx.meta.set("a", b"1")
        tx.outbox.add_many([NewOutboxRow("id", "t", 0, b"v", False)], 1)
        raise KeyError
    with store.reading() as tx:
        assert tx.meta.get("a") is None
        assert tx.outbox.counts().pending == 0


def test_a_crash_between_two_statements_leaves_neither(store: Store, place: StatePlace) -> None:
    crashing = run(
        """
        import os, signal, sys
        from tests.support.state_places import from_argument
        from broker.store.database import open_store
        store = open_store(from_argument(sys.argv[1]))
        with store.transaction() as tx:
            tx.meta.set("before", b"1")
        with store.transaction() as tx:
            tx.meta.set("first", b"1")
            os.kill(os.getpid(), signal.SIGKILL)
            tx.meta.set("second", b"1")
        """,
        place,
    )
    assert crashing.wait(30) == -signal.SIGKILL
    with store.reading() as tx:
        assert tx.meta.get("before") == b"1"
        assert tx.meta.get("first") is None
        assert tx.meta.get("second") is None
    store.check()


def test_two_processes_write_in_turn_and_lose_nothing(place: StatePlace) -> None:
    open_store(place).close()
    script = """
        import sys
        from tests.support.state_places import from_argument
        from broker.store.database import open_store
        store = open_store(from_argument(sys.argv[1]))
        for _ in range(25):
            with store.transaction() as tx:
                count = int.from_bytes(tx.meta.get("count") or b"", "big")
                tx.meta.set("count", (count + 1).to_bytes(4, "big"))
        """
    processes = [run(script, place) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    store = open_store(place)
    with store.reading() as tx:
        assert int.from_bytes(tx.meta.get("count") or b"", "big") == 50
    store.close()


def test_threads_of_one_process_write_in_turn(store: Store) -> None:
    def add() -> None:
        for _ in range(10):
            with store.transaction() as tx:
                tx.outbox.add_many([NewOutboxRow("id", "t", 0, b"v", False)], 1)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as tx:
        assert tx.outbox.counts().pending == 40


def test_a_writer_that_waits_too_long_says_that_it_is_busy(
    place: StatePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "BUSY_TIMEOUT_S", 0.05)
    first, second = open_store(place), open_store(place)
    with first.transaction() as tx:
        tx.meta.set("a", b"1")
        with pytest.raises(StoreError) as caught, second.transaction():
            pass
    assert caught.value.code == "store_busy"
    first.close()
    second.close()


def test_a_waiting_thread_says_that_it_is_busy(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "BUSY_TIMEOUT_S", 0.05)
    codes = []

    def wait() -> None:
        with pytest.raises(StoreError) as caught, store.transaction():
            pass
        codes.append(caught.value.code)

    with store.transaction():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert codes == ["store_busy"]


def test_a_transaction_inside_another_is_refused_at_once(store: Store) -> None:
    with store.transaction(), pytest.raises(StoreError) as caught, store.transaction():
        pass
    assert caught.value.code == "store_nested"
    with store.transaction() as tx:  # and nothing stays locked
        tx.meta.set("a", b"1")


def test_reading_sees_one_moment_and_cannot_write(store: Store) -> None:
    with store.reading() as reading:
        assert reading.meta.get("a") is None
        with store.transaction() as tx:
            tx.meta.set("a", b"1")
        assert reading.meta.get("a") is None
    with pytest.raises(StoreError), store.reading() as reading:
        reading.meta.set("b", b"1")
    with store.transaction() as tx:
        tx.meta.set("b", b"2")  # the connection that was reading may write again


def test_no_error_of_the_library_leaks_and_no_text_holds_a_value(store: Store) -> None:
    row = NewInboxRow("src", "id", "type", 1, "t", 0, "g", 0, b"Jane Doe", b"", b"c" * 32)
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.inbox.add(row)
        tx.inbox.add(row)
    assert caught.value.code == "store_conflict"
    assert "Jane" not in caught.value.diagnostics()
    assert "INSERT" not in caught.value.diagnostics()


def test_a_number_that_no_column_holds_is_refused_in_our_words(store: Store) -> None:
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.reader.save_position(KafkaPartition("t", 0), 2**63)
    assert caught.value.code == "store_conflict"


def test_a_transaction_that_is_rolled_back_leaves_no_gap_in_the_counts(store: Store) -> None:
    def add(number: int) -> None:
        tx.outbox.add_many([NewOutboxRow(f"{number}", "t", 0, b"v", False)], 1)
        tx.inbox.add(
            NewInboxRow("s", f"{number}", "t", 1, "t", 0, "g", number, b"p", b"", b"c" * 32)
        )

    for number in range(2):
        with pytest.raises(KeyError), store.transaction() as tx:
            add(number)
            raise KeyError
        with store.transaction() as tx:
            add(number)
    with store.reading() as tx:
        assert (tx.outbox.counts().pending, tx.outbox.counts().sent) == (2, 0)
        assert (tx.inbox.counts().undelivered, tx.inbox.counts().delivered) == (2, 0)


def test_an_order_by_name_is_the_order_of_code_points(store: Store) -> None:
    """Whichever collation the server's databases have; ranges of names depend on it."""
    names = ["Z", "a", "a/b", "a0", "é"]
    with store.transaction() as tx:
        for name in reversed(names):
            tx.results.refused(name, "id", "code", 1)
    with store.reading() as tx:
        assert list(tx.results.waiting()) == names
