"""The server of the HTTP interface over real connections: TLS, certificates, slow clients."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from adapters.http_api import handshakes, server
from adapters.http_api.server import ApiAddress, ApiServer, api_address
from adapters.http_api.tokens import certificate_hash
from broker.agency.config_sections import ApiSection
from broker.errors import ConfigError
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from tests.support.http_agency import HttpAgency


@asynccontextmanager
async def served(agency: HttpAgency, address: ApiAddress) -> AsyncIterator[ApiServer]:
    found = ApiServer(agency.app, address)
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


PLAIN = ApiAddress("127.0.0.1", 0, None, 3)


@dataclass
class Tls:
    """Files of a server and of a client, of one authority."""

    folder: Path

    def section(self, **more: str | None) -> ApiSection:
        names = {"certificate": "server/cert.pem", "key": "server/key.pem", "client_ca": "ca.pem"}
        return ApiSection.model_validate(names | more)

    def client(self, *, shown: bool) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        context.check_hostname = False
        if shown:
            context.load_cert_chain(self.folder / "client/cert.pem", self.folder / "client/key.pem")
        return context


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    folder = tmp_path / "tls"
    authority = issue_ca("test")
    folder.mkdir()
    (folder / "ca.pem").write_bytes(authority.certificate)
    for name, hosts in (("server", ["localhost", "127.0.0.1"]), ("client", [])):
        certificate, key = issue_certificate(authority, name, hosts)
        save_identity(folder / name, ca=authority.certificate, certificate=certificate, key=key)
    return Tls(folder)


async def test_over_tls_with_a_client_certificate_that_the_token_is_bound_to(
    police: HttpAgency, tls: Tls
) -> None:
    bound = certificate_hash(tls.folder / "client/cert.pem")
    own = police.token("own", certificate=bound)
    other = police.token("other", certificate="a" * 64)
    address = api_address(tls.section(), tls.folder)
    async with served(police, address) as found:
        url = f"https://127.0.0.1:{found.port}/events"
        async with httpx.AsyncClient(verify=tls.client(shown=True)) as client:
            good = await client.get(url, headers={"authorization": f"Bearer {own}"})
            wrong = await client.get(url, headers={"authorization": f"Bearer {other}"})
        async with httpx.AsyncClient(verify=tls.client(shown=False)) as client:
            with pytest.raises((httpx.TransportError, ssl.SSLError)):
                await client.get(url, headers={"authorization": f"Bearer {own}"})
    assert (good.status_code, wrong.status_code) == (200, 401)
    assert "max-age" in good.headers["strict-transport-security"]


@pytest.mark.parametrize(
    "change", [{"key": "client/key.pem"}, {"certificate": "none.pem"}, {"client_ca": "x.pem"}]
)
def test_files_that_do_not_belong_together_are_config_api_certificate(
    tls: Tls, change: dict[str, str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        api_address(tls.section(**change), tls.folder)
    assert caught.value.code == "config_api_certificate"
    assert api_address(tls.section(), tls.folder).tls is not None


async def test_a_slow_or_idle_client_is_disconnected_and_others_are_served(
    police: HttpAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.2)
    monkeypatch.setattr(server, "LOOK_S", 0.05)
    token = police.token()
    async with served(police, PLAIN) as found:
        reader, writer = await asyncio.open_connection("127.0.0.1", found.port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n")
        await writer.drain()
        async with httpx.AsyncClient() as client:
            answer = await client.get(
                f"http://127.0.0.1:{found.port}/events",
                headers={"authorization": f"Bearer {token}"},
            )
        assert answer.status_code == 200
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_above_the_limit_the_oldest_idle_connection_makes_room(police: HttpAgency) -> None:
    token = police.token()
    async with served(police, PLAIN) as found:
        idle = [await asyncio.open_connection("127.0.0.1", found.port) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert found.connections <= 3
        async with httpx.AsyncClient() as client:
            answer = await client.get(
                f"http://127.0.0.1:{found.port}/events",
                headers={"authorization": f"Bearer {token}"},
            )
        for _, writer in idle:
            writer.close()
    assert answer.status_code == 200


async def connected(port: int, count: int) -> list[asyncio.StreamWriter]:
    """Clients that connect and send nothing, so that their TLS handshake does not begin."""
    return [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(count)]


async def test_clients_that_do_not_finish_their_handshake_are_limited_and_others_are_served(
    police: HttpAgency, tls: Tls
) -> None:
    token = police.token()
    address = replace(api_address(tls.section(client_ca=None), tls.folder), connections=3)
    async with served(police, address) as found:
        silent = await connected(found.port, 40)
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert found.handshakes <= 6
        assert found.handshakes == 3
        async with httpx.AsyncClient(verify=tls.client(shown=False)) as client:
            answer = await client.get(
                f"https://127.0.0.1:{found.port}/events",
                headers={"authorization": f"Bearer {token}"},
            )
        for writer in silent:
            writer.close()
    assert answer.status_code == 200


async def test_a_handshake_that_takes_long_is_ended(
    police: HttpAgency, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshakes, "HANDSHAKE_S", 0.1)
    address = api_address(tls.section(client_ca=None), tls.folder)
    async with served(police, address) as found:
        reader, writer = await asyncio.open_connection("127.0.0.1", found.port)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        await asyncio.sleep(0.05)
        assert found.handshakes == 0
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01" + b"\0" * 40,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /events HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["tls", "version", "headers", "smuggling", "length"],
)
async def test_bytes_that_are_not_http_are_refused_and_the_connection_closed(
    police: HttpAgency, sent: bytes
) -> None:
    async with served(police, PLAIN) as found:
        reader, writer = await asyncio.open_connection("127.0.0.1", found.port)
        writer.write(sent)
        answer = b""
        with suppress(ConnectionError):
            await writer.drain()
            answer = await asyncio.wait_for(reader.read(65_536), 5)
        writer.close()
    assert b" 200 " not in answer
    assert b"Traceback" not in answer
    assert police.entries("disclosure") == []
