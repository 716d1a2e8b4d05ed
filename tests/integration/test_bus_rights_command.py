"""``adapter bus test`` with a real Redis: the rights as the server has them, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from adapters.bus.permissions import permissions
from broker.agency.config import CONFIG_NAME, load_config
from tests.support import command_line
from tests.support.bus_servers import RedisServer
from tests.support.founded_partnership import founded

CHARITY = "haven-support"
SUBJECTS = {
    "concordant.send": "read",
    "concordant.answers": "write",
    "concordant.refused": "write",
    "concordant.received": "write",
    "concordant.results": "read",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path / "redis")
    made.start()
    yield made
    made.kill()


def folder(tmp_path: Path, server: RedisServer, more: str = "") -> Path:
    """Return the folder of an agency whose sides are the bus."""
    made = founded().directory(CHARITY, tmp_path)
    config = made / CONFIG_NAME
    sides = '[adapter]\nsource = "bus"\nsink = "bus"\n'
    section = f'\n[bus]\nkind = "redis"\nservers = ["127.0.0.1:{server.port}"]\ntls = false\n{more}'
    config.write_text(config.read_text().replace("[adapter]\n", sides, 1) + section)
    return made


def asked(agency: Path) -> tuple[int, dict[str, tuple[str, str]]]:
    done = command_line.run("adapter", "bus", "test", "--agency", str(agency), "--json")
    rows = json.loads(done.out)["rights"]
    return done.code, {row["subject"]: (row["use"], row["right"]) for row in rows}


def test_a_subject_that_is_missing_counts_if_the_adapter_does_not_make_it(
    tmp_path: Path, server: RedisServer
) -> None:
    code, rights = asked(folder(tmp_path, server))
    assert code == 0
    assert {name: use for name, (use, _) in rights.items()} == SUBJECTS
    assert rights["concordant.send"] == ("read", "missing")
    config = tmp_path / CHARITY / CONFIG_NAME
    config.write_text(config.read_text() + "declare = false\n")
    assert asked(config.parent)[0] == 4
    with Redis(port=server.port) as redis:
        assert redis.keys() == []


def test_a_right_that_the_account_does_not_have_is_refused_with_exit_code_4(
    tmp_path: Path, server: RedisServer
) -> None:
    login = 'username = "housing"\npassword = { file = "bus-password" }\n'
    agency = folder(tmp_path, server, login)
    (agency / "bus-password").write_text("PASSWORD\n")
    (agency / "bus-password").chmod(0o600)
    section = load_config(agency).bus
    assert section is not None
    with Redis(port=server.port) as admin:
        for line in permissions(section, "adapter", "housing").splitlines():
            if not line.startswith("#"):
                admin.execute_command(*line.split())
    code, rights = asked(agency)
    assert code == 4
    assert {right for _, right in rights.values()} == {"refused"}
    config = agency / CONFIG_NAME
    config.write_text(config.read_text().replace('"housing"', '"adapter"'))
    code, rights = asked(agency)
    assert (code, rights["concordant.received"]) == (0, ("write", "allowed"))


def test_a_bus_that_does_not_answer_is_bus_unavailable(tmp_path: Path, server: RedisServer) -> None:
    agency = folder(tmp_path, server)
    server.kill()
    done = command_line.run("adapter", "bus", "test", "--agency", str(agency))
    assert done.code == 3
    assert "bus_unavailable" in done.err
