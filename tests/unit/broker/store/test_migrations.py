"""The baseline, a later migration, and files of other schemas."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from broker.errors import StoreError
from broker.store import migration, versions
from broker.store.database import open_store
from broker.store.reader_rows import HeadsRow
from broker.store.versions import (
    APPLICATION_ID,
    FIRST_SCHEMA_VERSION,
    REVISION,
    SCHEMA_VERSION,
)

SCHEMA = Path(__file__).with_name("schema.sql")
FIRST_SCHEMA = Path(__file__).with_name("schema_0001.sql")


def schema_of(path: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return found


def test_a_change_of_a_table_needs_a_migration(tmp_path: Path) -> None:
    """`schema.sql` is the schema of the newest revision. Change it together with a migration."""
    path = tmp_path / "fresh.db"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        made = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (REVISION,)
        ]
    connection.close()
    assert "".join(f"{sql};\n\n" for sql in sorted(sql for (sql,) in made)) == SCHEMA.read_text()


def statements(path: Path) -> list[str]:
    return sorted(" ".join(sql.split()) for _, sql in schema_of(path) if sql)


def made_after_tables(statement: str) -> bool:
    return not statement.startswith("CREATE TABLE")


def test_a_file_of_the_first_schema_becomes_one_of_the_newest(tmp_path: Path) -> None:
    old, fresh = tmp_path / "old.db", tmp_path / "fresh.db"
    made_at_first(old)
    with sqlite3.connect(old) as connection:
        connection.execute("INSERT INTO heads VALUES ('csu', 7, 0, x'')")
    connection.close()
    open_store(fresh).close()
    open_store(old).close()
    assert statements(old) == statements(fresh)
    assert answers(old, "SELECT heard_ms FROM heads", "PRAGMA user_version") == [7, SCHEMA_VERSION]


def test_results_of_unions_stay_when_their_notes_are_kept(tmp_path: Path) -> None:
    """Keys and tokens of others had no note; they come again within a day."""
    path = tmp_path / "state.db"
    made_at_first(path)
    migrated_to(path, "0012", version=23)
    own, theirs = b"\0" * 32, b"d" * 32
    rows = [
        ("key", "csu", own), ("key", "council", theirs), ("tokens", "council", theirs),
        ("result", "observatory", theirs),
    ]  # fmt: skip
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO union_statements VALUES ('london', '2026-Q2', ?, ?, 7, ?, x'00')", rows
        )
    connection.close()
    store = open_store(path)
    with store.reading() as tx:
        parts = ("key", "tokens", "result")
        kept = [row for part in parts for row in tx.unions.all("london", "2026-Q2", part)]
    store.close()
    assert [(row.part, row.agency, row.note, row.content) for row in kept] == [
        ("key", "csu", b"", b"\0"),
        ("result", "observatory", b"", b"\0"),
    ]


def made_at_first(path: Path) -> None:
    """Make a file of the first schema."""
    with sqlite3.connect(path) as connection:
        for statement in sorted(FIRST_SCHEMA.read_text().split(";\n\n"), key=made_after_tables):
            if "sqlite_sequence" not in statement:  # SQLite makes it by itself
                connection.execute(statement)
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FIRST_SCHEMA_VERSION}")
    connection.close()


def migrated_to(path: Path, revision: str, *, version: int) -> None:
    """Migrate a file as the software with this revision and version did."""
    configuration = Config()
    configuration.set_main_option("script_location", str(migration.MIGRATIONS))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")
    engine.dispose()


def test_a_file_that_lost_its_revision_is_refused(
    tmp_path: Path, with_a_later_migration: Callable[[str], None]
) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM alembic_version")
    connection.close()
    with_a_later_migration("")
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert caught.value.code == "store_migration_failed"


LATER = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("heads", sa.Column("seen_ms", sa.BigInteger()))
    op.execute("UPDATE heads SET seen_ms = heard_ms + 1")
    {last}
"""


@pytest.fixture
def with_a_later_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Adds a migration to those of the package, as the next version of the software would."""

    def add(last: str = "") -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(migration.MIGRATIONS, folder)
        text = LATER.format(before=REVISION, last=last)
        (folder / "versions" / "v9999_later.py").write_text(text)
        monkeypatch.setattr(migration, "MIGRATIONS", folder)
        monkeypatch.setattr(versions, "SCHEMA_VERSION", SCHEMA_VERSION + 1)

    return add


def answers(path: Path, *questions: str) -> list[object]:
    with sqlite3.connect(path) as connection:
        found = [connection.execute(question).fetchone()[0] for question in questions]
    connection.close()
    return found


def test_a_later_migration_changes_the_schema_and_keeps_the_rows(
    tmp_path: Path, with_a_later_migration: Callable[[str], None]
) -> None:
    path = tmp_path / "state.db"
    store = open_store(path)
    with store.transaction() as tx:
        tx.heads.save(HeadsRow("cps-london", 7, 0, b""))
    store.close()
    with_a_later_migration("")
    for _ in range(2):  # the second time there is nothing to do
        open_store(path).close()
        assert answers(
            path,
            "SELECT seen_ms FROM heads",
            "PRAGMA user_version",
            "SELECT version_num FROM alembic_version",
        ) == [8, SCHEMA_VERSION + 1, "9999"]


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, with_a_later_migration: Callable[[str], None]
) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    before = schema_of(path)
    with_a_later_migration('op.execute("INSERT INTO no_such_table VALUES (1)")')
    with pytest.raises(StoreError):
        open_store(path)
    assert schema_of(path) == before
    assert answers(path, "PRAGMA user_version", "SELECT version_num FROM alembic_version") == [
        SCHEMA_VERSION,
        REVISION,
    ]


@pytest.mark.parametrize("version", range(1, FIRST_SCHEMA_VERSION))
def test_a_file_of_an_unreleased_schema_is_refused_and_stays_as_it_is(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert caught.value.code == "store_unreleased"
    assert path.read_bytes() == before


def test_a_file_of_an_unknown_revision_is_refused_and_stays_as_it_is(
    tmp_path: Path, with_a_later_migration: Callable[[str], None]
) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    with_a_later_migration("")
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert caught.value.code == "store_migration_failed"
    assert answers(path, "PRAGMA user_version") == [SCHEMA_VERSION]


def test_opening_a_current_file_imports_no_alembic(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    script = (
        "import sys; from pathlib import Path; from broker.store.database import open_store; "
        f"open_store(Path({str(path)!r})).close(); "
        "sys.exit(any(m.split('.')[0] in {'alembic', 'mako'} for m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[4]
    )
    assert done.returncode == 0
