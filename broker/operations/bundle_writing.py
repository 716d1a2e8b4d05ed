"""Write the verified and checked files of a bundle into an agency's folder."""

from __future__ import annotations

from pathlib import Path

from broker.agency.participant import Participant
from broker.errors import RegistryError
from broker.keys.durable import make_private_folder, write_durably
from broker.operations.agency_entry import ENTRIES_FOLDER
from broker.operations.agreement_documents import keep_documents, read_document
from broker.operations.bundle_checks import is_newer, signers_of
from broker.operations.bundle_reading import Collected, newer_chain
from broker.registry.contracts import SignedContract
from broker.registry.received_versions import keep_added
from broker.registry.repository import MANIFESTS_FOLDER
from contracts.phrases import N_, phrase


def write_collected(
    participant: Participant, found: Collected, held: dict[str, bytes]
) -> list[tuple[str, str]]:
    """Write verified and checked files into an agency's folder.

    Args:
        participant: the agency.
        found: the files, as `check_collected` left them.
        held: the entries in the agency's folder.

    Returns:
        (kind, name) of each part that was not there before.

    Raises:
        RegistryError: `registry_unwritable`.
    """
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
        raise folder_unwritable(root, error) from None
    new += _write_agreements(participant, found)
    for signed in found.without_us:
        participant.repository.keep_without_us(signed.text)
    return new


def _write_agreements(participant: Participant, found: Collected) -> list[tuple[str, str]]:
    new: list[tuple[str, str]] = []
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
        signers = sorted(
            set(signers_of(merged)) - set(() if before is None else signers_of(before))
        )
        new += [("signature", f"{name} by {one}") for one in signers]
        if before is None or merged.notes != before.notes:
            participant.repository.write_contract(merged)
    return new


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


def folder_unwritable(root: Path, error: OSError) -> RegistryError:
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
