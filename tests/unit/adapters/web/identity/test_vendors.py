"""Tokens, keys and metadata in the forms of Microsoft Entra ID and Keycloak."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import OctKey, OKPKey, RSAKey

from adapters.web.identity.provider import metadata_of
from adapters.web.identity.refusals import ProviderUnavailableError
from adapters.web.serving import WebServer
from broker.agency.web_section import OidcSection
from tests.support.oidc_provider import HostileProvider
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.identity.test_provider_sign_in import CODE, signed_in

TENANT = "9f1c0000-0000-4000-8000-00000000abcd"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
KEYCLOAK = "https://sso.haven.example/realms/haven"
OF_ENTRA: dict[str, Any] = {
    "ver": "2.0",
    "tid": TENANT,
    "oid": "1111aaaa-0000-4000-8000-000000000001",
    "sub": "a-pairwise-id-of-this-application",
    "preferred_username": "rosa@haven.example",
    "name": "Rosa Sampleworth",
    "uti": "x",
    "rh": "0.A",
    "sid": "s",
}
OF_KEYCLOAK: dict[str, Any] = {
    "typ": "ID",
    "azp": "concordant-haven",
    "acr": "1",
    "sid": "s",
    "session_state": "s",
    "preferred_username": "rosa",
    "email_verified": True,
    "name": "Rosa Sampleworth",
    "roles": None,
}


def roles_of(server: WebServer) -> list[str]:
    (session,) = server._doors.sessions._by_digest.values()
    return sorted(session.person.roles)


def person_of(server: WebServer) -> str:
    (session,) = server._doors.sessions._by_digest.values()
    return session.person.id


@pytest.mark.parametrize(
    ("more_settings", "claims", "roles"),
    [
        ("", {**OF_ENTRA, "roles": ["desk"]}, ["caseworker"]),
        (
            'roles_claim = "groups"',
            {**OF_ENTRA, "roles": None, "groups": ["lead"]},
            ["officer", "signatory"],
        ),
        (
            'roles_claim = "realm_access.roles"',
            {**OF_KEYCLOAK, "realm_access": {"roles": ["desk", "offline_access"]}},
            ["caseworker"],
        ),
        (
            'roles_claim = "resource_access.concordant.roles"',
            {**OF_KEYCLOAK, "resource_access": {"concordant": {"roles": ["desk"]}, "account": {}}},
            ["caseworker"],
        ),
        (
            'roles_claim = "https://haven.example/roles"',
            {"https://haven.example/roles": "desk"},
            ["caseworker"],
        ),
    ],
)
def test_roles_in_the_claims_of_a_vendor(
    browser: Visitor,
    oidc_server: WebServer,
    provider: HostileProvider,
    claims: dict[str, Any],
    roles: list[str],
) -> None:
    provider.claims = lambda given: given | claims

    assert signed_in(browser, provider).status_code == 303
    assert roles_of(oidc_server) == roles


@pytest.mark.parametrize(
    ("more_settings", "claims"),
    [
        # above 200 groups, Entra names an address in place of the groups
        (
            'roles_claim = "groups"',
            {
                **OF_ENTRA,
                "roles": None,
                "_claim_names": {"groups": "src1"},
                "_claim_sources": {"src1": {"endpoint": "https://evil.example"}},
            },
        ),
        # Keycloak without the mapper, or with roles of another client
        ('roles_claim = "realm_access.roles"', OF_KEYCLOAK),
        ('roles_claim = "realm_access.roles"', {**OF_KEYCLOAK, "realm_access": ["desk"]}),
        (
            'roles_claim = "resource_access.concordant.roles"',
            {**OF_KEYCLOAK, "resource_access": {"other": {"roles": ["desk"]}}},
        ),
        # groups of Keycloak with their path are not the names of the map
        ('roles_claim = "groups"', {**OF_KEYCLOAK, "groups": ["/desk"]}),
    ],
)
def test_claims_that_give_no_role(
    browser: Visitor, provider: HostileProvider, claims: dict[str, Any]
) -> None:
    provider.claims = lambda given: given | claims

    assert CODE.format("roles_missing") in signed_in(browser, provider).text


@pytest.mark.parametrize("more_settings", ['person_claim = "oid"'])
def test_the_object_id_of_entra(
    browser: Visitor, oidc_server: WebServer, provider: HostileProvider
) -> None:
    provider.claims = lambda given: given | OF_ENTRA | {"roles": ["desk"]}
    signed_in(browser, provider)

    assert person_of(oidc_server).startswith(f"{OF_ENTRA['oid']} ")


def test_keys_for_other_uses_are_left_out(browser: Visitor, provider: HostileProvider) -> None:
    """Keycloak publishes a key for encryption, Entra certificates; a shared secret is no key."""
    encryption = RSAKey.generate_key(2048, auto_kid=True).as_dict(private=False)
    provider.more_keys = [
        {**encryption, "use": "enc", "alg": "RSA-OAEP"},
        dict(OKPKey.generate_key("Ed25519", auto_kid=True).as_dict(private=False)),
        dict(OctKey.generate_key(256, auto_kid=True).as_dict()),
        {
            **encryption,
            "kid": "other",
            "use": "sig",
            "x5t": "AAAA",
            "x5c": ["MIIB"],
            "issuer": ENTRA,
        },
    ]

    assert signed_in(browser, provider).status_code == 303


def document(issuer: str, root: str, **more: object) -> dict[str, object]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{root}/authorize",
        "token_endpoint": f"{root}/token",
        "jwks_uri": f"{root}/keys",
        "end_session_endpoint": f"{root}/logout",
        **more,
    }


@pytest.mark.parametrize("issuer", [ENTRA, KEYCLOAK])
def test_issuers_that_the_settings_take(issuer: str) -> None:
    section = OidcSection.model_validate(
        {
            "issuer": issuer,
            "client_id": "c",
            "client_secret": {"file": "f"},
            "roles": {"desk": ["caseworker"]},
        }
    )
    assert section.issuer == issuer


def test_metadata_of_entra() -> None:
    root = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0"
    methods = ["client_secret_post", "private_key_jwt", "client_secret_basic"]
    found = document(ENTRA, root, token_endpoint_auth_methods_supported=methods)
    metadata = metadata_of(found, ENTRA)

    assert metadata.token == f"{root}/token"
    assert not metadata.names_issuer
    assert metadata.basic


def test_metadata_of_keycloak() -> None:
    root = f"{KEYCLOAK}/protocol/openid-connect"
    named = {"authorization_response_iss_parameter_supported": True}

    assert metadata_of(document(KEYCLOAK, root, **named), KEYCLOAK).names_issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.microsoftonline.com/{tenantid}/v2.0",  # of the address `common`
        f"https://sts.windows.net/{TENANT}/",  # of version 1.0
        f"{ENTRA}/",
        ENTRA.replace("9f1c", "0000"),
    ],
)
def test_the_metadata_of_another_issuer(issuer: str) -> None:
    root = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0"
    with pytest.raises(ProviderUnavailableError):
        metadata_of(document(issuer, root), ENTRA)
