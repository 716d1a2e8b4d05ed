"""People whom a trusted proxy names in headers of a request."""

from __future__ import annotations

import hmac
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.requests import Request

from adapters.http_api.endpoints import CERTIFICATE
from adapters.web.identity.named_person import named_person, roles_given
from adapters.web.identity.refusals import SignInRefusedError
from adapters.web.people import PROXY, Person
from broker.agency.web_section import ProxySection

ISSUER: Final = "proxy"
"""Issuer of the ids that the proxy gives, in the disclosure log."""


class TrustedProxy:
    """Reads the headers of one proxy.

    Args:
        section: names of the headers, and how the proxy is recognised.
    """

    def __init__(self, section: ProxySection) -> None:
        self._section = section
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(
            ip_network(one) for one in section.addresses
        )

    def person(self, request: Request) -> Person:
        """Return the person whom the headers name.

        Raises:
            SignInRefusedError: the request does not come from the proxy, or names no person or no
                role.
        """
        if not self._from_proxy(request):
            raise SignInRefusedError("not_the_proxy")
        section = self._section
        groups = self._header(request, section.roles_header) or ""
        name = None if section.name_header is None else self._header(request, section.name_header)
        return named_person(
            self._header(request, section.person_header),
            name,
            roles_given((one.strip() for one in groups.split(",")), section.roles),
            issuer=ISSUER,
            vouched=PROXY,
        )

    def _from_proxy(self, request: Request) -> bool:
        """Return whether the connection, not a header, is that of the proxy."""
        try:
            peer = ip_address("" if request.client is None else request.client.host)
        except ValueError:
            return False
        if not any(peer in network for network in self._networks):
            return False
        wanted = self._section.certificate
        shown: str = getattr(request.state, CERTIFICATE, "")
        return wanted is None or hmac.compare_digest(wanted, shown)

    @staticmethod
    def _header(request: Request, name: str) -> str | None:
        """Return a header that is there once.

        Raises:
            SignInRefusedError: `header_twice`: a client may have added one that the proxy left.
        """
        values = request.headers.getlist(name)
        if len(values) > 1:
            raise SignInRefusedError("header_twice")
        return values[0] if values else None
