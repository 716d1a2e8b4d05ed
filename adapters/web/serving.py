"""Server of the web application: address, links, and the end."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from adapters.http_api.server import ApiAddress, ApiServer, server_context
from adapters.texts import ENGLISH, texts_of
from adapters.web.agency import OwnAgency
from adapters.web.app import STATIC, WebApp
from adapters.web.areas import AREAS, OWN
from adapters.web.doors import Doors
from adapters.web.identity.settings import provider_sign_in
from adapters.web.identity.trusted_proxy import TrustedProxy
from adapters.web.navigation import Navigation
from adapters.web.one_time_links import OneTimeLinks
from adapters.web.people import Person, Role, local_person, role_names
from adapters.web.rendering import Renderer
from adapters.web.session_files import SessionFiles
from adapters.web.sessions import WebSessions
from adapters.web.static_files import versioned
from broker.agency.web_section import WebSection
from broker.errors import ConfigError

CONNECTIONS: Final = 256


class WebServer:
    """The web application of one agency on a port.

    Args:
        root: the agency's folder.
        clock: () -> ms since the epoch.
        host: address to listen on.
        port: 0 is any free one.

    Raises:
        ConcordantError: the folder cannot be used.
    """

    def __init__(self, root: Path, clock: Callable[[], int], host: str, port: int) -> None:
        self._agency = OwnAgency(root, clock)
        participant = self._agency.participant()
        section = participant.config.web
        tls = _tls_of(section, root)
        if tls is None and not _on_loopback(host):
            raise ConfigError(
                "Without a certificate the web application is served on this machine alone.",
                code="config_web_tls",
                where="--host",
                fix="Leave --host out, or set certificate and key in [web] of agency.toml.",
            )
        self._scheme = "http" if tls is None else "https"
        self._host = host
        secure = tls is not None or (section.address or "").startswith("https:")
        self._doors = Doors(
            WebSessions(SessionFiles(root)),
            OneTimeLinks() if section.links_allowed else None,
            None if section.oidc is None else provider_sign_in(section.oidc, root, clock),
            None if section.proxy is None else TrustedProxy(section.proxy),
            "__Host-concordant" if secure else f"concordant-{participant.agency}",
            secure,
            section.address,
            _hosts(host, section),
        )
        renderer = Renderer(
            texts_of(root, section.language),
            section.language or ENGLISH,
            clock,
            {
                "own_name": self._agency.own_name,
                "agency_name": self._agency.name_of,
                "short_name": self._agency.short_name_of,
                "navigation": Navigation(AREAS),
                "stylesheet": versioned(STATIC / "concordant.css"),
                "script": versioned(STATIC / "live.js"),
                "Role": Role,
                "role_names": role_names,
            },
        )
        self._app = WebApp(self._agency, self._doors, renderer, (*AREAS, OWN))
        self.asgi: Final = self._app.asgi
        self._server = ApiServer(self.asgi, ApiAddress(host, port, tls, CONNECTIONS))

    @property
    def port(self) -> int:
        """Return the port."""
        return self._server.port

    async def start(self) -> None:
        """Bind the port and serve. The disclosure log is verified meanwhile.

        Raises:
            ConfigError: `config_port_unusable`.
        """
        await self._server.start()
        self._agency.begin_log_check()

    def new_link(self, person: Person | None = None) -> str:
        """Return a link that signs a person in once; the first page where such links are off.

        Args:
            person: the person at this machine, with every role, if it is None.
        """
        host = f"[{self._host}]" if ":" in self._host else self._host
        origin = self._doors.address or f"{self._scheme}://{host}:{self.port}"
        if self._doors.links is None:
            return f"{origin}/"
        token = self._doors.links.make(person or local_person(), self._agency.clock())
        return f"{origin}/link/{token}"

    async def stop(self) -> None:
        """Answer open requests, then close port and state."""
        self._app.end_streams()
        await self._server.stop()
        self.close()

    def close(self) -> None:
        """End the sessions, and close the agency's state and the connections to the provider."""
        self._doors.sessions.close()
        if self._doors.provider is not None:
            self._doors.provider.provider.close()
        self._agency.close()


def _tls_of(section: WebSection, root: Path) -> ssl.SSLContext | None:
    """Return the TLS context of `[web]`; None if the section names no certificate.

    Raises:
        ConfigError: `config_web_certificate`.
    """
    if section.certificate is None or section.key is None:
        return None
    try:
        proxy = section.proxy
        authority = None if proxy is None or proxy.client_ca is None else root / proxy.client_ca
        return server_context(root / section.certificate, root / section.key, authority)
    except (OSError, ValueError):
        raise ConfigError(
            "The TLS files of the web application cannot be used.",
            code="config_web_certificate",
            where="agency.toml: web",
            fix="Check that certificate and key of [web] are PEM files that belong together, with "
            "permissions that let this account read them, and that the key has no passphrase.",
        ) from None


def _on_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _hosts(host: str, section: WebSection) -> list[str]:
    """Return the names by which a browser may ask; another name is an attack on a local server."""
    named = [] if section.public_host is None else [section.public_host]
    local = ("localhost", "127.0.0.1") if _on_loopback(host) else ()
    return [f"[{one}]" if ":" in one else one for one in (host, *named, *local)]
