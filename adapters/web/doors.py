"""Ways into the application, and how a person of a provider is read from its token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.web.identity.named_person import claim_of, named_person, roles_given, texts_in
from adapters.web.identity.pending import PendingSignIns
from adapters.web.identity.provider import Provider, SignedIn
from adapters.web.identity.trusted_proxy import TrustedProxy
from adapters.web.one_time_links import OneTimeLinks
from adapters.web.people import PROVIDER, Person
from adapters.web.sessions import SignIn, WebSessions
from broker.agency.web_section import OidcSection


@dataclass(frozen=True, slots=True)
class ProviderSignIn:
    """Sign-in by a provider.

    Attributes:
        provider: the provider.
        section: which claims name the person and the roles.
        pending: sign-ins that have begun.
    """

    provider: Provider
    section: OidcSection
    pending: PendingSignIns

    def sign_in(self, signed_in: SignedIn, now: int) -> SignIn:
        """Return the sign-in that a verified token states.

        Args:
            signed_in: the token and its claims.
            now: ms since the epoch.

        Raises:
            SignInRefusedError: `person_missing` or `roles_missing`.
        """
        at = signed_in.claims.get("auth_time")
        proved_ms = min(at * 1000, now) if type(at) is int and at > 0 else 0
        return SignIn(self._person(signed_in), proved_ms, signed_in.id_token)

    def _person(self, signed_in: SignedIn) -> Person:
        section, claims = self.section, signed_in.claims
        return named_person(
            claim_of(claims, section.person_claim),
            claim_of(claims, section.name_claim),
            roles_given(texts_in(claim_of(claims, section.roles_claim)), section.roles),
            issuer=section.issuer,
            vouched=PROVIDER,
        )


@dataclass(frozen=True, slots=True)
class Doors:
    """Ways into the application.

    Attributes:
        sessions: people who have signed in.
        links: one-time links; None if they are off.
        provider: sign-in by a provider, if there is one.
        proxy: proxy that names people, if there is one.
        cookie: name of the cookie.
        secure: whether browsers reach the pages over TLS only.
        address: origin of the pages, if it is set.
        hosts: names under which the pages are reached.
    """

    sessions: WebSessions
    links: OneTimeLinks | None
    provider: ProviderSignIn | None
    proxy: TrustedProxy | None
    cookie: str
    secure: bool
    address: str | None
    hosts: Sequence[str]
