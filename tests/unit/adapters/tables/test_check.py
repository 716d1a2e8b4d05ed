"""The scripts for the administrator on real servers, and the check of what they made."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.tables.check import CheckResult, check_tables
from adapters.tables.connecting import Database, database_error
from adapters.tables.errors import DatabaseError
from adapters.tables.scripts import DatabaseRoles, Dialect, tables_script
from broker.agency.database_section import DatabaseSection
from broker.errors import ConfigError
from tests.support import command_line
from tests.support.database_agency import OwnDatabase, run
from tests.support.founded_partnership import POLICE, founded
from tests.support.postgres import postgres

HOSTILE = 'x"; DROP TABLE "concordant_inbox"; --'


def findings(own: OwnDatabase, section: DatabaseSection | None = None) -> list[CheckResult]:
    section = section or own.section
    config = founded().participants[POLICE].config
    return check_tables(Database(section, own.folder), config, section, None)


def faults(found: list[CheckResult]) -> set[tuple[str, str, str]]:
    return {(one.name, one.status, one.code) for one in found if one.status != "pass"}


def test_tables_of_the_script_pass_every_check(tmp_path: Path, dialect: Dialect) -> None:
    own = OwnDatabase(dialect, tmp_path)
    assert faults(findings(own)) == set()


@pytest.mark.parametrize("answers", ["table", "delete"])
def test_the_script_of_each_way_of_answering_passes(
    tmp_path: Path, dialect: Dialect, answers: str
) -> None:
    own = OwnDatabase(dialect, tmp_path, outbox={"answers": answers})
    assert faults(findings(own)) == set()


def test_names_of_the_settings_are_quoted_everywhere(tmp_path: Path, dialect: Dialect) -> None:
    """SQL injection through a name in the settings."""
    own = OwnDatabase(
        dialect,
        tmp_path,
        outbox={"schema": 'own "s%', "table": HOSTILE, "columns": {"payload": "pay%load:x"}},
        inbox={"columns": {"text": "te\"xt's"}},
    )
    assert faults(findings(own)) == set()


def test_the_application_may_not_do_the_adapters_part(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    for statement in (
        "UPDATE concordant_outbox SET event_id = 'x'",
        "UPDATE concordant_inbox SET recorded_at = now()",
        "INSERT INTO concordant_inbox (source) VALUES ('x')",
        "INSERT INTO concordant_outbox (state) VALUES ('accepted')",
        "TRUNCATE concordant_outbox",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            own.run(statement)


def test_missing_tables_are_database_table_missing(tmp_path: Path, dialect: Dialect) -> None:
    own = OwnDatabase(dialect, tmp_path, made=False)
    assert faults(findings(own)) == {
        (name, "fail", "database_table_missing") for name in ("outbox", "inbox")
    }


def test_a_missing_column_is_named(tmp_path: Path, dialect: Dialect) -> None:
    own = OwnDatabase(dialect, tmp_path)
    own.script("ALTER TABLE concordant_inbox DROP COLUMN text")
    (fault,) = [one for one in findings(own) if one.status == "fail"]
    assert (fault.code, "text" in fault.detail) == ("database_table_missing", True)


def test_a_key_that_may_repeat_is_database_key_not_unique(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    own.script("ALTER TABLE concordant_outbox DROP CONSTRAINT concordant_outbox_pkey")
    assert faults(findings(own)) == {("outbox", "fail", "database_key_not_unique")}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("outbox ALTER state SET NOT NULL, ALTER state SET DEFAULT 'new'", "outbox"),
        ("outbox ALTER state SET DEFAULT 'accepted'", "outbox"),
        ("outbox ALTER detail SET NOT NULL", "outbox"),
        ("inbox ADD officer text NOT NULL", "inbox"),
        ("inbox ALTER position DROP IDENTITY", "inbox"),
        ("inbox ALTER result SET DEFAULT 'imported'", "inbox"),
        ("inbox ALTER recorded_at SET DEFAULT now()", "inbox"),
        ("inbox ALTER result_code SET NOT NULL", "inbox"),
        ("inbox ALTER offer ADD GENERATED ALWAYS AS IDENTITY", "inbox"),
        ("outbox_answers ADD clerk text NOT NULL", "answers"),
        ("outbox_answers ALTER event_id SET NOT NULL", "answers"),
    ],
)
def test_a_column_that_refuses_or_presets_what_is_needed_is_database_column_unusable(
    tmp_path: Path, change: str, name: str
) -> None:
    kind = "table" if name == "answers" else "columns"
    own = OwnDatabase("postgresql", tmp_path, outbox={"answers": kind})
    own.script(f"ALTER TABLE concordant_{change}")
    failed = {one for one in faults(findings(own)) if one[1] == "fail"}
    assert failed == {(name, "fail", "database_column_unusable")}


def test_columns_that_do_no_harm_pass(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    own.script(
        "ALTER TABLE concordant_inbox ADD officer text NOT NULL DEFAULT 'none', ADD note text, "
        "ADD number bigint GENERATED ALWAYS AS IDENTITY, ALTER result SET DEFAULT NULL; "
        "ALTER TABLE concordant_outbox ADD officer text NOT NULL"
    )
    assert faults(findings(own)) == set()


@pytest.mark.parametrize("made", ["state text NOT NULL DEFAULT 'new'", "officer text NOT NULL"])
def test_columns_of_an_sqlite_file_are_checked_too(tmp_path: Path, made: str) -> None:
    own = OwnDatabase("sqlite", tmp_path)
    name = "outbox" if made.startswith("state") else "inbox"
    ((statement,),) = own.run("SELECT sql FROM sqlite_schema WHERE name = ?", f"concordant_{name}")
    place = '"state" varchar(16)' if name == "outbox" else '"urgent" integer NOT NULL'
    assert place in statement
    changed = made if name == "outbox" else f"{place}, {made}"
    own.script(f"DROP TABLE concordant_{name}; {statement.replace(place, changed)}")
    assert faults(findings(own)) == {(name, "fail", "database_column_unusable")}


def test_row_level_security_without_a_policy_is_database_row_security(tmp_path: Path) -> None:
    own, adapter = OwnDatabase("postgresql", tmp_path), DatabaseRoles().adapter
    for table in ("concordant_outbox", "concordant_inbox"):
        own.script(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    code = "database_row_security"
    assert faults(findings(own)) == {(one, "fail", code) for one in ("outbox", "inbox")}
    own.script(f"CREATE POLICY a ON concordant_outbox TO {adapter} USING (true)")
    own.script(f"CREATE POLICY a ON concordant_inbox FOR SELECT TO {adapter} USING (true)")
    (fault,) = [one for one in findings(own) if one.code == code]
    assert (fault.name, fault.status) == ("inbox", "fail")
    assert ("INSERT, UPDATE" in fault.detail, "SELECT" in fault.detail) == (True, False)
    own.script("CREATE POLICY b ON concordant_inbox USING (source <> 'x') WITH CHECK (true)")
    assert faults(findings(own)) == {("inbox", "warn", code)}


def test_rights_that_lack_are_database_rights_missing_and_more_are_database_rights_excess(
    tmp_path: Path,
) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    adapter = DatabaseRoles().adapter
    own.script(f"REVOKE UPDATE (state) ON concordant_outbox FROM {adapter}")
    own.script(f"GRANT TRUNCATE, UPDATE (payload) ON concordant_outbox TO {adapter}")
    found = findings(own)
    assert faults(found) == {
        ("outbox", "fail", "database_rights_missing"),
        ("outbox", "warn", "database_rights_excess"),
    }
    texts = " ".join(one.detail for one in found)
    assert "UPDATE (state)" in texts
    assert "TRUNCATE" in texts
    assert "UPDATE (payload)" in texts


def test_a_role_of_the_whole_server_is_database_rights_excess(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    assert own.server is not None
    (tmp_path / "owner").write_text("owner's password")
    section = own.section.model_copy(
        update={
            "url": own.server.url(own.name, "postgres"),
            "password": own.section.password.model_copy(update={"file": "owner"}),  # type: ignore[union-attr]
        }
    )
    assert ("role", "warn", "database_rights_excess") in faults(findings(own, section))


def test_another_encoding_is_database_encoding(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    assert own.server is not None
    own.name = own.server.database("SQL_ASCII")
    own.script(tables_script(own.section, "postgresql", DatabaseRoles()))
    url = own.server.url(own.name, DatabaseRoles().adapter)
    section = own.section.model_copy(update={"url": url})
    assert faults(findings(own, section)) == {("encoding", "fail", "database_encoding")}


def test_types_of_columns_are_database_column_type_and_database_time_zone(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    own.script(
        "ALTER TABLE concordant_inbox ALTER COLUMN recorded_at TYPE timestamp; "
        "ALTER TABLE concordant_outbox ALTER COLUMN payload TYPE bytea USING ''::bytea"
    )
    assert faults(findings(own)) == {
        ("inbox", "warn", "database_time_zone"),
        ("outbox", "fail", "database_column_type"),
    }


def test_rows_that_wait_for_a_person_are_named(tmp_path: Path, dialect: Dialect) -> None:
    own = OwnDatabase(dialect, tmp_path)
    if own.postgres:
        own.script("ALTER TABLE concordant_outbox ALTER COLUMN id TYPE text")
    own.put("{}", "two words")
    own.script(
        "INSERT INTO concordant_inbox (source, id, type, case_id, urgent, received_at, payload, "
        "offer, result, result_code) VALUES ('a', 'b', 't', 'c', "
        f"{'false' if own.postgres else 0}, '2026-01-01', '{{}}', 1, 'imported', 'x')"
    )
    assert faults(findings(own)) == {
        ("rows", "warn", "database_row_unusable"),
        ("rows", "warn", "database_result_refused"),
    }


# --- connections ----------------------------------------------------------------------------------


def code(section: dict[str, Any], folder: Path) -> str:
    found = Database(DatabaseSection.model_validate(section), folder)
    with pytest.raises(DatabaseError) as caught, found.transaction():
        pass
    found.close()
    return caught.value.code


def test_a_server_that_does_not_answer_is_database_unreachable(tmp_path: Path) -> None:
    assert code({"url": "postgresql://a@%2Fnowhere/b"}, tmp_path) == "database_unreachable"
    assert code({"path": "no.db"}, tmp_path) == "database_unreachable"
    assert not (tmp_path / "no.db").exists()


def test_a_wrong_password_is_database_login_refused(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    (tmp_path / "database-password").write_text("wrong")
    assert [one.code for one in findings(own)] == ["database_login_refused"]


def test_a_password_that_cannot_be_read_is_database_password_missing(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    (tmp_path / "database-password").unlink()
    assert [one.code for one in findings(own)] == ["database_password_missing"]


def test_without_psycopg_it_is_database_driver_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert code({"url": "postgresql://a@127.0.0.1/b"}, tmp_path) == "database_driver_missing"


def test_a_server_without_tls_is_database_tls_failed(tmp_path: Path) -> None:
    """Only an address of this machine, without `ca`, is reached without TLS."""
    own = OwnDatabase("postgresql", tmp_path)
    server = own.server
    assert server is not None
    (tmp_path / "ca.pem").write_text("")

    def codes(host: str, ca: str | None = None) -> set[str]:
        url = server.url(own.name, DatabaseRoles().adapter, host)
        section = own.section.model_copy(update={"url": url, "ca": ca})
        return {one.code for one in findings(own, section) if one.status == "fail"}

    assert codes("127.0.0.1") == set()
    assert codes("127.0.0.1", "ca.pem") == {"database_tls_failed"}
    assert codes("localhost") == {"database_tls_failed"}  # a name counts as another machine


def test_a_table_that_is_locked_is_database_busy(
    tmp_path: Path, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OwnDatabase(dialect, tmp_path)
    monkeypatch.setattr("adapters.tables.connecting.BUSY_S", 0.01)
    monkeypatch.setattr("adapters.tables.connecting.LOCK_MS", 10)
    connection = own.connect()
    if own.postgres:
        own.script("GRANT UPDATE ON concordant_outbox TO concordant_application")
        connection.execute("LOCK TABLE concordant_outbox IN ACCESS EXCLUSIVE MODE")
    else:
        connection.execute("BEGIN EXCLUSIVE")
    assert {one.code for one in findings(own)} >= {"database_busy"}
    connection.close()


def test_errors_hold_no_value_and_no_address(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    database = Database(own.section, tmp_path)
    with pytest.raises(DatabaseError) as caught, database.transaction() as connection:
        connection.exec_driver_sql("SELECT 'Zephyrine'::integer")
    database.close()
    assert caught.value.code == "database_failed"
    for word in ("Zephyrine", own.name, DatabaseRoles().adapter):
        assert word not in str(caught.value)
    assert caught.value.__cause__ is None
    assert database_error("database_in_use").exit_code == 3


def test_a_function_of_another_schema_is_not_used(tmp_path: Path) -> None:
    """The search path is `pg_catalog`: a function that another user made is not called."""
    own = OwnDatabase("postgresql", tmp_path)
    own.script(
        "CREATE FUNCTION public.octet_length(text) RETURNS integer LANGUAGE sql AS 'SELECT 0';"
    )
    database = Database(own.section, tmp_path)
    with database.transaction() as connection:
        path = connection.exec_driver_sql("SHOW search_path").scalar()
        size = connection.exec_driver_sql("SELECT octet_length('abc')").scalar()
    database.close()
    assert (path, size) == ("pg_catalog", 3)


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"url": "postgresql://a@b/c", "path": "x"},
        {"url": "postgresql://user:secret@host/name"},
        {"url": "postgresql://user@host/name?sslmode=disable"},
        {"url": "mysql://user@host/name"},
        {"path": "x", "ca": "ca.pem"},
        {"path": "x", "password": {"file": "x"}},
        {"url": "postgresql://a@b/c", "certificate": "c.pem"},
        {"path": "x", "outbox": {"form": "mapped", "answers": "delete"}},
        {"path": "x", "inbox": {"columns": {"source": "id"}}},
        {"path": "x", "inbox": {"table": "x" * 64}},
        {"path": "x", "inbox": {"table": "a\x00b"}},
    ],
    ids=lambda one: "-".join(one) or "none",
)
def test_settings_that_cannot_be_meant_are_config_invalid(settings: dict[str, Any]) -> None:
    from broker.agency.config import parse_config
    from tests.support.config_text import config_text

    lines = ["", "[database]"]
    for name, value in settings.items():
        inline = json.dumps(value)
        if isinstance(value, dict):
            inline = _inline(value)
        lines.append(f"{name} = {inline}")
    with pytest.raises(ConfigError) as caught:
        parse_config((config_text() + "\n".join(lines)).encode(), "agency.toml")
    assert caught.value.code == "config_invalid"
    assert "secret" not in str(caught.value)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_inline(one)}" for name, one in value.items()) + " }"
    return json.dumps(value)


def test_the_side_without_its_section_is_config_invalid() -> None:
    from broker.agency.config import parse_config
    from tests.support.config_text import config_text

    text = config_text().replace("[adapter]\n", '[adapter]\nsource = "database"\n', 1)
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode(), "agency.toml")
    assert caught.value.code == "config_invalid"


# --- commands -------------------------------------------------------------------------------------


def agency(tmp_path: Path, own: OwnDatabase) -> Path:
    folder = founded().directory(POLICE, tmp_path)
    file = folder / "agency.toml"
    text = file.read_text().replace("[adapter]\n", '[adapter]\nsource = "database"\n', 1)
    file.write_text(f'{text}\n[database]\npath = "{own.folder / "own.db"}"\n')
    return folder


def test_the_commands_print_the_script_and_check_what_it_made(tmp_path: Path) -> None:
    own = OwnDatabase("sqlite", tmp_path / "own", made=False)
    folder = agency(tmp_path / "agency", own)
    before = command_line.run("adapter", "tables", "check", "--agency", str(folder), "--json")
    assert before.code == 1
    codes = {one["code"] for one in before.json}
    assert codes == {"", "database_table_missing"}
    made = command_line.run(
        "adapter", "tables", "sql", "--dialect", "sqlite", "--agency", str(folder)
    )
    assert made.code == 0
    own.script(str(made.text))
    after = command_line.run("adapter", "tables", "check", "--agency", str(folder))
    assert (after.code, "fail" in after.text) == (0, False)


def test_the_check_of_a_database_that_cannot_be_reached_has_exit_code_3(tmp_path: Path) -> None:
    own = OwnDatabase("sqlite", tmp_path / "own")
    folder = agency(tmp_path / "agency", own)
    (own.folder / "own.db").unlink()
    found = command_line.run("adapter", "tables", "check", "--agency", str(folder), "--json")
    assert found.code == 3
    assert [one["code"] for one in found.json] == ["database_unreachable"]


def test_a_second_script_is_refused_by_the_database_and_changes_nothing(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path)
    with pytest.raises(psycopg.errors.DuplicateTable):
        own.script(tables_script(own.section, "postgresql", DatabaseRoles()))
    connection = own.connect()
    assert run(connection, "SELECT count(*) FROM concordant_outbox") == [(0,)]
    connection.close()
    assert postgres() is own.server
