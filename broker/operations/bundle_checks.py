"""Checks of the verified files of a bundle against what an agency holds and believes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from broker.agency.participant import Participant
from broker.errors import EntryError, RegistryError, TransportError
from broker.keys.durable import files_in
from broker.keys.governance import Governance
from broker.keys.keyfile import UNASSIGNED
from broker.keys.manifest import (
    MANIFEST_FILE_LIMIT_BYTES,
    SignedManifest,
    VerifiedManifest,
    parse_manifest,
    verify_manifest,
)
from broker.operations.agreement_documents import documents_of, read_document
from broker.operations.bundle_reading import Collected, as_refused, conflict, in_chain, require_pins
from broker.operations.partner_checks import check_of
from broker.partnership.entry import VerifiedEntry, parse_entry
from broker.registry.contracts import SignedContract, pinned_governance
from broker.registry.manifests import ManifestBook
from broker.registry.repository import MANIFESTS_FOLDER
from broker.transport.certificates import verify_issued
from contracts.bounded_file import read_bounded
from contracts.documents import pinned_documents
from contracts.loading import fit_vocabulary
from contracts.phrases import N_, phrase
from contracts.vocabulary.known import Documents


def check_collected(
    participant: Participant, found: Collected, held: dict[str, bytes], now: int
) -> None:
    """Check verified files against an agency's own files. This writes nothing.

    Args:
        participant: the agency.
        found: the files; what the agency has already is removed from it.
        held: the entries in the agency's folder.
        now: milliseconds since the epoch.

    Raises:
        EntryError: a file was refused.
    """
    for path_name, check in (
        ("entries", lambda: _check_entries(participant, found, held)),
        ("agreements", lambda: _check_agreements(participant, found, held)),
        ("manifests", lambda: _check_manifests(participant, found, held, now)),
        ("certificates", lambda: _check_certificates(participant, found, held)),
        ("documents", lambda: _check_documents(participant, found)),
    ):
        as_refused(Path(path_name), check)


def _check_entries(participant: Participant, found: Collected, held: dict[str, bytes]) -> None:
    """Refuse an entry with new keys that nothing vouches for, or with keys of another agency."""
    for agency, entry in found.entries.items():
        if agency in held:
            pair = parse_entry(held[agency]).governance.public
            if pair != entry.governance and not _vouched(participant, agency, entry.governance):
                raise conflict(agency, None)
    if participant.agency in found.entries and participant.agency not in held:
        pair = found.entries[participant.agency].governance
        if pair.fingerprints != _own_fingerprints(participant):
            raise conflict(participant.agency, None)
    keys: dict[bytes, str] = {}
    for agency, raw in held.items():
        if agency not in found.entries:
            keys |= dict.fromkeys(parse_entry(raw).governance.public.halves, agency)
    for agency, entry in found.entries.items():
        for half in entry.governance.halves:
            if keys.setdefault(half, agency) != agency:
                raise conflict(agency, None)


def _vouched(participant: Participant, agency: str, pair: Governance) -> bool:
    """Return whether these are confirmed as the new governance keys of an agency.

    They are confirmed if a person has compared their fingerprint, or if an agreement that this
    agency signed names them. For this agency itself, agency.toml must name them.
    """
    if agency == participant.agency:
        return pair.fingerprints == _own_fingerprints(participant)
    if pair in participant.contracts.governance_of(agency):
        return True
    return check_of(participant.root, agency, pair) is not None


def _own_fingerprints(participant: Participant) -> tuple[str, ...]:
    return participant.config.governance.fingerprints


def _check_agreements(participant: Participant, found: Collected, held: dict[str, bytes]) -> None:
    here = participant.contracts.all()
    _leave_out_others(participant, found)
    drafts = {one.contract.deployment for one in here}
    for signed in found.agreements.values():
        if drafts - {signed.contract.deployment}:
            raise EntryError(
                phrase(
                    "The agreement %(name)s %(version)s belongs to the deployment "
                    "%(deployment)s. The agreements in the folder belong to %(names)s.",
                    name=signed.contract.name,
                    version=signed.contract.version,
                    deployment=signed.contract.deployment,
                    names=", ".join(sorted(drafts)),
                ),
                code="entry_foreign",
                fix=phrase(
                    "Use another folder for the deployment %(deployment)s, or add files of "
                    "the deployment of this folder.",
                    deployment=signed.contract.deployment,
                ),
            )
        if not participant.contracts.parts_from_us(signed):
            _require_named(participant, signed)
            participant.contracts.adding(signed)
    known = (*here, *found.agreements.values())
    require_pins(found.agreements.values(), found.entries)
    for agency, raw in held.items():
        _require_pinned(
            agency,
            parse_entry(raw).governance.public,
            found.agreements.values(),
            known,
        )
    for agency, entry in found.entries.items():
        if agency not in held:
            _require_pinned(agency, entry.governance, here, known)


def _require_named(participant: Participant, signed: SignedContract) -> None:
    """Check that an agreement names this agency with its keys.

    Raises:
        EntryError: `contract_foreign`.
    """
    contract = signed.contract
    if contract.party(participant.agency) is None:
        raise EntryError(
            phrase(
                "The agreement %(name)s %(version)s does not name %(agency)s as a party.",
                name=contract.name,
                version=contract.version,
                agency=participant.agency,
            ),
            code="contract_foreign",
            fix=N_(
                "Ask the sender whether it has added the entry of this agency to the "
                "agreement. It makes a version that names this agency (concordant "
                "contract revise --add-entry), and sends a bundle with that version."
            ),
        )


def _require_pinned(
    agency: str,
    pair: Governance,
    agreements: Iterable[SignedContract],
    known: Sequence[SignedContract],
) -> None:
    """Check each agreement that names keys for an agency.

    The agreement must name these keys, or replace a known version of the same name, or be replaced
    by one.

    Raises:
        EntryError: `entry_conflict`.
    """
    for signed in agreements:
        pinned = signed.contract.governance_keys.get(agency)
        if pinned is None or pinned_governance(signed.contract, agency) == pair:
            continue
        if not in_chain(signed, known):
            raise conflict(agency, None)


def _leave_out_others(participant: Participant, found: Collected) -> None:
    """Set apart a version of an agreement without this agency if another version names it.

    For example, an agency that joins gets a file that also has the versions from before it joined.
    Their texts are kept (`keep_without_us`), but they are no agreements of this agency.
    """
    agreements = [*participant.contracts.all(), *found.agreements.values()]
    ours = {
        one.contract.name
        for one in agreements
        if participant.agency in one.contract.governance_keys
    }
    for key, signed in list(found.agreements.items()):
        contract = signed.contract
        if participant.contracts.parts_from_us(signed):
            continue
        if participant.agency not in contract.governance_keys and contract.name in ours:
            found.without_us.append(signed)
            del found.agreements[key]


def _check_manifests(
    participant: Participant, found: Collected, held: dict[str, bytes], now: int
) -> None:
    """Drop known and older manifests (rollback). Refuse two texts of one version (equivocation)."""
    book = _held_book(participant, found, held, now)
    kept: list[VerifiedManifest] = []
    older = False
    for given in sorted(found.manifests, key=lambda v: v.place):
        manifest = given.manifest
        pairs = _trusted_pairs(participant, manifest.agency, found, held)
        verified = verify_manifest(
            parse_manifest(given.raw), pairs, deployment=manifest.deployment, now=now
        )
        if any(one.hash == verified.hash for one in book.all()):
            continue
        newest = book.newest_verified(manifest.agency)
        if book.is_void(verified) or (newest is not None and verified.place < newest.place):
            older = True
            continue
        book = book.adding(verified)
        kept.append(verified)
    found.manifests[:] = kept
    if older and not kept and not _anything_new(participant, found, held):
        raise EntryError(
            N_("The bundle is older than the files in the folder, and holds nothing new."),
            code="bundle_older",
            fix=N_("Ask the agency that sent it to make a new bundle."),
        )


def _trusted_pairs(
    participant: Participant, agency: str, found: Collected, held: dict[str, bytes]
) -> tuple[Governance, ...]:
    """Return the governance keys with which another agency's manifest is checked.

    They are those that the folder already holds for that agency; only if there are none, those of
    its entry.

    A forged agreement could name an attacker's keys as those of a party. The same bundle could hold
    a manifest that is signed with these keys. If that manifest were stored, the genuine manifest of
    the party would be refused.
    """
    pairs = participant.contracts.governance_of(agency)
    if not pairs and agency in held:
        pairs = (parse_entry(held[agency]).governance.public,)
    if not pairs and agency in found.entries:
        pairs = (found.entries[agency].governance,)
    return pairs


def _held_book(
    participant: Participant, found: Collected, held: dict[str, bytes], now: int
) -> ManifestBook:
    """Return the manifests in the folder of agencies that also have one in the added files."""
    agencies = {verified.manifest.agency for verified in found.manifests}
    verified = [
        verify_manifest(
            signed,
            _trusted_pairs(participant, signed.manifest.agency, found, held),
            deployment=signed.manifest.deployment,
            now=now,
        )
        for signed in held_manifests(participant)
        if signed.manifest.agency in agencies
    ]
    return ManifestBook(participant.deployment, verified)


def _anything_new(participant: Participant, found: Collected, held: dict[str, bytes]) -> bool:
    new_entries = any(is_newer(held.get(a), e) for a, e in found.entries.items())
    known = {one.hash: one for one in participant.contracts.all()}
    signatures = any(
        one not in known or set(signers_of(found.agreements[one])) - set(signers_of(known[one]))
        for one in found.agreements
    )
    return new_entries or signatures or bool(_lacking(participant, found))


def _check_certificates(participant: Participant, found: Collected, held: dict[str, bytes]) -> None:
    authority = participant.kafka_connection().tls.ca
    if (
        found.authority is not None
        and authority is not None
        and authority.is_file()
        and authority.read_bytes() != found.authority
    ):
        raise TransportError(
            phrase(
                "The bundle has another certificate authority for Kafka than the one in %(ca)s.",
                ca=participant.config.kafka.ca,
            ),
            code="certificate_foreign",
            fix=N_("Ask Kafka's host which certificate authority is right."),
        )
    own = found.certificates.get(participant.agency)
    if own is not None and found.authority is not None and participant.agency in held:
        request = parse_entry(held[participant.agency]).certificate_request.encode()
        verify_issued(found.authority, own, participant.agency, request)


def _check_documents(participant: Participant, found: Collected) -> None:
    """Require each document that an added agreement names, and drop others that are not needed."""
    contracts = [one.contract for one in found.agreements.values()]
    lacking = _lacking(participant, found)
    found.documents = lacking | documents_of(participant.root, contracts, found.documents)
    for signed in found.agreements.values():
        fit_vocabulary(signed.text, Documents(found.documents))


def _lacking(participant: Participant, found: Collected) -> dict[str, bytes]:
    """Return the given documents that an agreement of the folder pins and the folder lacks."""
    here = {
        digest for one in participant.contracts.all() for digest in pinned_documents(one.contract)
    }
    return {
        digest: raw
        for digest, raw in found.documents.items()
        if digest in here and read_document(participant.root, digest) is None
    }


def is_newer(held: bytes | None, entry: VerifiedEntry) -> bool:
    """Return whether an entry is newer than the one in the folder."""
    return held is None or parse_entry(held).issued < entry.entry.issued


def signers_of(signed: SignedContract) -> tuple[str, ...]:
    return tuple(note.signer for note in signed.notes)


def held_manifests(participant: Participant) -> list[SignedManifest]:
    here: list[SignedManifest] = []
    for path in files_in(participant.root / MANIFESTS_FOLDER, "*.note"):
        raw = read_bounded(
            path, MANIFEST_FILE_LIMIT_BYTES, RegistryError, code="registry_unreadable"
        )
        signed = parse_manifest(raw, str(path))
        if signed.manifest.deployment != UNASSIGNED:
            here.append(signed)
    return here
