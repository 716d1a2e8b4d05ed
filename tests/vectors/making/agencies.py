"""The agencies of the vectors: their keys, the manifests that they sign, the contracts they agree.

Each is made by the product's own modules from seeds that follow from the label, so the same agency
has the same keys in every setting. ``settings.py`` uses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from broker.envelope.primitives import (
    SEED_BYTES,
    Ed25519Signer,
    MlDsa44Signer,
    MlDsa65Signer,
    WrapOpener,
    b64,
    sha256,
)
from broker.keys.delegation import (
    LONGEST_DELEGATION_MS,
    DelegatedKey,
    Delegation,
    delegation_text,
)
from broker.keys.enrolment import possession_message
from broker.keys.governance import GovernanceSigner
from broker.keys.kid import (
    ED25519,
    EXCHANGE,
    GOVERNANCE,
    LONGEST_LIFE_MS,
    MANIFEST,
    ML_DSA_44,
    ML_DSA_65,
    SIGNING_ROLES,
    STREAM,
    XWING,
    kid,
)
from broker.keys.manifest import (
    LONGEST_MANIFEST_LIFE_MS,
    Manifest,
    ManifestKey,
    manifest_text,
)
from broker.keys.signer import SoftwareSigner
from broker.registry.contracts import SignedContract
from broker.statements.authorship import cosigner
from broker.tlog.note import ED25519 as NOTE_ED25519
from broker.tlog.note import ML_DSA_65 as NOTE_ML_DSA_65
from broker.tlog.note import NoteSigner, format_note, note_signer, sign_note
from contracts.documents import document_hash
from contracts.drafting import draft, london_parties
from contracts.loading import parse_contract, shipped_terms
from contracts.model import Pins
from contracts.parties import GovernanceKeys
from contracts.vocabulary.known import shipped_vocabulary_files
from tests.support.contract_signatures import signed_by
from tests.vectors.making.ground import Ground, RecordedSigner

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def instant(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """Milliseconds of a time in UTC."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * SECOND


DEPLOYMENT = "pan-london"
FOUNDED = instant(2026, 2, 20)
"""From when the first keys and manifests are valid."""
VOCABULARY = shipped_vocabulary_files()["hate-crime"]
PINS = Pins(framework="1" * 64, vocabulary=document_hash(VOCABULARY))
"""Made up, so that a change of the shipped documents leaves the vectors as they are."""
DELEGATED = FOUNDED - 2 * DAY
"""Time (ms) at which the first delegations were issued."""
STARTS, ENDS = date(2026, 3, 1), date(2027, 2, 28)
"""First and last day of the contract."""
NOW = instant(2026, 3, 2, 12)

POLICE, PROSECUTION = "csu-camden", "cps-london"
COUNCIL, SUPPORT = "council-camden", "haven-support"
CAST = (POLICE, PROSECUTION, COUNCIL, SUPPORT)


@dataclass(frozen=True)
class Key:
    """A key of a manifest with its seed."""

    listed: ManifestKey
    seed: bytes
    name: str

    @property
    def cosigner(self) -> NoteSigner:
        """As it signs checkpoints."""
        return cosigner(
            self.name,
            SoftwareSigner(self.listed.kid, self.listed.role, ED25519, Ed25519Signer(self.seed)),
        )


@dataclass(frozen=True)
class Delegated:
    """A delegation and the keys that it names.

    Attributes:
        text: what the governance keys signed.
        note: with their signatures.
        keys: sign manifests.
        name: of the keys in signature lines.
    """

    text: bytes
    note: bytes
    keys: tuple[SoftwareSigner, SoftwareSigner]
    name: str

    @property
    def hash(self) -> bytes:
        """As manifests name it."""
        return sha256(self.text)

    def sign(self, text: bytes) -> bytes:
        """A note of the two manifest keys."""
        first, second = self.keys
        signers = (
            note_signer(self.name, NOTE_ED25519, first),
            note_signer(self.name, NOTE_ML_DSA_65, second),
        )
        return format_note(sign_note(text, signers))


