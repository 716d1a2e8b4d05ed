"""Verifier of post-quantum evidence, link by link (docs/spec/evidence.md, "Links").

It is pure: its input is a document, the contracts and manifests that this agency trusts, and its
knowledge of the event. No link needs a classical signature. Every link depends on those before it,
so verification stops at the first that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from broker.audit.evidence import Evidence
from broker.envelope.primitives import KeyMalformed, MlDsa44Verifier, MlDsa65Verifier
from broker.errors import ManifestError, NoteError, ProofError, RefusedError
from broker.keys.enrolment import verify_possession
from broker.keys.governance import Governance, key_name
from broker.keys.instant import format_instant
from broker.keys.kid import LONGEST_LIFE_MS, ML_DSA_44, STREAM, kid
from broker.keys.manifest import LONGEST_MANIFEST_LIFE_MS, Manifest, ManifestKey, parse_manifest
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import pinned_governance
from broker.registry.manifests import ManifestBook
from broker.statements.authorship import read_note
from broker.statements.heartbeats import Heartbeat, read_heartbeat
from broker.tlog.checkpoint import Origin
from broker.tlog.merkle import verify_inclusion
from broker.tlog.note import ML_DSA_44 as NOTE_ML_DSA_44
from broker.tlog.note import ML_DSA_65 as NOTE_ML_DSA_65
from broker.tlog.note import note_verifier, verify_note

LINKS: Final = ("contract", "manifest", "stream key", "heartbeat", "head", "path", "event")


@dataclass(frozen=True, slots=True)
class EvidenceLink:
    """One checked link; `code` is the reason why it does not hold, and is empty if it does."""

    name: str
    detail: str
    code: str = ""

    @property
    def holds(self) -> bool:
        """Return whether the link holds."""
        return not self.code


class LinkError(Exception):
    """A link does not hold; ``code`` is the reason, and the text is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


EventCheck = Callable[[Evidence], str]
"""Checks that the leaf is the event's: returns a sentence, or raises ``LinkError``."""


def check_chain(
    evidence: Evidence, contracts: ContractBook, manifests: ManifestBook, event: EventCheck
) -> tuple[EvidenceLink, ...]:
    """Check every link.

    Args:
        evidence: the document.
        contracts: those that this agency trusts; all trust starts from them.
        manifests: those that it has, only for revocations.
        event: link 7.

    Returns:
        The links in order, up to the first that does not hold.
    """
    chain = _Chain(evidence, contracts, manifests, event)
    links: list[EvidenceLink] = []
    try:
        for name, detail in zip(LINKS, chain.details(), strict=True):
            links.append(EvidenceLink(name, detail))
    except LinkError as broken:
        links.append(EvidenceLink(LINKS[len(links)], str(broken), broken.code))
    return tuple(links)


