"""Delegation: the governance keys name keys that sign manifests, for at most 400 days.

A signed note over canonical JSON (spec: keys, "Delegations"). The governance keys then stay offline
for a year. Parsing is strict and verifying is pure: bytes, the governance keys and `now`.

Only the governance keys may withdraw manifest keys, resume or leave a contract, and revoke a key
from a time that is earlier than a manifest may name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from broker.envelope.primitives import sha256
from broker.errors import ManifestError, NoteError
from broker.keys.enrolment import possession_message, verify_possession, verify_public
from broker.keys.governance import (
    OFFICERS_THRESHOLD,
    PAIR_LINES,
    Governance,
    GovernanceSigner,
    key_name,
)
from broker.keys.instant import CLOCK_SKEW_MS, whole_second
from broker.keys.keyfile import Base64, Instant
from broker.keys.kid import ED25519, MANIFEST, ML_DSA_65, kid
from broker.keys.signed_document import (
    Hash,
    Id,
    Kid,
    MalformedDocument,
    Version,
    document_text,
    parse_document,
)
from broker.keys.signed_document import StatementLine as Line
from broker.keys.signer import SoftwareSigner
from broker.tlog.note import Note, format_note, sign_note
from contracts.durations import DAY_MS, SECOND_MS

HEADER: Final = "concordant.delegation/v1"
DELEGATION_LIMIT_BYTES: Final = 64 * 1024
LONGEST_DELEGATION_MS: Final = 400 * DAY_MS
STATEMENTS_LIMIT: Final = 128
"""Maximum number of members of each list."""
_ALGORITHMS: Final = (ED25519, ML_DSA_65)
_SIGNATURES: Final = (PAIR_LINES, PAIR_LINES * OFFICERS_THRESHOLD)


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DelegatedKey(_Document):
    """One public key that may sign manifests, with proof that the agency has it."""

    kid: Kid
    algorithm: Literal["ed25519", "ml-dsa-65"]
    public: Base64
    possession: Base64


class WithdrawnKeys(_Document):
    """A pair of manifest keys that signs no manifest any more.

    Attributes:
        keys: ids of the Ed25519 and the ML-DSA-65 key.
        stand: hashes of the manifests of this pair that stay valid, because the agency itself made
            them. All others of the pair are void: readers treat them as if they did not exist.
    """

    keys: Annotated[tuple[Kid, ...], Field(min_length=2, max_length=2, strict=False)]
    stand: Annotated[tuple[Hash, ...], Field(max_length=STATEMENTS_LIMIT, strict=False)] = ()


class DelegatedStatement(_Document):
    """The agency resumes its part of a contract, or leaves the contract.

    Attributes:
        contract: the contract's name; the statement covers all versions.
        state: `resumed` ends a suspension at `since`; `left` cannot be undone.
        since: when it takes effect.
        reason: for the other parties.
    """

    contract: Line
    state: Literal["resumed", "left"]
    since: Instant
    reason: Line


class Revocation(_Document):
    """A key that may be compromised since a time. A delegation may state any time in the past."""

    kid: Kid
    since: Instant
    reason: Line


class Delegation(_Document):
    """Statement of the governance keys about the keys that sign manifests.

    Attributes:
        version: time of issue, milliseconds; a later delegation has a higher version.
        keys: an Ed25519 and an ML-DSA-65 key, in this order; both must sign a manifest.
        withdrawn: pairs of manifest keys that sign no manifest any more.
        standing: contracts that the agency resumes or leaves.
        revocations: operational keys that may be compromised.
    """

    agency: Id
    deployment: Id
    version: Version
    issued: Instant
    expires: Instant
    keys: Annotated[tuple[DelegatedKey, ...], Field(min_length=2, max_length=2, strict=False)]
    withdrawn: Annotated[
        tuple[WithdrawnKeys, ...], Field(max_length=STATEMENTS_LIMIT, strict=False)
    ] = ()
    standing: Annotated[
        tuple[DelegatedStatement, ...], Field(max_length=STATEMENTS_LIMIT, strict=False)
    ] = ()
    revocations: Annotated[
        tuple[Revocation, ...], Field(max_length=STATEMENTS_LIMIT, strict=False)
    ] = ()

    @property
    def kids(self) -> tuple[bytes, bytes]:
        """Ids of the Ed25519 and the ML-DSA-65 manifest key."""
        return self.keys[0].kid, self.keys[1].kid


@dataclass(frozen=True, slots=True)
class SignedDelegation:
    """A parsed delegation whose signatures are not checked."""

    delegation: Delegation
    note: Note
    raw: bytes

    @property
    def hash(self) -> bytes:
        """Hash of the text, by which manifests name it. Signature lines are no part of it."""
        return sha256(self.note.text)


@dataclass(frozen=True)
class VerifiedDelegation:
    """A delegation that the agency's governance keys signed and that passed every check.

    Attributes:
        governance: the keys that signed it.
    """

    delegation: Delegation
    raw: bytes
    governance: Governance

    @cached_property
    def hash(self) -> bytes:
        """Hash of the text, by which manifests name it. Signature lines are no part of it."""
        return sha256(delegation_text(self.delegation))


@dataclass(frozen=True, slots=True)
class DelegationChanges:
    """Statements that a new delegation adds to those of the delegation before it.

    Attributes:
        withdrawn: pairs of manifest keys. The new list of a pair replaces its former one.
        standing: resuming and leaving.
        revocations: operational keys.
    """

    withdrawn: tuple[WithdrawnKeys, ...] = ()
    standing: tuple[DelegatedStatement, ...] = ()
    revocations: tuple[Revocation, ...] = ()


def delegation_text(delegation: Delegation) -> bytes:
    """Return the text that the governance keys sign."""
    return document_text(HEADER, delegation.deployment, delegation)


def issue_delegation(
    signer: GovernanceSigner,
    keys: tuple[SoftwareSigner, SoftwareSigner],
    now: int,
    *,
    previous: Delegation | None = None,
    changes: DelegationChanges | None = None,
) -> VerifiedDelegation:
    """Make and sign a delegation that is valid from now on, for 400 days.

    Args:
        signer: the agency's governance keys.
        keys: the Ed25519 and the ML-DSA-65 key that may sign manifests.
        now: milliseconds since the epoch.
        previous: the agency's newest delegation, whose statements are repeated; None for the first.
        changes: new statements.

    Raises:
        ManifestError: others would refuse the result.
        KeyAccessError: a signer cannot fetch its key.
    """
    delegation = next_delegation(
        keys,
        now,
        agency=signer.agency,
        deployment=signer.deployment,
        previous=previous,
        changes=changes,
    )
    raw = format_note(sign_note(delegation_text(delegation), signer.note_signers()))
    return verify_delegation(
        parse_delegation(raw), [signer.public], deployment=signer.deployment, now=now
    )


def next_delegation(
    keys: tuple[SoftwareSigner, SoftwareSigner],
    now: int,
    *,
    agency: str,
    deployment: str,
    previous: Delegation | None = None,
    changes: DelegationChanges | None = None,
) -> Delegation:
    """Return the content of a delegation from now on, for 400 days, before it is signed.

    Args:
        keys: the Ed25519 and the ML-DSA-65 key that may sign manifests.
        now: milliseconds since the epoch.
        agency: the agency's id.
        deployment: the partnership's id.
        previous: the agency's newest delegation, whose statements are repeated; None for the first.
        changes: new statements.
    """
    changes = DelegationChanges() if changes is None else changes
    issued = whole_second(now)
    if previous is not None and issued <= previous.version:
        issued = whole_second(previous.version) + SECOND_MS
    before = changes if previous is None else previous
    withdrawn = {one.keys: one for one in (*before.withdrawn, *changes.withdrawn)}
    return Delegation(
        agency=agency,
        deployment=deployment,
        version=issued,
        issued=issued,
        expires=issued + LONGEST_DELEGATION_MS,
        keys=tuple(_delegated(key, deployment, agency) for key in keys),
        withdrawn=tuple(withdrawn.values()),
        standing=_united(before.standing, changes.standing),
        revocations=_united(before.revocations, changes.revocations),
    )


_Statement = TypeVar("_Statement", bound=_Document)


def _united(before: tuple[_Statement, ...], new: tuple[_Statement, ...]) -> tuple[_Statement, ...]:
    return (*before, *(one for one in new if one not in before))


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
    signed: SignedDelegation,
    governance: Iterable[Governance],
    *,
    deployment: str,
    now: int,
    expired_ok: bool = False,
) -> VerifiedDelegation:
    """Check signatures, dates and both keys of a delegation.

    Args:
        signed: result of `parse_delegation`.
        governance: the agency's governance keys, or the keys that contracts name. One of them must
            have signed it.
        deployment: the partnership's id.
        now: milliseconds since the epoch.
        expired_ok: accept a delegation that has expired. A reader needs it for the older manifests
            by which it judges older records. No manifest expires after its delegation.

    Raises:
        ManifestError: `delegation_foreign`, `delegation_signature_invalid`,
            `delegation_dates_invalid`, `delegation_early`, `delegation_expired`,
            `delegation_key_invalid`, `key_malformed`, `key_small_order` or `possession_invalid`.
    """
    delegation = signed.delegation
    try:
        if delegation.deployment != deployment:
            raise ManifestError("it belongs to another deployment.", code="delegation_foreign")
        pairs = tuple(governance)
        signers = _verify_signatures(signed, pairs)
        _verify_dates(delegation, now, expired_ok=expired_ok)
        _verify_keys(delegation, pairs)
    except ManifestError as error:
        raise ManifestError(
            f"The delegation of {delegation.agency} is refused: {error.detail}",
            code=error.code,
            fix=error.fix or f"Ask {delegation.agency} for a new delegation.",
        ) from None
    return VerifiedDelegation(delegation, signed.raw, signers)


def _delegated(key: SoftwareSigner, deployment: str, agency: str) -> DelegatedKey:
    return DelegatedKey.model_validate(
        {
            "kid": key.kid,
            "algorithm": key.algorithm,
            "public": key.public,
            "possession": key.sign(possession_message(deployment, agency, key.kid)),
        }
    )


def _verify_signatures(signed: SignedDelegation, pairs: tuple[Governance, ...]) -> Governance:
    name = key_name(signed.delegation.deployment, signed.delegation.agency)
    for pair in pairs:
        try:
            pair.require_signed(signed.note, name)
        except NoteError:
            continue
        return pair
    raise ManifestError(
        "the agency's governance keys have not signed it, or too few of its officers have.",
        code="delegation_signature_invalid",
    )


def _verify_dates(delegation: Delegation, now: int, *, expired_ok: bool) -> None:
    life = delegation.expires - delegation.issued
    if not 0 < life <= LONGEST_DELEGATION_MS or delegation.version != delegation.issued:
        raise ManifestError(
            "it ends before it begins, lasts more than 400 days, or its version is not its time of "
            "issue.",
            code="delegation_dates_invalid",
        )
    if delegation.issued > now + CLOCK_SKEW_MS:
        raise ManifestError(
            "it was issued in the future.", code="delegation_early", fix="Check both clocks."
        )
    if delegation.expires <= now and not expired_ok:
        raise ManifestError("it has expired.", code="delegation_expired")


def _verify_keys(delegation: Delegation, pairs: tuple[Governance, ...]) -> None:
    governance = {half for pair in pairs for half in pair.halves}
    withdrawn = {kid for one in delegation.withdrawn for kid in one.keys}
    if tuple(key.algorithm for key in delegation.keys) != _ALGORITHMS:
        raise ManifestError(
            "it does not name one key of each algorithm.", code="delegation_key_invalid"
        )
    for key in delegation.keys:
        if kid(MANIFEST, key.algorithm, key.public) != key.kid:
            raise ManifestError(
                "the id of a key does not match its public key.", code="delegation_key_invalid"
            )
        if key.public in governance:
            raise ManifestError(
                "a key is also a governance key of the agency.", code="delegation_key_invalid"
            )
        if key.kid in withdrawn:
            raise ManifestError("it names a key that it withdraws.", code="delegation_key_invalid")
        verify_public(key.algorithm, key.public)
        verify_possession(
            key.algorithm,
            key.public,
            key.possession,
            deployment=delegation.deployment,
            agency=delegation.agency,
            kid=key.kid,
        )
