"""A copy of a whole state, from a file to a server and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from broker.errors import StoreError
from broker.store.all_tables import ALL_TABLES
from broker.store.database import Store, open_store
from broker.store.moving import exported, move_to_server
from broker.store.place import PostgresPlace, StatePlace
from broker.store.reader_rows import HeadsRow
from broker.store.rows import NewInboxRow, NewOutboxRow, NewRecipientRow
from broker.tlog.checkpoint import GenerationPlace
from tests.support.state_places import postgres_place, require_postgres

LOG = GenerationPlace("csu", "t", 0, "g")


@pytest.fixture
def place(path: Path) -> PostgresPlace:
    require_postgres()
    return replace(postgres_place(), file=path)


def fill(store: Store) -> None:
    """Add rows with every kind of value, and remove the last of a table with numbers."""
    with store.transaction() as tx:
        tx.meta.set("name", bytes(range(256)))
        tx.lease.acquire("relay", "h", 2**40)
        tx.outbox.add_many([NewOutboxRow(f"é{n}", "t", 0, b"v", n == 1) for n in range(3)], 1)
        tx.inbox.add(NewInboxRow("s", "i", "t", 1, "t", 0, "g", 0, b"p", b"", b"c" * 32))
        tx.recipients.add_many([NewRecipientRow("é0", "csu", None, 1, None)], 1)
        tx.heads.save(HeadsRow("csu", 7, 0, b"r" * 32))
        tx.reader_logs.save_leaves(LOG, [(0, b"l" * 32, "stored"), (1, b"m" * 32, "refused")])
        tx.heartbeats.keep("csu", 1, b"n", b"k" * 4, [(LOG, 1)])
        for row in ("a", "b"):
            tx.refused_rows.hold(row, "code", None, "detail", 1)
        tx.refused_rows.end("b")


def rows(place: StatePlace) -> dict[str, set[tuple[object, ...]]]:
    with closing(open_store(place)) as store, store._engine.connect() as connection:
        return {
            table.name: {tuple(row) for row in connection.execute(select(table))}
            for table in ALL_TABLES.sorted_tables
        }


def next_refused(place: StatePlace) -> int:
    with closing(open_store(place)) as store, store.transaction() as tx:
        tx.refused_rows.hold("c", "code", None, "detail", 1)
        return max(row.number for row in tx.refused_rows.list(9))


@pytest.fixture
def filled(path: Path) -> Iterator[Path]:
    with closing(open_store(path)) as store:
        fill(store)
    return path


def test_a_moved_state_is_the_same_and_the_file_is_gone(filled: Path, place: PostgresPlace) -> None:
    before = rows(filled)
    with pytest.raises(StoreError) as caught:
        open_store(place)
    assert caught.value.code == "state_not_moved"
    assert move_to_server(filled, place) == sum(map(len, before.values()))
    assert rows(place) == before
    assert list(filled.parent.iterdir()) == []
    assert next_refused(place) == 3


def test_a_state_moves_into_an_empty_schema_only(filled: Path, place: PostgresPlace) -> None:
    with closing(open_store(replace(place, file=None))) as store, store.transaction() as tx:
        tx.meta.set("other", b"1")
    with pytest.raises(StoreError) as caught:
        move_to_server(filled, place)
    assert caught.value.code == "state_present"
    assert filled.exists()
    empty = replace(postgres_place(), file=filled)
    assert move_to_server(filled, empty) > 0
    assert rows(place)["outbox"] == set()


def test_a_copy_of_a_state_on_a_server_is_a_file_with_all_of_it(
    filled: Path, place: PostgresPlace, tmp_path: Path
) -> None:
    before = rows(filled)
    move_to_server(filled, place)
    with exported(place, tmp_path / ".copy") as copy:
        assert copy.stat().st_mode & 0o777 == 0o600
        assert rows(copy) == before
        assert next_refused(copy) == 3
    assert not list(tmp_path.glob(".copy*"))