@dataclass(frozen=True)
class Member:
    """One agency."""

    ground: Ground
    id: str
    deployment: str = DEPLOYMENT
    which: str = "first"
    """Which of its Ed25519 governance keys it has."""
    second: str = "first"
    """Which of its ML-DSA-65 governance keys it has."""

    def seed(self, role: str, algorithm: str, which: str = "first") -> bytes:
        """The seed of one of its keys."""
        return self.ground.draw(SEED_BYTES, "key", self.deployment, self.id, role, algorithm, which)

    @property
    def name(self) -> str:
        """Of its keys in signature lines."""
        return f"{self.deployment}/{self.id}"

    @property
    def governance(self) -> GovernanceSigner:
        """Its two governance keys."""
        first = Ed25519Signer(self.seed(GOVERNANCE, ED25519, self.which))
        second = RecordedSigner(
            self.ground, MlDsa65Signer(self.seed(GOVERNANCE, ML_DSA_65, self.second))
        )
        return GovernanceSigner(
            self.deployment,
            self.id,
            SoftwareSigner(kid(GOVERNANCE, ED25519, first.public), GOVERNANCE, ED25519, first),
            SoftwareSigner(
                kid(GOVERNANCE, ML_DSA_65, second.public),
                GOVERNANCE,
                ML_DSA_65,
                second,  # type: ignore[arg-type]  # signs as one, with what was recorded
            ),
        )

    def manifest_keys(self, which: str = "first") -> tuple[SoftwareSigner, SoftwareSigner]:
        """A pair of its manifest keys."""
        first = Ed25519Signer(self.seed(MANIFEST, ED25519, which))
        second = RecordedSigner(self.ground, MlDsa65Signer(self.seed(MANIFEST, ML_DSA_65, which)))
        return (
            SoftwareSigner(kid(MANIFEST, ED25519, first.public), MANIFEST, ED25519, first),
            SoftwareSigner(
                kid(MANIFEST, ML_DSA_65, second.public),
                MANIFEST,
                ML_DSA_65,
                second,  # type: ignore[arg-type]  # signs as one, with what was recorded
            ),
        )

    def delegation(self, which: str = "first", issued: int = DELEGATED, **other: Any) -> Delegated:
        """A delegation that its governance keys signed, of one pair of manifest keys."""
        keys = self.manifest_keys(which)
        content: dict[str, Any] = {
            "agency": self.id,
            "deployment": self.deployment,
            "version": issued,
            "issued": issued,
            "expires": issued + LONGEST_DELEGATION_MS,
            "keys": tuple(
                DelegatedKey(
                    kid=key.kid,
                    algorithm=key.algorithm,  # type: ignore[arg-type]  # one of the two
                    public=key.public,
                    possession=key.sign(possession_message(self.deployment, self.id, key.kid)),
                )
                for key in keys
            ),
        }
        text = delegation_text(Delegation(**{**content, **other}))
        note = format_note(sign_note(text, self.governance.note_signers()))
        return Delegated(text, note, keys, self.name)

    def key(
        self,
        role: str,
        which: str = "first",
        *,
        begins: int = FOUNDED,
        ends: int | None = None,
        algorithm: str | None = None,
        deployment: str | None = None,
    ) -> Key:
        """A key as a manifest lists it; the longest life of its role if ``ends`` is not given."""
        algorithm = algorithm or (XWING if role == EXCHANGE else ED25519)
        seed = self.seed(role, algorithm, which)
        holder = self._holder(algorithm, seed)
        own = kid(role, algorithm, holder.public)
        possession = None
        if role in SIGNING_ROLES and not isinstance(holder, WrapOpener):
            message = possession_message(deployment or self.deployment, self.id, own)
            possession = holder.sign(message)
        listed = ManifestKey(
            kid=own,
            role=role,  # type: ignore[arg-type]  # one of the three
            algorithm=algorithm,  # type: ignore[arg-type]  # as above
            public=holder.public,
            not_before=begins,
            not_after=begins + LONGEST_LIFE_MS[role] if ends is None else ends,
            possession=possession,
        )
        return Key(listed, seed, self.name)

    def _holder(self, algorithm: str, seed: bytes) -> WrapOpener | Ed25519Signer | RecordedSigner:
        if algorithm == XWING:
            return WrapOpener(seed)
        if algorithm == ML_DSA_44:
            return RecordedSigner(self.ground, MlDsa44Signer(seed))
        return Ed25519Signer(seed)

    def manifest(
        self,
        version: int = 1,
        issued: int = FOUNDED,
        keys: Iterable[Key | ManifestKey] | None = None,
        **other: Any,
    ) -> Manifest:
        """A manifest that its manifest keys have still to sign."""
        if keys is None:
            keys = self.first_keys()
        if "delegation" not in other:
            other["delegation"] = self.delegation().hash
        content: dict[str, Any] = {
            "agency": self.id,
            "deployment": self.deployment,
            "version": version,
            "issued": issued,
            "expires": issued + LONGEST_MANIFEST_LIFE_MS,
            "contacts": {"operations": f"operations@{self.id}.example"},
            "keys": tuple(key.listed if isinstance(key, Key) else key for key in keys),
        }
        return Manifest(**{**content, **other})

    def first_keys(self) -> list[Key]:
        """One of each."""
        return [
            self.key(STREAM),
            self.key(STREAM, algorithm=ML_DSA_44),
            self.key(EXCHANGE),
            self.key("receipt"),
        ]

    def sign(self, manifest: Manifest | bytes, delegated: Delegated | None = None) -> bytes:
        """A delegation, then a manifest, or whatever stands in its place, as a signed note."""
        delegated = delegated or self.delegation()
        return delegated.note + self.note(manifest, delegated)

    def note(self, manifest: Manifest | bytes, delegated: Delegated | None = None) -> bytes:
        """A manifest alone, signed by manifest keys."""
        text = manifest if isinstance(manifest, bytes) else manifest_text(manifest)
        return (delegated or self.delegation()).sign(text)


def party_of(member: str) -> Mapping[str, Any]:
    """Description of an agency in the shipped partnership."""
    return next(party for party in london_parties() if party["id"] == member)


def agreed(
    members: Sequence[Member],
    *,
    terms: str | None = None,
    starts: date = STARTS,
    ends: date = ENDS,
    parties: Sequence[Mapping[str, Any]] | None = None,
    signers: Sequence[Member] | None = None,
    deployment: str = DEPLOYMENT,
) -> SignedContract:
    """A contract between these, signed by all of them or by those named."""
    text = draft(
        terms or shipped_terms(),
        deployment=deployment,
        parties=parties or [party_of(member.id) for member in members],
        governance_keys={
            member.id: GovernanceKeys(
                ed25519=b64(member.governance.public.ed25519),
                ml_dsa_65=b64(member.governance.public.ml_dsa_65),
            )
            for member in members
        },
        starts=starts,
        ends=ends,
        review_on=starts,
        pins=PINS,
    )
    parsed = parse_contract(text.encode(), "contract.yaml")
    chosen = members if signers is None else signers
    return signed_by(parsed, [member.governance for member in chosen])
