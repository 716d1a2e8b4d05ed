"""Parties to an agreement, consulted bodies, and processors.

Every party is equal: there is no owner and no lead organisation. A coordinator or a processor is
named and granted nothing (protocol `concordant/1`, "Contract signatures").
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)

from contracts.terms import AgreementDay, Identifier, Regime, Term, Text

__all__ = [
    "RESERVED_PRINCIPALS",
    "Assessment",
    "Consultation",
    "Contact",
    "Contacts",
    "Coordinator",
    "GovernanceKeys",
    "GovernancePair",
    "KafkaPrincipal",
    "Party",
    "Processor",
    "VersionEntry",
    "key_fingerprint",
]

ED25519_BYTES = 32
ML_DSA_65_BYTES = 1952
OFFICERS_THRESHOLD: Final = 2
"""Number of officers that must sign for a party that has several."""
OFFICERS_LIMIT: Final = 3

RESERVED_PRINCIPALS: Final = frozenset({"*", "anonymous"})
"""Lower-case names with a meaning in Kafka: every client, and an unknown client."""

_PRINCIPAL = re.compile(r"[!-~]([ -~]{0,254}[!-~])?")
_TYPED = re.compile(r"user:", re.IGNORECASE)

AreaCode: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[EWSNK][0-9]{8}$")]


def _principal(text: object) -> object:
    if not isinstance(text, str) or not _PRINCIPAL.fullmatch(text):
        raise ValueError("a principal is 1 to 256 printable ASCII characters, no space at its ends")
    if _TYPED.match(text):
        raise ValueError("a principal is written without User: before it")
    return text


KafkaPrincipal: TypeAlias = Annotated[str, BeforeValidator(_principal)]


def _raw(text: str, size: int) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    # Decoded bytes must encode to the same characters, because validate=True accepts spare bits.
    if base64.b64encode(raw).decode() != text or len(raw) != size:
        raise ValueError(f"not the base64 of {size} bytes")
    return raw


def _ed25519(text: str) -> str:
    _raw(text, ED25519_BYTES)
    return text


def _ml_dsa_65(text: str) -> str:
    _raw(text, ML_DSA_65_BYTES)
    return text


class GovernancePair(Term):
    """Two governance public keys in base64, both of which must verify."""

    ed25519: Annotated[str, AfterValidator(_ed25519)]
    ml_dsa_65: Annotated[str, AfterValidator(_ml_dsa_65)]

    @property
    def ed25519_raw(self) -> bytes:
        """The 32 bytes of the Ed25519 public key."""
        return base64.b64decode(self.ed25519)

    @property
    def ml_dsa_65_raw(self) -> bytes:
        """The 1952 bytes of the ML-DSA-65 public key."""
        return base64.b64decode(self.ml_dsa_65)


class GovernanceKeys(Term):
    """The governance keys of a party; all trust starts from them.

    Either one pair, or the pairs of two or three officers. Of these, two must sign.

    Attributes:
        ed25519, ml_dsa_65: the one pair.
        threshold: number of officers that must sign.
        officers: the pair of each officer, by a name of the office.
    """

    ed25519: Annotated[str, AfterValidator(_ed25519)] | None = None
    ml_dsa_65: Annotated[str, AfterValidator(_ml_dsa_65)] | None = None
    threshold: StrictInt | None = Field(default=None, ge=OFFICERS_THRESHOLD, le=OFFICERS_THRESHOLD)
    officers: dict[Identifier, GovernancePair] | None = Field(
        default=None, min_length=OFFICERS_THRESHOLD, max_length=OFFICERS_LIMIT
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        pair = self.ed25519 is not None, self.ml_dsa_65 is not None
        officers = self.threshold is not None, self.officers is not None
        if (all(pair), any(officers)) != (True, False) and (any(pair), all(officers)) != (
            False,
            True,
        ):
            raise ValueError("a party has either ed25519 and ml_dsa_65, or threshold and officers")
        return self

    @property
    def pairs(self) -> Mapping[str | None, GovernancePair]:
        """Each pair by its officer, in the order of their names; None stands for the one pair."""
        if self.officers is not None:
            return {name: self.officers[name] for name in sorted(self.officers)}
        assert self.ed25519 is not None  # the validator requires one of the two forms
        assert self.ml_dsa_65 is not None
        return {None: GovernancePair(ed25519=self.ed25519, ml_dsa_65=self.ml_dsa_65)}

    @property
    def needed(self) -> int:
        """Number of pairs that must sign."""
        return 1 if self.threshold is None else self.threshold

    def terms(self) -> dict[str, Any]:
        """The members as an agreement writes them."""
        return self.model_dump(mode="json", exclude_none=True)


class Contact(Term):
    """A contact function; a person could move on."""

    name: Text
    email: Text
    phone: Text | None = None


class Contacts(Term):
    """Contacts for each purpose."""

    data_protection_officer: Contact
    operations: Contact
    breach: Contact
    rights_and_complaints: Contact
    siro: Contact | None = None
    caldicott_guardian: Contact | None = None


class Party(Term):
    """An agency bound by the agreement.

    Attributes:
        id: agency id, used in streams, topics' ACLs and events.
        area: ONS codes of the area it serves.
        ico_registration: its entry in the register of fee payers; None if it has none.
        regime: the law under which it processes in this agreement.
        relationship: whether it decides with the others why and how, or for itself.
        public_authority: may not rely on Article 6(1)(f) for its tasks.
        third_party_reporting: takes reports from people who do not go to the police.
        kafka_principal: the name of its Kafka principal, as Kafka prints it after `User:`; the
            agency id where it is absent.
    """

    id: Identifier
    legal_name: Text
    role: Identifier
    area: tuple[AreaCode, ...] = Field(min_length=1)
    ico_registration: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{7}$")] | None = None
    regime: Regime
    relationship: Literal["joint-controller", "separate-controller"]
    public_authority: StrictBool
    third_party_reporting: StrictBool = False
    kafka_principal: KafkaPrincipal | None = None
    contacts: Contacts

    @property
    def principal(self) -> str:
        """Return the name of its Kafka principal."""
        return self.id if self.kafka_principal is None else self.kafka_principal


class Processor(Term):
    """A processor for the parties, for example the host of Kafka; it is granted no field."""

    name: Text
    service: Text
    location: Text
    terms: Text
    sees: Text


class Coordinator(Term):
    """A contact for meetings and papers, which grants nothing."""

    name: Text
    contact: Contact
    grants: Literal["nothing"]


class Assessment(Term):
    """A document that was made: a DPIA or an equality impact assessment."""

    reference: Text
    date: AgreementDay
    summary: Text
    review_on: AgreementDay | None = None


class Consultation(Term):
    """A consultation before the agreement was made, and its result."""

    who: Text
    date: AgreementDay
    outcome: Text


class VersionEntry(Term):
    """One line of the version record."""

    version: Text
    date: AgreementDay
    change: Text
    authorised_by: Text


def key_fingerprint(role: str, algorithm: str, raw: bytes) -> str:
    """Return a key's whole id in groups of four hexadecimal digits, for reading aloud.

    The id is H(lp("concordant/1/kid", role, algorithm, raw public key)) (protocol `concordant/1`,
    "Keys and who holds them"); it is the same that manifests carry.
    """
    parts = (b"concordant/1/kid", role.encode(), algorithm.encode(), raw)
    framed = len(parts).to_bytes(8, "big") + b"".join(
        len(part).to_bytes(8, "big") + part for part in parts
    )
    digits = hashlib.sha256(framed).hexdigest()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
