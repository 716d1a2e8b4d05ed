"""The client over real connections: TLS, client certificates, limits, no redirect, no proxy."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from adapters.webhook.answers import Answer, Failed, Imported
from adapters.webhook.endpoint import WebhookEndpoint, endpoint_settings
from adapters.webhook.signing import new_secret
from broker.agency.delivery_sections import WebhookSection
from broker.clock import now_ms
from broker.errors import ConfigError
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from tests.support.webhook_receiver import Reply, Taken, WebhookReceiver, webhook_receiver


def client(folder: Path, receiver: WebhookReceiver, **settings: Any) -> WebhookEndpoint:
    (folder / "webhook-secret").write_text(f"{receiver.secret}\n")
    (folder / "webhook-secret").chmod(0o600)
    section = WebhookSection(url=receiver.url, **{"timeout": 2.0, **settings})
    return WebhookEndpoint(endpoint_settings(section, folder), now_ms)


async def sent(folder: Path, receiver: WebhookReceiver, **settings: Any) -> Answer:
    endpoint = client(folder, receiver, **settings)
    try:
        return await endpoint.send("msg_1", b'{"id":"1"}')
    finally:
        await endpoint.close()


def code(answer: Answer) -> str | None:
    return answer.code if isinstance(answer, Failed) else None


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    authority = issue_ca("test")
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    for name, hosts in (("server", ["127.0.0.1"]), ("other", ["example.org"]), ("client", [])):
        certificate, key = issue_certificate(authority, name, hosts)
        folder = tmp_path / name
        save_identity(folder, ca=authority.certificate, certificate=certificate, key=key)
    return tmp_path


def of_server(folder: Path, name: str = "server") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / name / "cert.pem", folder / name / "key.pem")
    return context


async def test_over_tls_the_certificate_must_be_of_the_authority_and_name_the_host(
    tls: Path,
) -> None:
    """Code webhook_tls_failed."""
    with webhook_receiver(of_server(tls)) as receiver:
        assert await sent(tls, receiver, ca="ca.pem") == Imported()
        assert code(await sent(tls, receiver)) == "webhook_tls_failed"  # the system's authorities
        assert len(receiver.taken) == 1
    with webhook_receiver(of_server(tls, "other")) as receiver:
        assert code(await sent(tls, receiver, ca="ca.pem")) == "webhook_tls_failed"
        assert receiver.taken == []


async def test_a_client_certificate_is_shown_to_an_endpoint_that_wants_one(tls: Path) -> None:
    context = of_server(tls)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tls / "ca.pem")
    identity = {"certificate": "client/cert.pem", "key": "client/key.pem"}
    with webhook_receiver(context) as receiver:
        assert await sent(tls, receiver, ca="ca.pem", **identity) == Imported()
        answer = await sent(tls, receiver, ca="ca.pem")
        assert code(answer) in {"webhook_tls_failed", "webhook_unreachable"}
        assert len(receiver.taken) == 1


async def test_a_renewed_file_of_tls_counts_without_a_restart(tls: Path) -> None:
    with webhook_receiver(of_server(tls)) as receiver:
        (tls / "used.pem").write_bytes(issue_ca("another").certificate)
        endpoint = client(tls, receiver, ca="used.pem")
        assert code(await endpoint.send("msg_1", b"{}")) == "webhook_tls_failed"
        (tls / "used.pem").unlink()
        (tls / "used.pem").write_bytes((tls / "ca.pem").read_bytes())
        assert await endpoint.send("msg_1", b"{}") == Imported()
        await endpoint.close()


def test_files_that_cannot_be_used_are_webhook_certificate_unusable(
    tls: Path, receiver: WebhookReceiver
) -> None:
    wrong: tuple[dict[str, str], ...] = (
        {"ca": "missing.pem"},
        {"ca": "client/key.pem"},
        {"certificate": "client/cert.pem", "key": "server/key.pem"},
    )
    for settings in wrong:
        with pytest.raises(ConfigError) as caught:
            client(tls, receiver, **settings).require_usable()
        assert caught.value.code == "webhook_certificate_unusable"


async def test_a_redirect_is_not_followed(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """Code webhook_redirected: the event would go to an address that no setting names."""
    with webhook_receiver(secret=receiver.secret) as other:

        def reply(_: Taken) -> Reply:
            return status, {"location": other.url}, b""

        receiver.reply = reply
        for status in (301, 302, 303, 307, 308):  # noqa: B007 - `reply` uses it
            assert code(await sent(tmp_path, receiver)) == "webhook_redirected"
        assert other.taken == []


async def test_no_proxy_comes_from_the_environment(
    tmp_path: Path, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert await sent(tmp_path, receiver) == Imported()
    assert code(await sent(tmp_path, receiver, proxy="http://127.0.0.1:9")) == "webhook_unreachable"


async def test_a_login_of_the_netrc_file_is_not_sent(
    tmp_path: Path, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login who password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    await sent(tmp_path, receiver)
    assert "authorization" not in receiver.taken[0].headers


async def test_cookies_are_not_kept(tmp_path: Path, receiver: WebhookReceiver) -> None:
    receiver.reply = lambda _: (204, {"set-cookie": "a=b; Path=/"}, b"")
    endpoint = client(tmp_path, receiver)
    for _ in range(2):
        await endpoint.send("msg_1", b"{}")
    await endpoint.close()
    assert all("cookie" not in one.headers for one in receiver.taken)
    assert len(receiver.taken) == 2


async def test_an_answer_that_does_not_come_in_time_is_webhook_slow(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    def reply(_: Taken) -> Reply:
        time.sleep(1.4)
        return 204, {}, b""

    receiver.reply = reply
    assert code(await sent(tmp_path, receiver, timeout=1.0)) == "webhook_slow"


async def test_only_the_beginning_of_a_long_answer_is_read(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    receiver.reply = lambda _: (200, {"content-type": "text/html"}, b"x" * 5_000_000)
    assert await sent(tmp_path, receiver) == Imported()
    receiver.reply = lambda _: (200, {"content-type": "application/json"}, b" " * 5_000_000)
    assert code(await sent(tmp_path, receiver)) == "webhook_answer_unknown"


async def test_a_compressed_answer_is_not_unpacked(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    import gzip

    packed = gzip.compress(b'{"outcome": "rejected", "reason": "x"}' + b" " * 10_000_000)
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    receiver.reply = lambda _: (200, headers, packed)
    assert code(await sent(tmp_path, receiver)) == "webhook_answer_unknown"
    assert receiver.taken[0].headers["accept-encoding"] == "identity"


async def test_an_address_without_a_server_is_webhook_unreachable(tmp_path: Path) -> None:
    receiver = WebhookReceiver(url="http://127.0.0.1:9/x?token=secret")
    answer = await sent(tmp_path, receiver)
    assert code(answer) == "webhook_unreachable"
    assert isinstance(answer, Failed)
    assert answer.endpoint
    assert "http://127.0.0.1:9/x" in answer.detail
    assert "secret" not in answer.detail


async def test_a_server_that_speaks_no_http_is_webhook_unreachable(tmp_path: Path) -> None:
    import asyncio

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    answer = await sent(tmp_path, WebhookReceiver(url=f"http://127.0.0.1:{port}/x"))
    server.close()
    assert code(answer) == "webhook_unreachable"


async def test_a_rotation_signs_with_both_secrets_without_a_restart(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    endpoint = client(tmp_path, receiver)
    assert await endpoint.send("msg_1", b"{}") == Imported()
    new = new_secret()
    (tmp_path / "webhook-secret").write_text(f"{new}\n{receiver.secret}\n")
    assert await endpoint.send("msg_2", b"{}") == Imported()
    receiver.secret = new
    assert await endpoint.send("msg_3", b"{}") == Imported()
    receiver.secret = new_secret()
    assert code(await endpoint.send("msg_4", b"{}")) == "webhook_refused"
    assert receiver.refused == 1
    await endpoint.close()
