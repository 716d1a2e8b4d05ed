"""Server of the HTTP interface: a port of its own, TLS, and limits of connections and time."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from adapters.http_api.endpoints import CERTIFICATE
from adapters.http_api.handshakes import CountingSocket
from broker.agency.config_sections import ApiSection
from broker.errors import ConfigError
from broker.observing.health import LimitedProtocol, QuietServer, listening_socket

BACKLOG: Final = 64
HEADER_BYTES: Final = 16_384
"""Most bytes of a request's first line and headers."""
REQUEST_S: Final = 15.0
"""Seconds within which a request must come, and after which an idle connection is closed."""
LONGEST_S: Final = 900.0
"""Longest life of a connection in seconds, whatever its client does."""
LOOK_S: Final = 5.0
STALLED_LOOKS: Final = 4
"""Looks in a row at which a client has taken nothing of its answer, before it is disconnected."""
STOP_S: Final = 5


@dataclass(frozen=True, slots=True)
class ApiAddress:
    """Address of the interface, and its TLS files.

    Attributes:
        host, port: address; port 0 is any free one.
        tls: context of the server; None only on loopback.
        connections: most connections at one time.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    connections: int


def api_address(section: ApiSection, root: Path) -> ApiAddress:
    """Return the address of `[api]`.

    Raises:
        ConfigError: `config_api_certificate`: a TLS file cannot be used.
    """
    tls = None
    if section.certificate is not None and section.key is not None:
        authority = None if section.client_ca is None else root / section.client_ca
        try:
            tls = server_context(root / section.certificate, root / section.key, authority)
        except (OSError, ValueError):
            raise ConfigError(
                "The TLS files of the HTTP interface cannot be used.",
                code="config_api_certificate",
                where="agency.toml: api",
                fix="Check that certificate, key and client_ca are PEM files that belong together "
                "and that the adapter's account may read. The key must have no passphrase.",
            ) from None
    return ApiAddress(section.host, section.port, tls, section.connections)


def server_context(certificate: Path, key: Path, authority: Path | None) -> ssl.SSLContext:
    """Return a TLS context for a server.

    Args:
        certificate: PEM, with its chain.
        key: its private key, PEM without a passphrase.
        authority: PEM of the authority whose certificate each client must show; None for none.

    Raises:
        OSError: a file cannot be read, or the files do not belong together (``ssl.SSLError``).
        ValueError: a file is not PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key, _no_passphrase)
    if authority is not None:
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class ApiServer:
    """The application on a port, as one task of the adapter's event loop."""

    def __init__(self, app: ASGIApp, address: ApiAddress) -> None:
        self._app = app
        self._address = address
        self._server: QuietServer | None = None
        self._listening: CountingSocket | None = None
        self.port = address.port

    @property
    def connections(self) -> int:
        """Return the number of connected clients."""
        return 0 if self._server is None else len(self._server.server_state.connections)

    @property
    def handshakes(self) -> int:
        """Return the number of further clients whose TLS handshake is not complete."""
        return 0 if self._listening is None else self._listening.handshakes

    async def start(self) -> None:
        """Bind the port and serve. Port 0 takes a free one, which `port` then names.

        Raises:
            ConfigError: `config_port_unusable`.
        """
        address = self._address
        bound = listening_socket(address.host, address.port, "the HTTP interface")
        self._listening = listening = CountingSocket(bound, address.connections)
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http=_protocol_with(address.connections, listening),
            backlog=BACKLOG,
            h11_max_incomplete_event_size=HEADER_BYTES,
            timeout_keep_alive=int(REQUEST_S),
            timeout_graceful_shutdown=STOP_S,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            ssl_context_factory=None if address.tls is None else _Given(address.tls),
        )
        self._server = QuietServer(config)
        await self._server.begin(listening)

    async def stop(self) -> None:
        """Answer open requests, then close the port."""
        if self._server is not None:
            await self._server.end()
            self._server = self._listening = None


def _protocol_with(most: int, listening: CountingSocket) -> type[H11Protocol]:
    """Return the protocol of connections, of which at most so many are open."""
    members = {"most_connections": most, "listening": listening}
    return type("_LimitedProtocol", (_BoundedProtocol,), members)


class _BoundedProtocol(LimitedProtocol):
    """A connection with limits of time.

    A client that sends its request slowly, takes its answer slowly or does nothing is disconnected.
    A new connection above the limit closes the one that has waited longest without a request, or is
    refused if all others are being answered.
    """

    most_connections: int
    listening: CountingSocket

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, if there is or can be made room for it."""
        self.transport = transport
        self.listening.complete(transport.get_extra_info("socket").fileno())
        self.opened_s = self.idle_since_s = self.loop.time()
        self.unsent, self.stalled = 0, 0
        if len(self.connections) >= self.most_connections and not self.make_room():
            transport.abort()
            return
        secured = transport.get_extra_info("ssl_object")
        shown = None if secured is None else secured.getpeercert(binary_form=True)
        if shown is not None:
            self.app_state = {**self.app_state, CERTIFICATE: sha256(shown).hexdigest()}
        super().connection_made(transport)
        self.loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        if self not in self.connections:
            return
        now = self.loop.time()
        if self.answering:
            self.idle_since_s = now
        unsent = self.transport.get_write_buffer_size()
        self.stalled = self.stalled + 1 if unsent and unsent >= self.unsent else 0
        self.unsent = unsent
        if (
            now - self.idle_since_s >= REQUEST_S
            or now - self.opened_s >= LONGEST_S
            or self.stalled >= STALLED_LOOKS
        ):
            self.transport.abort()
        else:
            self.loop.call_later(LOOK_S, self._look)


class _Given:
    """Returns a TLS context that is ready; uvicorn asks for it while it loads its settings."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def __call__(self, _config: uvicorn.Config, _default: object) -> ssl.SSLContext:
        return self._context


def _no_passphrase() -> str:
    """Answer the question for a passphrase of the key, so that no terminal is asked."""
    return ""
