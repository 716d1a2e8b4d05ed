"""Reader of bundles, entries and agreements: each file is verified separately.

This module writes nothing. It verifies a file with the keys that the file itself names;
`bundles.py` checks whether it fits the agency's own files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from broker.errors import ConfigError, EntryError, TransportError
from broker.keys.durable import files_in
from broker.keys.governance import Governance
from broker.keys.keyfile import UNASSIGNED
from broker.keys.manifest import VerifiedManifest, parse_manifest, verify_manifest
from broker.operations.agency_entry import ENTRIES_FOLDER
from broker.partnership.bundle import BUNDLE_LIMIT_BYTES, BUNDLE_MAGIC, Bundle, parse_bundle
from broker.partnership.entry import ENTRY_LIMIT_BYTES, HEADER, VerifiedEntry, verify_entry
from broker.registry.contract_files import verify_beside
from broker.registry.contracts import (
    SignedContract,
    pinned_governance,
    verify_named,
)
from broker.transport.certificates import read_certificate, verify_issued, verify_own_chain
from contracts.bounded_file import READABLE_FIX, read_bounded
from contracts.documents import document_hash, require_document
from contracts.errors import ConcordantError, ContractError
from contracts.loading import parse_contract
from contracts.phrases import N_, phrase

INPUTS_LIMIT: Final = 1_000
"""Maximum number of files of a shared folder that are read."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class AgreementLine:
    """An agreement and its signatures."""

    name: str
    version: str
    sha256: str
    deployment: str
    signed: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(slots=True)
class Collected:
    """Verified input, before anything is written."""

    agreements: dict[bytes, SignedContract] = field(default_factory=dict)
    entries: dict[str, VerifiedEntry] = field(default_factory=dict)
    manifests: list[VerifiedManifest] = field(default_factory=list)
    authority: bytes | None = None
    certificates: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    own_certificates: dict[str, bytes] = field(default_factory=dict)
    without_us: list[SignedContract] = field(default_factory=list)


def line_of(signed: SignedContract) -> AgreementLine:
    """Return an agreement and its signatures."""
    contract = signed.contract
    return AgreementLine(
        contract.name,
        contract.version,
        signed.hash.hex(),
        contract.deployment,
        tuple(party.id for party in contract.parties if party.id in signed.parties),
        signed.missing,
    )


def held_entries(directory: Path) -> dict[str, bytes]:
    """Return the entries in an agency's folder, by agency id; each was verified on arrival."""
    return {
        path.stem: path.read_bytes() for path in files_in(directory / ENTRIES_FOLDER, "*.entry")
    }


def as_refused(path: Path, check: Callable[[], Result]) -> Result:
    """Return the result of a check; its refusal counts as refused input."""
    try:
        return check()
    except ConfigError:
        raise
    except ConcordantError as error:
        raise EntryError(
            error.detail,
            code=error.code,
            where=error.where or str(path),
            fix=error.fix or "Nothing was changed. Ask the agency that sent it.",
        ) from None


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Return every named file, and the files in every named folder.

    Raises:
        EntryError: `bundle_too_large`, or `bundle_missing`: a folder has no file.
        ConfigError: `file_unusable`.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            try:
                inside = files_in(path, "*")
            except OSError as error:
                raise ConfigError(
                    phrase("The folder cannot be read (%(strerror)s).", strerror=error.strerror),
                    code="file_unusable",
                    where=str(path),
                    fix=READABLE_FIX,
                ) from None
            inputs = [one for one in inside if _is_input(one)]
            if not inputs:
                raise bundle_missing(path)
            found += inputs
        else:
            found.append(path)
    if len(found) > INPUTS_LIMIT:
        raise EntryError(
            phrase(
                "The folder has more than %(inputs_limit)s files.", inputs_limit=f"{INPUTS_LIMIT:,}"
            ),
            code="bundle_too_large",
            fix=N_("Give the files that are meant."),
        )
    return found


def bundle_missing(folder: Path) -> EntryError:
    """Return the error for a folder without any file to add."""
    return EntryError(
        N_("The folder holds no bundle, no entry and no agreement."),
        code="bundle_missing",
        where=str(folder),
        fix=N_("Give the folder that holds the files, or the files."),
    )


def _is_input(path: Path) -> bool:
    """Return whether to read a file of a folder; not a note beside its agreement."""
    beside = path.name.removesuffix(".note").removesuffix(".shown.txt")
    if beside != path.name:
        agreement = beside.rpartition(".")[0]  # AGREEMENT.AGENCY, or AGREEMENT.AGENCY.OFFICER
        for stem in (agreement, agreement.rpartition(".")[0]):
            if stem and path.with_name(f"{stem}.yaml").is_file():
                return False
    return path.is_file() and not path.name.startswith(".")


