"""The guide of REST clients: its settings, commands, client and table of codes are true."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from adapters.http_api.server import ApiAddress, ApiServer
from adapters.http_api.tokens import stored_tokens
from broker.agency.config import parse_config
from broker.codes.counted import API_REFUSALS
from broker.codes.meanings import CODES
from tests.support import command_line
from tests.support.code_scan import ROOT
from tests.support.config_text import config_text
from tests.support.founded_partnership import COUNCIL, POLICE, founded
from tests.support.http_agency import HttpAgency, HttpPartnership

GUIDE = (ROOT / "docs/guides/connecting-a-rest-client.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)


def test_the_settings_switch_both_sides() -> None:
    (shown,) = blocks("toml")
    sides, api = shown.split("\n\n")
    whole = config_text().replace("[adapter]\n", f"{sides}\n", 1) + f"\n{api}"
    config = parse_config(whole.encode(), "agency.toml")
    assert (config.adapter.source, config.adapter.sink, config.api.port) == ("http", "http", 0)


def test_the_commands_make_list_and_revoke_a_token(tmp_path: Path) -> None:
    folder = founded().directory(POLICE, tmp_path)
    typed = [
        line[2:]
        for block in blocks("console")
        for line in block.splitlines()
        if line.startswith("$ concordant adapter token")
    ]
    assert [one.split()[3] for one in typed] == ["new", "list", "revoke"]
    for one in typed:
        found = stored_tokens(folder)
        id_ = found[0].id if found else ""
        words = [{"DIR": str(folder), "ID": id_}.get(word, word) for word in shlex.split(one)[1:]]
        done = command_line.run(*words)
        assert done.code == 0, done.err
    (token,) = stored_tokens(folder)
    assert (token.name, token.scopes) == ("housing", ("publish", "read", "result"))
    assert token.revoked is not None


async def run(agency: HttpAgency, *more: str, **given: Any) -> dict[str, Any]:
    """Run the guide's client, and then some of its steps, against the real server."""
    server = ApiServer(agency.app, ApiAddress("127.0.0.1", 0, None, 8))
    await server.start()
    names: dict[str, Any] = {
        "TOKEN": agency.token(),
        "ADDRESS": f"http://127.0.0.1:{server.port}",
        **given,
    }
    try:
        for text in (blocks("python")[0], *more):
            await asyncio.to_thread(exec, text, names)
    finally:
        await server.stop()
    return names


async def test_the_client_publishes_reads_and_sends_results(
    town: HttpPartnership, capsys: pytest.CaptureFixture[str]
) -> None:
    _, publishing, receiving = blocks("python")
    body = town[POLICE].body()
    sent = await run(town[POLICE], publishing, event=body)
    await town.deliver(POLICE, COUNCIL)
    got = await run(town[COUNCIL], receiving)
    assert [one["id"] for one in got["page"]["events"]] == [sent["accepted"]["id"]]
    assert got["cursor"] == got["page"]["next"]
    assert POLICE in capsys.readouterr().out
    with town[COUNCIL].member.store.reading() as tx:
        assert tx.inbox.counts().delivered == 1


async def test_the_client_rejects(town: HttpPartnership) -> None:
    await run(town[POLICE], blocks("python")[1], event=town[POLICE].body())
    await town.deliver(POLICE, COUNCIL)
    await run(town[COUNCIL], 'rejected(read()["events"][0], "unknown_tenant", "none")')
    assert town[COUNCIL].held() == [("rejected_by_system", "unknown_tenant: none")]


def test_the_table_has_every_code_of_the_interface() -> None:
    table = GUIDE[GUIDE.index("## Statuses and codes") : GUIDE.index("## Limits")]
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", table))
    assert set(API_REFUSALS) - named == set()
    assert named - set(CODES) - {"result_within"} == set()
