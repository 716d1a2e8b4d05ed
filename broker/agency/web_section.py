"""Section `[web]` of `agency.toml`: the web application, and the ways to sign in to it."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from broker.agency.config_rules import is_loopback, require_passphrase_place
from broker.agency.config_sections import SYSTEM_AUTHORITIES, PassphraseSection, Section, Text
from broker.errors import ConfigError

WebAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"\Ahttps?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\z",
        max_length=512,
    ),
]
"""Origin of pages: scheme, host and port."""
IssuerAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"\Ahttps?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
        r"(?:/[A-Za-z0-9._~%-]+)*/?\z",
        max_length=512,
    ),
]
LanguageTag = Annotated[
    str,
    StringConstraints(pattern=r"\A[a-z]{2,3}(?:-[A-Za-z]{2,8}){0,2}\z", max_length=32),
]
"""Language of texts (BCP 47), for example `cy`."""
HeaderName = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9-]{1,64}\z")]
Fingerprint = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{64}\z")]
RoleName: TypeAlias = Literal["caseworker", "officer", "signatory", "operator", "auditor"]
RoleMap: TypeAlias = Mapping[str, tuple[RoleName, ...]]
"""Value of the party that signs people in -> the roles that it gives here."""
_Roles = Annotated[
    dict[str, Annotated[tuple[RoleName, ...], Field(strict=False)]],
    Field(min_length=1, max_length=256),
]


def _network(text: str) -> str:
    ip_network(text)
    return text


Network = Annotated[str, AfterValidator(_network)]


class OidcSection(Section):
    """Sign-in by an OpenID Connect provider: authorization code flow with PKCE.

    Attributes:
        issuer: the provider's issuer identifier, exactly as its tokens have it.
        client_id: the application as the provider knows it.
        client_secret: place of its secret.
        ca: authority of the provider's certificate.
        scopes: what is asked for beside ``openid``.
        person_claim: claim with the stable id of a person.
        name_claim: claim with the name for the pages.
        roles_claim: claim with the roles; dots lead into nested claims.
        roles: which value of that claim gives which roles.
    """

    issuer: IssuerAddress
    client_id: Text
    client_secret: PassphraseSection
    ca: Text = SYSTEM_AUTHORITIES
    scopes: Annotated[tuple[Text, ...], Field(max_length=16, strict=False)] = ("profile",)
    person_claim: Text = "sub"
    name_claim: Text = "name"
    roles_claim: Text = "roles"
    roles: _Roles


class ProxySection(Section):
    """Sign-in by a proxy that has identified the person and names them in headers.

    Attributes:
        addresses: addresses or networks of the proxy; headers from others are refused.
        certificate: SHA-256 of the proxy's client certificate in hexadecimal, if it shows one.
        client_ca: authority of that certificate.
        person_header: header with the stable id of the person.
        name_header: header with the name for the pages.
        roles_header: header with the roles, separated by commas.
        roles: which value of that header gives which roles.
    """

    addresses: Annotated[tuple[Network, ...], Field(min_length=1, max_length=64, strict=False)]
    certificate: Fingerprint | None = None
    client_ca: Text | None = None
    person_header: HeaderName = "X-Remote-User"
    name_header: HeaderName | None = None
    roles_header: HeaderName = "X-Remote-Groups"
    roles: _Roles


class WebSection(Section):
    """Web application of this agency (`concordant web`).

    With a certificate and its key the pages are served over TLS, and may be served off this
    machine. ``language`` is the language of pages and notices, for which the folder holds the file
    `web/LANGUAGE.po`; English if it is not set. ``names`` are short names of agencies for headings
    of columns, by agency id. With ``oidc`` or ``proxy`` one-time links are off, unless ``links``
    allows them.
    """

    certificate: Text | None = None
    key: Text | None = None
    address: WebAddress | None = None
    links: bool | None = None
    language: LanguageTag | None = None
    names: dict[str, Text] = Field(default_factory=dict)
    oidc: OidcSection | None = None
    proxy: ProxySection | None = None

    @property
    def links_allowed(self) -> bool:
        """Return whether one-time links sign people in."""
        if self.links is not None:
            return self.links
        return self.oidc is None and self.proxy is None

    @property
    def public_host(self) -> str | None:
        """Return the name by which browsers reach the pages, if it is set."""
        return None if self.address is None else urlsplit(self.address).hostname


_SCHEMES: Final = ("web.address", "web.oidc.issuer")


def require_safe_web(web: WebSection, where: str) -> None:
    """Check the settings of `[web]` that concern each other.

    Raises:
        ConfigError: `config_invalid`; names the file and the setting.
    """
    _require_pair("certificate", web.certificate, "key", web.key, f"{where}: web")
    issuer = None if web.oidc is None else web.oidc.issuer
    for name, address in zip(_SCHEMES, (web.address, issuer), strict=True):
        if address is not None and not _is_encrypted(address):
            raise ConfigError(
                "The address does not begin with https, and is not on this machine.",
                code="config_invalid",
                where=f"{where}: {name}",
                fix='For example: "https://desk.example.org"',
            )
    if web.oidc is not None and web.proxy is not None:
        raise ConfigError(
            "People sign in by a provider or by a proxy; both are set.",
            code="config_invalid",
            where=f"{where}: web.proxy",
            fix="Remove [web.oidc] or [web.proxy].",
        )
    if web.oidc is not None:
        require_passphrase_place(web.oidc.client_secret, f"{where}: web.oidc.client_secret")
    if web.proxy is not None:
        proxy, at = web.proxy, f"{where}: web.proxy"
        _require_pair("certificate", proxy.certificate, "client_ca", proxy.client_ca, at)
        if proxy.certificate is None and any(
            not ip_network(one).prefixlen for one in proxy.addresses
        ):
            raise ConfigError(
                "The addresses of the proxy are all addresses: any person could name themselves.",
                code="config_invalid",
                where=f"{at}.addresses",
                fix='Name the proxy, for example "10.7.0.9", or set certificate and client_ca.',
            )
        if proxy.certificate is not None and web.certificate is None:
            raise ConfigError(
                "The proxy can show its certificate only if the pages are served over TLS.",
                code="config_invalid",
                where=f"{where}: web.certificate",
                fix="Set certificate and key in [web], or remove the proxy's certificate.",
            )


def _require_pair(
    first: str, first_value: str | None, second: str, second_value: str | None, where: str
) -> None:
    if (first_value is None) != (second_value is None):
        missing, given = (first, second) if first_value is None else (second, first)
        raise ConfigError(
            f"The setting {given} needs {missing} too.",
            code="config_invalid",
            where=f"{where}.{missing}",
            fix="Correct or remove the setting.",
        )


def _is_encrypted(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
