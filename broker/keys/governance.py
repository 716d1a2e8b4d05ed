"""Governance key of a party: an Ed25519 and an ML-DSA-65 key, both of which must sign.

Every contract pins the pair of each party; all other trust starts from it (spec: keys). The pair
signs two kinds of note, contracts and manifests, and their first lines differ. One half alone is
not enough: a break of one algorithm does not allow a forged note.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.envelope.primitives import Ed25519Verifier, KeyMalformed, MlDsa65Verifier, b64
from broker.errors import ManifestError
from broker.keys.enrolment import verify_public
from broker.keys.keyring import Keyring
from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65, kid
from broker.keys.signer import SoftwareSigner
from broker.tlog.note import ED25519 as NOTE_ED25519
from broker.tlog.note import ML_DSA_65 as NOTE_ML_DSA_65
from broker.tlog.note import NoteSigner, NoteVerifier, note_signer, note_verifier


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
class GovernanceSigner:
    """The private pair of one party.

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