def read_file(path: Path) -> bytes:
    """Return the bytes of a file, at most one more than a bundle may have.

    Raises:
        ConfigError: `file_unusable`.
    """
    return read_bounded(path, BUNDLE_LIMIT_BYTES, ConfigError, code="file_unusable")


def collect(raw: bytes, where: str, deployment: str, found: Collected, now: int) -> Bundle:
    """Verify one file and add it to the results.

    Args:
        raw: the file's bytes.
        where: the file's name, for errors and for signatures beside an agreement.
        deployment: the reader's; a file of another one is refused.
        found: results so far; this function changes it.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the file is refused.
    """
    bundle = _members(raw, where, now)
    collect_members(bundle, where, deployment, found, now)
    return bundle


def collect_members(
    bundle: Bundle, where: str, deployment: str, found: Collected, now: int
) -> None:
    """Verify the members of a bundle and add them to the results, as `collect`."""
    collect_documents(bundle.documents, found, where)
    _collect_entries(bundle, deployment, found, where, now)
    _collect_agreements(bundle, found, where)
    _collect_manifests(bundle, found, where, now)
    _require_one_deployment(deployment, found, where)
    _collect_certificates(bundle, found, where)
    _collect_own_certificates(bundle, found, where)


def _members(raw: bytes, where: str, now: int) -> Bundle:
    if raw.startswith(f"{HEADER}\n".encode()):
        entry = verify_entry(raw[: ENTRY_LIMIT_BYTES + 1], now=now, where=where)
        return Bundle(entries={entry.agency: raw})
    if raw.startswith(BUNDLE_MAGIC):
        return parse_bundle(raw, where)
    try:
        text = parse_contract(raw, where, vocabulary_needed=False)
    except ContractError:
        if where.endswith((".yaml", ".yml")):
            raise
        raise EntryError(
            N_("This is no bundle, no entry and no agreement."),
            code="bundle_malformed",
            where=where,
            fix=N_("Give a file that another agency made with: concordant bundle make"),
        ) from None
    beside = verify_beside(text, Path(where))
    name = text.hash.hex()
    notes = {(name, note.signer): note.raw for note in beside.notes}
    return Bundle(agreements={name: raw}, signatures=notes)


def collect_documents(documents: Mapping[str, bytes], found: Collected, where: str) -> None:
    """Verify documents by their hashes and add them to the results.

    Raises:
        ContractError: `document_invalid`.
        EntryError: `bundle_malformed`: one has another hash than its name says.
    """
    for digest, raw in documents.items():
        require_document(raw, where)
        if document_hash(raw) != digest:
            raise _malformed(where, "a document has another hash than its name says")
        found.documents[digest] = raw


def _collect_entries(
    bundle: Bundle, deployment: str, found: Collected, where: str, now: int
) -> None:
    wanted = None if deployment == UNASSIGNED else deployment
    for agency, content in bundle.entries.items():
        entry = verify_entry(content, now=now, deployment=wanted, where=where)
        if entry.agency != agency:
            raise _malformed(where, "an entry has another name than its agency")
        found.entries[agency] = _newer(found.entries.get(agency), entry, where)


def _collect_agreements(bundle: Bundle, found: Collected, where: str) -> None:
    if {name for name, _ in bundle.signatures} - set(bundle.agreements):
        raise _malformed(where, "there are signatures of an agreement that is not in it")
    for name, content in bundle.agreements.items():
        text = parse_contract(content, where, vocabulary_needed=False)
        if text.hash.hex() != name:
            raise _malformed(where, "an agreement has another hash than its name says")
        signed = verify_named(
            text,
            ((agency, raw, where) for (of, agency), raw in bundle.signatures.items() if of == name),
        )
        before = found.agreements.get(text.hash)
        found.agreements[text.hash] = signed if before is None else before.with_notes(signed.notes)


def _collect_certificates(bundle: Bundle, found: Collected, where: str) -> None:
    if bundle.authority is None:
        if bundle.certificates:
            raise _malformed(where, "there is a certificate, but no authority")
        return
    read_certificate(bundle.authority)
    if found.authority not in (None, bundle.authority):
        raise _malformed(where, "two files name different authorities of Kafka")
    found.authority = bundle.authority
    for agency, content in bundle.certificates.items():
        known = found.entries.get(agency)
        request = None if known is None else known.entry.certificate_request.encode()
        verify_issued(bundle.authority, content, agency, request)
        found.certificates[agency] = content


