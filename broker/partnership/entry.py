"""Entry of an agency: one public signed file that introduces it to others.

An entry holds the agency's profile, its governance keys with proof of possession, the delegation to
its manifest keys, its first manifest and its request for a TLS certificate (spec: entries).
`verify_entry` is the one function that checks an entry. Nothing in an entry is secret. It does not
prove its maker's identity: people compare the fingerprint by telephone.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from broker.errors import EntryError, ManifestError, NoteError, TransportError
from broker.keys.delegation import (
    DELEGATION_LIMIT_BYTES,
    VerifiedDelegation,
    parse_delegation,
    verify_delegation,
)
from broker.keys.enrolment import possession_message, verify_possession
from broker.keys.governance import (
    OFFICER_NAME,
    OFFICERS_THRESHOLD,
    PAIR_LINES,
    Governance,
    GovernancePublic,
    GovernanceSigner,
    OfficerKeys,
    key_name,
)
from broker.keys.instant import CLOCK_SKEW_MS, whole_second
from broker.keys.keyfile import UNASSIGNED, Base64, Instant
from broker.keys.kid import ED25519, ML_DSA_65
from broker.keys.manifest import (
    VerifiedManifest,
    parse_manifest,
    split_manifest,
    verify_manifest,
)
from broker.keys.signed_document import Id, MalformedDocument, document_text, parse_document
from broker.partnership.fingerprint import fingerprint_words
from broker.partnership.profile import AgencyId, Profile
from broker.tlog.note import Note, format_note, sign_note
from broker.transport.certificates import verify_certificate_request
from contracts.durations import SECOND_MS
from contracts.parties import OFFICERS_LIMIT

HEADER: Final = "concordant.entry/v1"
ENTRY_LIMIT_BYTES: Final = 256 * 1024
"""Maximum size in bytes. A new entry has about 45 kB."""
_REQUEST_CHARACTERS: Final = 4096
OfficerName = Annotated[str, StringConstraints(pattern=OFFICER_NAME)]
"""Name of an office, for example `chief-executive`."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PairEntry(_Document):
    """A pair of governance keys, each with a signature that proves possession."""

    ed25519: Base64
    ed25519_possession: Base64
    ml_dsa_65: Base64
    ml_dsa_65_possession: Base64

    @property
    def public(self) -> GovernancePublic:
        """Return the pair."""
        return GovernancePublic(self.ed25519, self.ml_dsa_65)


