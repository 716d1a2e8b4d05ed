"""The guide of databases: its settings, commands, statements and codes are true."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from broker.agency.config import parse_config
from broker.codes.meanings import CODES
from tests.support import command_line
from tests.support.code_scan import ROOT
from tests.support.config_text import config_text
from tests.support.database_agency import DatabasePartnership, OwnDatabase
from tests.support.founded_partnership import COUNCIL, POLICE, founded
from tests.support.guide_sessions import require_shown, sessions

PAGE = "connecting-a-database.md"
GUIDE = (ROOT / "docs/guides" / PAGE).read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)


def test_the_settings_can_be_used() -> None:
    first, debezium, own = blocks("toml")
    sides, database = first.split("\n\n")
    begin = config_text().replace("[adapter]\n", f"{sides}\n", 1) + f"\n{database}\n"
    config = parse_config(begin.encode(), "agency.toml")
    assert (config.adapter.source, config.adapter.sink) == ("database", "database")
    outbox = parse_config((begin + debezium).encode(), "agency.toml").database.outbox  # type: ignore[union-attr]
    assert (outbox.answers, outbox.aggregatetypes) == ("table", ("concordant",))
    mapped = parse_config((begin + own).encode(), "agency.toml").database
    assert mapped is not None
    assert (mapped.outbox.form, mapped.inbox.form) == ("mapped", "mapped")


def test_the_commands_make_and_check_the_tables(tmp_path: Path) -> None:
    own = OwnDatabase("postgresql", tmp_path / "own", made=False)
    folder = founded().directory(POLICE, tmp_path / "agency")
    first = blocks("toml")[0].split("\n\n")[1]
    shown_url = re.search(r'url = "([^"]*)"', first)
    assert shown_url is not None
    assert own.section.url is not None
    settings = first.replace(shown_url[1], own.section.url)
    file = folder / "agency.toml"
    file.write_text(f"{file.read_text()}\n{settings}")
    password = (own.folder / "database-password").read_text()
    (folder / "database-password").write_text(password)
    (folder / "database-password").chmod(0o600)
    made, checked = sessions(PAGE)
    script = command_line.run(*_words(made.command, folder))
    assert script.code == 0
    require_shown(made, script.text.splitlines())
    own.script(script.text)
    done = command_line.run(*_words(checked.command, folder))
    assert (done.code, "fail" in done.text) == (0, False), done.text


def _words(command: str, folder: Path) -> list[str]:
    return [{"DIR": str(folder)}.get(word, word) for word in shlex.split(command)[1:]]


async def test_the_statements_send_an_event_and_write_its_results(
    town: DatabasePartnership,
) -> None:
    insert, answer, read, imported, rejected = blocks("sql")
    police, council = town[POLICE], town[COUNCIL]
    police.own.script("CREATE TABLE cases (number text, status text)")
    if police.own.postgres:
        police.own.script("GRANT ALL ON cases TO concordant_application")
    event = json.dumps(police.body((COUNCIL,))).replace("'", "''")
    for statement in insert.replace("EVENT", event).split(";\n")[1:-2]:
        police.own.run(statement)
    police.take()
    ((state, code, field, detail, id_),) = police.own.run(answer)
    assert (state, code, field, detail) == ("accepted", None, None, None)
    police.own.put(police.body((COUNCIL,)))
    police.take()
    await town.deliver(POLICE, COUNCIL)
    council.sink.round()
    first, second = council.own.run(read)
    assert id_ in (first[1], second[1])
    for row, statement in ((first, imported), (second, rejected)):
        council.own.run(statement.replace("SOURCE", row[0]).replace("'ID'", f"'{row[1]}'"))
    council.sink.round()
    assert council.held_events() == [("rejected_by_system", "unknown_tenant: no tenant")]
    assert all(row["recorded_at"] for row in council.own.inbox())
    assert council.own.run(read) == []


def test_the_codes_are_those_of_the_program() -> None:
    table = GUIDE[GUIDE.index("## Faults") :]
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", table)) - {"row_bytes"}
    assert named <= set(CODES)
    assert {code for code in CODES if code.startswith("database_")} - named == {
        "database_column_type", "database_column_unusable", "database_encoding",
        "database_failed", "database_key_not_unique",
        "database_rights_excess", "database_row_security", "database_time_zone",
    }  # fmt: skip
