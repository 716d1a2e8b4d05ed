"""Names, ids and roles that a provider gives."""

from __future__ import annotations

import pytest

from adapters.web.identity.named_person import claim_of, identity, named_person, texts_in
from adapters.web.people import PROVIDER, Role
from broker.agency.account import LABEL_CHARACTERS, label

ISSUER = "https://login.example.org/tenant/v2.0"


def test_claims_by_name_and_by_path() -> None:
    claims = {"realm_access": {"roles": ["desk"]}, "https://a.example/roles": "desk"}

    assert texts_in(claim_of(claims, "realm_access.roles")) == ("desk",)
    assert texts_in(claim_of(claims, "https://a.example/roles")) == ("desk",)
    assert texts_in(claim_of(claims, "realm_access.roles.more")) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x" * 200 + "a", "x" * 200 + "b"),
        ("rosa", "rosa "),
        ("a  b", "a b"),
        ("é", "e\u0301"),
        ("a b", "a"),
    ],
)
def test_two_people_never_share_an_entry_of_the_log(one: str, other: str) -> None:
    labels = {label(identity(subject, ISSUER)) for subject in (one, other)}

    assert len(labels) == 2
    assert all(len(text) <= LABEL_CHARACTERS for text in labels)


def test_the_same_id_of_two_issuers() -> None:
    assert identity("1", ISSUER) != identity("1", "https://other.example")


def test_a_name_cannot_disguise_itself() -> None:
    name = "Rosa\u202e\x00\r\nSet-Cookie: a\u200b" + "x" * 500
    person = named_person("1", name, frozenset({Role.OFFICER}), issuer=ISSUER, vouched=PROVIDER)

    assert person.name.startswith("Rosa Set-Cookie: ax")
    assert len(person.name) == 100