class _Chain:
    def __init__(
        self,
        evidence: Evidence,
        contracts: ContractBook,
        manifests: ManifestBook,
        event: EventCheck,
    ) -> None:
        self._evidence = evidence
        self._contracts = contracts
        self._manifests = manifests
        self._event = event
        self._name = key_name(evidence.deployment, evidence.agency)

    def details(self) -> Iterator[str]:
        """Yield the description of each link, in order."""
        evidence = self._evidence
        governance = self._contract()  # 1
        named = f"{evidence.contract.name} {evidence.contract.version}"
        yield f"{named}, signed by this agency, names the ML-DSA-65 key of {evidence.agency}"
        manifest = self._manifest(governance)  # 2
        yield (
            f"manifest {manifest.version} of {evidence.agency}, signed with a key that the "
            "ML-DSA-65 key delegated"
        )
        beat = self._stated()
        key = self._stream_key(manifest, beat.time)  # 3
        yield (
            f"ML-DSA-44 key {evidence.stream_key[:16]}, listed in that manifest, "
            "valid at the time of the heartbeat"
        )
        self._heartbeat(key)  # 4
        yield f"{format_instant(beat.time)}, signed with that key"
        self._head(beat)  # 5
        yield f"size {evidence.head.size} of {self._origin().format()}, named in it"
        self._path()  # 6
        yield f"{len(evidence.path)} hashes lead from record {evidence.index} to that head"
        yield self._event(evidence)  # 7

    def _contract(self) -> Governance:
        part, agency = self._evidence.contract, self._evidence.agency
        signed = self._contracts.by_hash(bytes.fromhex(part.sha256))
        if signed is None or self._contracts.deployment != self._evidence.deployment:
            raise LinkError("contract_unknown", "it is not a contract that we signed")
        contract = signed.contract
        if (contract.name, contract.version) != (part.name, part.version):
            raise LinkError("contract_unknown", "the contract of that hash has another name")
        if agency not in contract.governance_keys:
            raise LinkError("not_a_party", f"the contract does not name {agency}")
        return pinned_governance(contract, agency)

    def _manifest(self, governance: Governance) -> Manifest:
        try:
            signed = parse_manifest(self._evidence.manifest.encode())
            named = signed.delegation.delegation
            pinned = [
                note_verifier(self._name, NOTE_ML_DSA_65, MlDsa65Verifier(pair.ml_dsa_65))
                for pair in governance.pairs.values()
            ]
            if len(verify_note(signed.delegation.note, pinned)) != governance.needed:
                raise NoteError("Too few officers signed it.", code="note_unsigned")
            manifest_key = MlDsa65Verifier(named.keys[1].public)
            verify_note(signed.note, [note_verifier(self._name, NOTE_ML_DSA_65, manifest_key)])
        except (ManifestError, KeyMalformed):
            raise LinkError("manifest_malformed", "it is not a manifest") from None
        except NoteError:
            raise LinkError(
                "manifest_signature_invalid",
                "the pinned ML-DSA-65 key has not signed the delegation, or its key the manifest",
            ) from None
        manifest = signed.manifest
        if (manifest.deployment, manifest.agency) != (
            self._evidence.deployment,
            self._evidence.agency,
        ):
            raise LinkError("manifest_foreign", "it is a manifest of another agency")
        if manifest.delegation != signed.delegation.hash or named.agency != manifest.agency:
            raise LinkError("manifest_delegation_differs", "it names another delegation")
        if not 0 < manifest.expires - manifest.issued <= LONGEST_MANIFEST_LIFE_MS:
            raise LinkError("manifest_dates_invalid", "its validity is empty or too long")
        if manifest.issued < named.issued or manifest.expires > named.expires:
            raise LinkError("manifest_dates_invalid", "its delegation does not cover it")
        return manifest

    def _stated(self) -> Heartbeat:
        """Return the heartbeat unverified; a later link verifies its signature."""
        try:
            _, beat = read_heartbeat(self._evidence.heartbeat.encode(), self._evidence.deployment)
        except RefusedError as refusal:
            raise LinkError(refusal.code, "it is not a heartbeat") from None
        return beat

    def _stream_key(self, manifest: Manifest, moment: int) -> ManifestKey:
        named = bytes.fromhex(self._evidence.stream_key)
        key = next((k for k in manifest.keys_of(STREAM, ML_DSA_44) if k.kid == named), None)
        if key is None or kid(STREAM, ML_DSA_44, key.public) != named:
            raise LinkError("key_unknown", "the manifest lists no such ML-DSA-44 stream key")
        life = key.not_after - key.not_before
        if not key.valid_at(moment) or life > LONGEST_LIFE_MS[STREAM]:
            raise LinkError("key_not_valid", "the key was not valid at the heartbeat")
        if manifest.expires <= moment:
            raise LinkError("manifest_expired", "the manifest had expired at the heartbeat")
        revoked = [r.kid for r in manifest.revocations]
        if named in revoked or self._manifests.revoked_since(manifest.agency, named) is not None:
            raise LinkError("key_revoked", "the key is revoked, so its signatures are not trusted")
        try:
            verify_possession(
                ML_DSA_44,
                key.public,
                key.possession or b"",
                deployment=manifest.deployment,
                agency=manifest.agency,
                kid=named,
            )
        except ManifestError:
            raise LinkError("possession_invalid", "the key has no proof of possession") from None
        return key

    def _heartbeat(self, key: ManifestKey) -> None:
        try:
            verifier = note_verifier(self._name, NOTE_ML_DSA_44, MlDsa44Verifier(key.public))
            verify_note(read_note(self._evidence.heartbeat.encode()), [verifier])
        except (NoteError, KeyMalformed):
            raise LinkError("signature_wrong", "that key has not signed it") from None

    def _head(self, beat: Heartbeat) -> None:
        part = self._evidence.head
        if beat.agency != self._evidence.agency:
            raise LinkError("origin_wrong", "it is a heartbeat of another agency")
        named = [
            (head.topic, head.partition, head.generation, head.size, head.root.hex())
            for head in beat.heads
        ]
        if (part.topic, part.partition, part.generation, part.size, part.root) not in named:
            raise LinkError("head_unknown", "the heartbeat does not name this head")

    def _path(self) -> None:
        evidence = self._evidence
        try:
            verify_inclusion(
                bytes.fromhex(evidence.leaf),
                evidence.index,
                evidence.head.size,
                [bytes.fromhex(node) for node in evidence.path],
                bytes.fromhex(evidence.head.root),
            )
        except ProofError:
            raise LinkError(
                "not_included", "the path does not lead from the leaf to the head"
            ) from None

    def _origin(self) -> Origin:
        evidence, head = self._evidence, self._evidence.head
        return Origin(
            evidence.deployment, evidence.agency, head.topic, head.partition, head.generation
        )
