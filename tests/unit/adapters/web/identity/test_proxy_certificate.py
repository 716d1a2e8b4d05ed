"""A proxy that shows its certificate, over TLS as browsers and proxies speak it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from adapters.web.serving import WebServer
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from tests.unit.adapters.web.conftest import Clock
from tests.unit.adapters.web.identity.conftest import ROLES

ROSA: Mapping[str, str] = {"x-remote-user": "rosa", "x-remote-groups": "desk"}


@pytest.fixture
async def server(
    folder: Path, time: Clock, settings: Callable[[str], None]
) -> AsyncIterator[WebServer]:
    authority = issue_ca("test")
    for name in ("web", "proxy", "thief"):
        certificate, key = issue_certificate(authority, name, ["localhost"])
        save_identity(folder / name, ca=authority.certificate, certificate=certificate, key=key)
    shown = ssl.PEM_cert_to_DER_cert((folder / "proxy/cert.pem").read_text())
    settings(
        '[web]\ncertificate = "web/cert.pem"\nkey = "web/key.pem"\n'
        f'[web.proxy]\naddresses = ["127.0.0.1"]\ncertificate = "{sha256(shown).hexdigest()}"\n'
        f'client_ca = "web/ca.pem"\n{ROLES}'
    )
    server = WebServer(folder, time, "localhost", 0)
    await server.start()
    yield server
    await server.stop()


def client(folder: Path, server: WebServer, name: str | None) -> httpx.AsyncClient:
    """Return a client that shows a certificate, or none."""
    context = ssl.create_default_context(cafile=folder / "web/ca.pem")
    if name is not None:
        context.load_cert_chain(folder / name / "cert.pem", folder / name / "key.pem")
    return httpx.AsyncClient(
        verify=context, base_url=f"https://localhost:{server.port}", headers=ROSA
    )


async def test_the_proxy_with_its_certificate_names_a_person(
    server: WebServer, folder: Path
) -> None:
    async with client(folder, server, "proxy") as proxy:
        assert (await proxy.get("/sign-in")).status_code == 303
        assert (await proxy.get("/help")).status_code == 200
        cookies = dict(proxy.cookies)
    async with client(folder, server, "thief") as thief:
        answer = await thief.get("/sign-in")
        assert answer.status_code == 403
        assert "<code>not_the_proxy</code>" in answer.text
        sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
        assert (await thief.get("/help", headers={"cookie": sent})).status_code == 401


async def test_without_a_certificate_there_is_no_connection(
    server: WebServer, folder: Path
) -> None:
    async with client(folder, server, None) as browser:
        with pytest.raises(httpx.TransportError):
            await browser.get("/sign-in")


async def test_a_certificate_of_another_authority(server: WebServer, folder: Path) -> None:
    authority = issue_ca("another")
    certificate, key = issue_certificate(authority, "proxy", ["localhost"])
    save_identity(folder / "forged", ca=authority.certificate, certificate=certificate, key=key)
    async with client(folder, server, "forged") as forger:
        with pytest.raises(httpx.TransportError):
            await forger.get("/sign-in")


@pytest.mark.parametrize(
    "headers",
    [
        {"x_remote_user": "rosa", "x_remote_groups": "desk"},
        {"x-forwarded-user": "rosa", "x-remote-groups": "desk"},
    ],
)
async def test_names_like_those_of_the_headers(
    server: WebServer, folder: Path, headers: dict[str, str]
) -> None:
    """Some proxies pass a browser's header with underscores on; it must not count here."""
    async with client(folder, server, "proxy") as proxy:
        for name in ROSA:
            del proxy.headers[name]
        assert (await proxy.get("/sign-in", headers=headers)).status_code in {400, 403}
