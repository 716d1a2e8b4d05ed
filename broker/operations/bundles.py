"""Bundles: add the bundle of another agency, make a bundle, show a bundle.

``add_bundles`` first verifies all files and then writes. It removes nothing: it adds parts, and
replaces an older entry or certificate by a newer one. Bundles can be added in any order and more
than once. A refused file leaves the folder unchanged, except that documents which the folder needs
and has lost are restored first (`restore_documents`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.errors import EntryError, RegistryError, TransportError
from broker.keys.durable import files_in, make_private_folder, write_durably, write_named
from broker.keys.governance import Governance
from broker.keys.keyfile import UNASSIGNED
from broker.keys.manifest import (
    MANIFEST_FILE_LIMIT_BYTES,
    SignedManifest,
    VerifiedManifest,
    parse_manifest,
    verify_manifest,
)
from broker.operations.agency_entry import ENTRIES_FOLDER
from broker.operations.agreement_documents import (
    documents_of,
    is_pinned,
    keep_documents,
    read_document,
    restore_documents,
)
from broker.operations.bundle_reading import (
    AgreementLine,
    Collected,
    as_refused,
    bundle_missing,
    collect,
    collect_documents,
    conflict,
    files_of,
    held_entries,
    in_chain,
    line_of,
    newer_chain,
    read_file,
    require_pins,
)
from broker.operations.partner_checks import check_of
from broker.partnership.bundle import BUNDLE_MAGIC, Bundle, format_bundle, parse_bundle
from broker.partnership.entry import (
    VerifiedEntry,
    parse_entry,
)
from broker.registry.contracts import SignedContract, pinned_governance
from broker.registry.manifests import ManifestBook
from broker.registry.received_versions import keep_added
from broker.registry.repository import MANIFESTS_FOLDER
from broker.transport.certificates import verify_issued
from contracts.bounded_file import read_bounded
from contracts.documents import KINDS, document_hash, pinned
from contracts.errors import ConcordantError, ContractError
from contracts.loading import fit_vocabulary
from contracts.phrases import N_, phrase
from contracts.vocabulary.known import Documents


@dataclass(frozen=True, slots=True)
class Added:
    """Result of adding bundles to an agency.

    Attributes:
        agency: the agency's id.
        new: (kind, name) of each part that was not in the folder before.
        agreements: every agreement in the folder now.
        left_out: versions that were not added, because only another version of the agreement
            names this agency.
        skipped: other files of a folder, such as a file of the desktop.
    """

    agency: str
    new: tuple[tuple[str, str], ...]
    agreements: tuple[AgreementLine, ...]
    left_out: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleContent:
    """Content of a bundle.

    Each part was verified with the keys in the bundle. This does not show that the keys are
    genuine.
    """

    agreements: tuple[AgreementLine, ...]
    entries: tuple[VerifiedEntry, ...]
    manifests: tuple[tuple[str, int], ...]
    authority: bool
    certificates: tuple[str, ...]
    own_certificates: tuple[str, ...] = ()


def add_bundles(directory: Path, paths: Sequence[Path], now: int) -> Added:
    """Add bundles, entries and agreements to an agency's folder.

    Args:
        directory: the agency's folder.
        paths: files, and folders whose files are added.
        now: milliseconds since the epoch.

    Raises:
        EntryError: a file was refused. Nothing was written, except restored documents.
        ConfigError: a file cannot be read, or the folder cannot be written.
        ContractError: `document_missing`: the folder lacks a vocabulary that the files lack too.
    """
    files = files_of(paths)
    participant, restored = _load_restored(directory, files, now)
    try:
        added = _add(participant, files, frozenset(paths), now)
    except EntryError as error:
        if error.code != "bundle_older" or not restored:
            raise
        lines = tuple(map(line_of, participant.contracts.all()))
        added = Added(participant.agency, (), lines)
    return replace(added, new=(*restored, *added.new))


def _load_restored(
    directory: Path, files: Sequence[Path], now: int
) -> tuple[Participant, tuple[tuple[str, str], ...]]:
    """Load a folder. If a vocabulary is missing or altered, restore it from the files first.

    Returns:
        The agency, and (kind, name) of each restored document.
    """
    try:
        return load_participant(directory, now, unsigned_ok=True), ()
    except ContractError as error:
        if error.code != "document_missing":
            raise
        given: dict[str, bytes] = {}
        for path in files:
            raw = read_file(path)
            given[document_hash(raw)] = raw
            if raw.startswith(BUNDLE_MAGIC):
                with suppress(ConcordantError):  # a refused bundle is reported after the loading
                    inside = parse_bundle(raw, str(path)).documents.values()
                    given |= {document_hash(one): one for one in inside}
        try:
            restored = restore_documents(directory, given)
        except OSError as problem:
            raise _unwritable(directory, problem) from None
        if not restored:
            raise
    participant = load_participant(directory, now, unsigned_ok=True)
    return participant, tuple(("document", digest) for digest in restored)


def _add(
    participant: Participant, files: Sequence[Path], named: Collection[Path], now: int
) -> Added:
    deployment = participant.deployment
    found = Collected()
    postponed: list[tuple[Path, EntryError]] = []
    for path in files:
        try:
            as_refused(path, lambda p=path: collect(read_file(p), str(p), deployment, found, now))  # type: ignore[misc]
        except EntryError as error:
            if error.code not in {"bundle_malformed", "contract_invalid"}:
                raise
            postponed.append((path, error))
    skipped = _collect_plain_documents(participant, found, postponed, named)
    if skipped and found == Collected():
        raise bundle_missing(skipped[0].parent)
    held = held_entries(participant.root)
    check_collected(participant, found, held, now)
    added = _write(participant, found, held, now)
    return replace(added, skipped=tuple(path.name for path in skipped))


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


def make_bundle(directory: Path, out: Path, now: int) -> Bundle:
    """Write the files of all agencies that an agency's folder holds into one bundle.

    The file gets the agreements with their documents and signatures, the entries, the newest
    manifests, the certificates that agencies got from authorities of their own, and the certificate
    of the authority for Kafka.

    Args:
        directory: the agency's folder.
        out: the file.
        now: milliseconds since the epoch.

    Raises:
        ConfigError: `output_unwritable`, or the folder cannot be loaded.
    """
    bundle = held_bundle(load_participant(directory, now, unsigned_ok=True))
    write_named(out, format_bundle(bundle), "bundle")
    return bundle


def show_bundle(file: Path, now: int) -> BundleContent:
    """Verify a bundle with its own keys.

    Args:
        file: the bundle, or an entry.
        now: milliseconds since the epoch.

    Raises:
        EntryError: it is refused.
        ConfigError: it cannot be read.
    """
    found = Collected()
    bundle = as_refused(file, lambda: collect(read_file(file), str(file), UNASSIGNED, found, now))
    as_refused(file, lambda: require_pins(found.agreements.values(), found.entries))
    return BundleContent(
        tuple(map(line_of, found.agreements.values())),
        tuple(found.entries[one] for one in sorted(found.entries)),
        tuple(sorted(bundle.manifests)),
        bundle.authority is not None,
        tuple(sorted(bundle.certificates)),
        tuple(sorted(bundle.own_certificates)),
    )


def held_bundle(participant: Participant) -> Bundle:
    """Build the bundle of an agency."""
    root = participant.root
    contracts = participant.contracts.all()
    newest: dict[str, tuple[tuple[int, int], bytes]] = {}
    for signed in _manifests_here(participant):
        manifest = signed.manifest
        place = signed.delegation.delegation.version, manifest.version
        if manifest.agency not in newest or newest[manifest.agency][0] < place:
            newest[manifest.agency] = place, signed.raw
    authority = participant.kafka_connection().tls.ca
    return Bundle(
        agreements={one.hash.hex(): one.text.raw for one in contracts},
        signatures={
            (one.hash.hex(), note.signer): note.raw for one in contracts for note in one.notes
        },
        entries=held_entries(root),
        manifests={(agency, place[1]): raw for agency, (place, raw) in newest.items()},
        own_certificates=held_own_certificates(root),
        authority=authority.read_bytes() if authority is not None and authority.is_file() else None,
        documents=documents_of(root, [one.contract for one in contracts]),
    )


def _collect_plain_documents(
    participant: Participant,
    found: Collected,
    postponed: Sequence[tuple[Path, EntryError]],
    named: Collection[Path],
) -> tuple[Path, ...]:
    """Add plain files whose hash an agreement names.

    Returns:
        Other files of a folder. A shared folder may hold such files, for example a note.
    """
    skipped: list[Path] = []
    contracts = [one.contract for one in found.agreements.values()]
    contracts += [one.contract for one in participant.contracts.all()]
    for path, error in postponed:
        raw = read_file(path)
        if not is_pinned(raw, contracts):
            if path in named or error.code != "bundle_malformed" or raw.startswith(BUNDLE_MAGIC):
                raise error
            skipped.append(path)
            continue
        as_refused(
            path,
            lambda r=raw, p=path: collect_documents({document_hash(r): r}, found, str(p)),  # type: ignore[misc]
        )
    return tuple(skipped)


def _check_documents(participant: Participant, found: Collected) -> None:
    """Require each document that an added agreement names, and drop others that are not needed."""
    contracts = [one.contract for one in found.agreements.values()]
    lacking = _lacking(participant, found)
    found.documents = lacking | documents_of(participant.root, contracts, found.documents)
    for signed in found.agreements.values():
        fit_vocabulary(signed.text, Documents(found.documents))


def _lacking(participant: Participant, found: Collected) -> dict[str, bytes]:
    """Return the given documents that an agreement of the folder pins and the folder lacks."""
    here = {pinned(one.contract, kind) for one in participant.contracts.all() for kind in KINDS}
    return {
        digest: raw
        for digest, raw in found.documents.items()
        if digest in here and read_document(participant.root, digest) is None
    }


def held_own_certificates(directory: Path) -> dict[str, bytes]:
    """Return the certificates in a folder that agencies got from their own authorities, by id."""
    return {path.stem: path.read_bytes() for path in files_in(directory / ENTRIES_FOLDER, "*.pem")}


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
        for signed in _manifests_here(participant)
        if signed.manifest.agency in agencies
    ]
    return ManifestBook(participant.deployment, verified)


def _anything_new(participant: Participant, found: Collected, held: dict[str, bytes]) -> bool:
    new_entries = any(is_newer(held.get(a), e) for a, e in found.entries.items())
    known = {one.hash: one for one in participant.contracts.all()}
    signatures = any(
        one not in known or set(_signers(found.agreements[one])) - set(_signers(known[one]))
        for one in found.agreements
    )
    return new_entries or signatures or bool(_lacking(participant, found))


def _write_other(participant: Participant, signed: SignedContract) -> list[tuple[str, str]]:
    """Store the signatures of a version that no longer names this agency.

    Return a line for each new signature. A party that signs this version leaves the older one. This
    agency is still a party to the older one, so it must know of the signatures.
    """
    contracts = participant.contracts
    book = participant.repository.store_other(signed, contracts)
    if book is contracts:
        return []
    known = {
        note.signer for one in contracts.others() if one.hash == signed.hash for note in one.notes
    }
    name = f"{signed.contract.name} {signed.contract.version}, without this agency"
    return [
        ("signature", f"{name}, by {note.signer}")
        for one in book.others()
        if one.hash == signed.hash
        for note in one.notes
        if note.signer not in known
    ]


def _signers(signed: SignedContract) -> tuple[str, ...]:
    return tuple(note.signer for note in signed.notes)


def is_newer(held: bytes | None, entry: VerifiedEntry) -> bool:
    """Return whether an entry is newer than the one in the folder."""
    return held is None or parse_entry(held).issued < entry.entry.issued


def _manifests_here(participant: Participant) -> list[SignedManifest]:
    here: list[SignedManifest] = []
    for path in files_in(participant.root / MANIFESTS_FOLDER, "*.note"):
        raw = read_bounded(
            path, MANIFEST_FILE_LIMIT_BYTES, RegistryError, code="registry_unreadable"
        )
        signed = parse_manifest(raw, str(path))
        if signed.manifest.deployment != UNASSIGNED:
            here.append(signed)
    return here


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


def _write_certificates(participant: Participant, found: Collected) -> list[tuple[str, str]]:
    """Write certificates that are newer than those in the folder. Older ones are not written."""
    new: list[tuple[str, str]] = []
    root, tls = participant.root, participant.kafka_connection().tls
    for agency, chain in sorted(found.own_certificates.items()):
        place = root / ENTRIES_FOLDER / f"{agency}.pem"
        before = place.read_bytes() if place.is_file() else None
        if newer_chain(before, chain) != before:
            write_durably(place, chain)
            new.append(("own certificate", agency))
    own = found.certificates.get(participant.agency)
    if own is not None and tls.certificate is not None and tls.certificate.is_file():
        own = newer_chain(tls.certificate.read_bytes(), own)
    for kind, path, content in (
        ("authority", tls.ca, found.authority),
        ("certificate", tls.certificate, own),
    ):
        if path is None or content is None:
            continue
        if not path.is_file() or path.read_bytes() != content:
            make_private_folder(path.parent)
            write_durably(path, content)
            shown = path.relative_to(root) if path.is_relative_to(root) else path
            new.append((kind, str(shown)))
    return new


def _unwritable(root: Path, error: OSError) -> RegistryError:
    return RegistryError(
        phrase(
            "A file cannot be written (%(strerror)s). Some files may be written already.",
            strerror=error.strerror,
        ),
        code="registry_unwritable",
        where=str(root),
        fix=N_(
            "Check the free space, the owner and the permissions of the folder. Then "
            "give the command again: it continues."
        ),
    )


def _write(participant: Participant, found: Collected, held: dict[str, bytes], now: int) -> Added:
    new: list[tuple[str, str]] = []
    root = participant.root
    try:
        make_private_folder(root / ENTRIES_FOLDER)
        make_private_folder(root / MANIFESTS_FOLDER)
        for agency, entry in sorted(found.entries.items()):
            if is_newer(held.get(agency), entry):
                write_durably(root / ENTRIES_FOLDER / f"{agency}.entry", entry.raw)
                new.append(("entry", agency))
        keep_added(root, found.agreements, found.entries)
        kept = keep_documents(root, found.documents)
        new += [("document", digest) for digest in kept if read_document(None, digest) is None]
        for verified in sorted(found.manifests, key=lambda v: v.place):
            manifest = verified.manifest
            participant.repository.write_manifest(verified)
            new.append(("manifest", f"{manifest.agency} {manifest.version}"))
        new += _write_certificates(participant, found)
    except OSError as error:
        raise _unwritable(root, error) from None
    held_contracts = {one.hash: one for one in participant.contracts.all()}
    for contract_hash, signed in sorted(found.agreements.items()):
        before = held_contracts.get(contract_hash)
        if participant.contracts.parts_from_us(signed):
            new += _write_other(participant, signed)
            continue
        merged = signed if before is None else before.with_notes(signed.notes)
        name = f"{merged.contract.name} {merged.contract.version}"
        if before is None:
            new.append(("agreement", name))
        signers = sorted(set(_signers(merged)) - set(() if before is None else _signers(before)))
        new += [("signature", f"{name} by {one}") for one in signers]
        if before is None or merged.notes != before.notes:
            participant.repository.write_contract(merged)
    for signed in found.without_us:
        participant.repository.keep_without_us(signed.text)
    again = load_participant(root, now, unsigned_ok=True)
    lines = tuple(map(line_of, again.contracts.all()))
    apart = tuple(f"{one.contract.name} {one.contract.version}" for one in found.without_us)
    return Added(again.agency, tuple(new), lines, apart)