class GovernanceEntry(_Document):
    """The governance keys: one pair, or the pairs of two or three officers.

    Attributes:
        threshold: number of officers that must sign.
        officers: the pair of each officer, by a name of the office.
    """

    ed25519: Base64 | None = None
    ed25519_possession: Base64 | None = None
    ml_dsa_65: Base64 | None = None
    ml_dsa_65_possession: Base64 | None = None
    threshold: Literal[2] | None = None
    officers: dict[OfficerName, PairEntry] | None = Field(
        default=None, min_length=OFFICERS_THRESHOLD, max_length=OFFICERS_LIMIT
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        pair = (
            self.ed25519,
            self.ed25519_possession,
            self.ml_dsa_65,
            self.ml_dsa_65_possession,
        )
        officers = (self.threshold, self.officers)
        held, absent = (officers, pair) if self.officers is not None else (pair, officers)
        if None in held or any(one is not None for one in absent):
            raise ValueError("it is neither one pair nor the pairs of officers")
        return self

    @property
    def pairs(self) -> Mapping[str | None, PairEntry]:
        """Each pair by its officer, in the order of their names; None stands for the one pair."""
        if self.officers is not None:
            return {name: self.officers[name] for name in sorted(self.officers)}
        return {None: PairEntry.model_validate(self.model_dump(exclude_none=True))}

    @property
    def public(self) -> Governance:
        """Return the public keys."""
        if self.officers is None:
            return self.pairs[None].public
        return OfficerKeys(
            tuple((name, self.officers[name].public) for name in sorted(self.officers))
        )


def possession_of(signer: GovernanceSigner) -> PairEntry:
    """Return a pair with its proofs of possession."""
    deployment, agency = signer.deployment, signer.agency
    first, second = signer.public.kids
    return PairEntry(
        ed25519=signer.ed25519.public,
        ed25519_possession=signer.ed25519.sign(possession_message(deployment, agency, first)),
        ml_dsa_65=signer.ml_dsa_65.public,
        ml_dsa_65_possession=signer.ml_dsa_65.sign(possession_message(deployment, agency, second)),
    )


def verify_possession_of(pair: PairEntry, deployment: str, agency: str) -> None:
    """Check both proofs of possession of a pair.

    Raises:
        ManifestError: `key_malformed`, `key_small_order`, `possession_invalid`.
    """
    public = pair.public
    public.verify()
    halves = (
        (ED25519, pair.ed25519, pair.ed25519_possession),
        (ML_DSA_65, pair.ml_dsa_65, pair.ml_dsa_65_possession),
    )
    for (algorithm, key, possession), own in zip(halves, public.kids, strict=True):
        verify_possession(algorithm, key, possession, deployment=deployment, agency=agency, kid=own)


class Entry(_Document):
    """Statement of an agency about itself for agencies that do not know it.

    Attributes:
        delegation, manifest: the text of each note.
        certificate_request: PKCS#10 in PEM.
    """

    agency: AgencyId
    deployment: Id
    issued: Instant
    profile: Profile
    governance: GovernanceEntry
    delegation: Annotated[str, StringConstraints(max_length=DELEGATION_LIMIT_BYTES)]
    manifest: Annotated[str, StringConstraints(max_length=ENTRY_LIMIT_BYTES)]
    certificate_request: Annotated[str, StringConstraints(max_length=_REQUEST_CHARACTERS)]


@dataclass(frozen=True, slots=True)
class VerifiedEntry:
    """A verified entry. All its parts belong to the holder of its governance keys.

    Attributes:
        entry: its content.
        governance: the governance keys.
        delegation: to the manifest keys.
        manifest: the first manifest.
        raw: the file's bytes.
    """

    entry: Entry
    governance: Governance
    delegation: VerifiedDelegation
    manifest: VerifiedManifest
    raw: bytes

    @property
    def agency(self) -> str:
        """Return the agency's id."""
        return self.entry.agency

    @property
    def words(self) -> tuple[str, ...]:
        """The fingerprint that people compare by telephone."""
        return fingerprint_words(self.entry.agency, self.governance)


def make_entry(
    signer: GovernanceSigner,
    profile: Profile,
    *,
    manifest: VerifiedManifest,
    certificate_request: bytes,
    now: int,
    after: int | None = None,
    officers: Mapping[str, PairEntry] | None = None,
) -> VerifiedEntry:
    """Make and sign an entry.

    Args:
        signer: the agency's governance keys.
        profile: profile of the agency.
        manifest: its manifest, with the delegation to the keys that signed it.
        certificate_request: PKCS#10 in PEM.
        now: milliseconds since the epoch.
        after: when the entry that this one replaces was issued. The new one is issued at least
            one second later, so that others see that it is newer.
        officers: the pairs of all officers, of which the signer is one; None if there are none.

    Raises:
        EntryError: others would refuse the result.
    """
    deployment, agency = signer.deployment, signer.agency
    if officers is None:
        governance = GovernanceEntry.model_validate(possession_of(signer).model_dump())
    else:
        governance = GovernanceEntry(threshold=2, officers=dict(officers))
    delegation, own = split_manifest(manifest.raw)
    entry = Entry(
        agency=agency,
        deployment=deployment,
        issued=_issued_after(after, now),
        profile=profile,
        governance=governance,
        delegation=delegation.decode(),
        manifest=own.decode(),
        certificate_request=certificate_request.decode("ascii"),
    )
    note = sign_note(document_text(HEADER, deployment, entry), signer.note_signers())
    return verify_entry(format_note(note), now=now)


def _issued_after(before: int | None, now: int) -> int:
    """Return a whole second that is later than that of the entry before, if others accept it."""
    issued = whole_second(now)
    if before is not None and issued <= before < issued + CLOCK_SKEW_MS:
        return before + SECOND_MS
    return issued


def verify_entry(
    raw: bytes, *, now: int, deployment: str | None = None, where: str | None = None
) -> VerifiedEntry:
    """Check an entry and every part of it.

    Args:
        raw: the file's bytes. The caller reads at most one byte more than the limit.
        now: milliseconds since the epoch.
        deployment: the name of the partnership. An entry of another partnership is refused. An
            entry of an agency that is in no partnership yet is accepted. None accepts every entry.
        where: the file's name, for errors.

    Raises:
        EntryError: `entry_too_large`, `entry_malformed`, `entry_foreign`, `entry_early`,
            `entry_signature_invalid`, `entry_mixed` (parts of two agencies),
            `certificate_request_invalid`, or a code of the keys, the delegation or the manifest.
    """
    entry, note = _parsed(raw, where)
    try:
        if deployment is not None and entry.deployment not in (deployment, UNASSIGNED):
            raise EntryError(
                f"it is of the deployment {entry.deployment}, not {deployment}.",
                code="entry_foreign",
                fix=f"Ask {entry.agency} to make a folder of its own for this deployment.",
            )
        governance = entry.governance.public
        _verify_signatures(entry, note, governance)
        if entry.issued > now + CLOCK_SKEW_MS:
            raise EntryError(
                "it was issued in the future.", code="entry_early", fix="Check both clocks."
            )
        delegation = verify_delegation(
            parse_delegation(entry.delegation.encode()),
            [governance],
            deployment=entry.deployment,
            now=now,
        )
        manifest = verify_manifest(
            parse_manifest((entry.delegation + entry.manifest).encode()),
            [governance],
            deployment=entry.deployment,
            now=now,
        )
        named = {delegation.delegation.agency, manifest.manifest.agency}
        if named != {entry.agency}:
            raise EntryError("it has parts of another agency.", code="entry_mixed")
        verify_certificate_request(entry.certificate_request.encode(), entry.agency)
    except (EntryError, ManifestError, TransportError) as error:
        raise EntryError(
            f"The entry of {entry.agency} is refused: {_inside(error.detail)}",
            code=error.code,
            where=where,
            fix=error.fix or f"Ask {entry.agency} for its entry again.",
        ) from None
    return VerifiedEntry(entry, governance, delegation, manifest, raw)


def parse_entry(raw: bytes, where: str | None = None) -> Entry:
    """Read an entry without checking its signatures.

    Raises:
        EntryError: `entry_too_large` or `entry_malformed`.
    """
    return _parsed(raw, where)[0]


def _parsed(raw: bytes, where: str | None) -> tuple[Entry, Note]:
    if len(raw) > ENTRY_LIMIT_BYTES:
        raise EntryError(
            f"The file is too large for an entry: more than {ENTRY_LIMIT_BYTES:,} bytes.",
            code="entry_too_large",
            where=where,
            fix="Ask the agency for the file that it made with: concordant agency entry",
        )
    try:
        return parse_document(raw, header=HEADER, model=Entry, signatures=(PAIR_LINES,))
    except MalformedDocument as error:
        raise EntryError(
            f"Not an entry: {error}.",
            code="entry_malformed",
            where=where,
            fix="Ask the agency for its entry again.",
        ) from None


def _verify_signatures(entry: Entry, note: Note, governance: Governance) -> None:
    governance.verify()
    for pair in entry.governance.pairs.values():
        verify_possession_of(pair, entry.deployment, entry.agency)
    name = key_name(entry.deployment, entry.agency)
    for public in governance.pairs.values():
        with suppress(NoteError):
            public.require_signed(note, name)
            return
    raise EntryError(
        "its two governance keys, or those of one of its officers, have not both signed it.",
        code="entry_signature_invalid",
    )


def _inside(detail: str) -> str:
    return detail[:1].lower() + detail[1:]
