"""Bundles: add the bundle of another agency, make a bundle, show a bundle.

``add_bundles`` first verifies all files and then writes. It removes nothing: it adds parts, and
replaces an older entry or certificate by a newer one. Bundles can be added in any order and more
than once. A refused file leaves the folder unchanged, except that documents which the folder needs
and has lost are restored first (`restore_documents`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.errors import EntryError
from broker.keys.durable import files_in, write_named
from broker.keys.keyfile import UNASSIGNED
from broker.operations.agency_entry import ENTRIES_FOLDER
from broker.operations.agreement_documents import documents_of, is_pinned, restore_documents
from broker.operations.bundle_checks import check_collected, held_manifests
from broker.operations.bundle_reading import (
    AgreementLine,
    Collected,
    as_refused,
    bundle_missing,
    collect,
    collect_documents,
    files_of,
    held_entries,
    line_of,
    read_file,
    require_pins,
)
from broker.operations.bundle_writing import folder_unwritable, write_collected
from broker.partnership.bundle import BUNDLE_MAGIC, Bundle, format_bundle, parse_bundle
from broker.partnership.entry import VerifiedEntry
from contracts.documents import document_hash
from contracts.errors import ConcordantError, ContractError


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
            raise folder_unwritable(directory, problem) from None
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
    new = write_collected(participant, found, held)
    again = load_participant(participant.root, now, unsigned_ok=True)
    return Added(
        agency=again.agency,
        new=tuple(new),
        agreements=tuple(map(line_of, again.contracts.all())),
        left_out=tuple(f"{one.contract.name} {one.contract.version}" for one in found.without_us),
        skipped=tuple(path.name for path in skipped),
    )


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
    for signed in held_manifests(participant):
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


def held_own_certificates(directory: Path) -> dict[str, bytes]:
    """Return the certificates in a folder that agencies got from their own authorities, by id."""
    return {path.stem: path.read_bytes() for path in files_in(directory / ENTRIES_FOLDER, "*.pem")}
