"""The guide of the Python client: its handler, its tests and its program work as shown."""

from __future__ import annotations

import re
import sqlite3
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.http_api.server import ApiAddress, ApiServer
from broker.codes.meanings import CODES
from concordant import create_tables
from concordant.testing import Partnership
from contracts.pydantic_models import pydantic_module
from tests.support.code_scan import ROOT
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT

GUIDE = (ROOT / "docs/guides/python-client.md").read_text()
HANDLER, TESTS, PROGRAM, PUBLISH, IN_TRANSACTION, TYPES = re.findall(
    r"```python\n(.*?)```", GUIDE, re.S
)


def module(name: str, text: str) -> Any:
    made = types.ModuleType(name)
    sys.modules[name] = made
    exec(compile(text, f"{name}.py", "exec"), made.__dict__)
    return made


@pytest.fixture
def handler() -> Iterator[Any]:
    yield module("handler", HANDLER)
    for name in ("handler", "models", "test_handler"):
        sys.modules.pop(name, None)


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    with connection:
        connection.execute("CREATE TABLE cases (reference, source, urgent, referred)")
        connection.execute("INSERT INTO cases VALUES ('7', 'own', 0, 0)")
        create_tables(connection)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    "name",
    ["test_a_referral_becomes_a_case", "test_an_event_is_handled_after_the_adapter_was_away"],
)
def test_the_tests_of_the_handler_pass(handler: Any, partnership: Partnership, name: str) -> None:
    shown = module("test_handler", TESTS)
    made = shown.database.__wrapped__() if hasattr(shown.database, "__wrapped__") else None
    assert made is not None
    getattr(shown, name)(partnership, next(made))
    assert re.findall(r"^def (test_\w+)", TESTS, re.M).count(name) == 1


def test_the_program_stores_what_comes_over_http(
    handler: Any, partnership: Partnership, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    council, police = partnership[COUNCIL], partnership[POLICE]
    sent = police.publish(police.example("referral.made", [COUNCIL]))
    server = ApiServer(council._member.asgi.app, ApiAddress("127.0.0.1", 0, None, 8))
    partnership.loop.run(server.start())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADAPTER", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("TOKEN", council._token("dashboard", ("read", "result")))
    monkeypatch.setenv("WAIT", "0")
    try:
        exec(compile(PROGRAM, "dashboard.py", "exec"), {})
    finally:
        partnership.loop.run(server.stop())
    stored = sqlite3.connect(tmp_path / "dashboard.db")
    assert stored.execute("SELECT source FROM cases").fetchall() == [(POLICE,)]
    assert council.state_of(sent.id) == "imported"


def test_an_event_is_published_once_and_with_a_transaction(
    partnership: Partnership, database: sqlite3.Connection
) -> None:
    council = partnership[COUNCIL]
    example = council.example("referral.made", [SUPPORT])
    names: dict[str, Any] = {
        "agency": council.client("housing"), "data": example.data, "reference": "7",
        "database": database,
    }  # fmt: skip
    exec(PUBLISH, names)
    exec(PUBLISH, names)
    names["reference"], names["event"] = "8", council.example("referral.made", [SUPPORT])
    exec(IN_TRANSACTION, names)
    assert [one.key for one in council.events_sent] == ["7", "8"]
    assert len(partnership[SUPPORT].received()) == 2


def test_models_have_the_fields(
    handler: Any, partnership: Partnership, capsys: pytest.CaptureFixture[str]
) -> None:
    police, council = partnership[POLICE], partnership[COUNCIL]
    event = police.example("referral.made", [COUNCIL])
    police.publish(event)
    module("models", pydantic_module(partnership.agreement, COUNCIL))
    exec(TYPES, {"agency": council.client("dashboard")})
    assert capsys.readouterr().out.strip() == event.data["requested_service"]


def test_the_table_names_codes() -> None:
    table = GUIDE[GUIDE.index("## When something is wrong") :]
    named = set(re.findall(r"^\| (`[a-z_`, ]+) \|", table, re.M))
    codes = {code for cell in named for code in re.findall(r"[a-z]+(?:_[a-z]+)+", cell)}
    assert codes - set(CODES) == set()
    assert len(codes) >= 8