def _collect_own_certificates(bundle: Bundle, found: Collected, where: str) -> None:
    for agency, content in bundle.own_certificates.items():
        if agency not in bundle.entries:
            raise _malformed(where, "there is an own certificate, but no entry of its agency")
        entry = found.entries[agency].entry
        verify_own_chain(content, agency, entry.certificate_request.encode())
        found.own_certificates[agency] = newer_chain(found.own_certificates.get(agency), content)


def newer_chain(held: bytes | None, content: bytes) -> bytes:
    """Return the chain whose certificate was issued last."""
    try:
        read_certificate(held or b"")
    except TransportError:
        return content
    assert held is not None
    return max(held, content, key=lambda pem: (read_certificate(pem).not_before, pem))


def _collect_manifests(bundle: Bundle, found: Collected, where: str, now: int) -> None:
    for (agency, version), content in bundle.manifests.items():
        signed = parse_manifest(content, where)
        manifest = signed.manifest
        if (manifest.agency, manifest.version) != (agency, version):
            raise _malformed(where, "a manifest has another name than it says")
        pairs = _pairs(agency, found.agreements.values(), found.entries)
        found.manifests.append(
            verify_manifest(signed, pairs, deployment=manifest.deployment, now=now, where=where)
        )
    for entry in found.entries.values():
        known = {one.hash for one in found.manifests}
        if entry.entry.deployment != UNASSIGNED and entry.manifest.hash not in known:
            found.manifests.append(entry.manifest)


def _pairs(
    agency: str, agreements: Iterable[SignedContract], entries: dict[str, VerifiedEntry]
) -> tuple[Governance, ...]:
    pinned = [
        pinned_governance(one.contract, agency)
        for one in agreements
        if agency in one.contract.governance_keys
    ]
    if agency in entries:
        pinned.append(entries[agency].governance)
    return tuple(dict.fromkeys(pinned))


def _newer(before: VerifiedEntry | None, entry: VerifiedEntry, where: str) -> VerifiedEntry:
    if before is None:
        return entry
    if before.governance != entry.governance:
        raise conflict(entry.agency, where)
    return entry if entry.entry.issued > before.entry.issued else before


def _require_one_deployment(own: str, found: Collected, where: str) -> None:
    named = {one.contract.deployment for one in found.agreements.values()}
    named |= {one.entry.deployment for one in found.entries.values()}
    named |= {one.manifest.deployment for one in found.manifests} | {own}
    named -= {UNASSIGNED}
    if len(named) > 1:
        raise EntryError(
            phrase("It is of another deployment: %(names)s.", names=", ".join(sorted(named))),
            code="entry_foreign",
            where=where,
            fix=N_("Keep one folder for each deployment, and give files of that deployment."),
        )


def require_pins(agreements: Iterable[SignedContract], entries: dict[str, VerifiedEntry]) -> None:
    """Check that agreements name the governance keys that the parties' entries have.

    A version that another one replaces, or that replaces another one, may name other keys: a party
    may replace its governance keys from one version to the next.

    Raises:
        EntryError: `entry_conflict`.
    """
    known = tuple(agreements)
    for signed in known:
        if in_chain(signed, known):
            continue
        for agency, entry in entries.items():
            if (
                agency in signed.contract.governance_keys
                and pinned_governance(signed.contract, agency) != entry.governance
            ):
                raise conflict(agency, signed.text.where)


def in_chain(signed: SignedContract, known: Iterable[SignedContract]) -> bool:
    """Return whether a version replaces one of these, or one of these replaces it."""
    own = signed.contract.previous_hashes
    return any(
        one.hash in own or signed.hash in one.contract.previous_hashes
        for one in known
        if one.contract.name == signed.contract.name
    )


def _malformed(where: str, problem: str) -> EntryError:
    return EntryError(
        phrase("The bundle is refused: %(problem)s.", problem=problem),
        code="bundle_malformed",
        where=where,
        fix=N_(
            "Ask the agency that sent it for the file that it made with: concordant bundle make"
        ),
    )


def conflict(agency: str, where: str | None) -> EntryError:
    """Return the error for two agencies with one id, or two with one key."""
    return EntryError(
        phrase(
            "There are two agencies with the id %(agency)s, or two agencies with one key.",
            agency=agency,
        ),
        code="entry_conflict",
        where=where,
        fix=phrase(
            "Nothing was changed. Telephone %(agency)s and compare its fingerprint: "
            "one of the two files is not its own, or it has replaced its keys. In "
            "that case add the agreement that names the new keys, and compare the "
            "new words. Then add its entry: concordant agency check-partner "
            "%(agency)s",
            agency=agency,
        ),
    )
