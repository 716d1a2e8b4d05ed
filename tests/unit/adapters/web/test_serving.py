"""Pages as processes serve them: the link, the certificate, the end."""

from __future__ import annotations

import asyncio
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from adapters.web.serving import WebServer
from broker.errors import ConfigError
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from tests.unit.adapters.web.conftest import AGENCY, Clock

LIMIT_S = 60


@contextmanager
def program(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, ended at the latest here."""
    process = subprocess.Popen(
        [sys.executable, "-m", "concordant", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "words", [("web", "--port", "0"), ("adapter", "run", "--web", "--web-port", "0")]
)
def test_the_first_line_is_a_link_and_sigterm_ends_it(folder: Path, words: tuple[str, ...]) -> None:
    """Without Kafka, and while a browser waits for news."""
    with program(*words, "--agency", str(folder)) as process, httpx.Client() as browser:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        assert link.startswith("http://127.0.0.1:")
        assert browser.get(link).status_code == 303
        base = link[: link.index("/link/")]
        assert browser.get(f"{base}/help").status_code == 200
        with browser.stream("GET", f"{base}/live") as stream:
            news = stream.iter_text()
            assert next(news)
            process.send_signal(signal.SIGTERM)

            assert list(news) == []
            assert process.wait(LIMIT_S) == 0


async def test_a_stream_does_not_hold_up_the_end(
    folder: Path, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.http_api.server.STOP_S", 3_600)
    server = WebServer(folder, time, "127.0.0.1", 0)
    await server.start()
    async with httpx.AsyncClient() as browser, asyncio.timeout(LIMIT_S):
        link = server.new_link()
        await browser.get(link)
        async with browser.stream("GET", f"{link[: link.index('/link/')]}/live") as stream:
            news = stream.aiter_text()
            assert await anext(news)
            await server.stop()

            assert [one async for one in news] == []


def with_certificate(folder: Path, key: str = "key.pem") -> None:
    authority = issue_ca("test")
    for name in ("web", "other"):
        certificate, own_key = issue_certificate(authority, AGENCY, ["localhost"])
        save_identity(folder / name, ca=authority.certificate, certificate=certificate, key=own_key)
    settings = folder / "agency.toml"
    text = settings.read_text()
    settings.write_text(f'{text}\n[web]\ncertificate = "web/cert.pem"\nkey = "{key}"\n')


def test_tls_files_that_do_not_belong_together_are_config_web_certificate(
    folder: Path, time: Clock
) -> None:
    with_certificate(folder, "other/key.pem")
    with pytest.raises(ConfigError) as caught:
        WebServer(folder, time, "127.0.0.1", 0)

    assert caught.value.code == "config_web_certificate"
    assert caught.value.where == "agency.toml: web"


async def test_pages_over_tls(folder: Path, time: Clock) -> None:
    with_certificate(folder, "web/key.pem")
    server = WebServer(folder, time, "localhost", 0)
    trusted = ssl.create_default_context(cafile=folder / "web/ca.pem")
    await server.start()
    try:
        async with httpx.AsyncClient(verify=trusted) as browser:
            answer = await browser.get(server.new_link())
    finally:
        await server.stop()

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "Secure" in cookie
    assert "strict-transport-security" in answer.headers
