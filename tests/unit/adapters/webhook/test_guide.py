"""The guide of webhooks: its settings, commands, endpoint and table of answers are true."""

from __future__ import annotations

import re
import shlex
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.webhook.answers import MOST_ANSWER_BYTES
from broker.agency.config import parse_config
from broker.codes.meanings import CODES
from tests.support import command_line
from tests.support.code_scan import ROOT
from tests.support.config_text import config_text
from tests.support.founded_partnership import COUNCIL, founded
from tests.support.webhook_receiver import WebhookReceiver
from tests.unit.adapters.webhook.conftest import WebhookCouncil, running
from tests.unit.adapters.webhook.test_commands import with_webhook

GUIDE = (ROOT / "docs/guides/connecting-a-webhook.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [shlex.split(line[2:])[1:] for line in lines if line.startswith("$ concordant")]


@contextmanager
def endpoint(secret: str, stored: list[dict[str, Any]], reason: str | None) -> Iterator[str]:
    """Serve the guide's endpoint, and give its address."""

    def store(event: dict[str, Any]) -> str | None:
        stored.append(event)
        return reason

    names: dict[str, Any] = {"SECRET": secret, "store": store}
    exec(blocks("python")[0], names)
    names["Endpoint"].log_message = lambda *_: None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = names["serve"](port)
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/concordant"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_settings_switch_the_sink() -> None:
    (shown,) = blocks("toml")
    side, section = shown.split("\n\n")
    whole = config_text().replace("[adapter]\n", f"{side}\n", 1) + f"\n{section}"
    config = parse_config(whole.encode(), "agency.toml")
    assert config.adapter.sink == "webhook"
    found = config.webhook
    assert found is not None
    assert (found.timeout, found.retry_first, found.retry_most) == (20, 5, 3600)
    assert (found.give_up_after, found.secret) == (3 * 86_400, "webhook-secret")
    assert f"{MOST_ANSWER_BYTES:,} bytes" in GUIDE


def test_the_commands_make_test_and_replace_the_secret(tmp_path: Path) -> None:
    folder = founded().directory(COUNCIL, tmp_path)
    with_webhook(folder, "http://127.0.0.1:9/")
    typed = [one for one in commands() if one[:2] == ["adapter", "webhook"]]
    assert [one[2:4] for one in typed] == [
        ["secret", "new"],
        ["test", "--agency"],
        ["secret", "rotate"],
        ["secret", "retire"],
    ]
    for shown in typed:
        words = [{"DIR": str(folder)}.get(word, word) for word in shown]
        if words[2] == "test":
            with endpoint((folder / "webhook-secret").read_text().strip(), [], None) as url:
                text = (folder / "agency.toml").read_text().replace("http://127.0.0.1:9/", url)
                (folder / "agency.toml").write_text(text)
                done = command_line.run(*words)
        else:
            done = command_line.run(*words)
        assert done.code == 0, done.err


@pytest.mark.parametrize("reason", [None, "unknown_tenant"])
async def test_the_endpoint_takes_an_event_once_or_rejects_it(
    council: WebhookCouncil, receiver: WebhookReceiver, reason: str | None
) -> None:
    (event,) = await council.receive()
    stored: list[dict[str, Any]] = []
    with endpoint(receiver.secret, stored, reason) as url:
        receiver.url = url
        await running(council.sink(receiver), lambda: council.waiting() == 0)
    assert [one["id"] for one in stored] == [event]
    assert set(stored[0]) >= set(re.findall(r"`(id|type|source|time|data|urgent)`", GUIDE))
    assert [code for code, _ in council.held()] == (["rejected_by_system"] if reason else [])


def test_the_codes_of_the_guide_are_known() -> None:
    named = set(re.findall(r"`(webhook_[a-z_]+)`", GUIDE))
    assert named
    assert named - set(CODES) == set()
