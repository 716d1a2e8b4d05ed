"""A fresh file and a migrated one are the same, and only a migration needs Alembic."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from broker.errors import StoreError
from broker.store import versions
from broker.store.database import open_store
from broker.store.migration import migrate
from broker.store.rows import HeldSize
from broker.store.schema import APPLICATION_ID, REVISION, SCHEMA_VERSION


def schema_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
        ]
        found: dict[str, list[tuple[object, ...]]] = {}
        for name in names:
            found[name] = connection.execute(f"PRAGMA table_info({name})").fetchall()
            found[f"{name} indexes"] = sorted(
                (row[1:], tuple(connection.execute(f"PRAGMA index_info({row[1]})")))
                for row in connection.execute(f"PRAGMA index_list({name})")
            )
            found[f"{name} keys"] = connection.execute(
                f"PRAGMA foreign_key_list({name})"
            ).fetchall()
        found["where"] = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql LIKE '% WHERE %' ORDER BY name"
        ).fetchall()
        found["special"] = sorted(
            (name, "AUTOINCREMENT" in sql, "WITHOUT ROWID" in sql)
            for name, sql in connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"
            )
        )
    connection.close()
    return found


def test_migrating_from_nothing_gives_the_schema_of_a_fresh_file(tmp_path: Path) -> None:
    fresh, migrated = tmp_path / "fresh.db", tmp_path / "migrated.db"
    open_store(fresh).close()
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.begin() as connection:
        migrate(connection, migrated)
    engine.dispose()
    assert schema_of(migrated) == schema_of(fresh)
    with sqlite3.connect(fresh) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (REVISION,)
        ]
    connection.close()


def test_an_older_file_is_migrated_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    monkeypatch.setattr(
        versions, "SCHEMA_VERSION", SCHEMA_VERSION + 1
    )  # nothing to do, but the path is taken
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    connection.close()


def test_a_file_of_the_first_version_gets_what_came_since_and_keeps_what_it_had(
    tmp_path: Path,
) -> None:
    fresh, old = tmp_path / "fresh.db", tmp_path / "old.db"
    open_store(fresh).close()
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        migrate(connection, old, "0001")
        connection.exec_driver_sql("PRAGMA user_version = 1")
        connection.exec_driver_sql("INSERT INTO heads VALUES ('cps', 7, '[]')")
    engine.dispose()
    assert schema_of(old) != schema_of(fresh)
    store = open_store(old)
    with store.reading() as tx:
        assert [row.heard_ms for row in tx.heads.all()] == [7]
        assert tx.heartbeats.count() == 0
    store.close()
    assert schema_of(old) == schema_of(fresh)


def test_a_file_of_an_unknown_revision_is_refused_and_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    monkeypatch.setattr(versions, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert caught.value.code == "store_migration_failed"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


def test_opening_a_current_file_imports_no_alembic(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    script = (
        "import sys; from pathlib import Path; from broker.store.database import open_store; "
        f"open_store(Path({str(path)!r})).close(); "
        "sys.exit(any(m.split('.')[0] in {'alembic', 'mako'} for m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 0


def test_the_sources_of_a_case_are_those_that_an_older_log_names(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        migrate(connection, path, "0004")
        connection.exec_driver_sql("PRAGMA user_version = 4")
        for index, entry in enumerate((b'{"kind":"disclosure"}', b'{"source":"cps-london"}')):
            connection.exec_driver_sql(
                "INSERT INTO disclosures VALUES (?, 1, 'disclosure', ?, x'00', ?, x'00')",
                (index, b"c" * 32, entry),
            )
    engine.dispose()
    store = open_store(path)
    with store.transaction() as tx:
        joined = tx.disclosures.join_sources([(b"c" * 32, ""), (b"c" * 32, "csu-camden")])
    store.close()
    assert joined == {(b"c" * 32, "csu-camden"): ("", "cps-london")}


def test_an_older_quarantine_is_counted_and_keeps_bytes_of_what_is_held_only(
    tmp_path: Path,
) -> None:
    path = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        migrate(connection, path, "0008")
        connection.exec_driver_sql("PRAGMA user_version = 8")
        for status in ("held", "retried"):
            connection.exec_driver_sql(
                "INSERT INTO quarantine (topic, partition, kafka_offset, origin, agency, idx, step,"
                " code, detail, value, headers_json, status, added_ms, changed_ms) VALUES"
                " ('t', 0, 1, 'd/csu/t/0/g', 'csu', 0, 9, 'c', '', x'000102', '[]', ?, 1, 1)",
                (status,),
            )
    engine.dispose()
    store = open_store(path)
    with store.reading() as tx:
        assert tx.quarantine.size_of("csu") == HeldSize(1, 5)
        kept = [tx.quarantine.get(number) for number in (1, 2)]
    store.close()
    assert [row and (row.status, row.value, row.size) for row in kept] == [
        ("held", b"\0\1\2", 5),
        ("retried", b"", 5),
    ]
