"""Sign-in by a provider, from the section `[web.oidc]`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adapters.web.doors import ProviderSignIn
from adapters.web.identity.pending import PendingSignIns
from adapters.web.identity.provider import Provider, ProviderClient
from adapters.web.identity.provider_http import ProviderHttp
from broker.agency.config_secrets import passphrase_source
from broker.agency.config_sections import PassphraseSection
from broker.agency.kafka_settings import authority_file
from broker.agency.web_section import OidcSection
from broker.errors import ConfigError, KeyAccessError
from broker.keys.passphrase import load_passphrase


def provider_sign_in(section: OidcSection, root: Path, clock: Callable[[], int]) -> ProviderSignIn:
    """Return the sign-in that a section describes. The provider is not asked yet.

    Args:
        section: the section.
        root: the agency's folder.
        clock: () -> ms since the epoch.

    Raises:
        ConfigError: `config_web_certificate` or `config_web_secret`.
    """
    secret = _secret(section.client_secret, root)
    secret()  # a fault shows at the start, not at the first sign-in
    try:
        http = ProviderHttp(authority_file(section.ca, root))
    except (OSError, ValueError):
        raise ConfigError(
            "The certificate of the provider's authority cannot be used.",
            code="config_web_certificate",
            where="agency.toml: web.oidc.ca",
            fix="Name a PEM file that this account can read, or leave ca out.",
        ) from None
    client = ProviderClient(section.issuer, section.client_id, secret, section.scopes)
    return ProviderSignIn(Provider(client, http, clock), section, PendingSignIns())


def _secret(section: PassphraseSection, root: Path) -> Callable[[], str]:
    def read() -> str:
        try:
            return load_passphrase(passphrase_source(section, root)).decode("utf-8")
        except (KeyAccessError, UnicodeDecodeError):
            raise ConfigError(
                "The client secret for the OpenID Connect provider cannot be read, is empty or is "
                "too long.",
                code="config_web_secret",
                where="agency.toml: web.oidc.client_secret",
                fix="Put the secret where [web.oidc] client_secret names it, on one line, readable "
                "by this account only.",
            ) from None

    return read
