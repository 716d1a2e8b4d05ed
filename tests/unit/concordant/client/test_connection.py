"""The client over real connections: TLS with the agency's authority, and a client certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.http_api.server import ApiAddress, ApiServer, server_context
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from concordant import ClientError, connect, connect_async
from concordant.testing import Partnership, TestAgency
from tests.support.founded_partnership import COUNCIL


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    """A folder with an authority, and the identities of a server and of a client."""
    authority, other = issue_ca("test"), issue_ca("other")
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    (tmp_path / "other.pem").write_bytes(other.certificate)
    for name, hosts in (("server", ["localhost", "127.0.0.1"]), ("client", [])):
        certificate, key = issue_certificate(authority, name, hosts)
        save_identity(tmp_path / name, ca=authority.certificate, certificate=certificate, key=key)
    return tmp_path


@contextmanager
def served(partnership: Partnership, folder: Path) -> Iterator[str]:
    """The council's interface on a port, over TLS with client certificates; its address."""
    context = server_context(
        folder / "server/cert.pem", folder / "server/key.pem", folder / "ca.pem"
    )
    app = partnership[COUNCIL]._member.asgi.app
    server = ApiServer(app, ApiAddress("127.0.0.1", 0, context, 8))
    partnership.loop.run(server.start())
    try:
        yield f"https://localhost:{server.port}"
    finally:
        partnership.loop.run(server.stop())


async def test_an_event_comes_over_tls_to_a_reader_with_a_token_alone(
    partnership: Partnership, council: TestAgency, send: Callable[..., str], tls: Path
) -> None:
    sent, token = send(), council._token("dashboard", ("read",))
    own = (tls / "client/cert.pem", tls / "client/key.pem")
    with served(partnership, tls) as url:
        with connect(url, token=token, ca=tls / "ca.pem", certificate=own) as client:
            assert next(client.subscribe("dashboard", wait=5)).id == sent
        async with connect_async(url, token=token, ca=tls / "ca.pem", certificate=own) as awaited:
            assert (await anext(awaited.subscribe("dashboard", wait=5))).id == sent
        with connect(url, token=token, ca=tls / "ca.pem") as bare:
            with pytest.raises(ClientError) as error:
                next(bare.subscribe("dashboard", wait=0))
            assert error.value.code == "client_unreachable"


def test_another_authority_is_client_certificate_refused(
    partnership: Partnership, council: TestAgency, tls: Path
) -> None:
    token = council._token("dashboard", ("read",))
    with served(partnership, tls) as url:
        events = connect(url, token=token, ca=tls / "other.pem").subscribe("dashboard", wait=5)
        with pytest.raises(ClientError) as error:
            next(events)
    assert error.value.code == "client_certificate_refused"
    assert error.value.retry_s is None
