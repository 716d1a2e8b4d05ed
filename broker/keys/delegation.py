"""Delegation: the governance keys name keys that sign manifests, for at most 400 days.

A signed note over canonical JSON (spec: entries). The governance keys then stay offline for a year.
Parsing is strict and verifying is pure: bytes, the governance keys and `now`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from broker.errors import ManifestError, NoteError
from broker.keys.enrolment import possession_message, verify_possession, verify_public
from broker.keys.governance import GovernancePublic, GovernanceSigner, key_name
from broker.keys.instant import CLOCK_SKEW_MS, whole_second
from broker.keys.keyfile import Base64, Instant
from broker.keys.kid import ED25519, MANIFEST, ML_DSA_65, kid
from broker.keys.manifest import Id, Kid, Version
from broker.keys.signed_document import MalformedDocument, document_text, parse_document
from broker.keys.signer import SoftwareSigner
from broker.tlog.note import Note, format_note, sign_note, verify_note_by_all
from contracts.durations import DAY_MS

HEADER: Final = "concordant.delegation/v1"
DELEGATION_LIMIT_BYTES: Final = 64 * 1024
LONGEST_DELEGATION_MS: Final = 400 * DAY_MS
_ALGORITHMS: Final = (ED25519, ML_DSA_65)
_SIGNATURES: Final = 2


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DelegatedKey(_Document):
    """One public key that may sign manifests, with proof that the agency has it."""

    kid: Kid
    algorithm: Literal["ed25519", "ml-dsa-65"]
    public: Base64
    possession: Base64


class Delegation(_Document):
    """Statement of the governance keys about the keys that sign manifests.

    Attributes:
        version: time of issue, milliseconds; a later delegation has a higher version.
        keys: an Ed25519 and an ML-DSA-65 key, in this order; both must sign a manifest.
    """

    agency: Id
    deployment: Id
    version: Version
    issued: Instant
    expires: Instant
    keys: Annotated[tuple[DelegatedKey, ...], Field(min_length=2, max_length=2, strict=False)]


@dataclass(frozen=True, slots=True)
class SignedDelegation:
    """A parsed delegation whose signatures are not checked."""

    delegation: Delegation
    note: Note
    raw: bytes


@dataclass(frozen=True, slots=True)
class VerifiedDelegation:
    """A delegation that the agency's governance keys signed and that passed every check."""

    delegation: Delegation
    raw: bytes


def issue_delegation(
    signer: GovernanceSigner, keys: tuple[SoftwareSigner, SoftwareSigner], now: int
) -> VerifiedDelegation:
    """Return a delegation from now on, for 400 days.

    Args:
        signer: the agency's governance keys.
        keys: the Ed25519 and the ML-DSA-65 key that may sign manifests.
        now: milliseconds since the epoch.

    Raises:
        ManifestError: others would refuse the result.
        KeyAccessError: a signer cannot fetch its key.
    """
    issued = whole_second(now)
    delegation = Delegation(
        agency=signer.agency,
        deployment=signer.deployment,
        version=issued,
        issued=issued,
        expires=issued + LONGEST_DELEGATION_MS,
        keys=tuple(_delegated(key, signer.deployment, signer.agency) for key in keys),
    )
    text = document_text(HEADER, delegation.deployment, delegation)
    raw = format_note(sign_note(text, signer.note_signers()))
    return verify_delegation(
        parse_delegation(raw), signer.public, deployment=signer.deployment, now=now
    )


def parse_delegation(raw: bytes, where: str | None = None) -> SignedDelegation:
    """Parse a delegation's bytes.

    Args:
        raw: the note's bytes.
        where: a file name or another place, for errors.

    Raises:
        ManifestError: code `delegation_malformed`.
    """
    try:
        if len(raw) > DELEGATION_LIMIT_BYTES:
            raise MalformedDocument("it is too large")
        delegation, note = parse_document(
            raw, header=HEADER, model=Delegation, signatures=_SIGNATURES
        )
    except MalformedDocument as error:
        raise ManifestError(
            f"Not a delegation: {error}.",
            code="delegation_malformed",
            where=where,
            fix="Ask the agency for its entry again.",
        ) from None
    return SignedDelegation(delegation, note, raw)


def verify_delegation(
    signed: SignedDelegation, governance: GovernancePublic, *, deployment: str, now: int
) -> VerifiedDelegation:
    """Check signatures, dates and both keys of a delegation.

    Args:
        signed: result of `parse_delegation`.
        governance: the agency's governance keys.
        deployment: the partnership's id.
        now: milliseconds since the epoch.

    Raises:
        ManifestError: `delegation_foreign`, `delegation_signature_invalid`,
            `delegation_dates_invalid`, `delegation_early`, `delegation_expired`,
            `delegation_key_invalid`, `key_malformed`, `key_small_order` or `possession_invalid`.
    """
    delegation = signed.delegation
    try:
        if delegation.deployment != deployment:
            raise ManifestError("it is of another deployment.", code="delegation_foreign")
        _verify_signatures(signed, governance)
        _verify_dates(delegation, now)
        _verify_keys(delegation, governance)
    except ManifestError as error:
        raise ManifestError(
            f"The delegation of {delegation.agency} is refused: {error.detail}",
            code=error.code,
            fix=error.fix or f"Ask {delegation.agency} for a new delegation.",
        ) from None
    return VerifiedDelegation(delegation, signed.raw)


def _delegated(key: SoftwareSigner, deployment: str, agency: str) -> DelegatedKey:
    return DelegatedKey.model_validate(
        {
            "kid": key.kid,
            "algorithm": key.algorithm,
            "public": key.public,
            "possession": key.sign(possession_message(deployment, agency, key.kid)),
        }
    )


def _verify_signatures(signed: SignedDelegation, governance: GovernancePublic) -> None:
    name = key_name(signed.delegation.deployment, signed.delegation.agency)
    try:
        verify_note_by_all(signed.note, governance.note_verifiers(name))
    except NoteError:
        raise ManifestError(
            "the agency's two governance keys have not both signed it.",
            code="delegation_signature_invalid",
        ) from None


def _verify_dates(delegation: Delegation, now: int) -> None:
    life = delegation.expires - delegation.issued
    if not 0 < life <= LONGEST_DELEGATION_MS or delegation.version != delegation.issued:
        raise ManifestError(
            "it ends before it begins, lasts more than 400 days, or its version is not its time.",
            code="delegation_dates_invalid",
        )
    if delegation.issued > now + CLOCK_SKEW_MS:
        raise ManifestError(
            "it was issued in the future.", code="delegation_early", fix="Check both clocks."
        )
    if delegation.expires <= now:
        raise ManifestError("it has expired.", code="delegation_expired")


def _verify_keys(delegation: Delegation, governance: GovernancePublic) -> None:
    if tuple(key.algorithm for key in delegation.keys) != _ALGORITHMS:
        raise ManifestError(
            "it does not name one key of each algorithm.", code="delegation_key_invalid"
        )
    for key in delegation.keys:
        if kid(MANIFEST, key.algorithm, key.public) != key.kid:
            raise ManifestError("a key is not what its id says.", code="delegation_key_invalid")
        if key.public in (governance.ed25519, governance.ml_dsa_65):
            raise ManifestError(
                "a key is also a governance key of the agency.", code="delegation_key_invalid"
            )
        verify_public(key.algorithm, key.public)
        verify_possession(
            key.algorithm,
            key.public,
            key.possession,
            deployment=delegation.deployment,
            agency=delegation.agency,
            kid=key.kid,
        )
