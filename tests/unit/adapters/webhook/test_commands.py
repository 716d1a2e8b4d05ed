"""Commands `concordant adapter webhook`, and the adapter's start with the sink."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from adapters.sides import sink_named
from adapters.webhook.side import require_http_client
from adapters.webhook.sink import WebhookSink
from broker.agency.config import load_config
from concordant import InstallationError
from tests.support.command_line import run as command
from tests.support.founded_partnership import COUNCIL, NOW, founded
from tests.support.memory_agency import Clock
from tests.support.webhook_receiver import WebhookReceiver


@pytest.fixture
def folder(tmp_path: Path, receiver: WebhookReceiver) -> Path:
    found = founded().directory(COUNCIL, tmp_path)
    with_webhook(found, receiver.url)
    return found


def with_webhook(folder: Path, url: str, more: str = "") -> None:
    settings = folder / "agency.toml"
    text = settings.read_text().replace("[adapter]\n", '[adapter]\nsink = "webhook"\n', 1)
    settings.write_text(f'{text}\n[webhook]\nurl = "{url}"\n{more}')


def test_a_secret_is_made_replaced_and_used_by_the_test(
    folder: Path, receiver: WebhookReceiver
) -> None:
    missing = command("adapter", "webhook", "test", "--agency", folder)
    assert (missing.code, "webhook_secret_unusable" in missing.err) == (3, True)
    made = command("adapter", "webhook", "secret", "new", "--agency", folder)
    receiver.secret = made.text.strip()
    tested = command("adapter", "webhook", "test", "--agency", folder, "--json")
    assert (tested.code, tested.json["outcome"]) == (0, "imported")
    (taken,) = receiver.taken
    assert (taken.event["type"], taken.event["test"]) == ("concordant.test", True)
    assert taken.event["source"] == COUNCIL
    assert command("adapter", "webhook", "secret", "new", "--agency", folder).code == 2
    rotated = command("adapter", "webhook", "secret", "rotate", "--agency", folder)
    assert rotated.code == 0
    for secret in (receiver.secret, rotated.text.strip()):
        receiver.secret = secret
        assert command("adapter", "webhook", "test", "--agency", folder).code == 0
    assert command("adapter", "webhook", "secret", "retire", "--agency", folder).code == 0
    assert command("adapter", "webhook", "secret", "retire", "--agency", folder).code == 1
    assert command("adapter", "webhook", "test", "--agency", folder).code == 0


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code", "exit_code"),
    [
        (200, b'{"outcome": "rejected", "reason": "x"}', "rejected", "rejected_by_system", 1),
        (410, b"", "gone", "webhook_gone", 1),
        (500, b"", "failed", "webhook_refused", 1),
        (0, b"", "failed", "webhook_unreachable", 3),
    ],
)
def test_the_test_says_what_the_endpoint_answered(
    folder: Path,
    receiver: WebhookReceiver,
    status: int,
    body: bytes,
    outcome: str,
    code: str,
    exit_code: int,
) -> None:
    secret = folder / "webhook-secret"
    secret.write_text(receiver.secret)
    secret.chmod(0o600)
    receiver.reply = lambda _: (status, {}, body)
    found = command("adapter", "webhook", "test", "--agency", folder, "--json")
    shown = found.json
    assert (found.code, shown["outcome"], shown["code"]) == (exit_code, outcome, code)
    text = command("adapter", "webhook", "test", "--agency", folder)
    assert (text.code, code in text.err) == (exit_code, True)
    assert receiver.url in text.err
    assert "to do: " in text.err


def test_without_the_section_it_says_so(tmp_path: Path) -> None:
    found = founded().directory(COUNCIL, tmp_path)
    answer = command("adapter", "webhook", "test", "--agency", found)
    assert (answer.code, "config_invalid" in answer.err) == (3, True)


def test_without_the_library_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(InstallationError) as caught:
        require_http_client()
    assert caught.value.code == "package_missing"
    assert "concordant[webhook]" in (caught.value.fix or "")


def test_the_sink_is_made_by_its_name(folder: Path, receiver: WebhookReceiver) -> None:
    from dataclasses import replace

    from adapters.base import AgencySystem
    from adapters.council import ADAPTER
    from adapters.sides import SideParts
    from broker.observing.metrics import Metrics
    from broker.store.database import open_store

    secret = folder / "webhook-secret"
    secret.write_text(receiver.secret)
    secret.chmod(0o600)
    config = load_config(folder)
    participant = replace(founded().participants[COUNCIL], root=folder, config=config)
    store = open_store(folder / "s.db")
    parts = SideParts(
        participant,
        AgencySystem(ADAPTER, COUNCIL, {}),
        store,
        None,  # type: ignore[arg-type]  # a sink publishes nothing
        lambda: None,
        lambda: participant.contracts,
        Metrics(),
        Clock(NOW),
        0.1,
    )
    made = sink_named(config)(parts)
    store.close()
    assert isinstance(made, WebhookSink)
    assert made.trouble() is None
