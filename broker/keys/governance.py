"""Governance key of a party: an Ed25519 and an ML-DSA-65 key, both of which must sign.

Every contract pins the pair of each party; all other trust starts from it (spec: keys). The pair
signs contracts, delegations and entries, and the first lines of their notes differ. One half alone
is not enough: a break of one algorithm does not allow a forged note.

A contract may pin the pairs of two or three officers of a party instead (`OfficerKeys`). Then two
of the officers must sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from broker.envelope.primitives import Ed25519Verifier, KeyMalformed, MlDsa65Verifier, b64
from broker.errors import ManifestError, NoteError
from broker.keys.enrolment import verify_public
from broker.keys.keyring import Keyring
from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65, kid
from broker.keys.signer import SoftwareSigner
from broker.tlog.note import ED25519 as NOTE_ED25519
from broker.tlog.note import ML_DSA_65 as NOTE_ML_DSA_65
from broker.tlog.note import Note, NoteSigner, NoteVerifier, note_signer, note_verifier, verify_note

PAIR_LINES: Final = 2
"""Signature lines of one pair."""
OFFICERS_THRESHOLD: Final = 2
OFFICER_NAME: Final = r"\A[a-z][a-z0-9-]{0,62}\z"
"""Form of the name of an office, for example `chief-executive`."""


def key_name(deployment: str, agency: str) -> str:
    """Return the name of all of an agency's keys in signature lines."""
    return f"{deployment}/{agency}"


@dataclass(frozen=True, slots=True)
class GovernancePublic:
    """The public pair of one party, as a contract pins it.

    Attributes:
        ed25519: 32 bytes.
        ml_dsa_65: 1952 bytes.
    """

    ed25519: bytes
    ml_dsa_65: bytes

    def verify(self) -> None:
        """Check both keys as at enrolment.

        Raises:
            ManifestError: code `key_malformed` or `key_small_order`.
        """
        verify_public(ED25519, self.ed25519)
        verify_public(ML_DSA_65, self.ml_dsa_65)

    @property
    def kids(self) -> tuple[bytes, bytes]:
        """Return the ids of the Ed25519 and the ML-DSA-65 key, 32 bytes each."""
        return (
            kid(GOVERNANCE, ED25519, self.ed25519),
            kid(GOVERNANCE, ML_DSA_65, self.ml_dsa_65),
        )

    @property
    def fingerprints(self) -> tuple[str, str]:
        """Return the ids in base64, which people compare by telephone and `agency.toml` holds."""
        first, second = self.kids
        return b64(first), b64(second)

    @property
    def pairs(self) -> Mapping[str | None, GovernancePublic]:
        """Return this pair; it is of no officer."""
        return {None: self}

    @property
    def needed(self) -> int:
        """Return the number of pairs that must sign."""
        return 1

    @property
    def halves(self) -> frozenset[bytes]:
        """Return both public keys."""
        return frozenset((self.ed25519, self.ml_dsa_65))

    def require_signed(self, note: Note, name: str) -> None:
        """Check that a note has exactly the signature lines of this pair.

        Raises:
            NoteError: `note_unsigned`, `note_signature_invalid`.
        """
        _require_lines(note, self.note_verifiers(name))

    def note_verifiers(self, name: str) -> tuple[NoteVerifier, NoteVerifier]:
        """Return verifiers of both keys under a name.

        Raises:
            ManifestError: code `key_malformed`.
        """
        try:
            return (
                note_verifier(name, NOTE_ED25519, Ed25519Verifier(self.ed25519)),
                note_verifier(name, NOTE_ML_DSA_65, MlDsa65Verifier(self.ml_dsa_65)),
            )
        except KeyMalformed as error:
            raise ManifestError(
                f"A governance key is malformed: {error}.", code="key_malformed"
            ) from error


@dataclass(frozen=True, slots=True)
class OfficerKeys:
    """The public pairs of a party's officers, of whom `OFFICERS_THRESHOLD` must sign.

    Attributes:
        officers: name of the office and pair, in the order of the names.
    """

    officers: tuple[tuple[str, GovernancePublic], ...]

    @property
    def pairs(self) -> Mapping[str | None, GovernancePublic]:
        """Return each pair by its officer."""
        return dict(self.officers)

    @property
    def needed(self) -> int:
        """Return the number of pairs that must sign."""
        return OFFICERS_THRESHOLD

    @property
    def halves(self) -> frozenset[bytes]:
        """Return all public keys."""
        return frozenset(half for _, pair in self.officers for half in pair.halves)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Return the ids in base64 of all pairs, in the order of the officers' names."""
        return tuple(one for _, pair in self.officers for one in pair.fingerprints)

    def verify(self) -> None:
        """Check every key as at enrolment.

        Raises:
            ManifestError: code `key_malformed` or `key_small_order`.
        """
        for _, pair in self.officers:
            pair.verify()
        if len(self.halves) != PAIR_LINES * len(self.officers):
            raise ManifestError("Two officers have one key.", code="key_malformed")

    def require_signed(self, note: Note, name: str) -> None:
        """Check that a note has exactly the signature lines of enough officers.

        The pairs sign in the order of the officers' names, so there is one way to write the lines
        of the same officers.

        Raises:
            NoteError: `note_unsigned`, `note_signature_invalid`.
        """
        lines = {(line.name, line.key_id) for line in note.signatures}
        signing: list[NoteVerifier] = []
        for _, pair in self.officers:
            verifiers = pair.note_verifiers(name)
            if any((one.name, one.key_id) in lines for one in verifiers):
                signing += verifiers
        if len(signing) != PAIR_LINES * self.needed:
            raise NoteError("Too few or too many officers signed this note.", code="note_unsigned")
        _require_lines(note, tuple(signing))


Governance: TypeAlias = GovernancePublic | OfficerKeys
"""Governance keys of a party: one pair, or the pairs of its officers."""


def _require_lines(note: Note, verifiers: tuple[NoteVerifier, ...]) -> None:
    if verify_note(note, verifiers) != verifiers or len(note.signatures) != len(verifiers):
        raise NoteError("A key that must sign this note did not sign it.", code="note_unsigned")


@dataclass(frozen=True, slots=True)
class GovernanceSigner:
    """The private pair of one party, or of one officer of it.

    Attributes:
        deployment: the partnership's id.
        agency: the party's id.
        ed25519: the Ed25519 half.
        ml_dsa_65: the ML-DSA-65 half.
    """

    deployment: str
    agency: str
    ed25519: SoftwareSigner
    ml_dsa_65: SoftwareSigner

    @property
    def public(self) -> GovernancePublic:
        """Return the public pair."""
        return GovernancePublic(self.ed25519.public, self.ml_dsa_65.public)

    def note_signers(self) -> tuple[NoteSigner, NoteSigner]:
        """Return signers of both keys under the party's name."""
        name = key_name(self.deployment, self.agency)
        return (
            note_signer(name, NOTE_ED25519, self.ed25519),
            note_signer(name, NOTE_ML_DSA_65, self.ml_dsa_65),
        )


def governance_signer(
    source: Keyring, kids: tuple[bytes, bytes], *, deployment: str, agency: str
) -> GovernanceSigner:
    """Return the pair with these ids from the store of governance keys.

    Args:
        source: for example the folder `keys/governance`, while it is on this machine.
        kids: ids of the Ed25519 and the ML-DSA-65 key.
        deployment: the partnership's id.
        agency: the party's id.

    Raises:
        KeyAccessError: a key is missing or cannot be opened.
    """
    first, second = (source.signer(key) for key in kids)
    return GovernanceSigner(deployment, agency, first, second)
