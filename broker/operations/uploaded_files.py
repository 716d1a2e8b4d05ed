"""Files that a person uploads to an agency: bundles, entries, agreements and signatures.

An uploaded file has no name that can be trusted and nothing beside it. It is checked in a private
folder of its own by the same functions that `bundle add` uses.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from broker.agency.participant import load_participant
from broker.errors import EntryError, ManifestError, NoteError
from broker.keys.durable import write_durably
from broker.keys.manifest import VerifiedManifest
from broker.operations.bundles import Added, add_bundles, held_bundle
from broker.operations.officer_delegations import finish_delegation
from broker.partnership.bundle import Bundle, format_bundle
from broker.registry.contract_notes import note_claim

__all__ = ["add_uploaded", "bundle_bytes", "finish_uploaded"]

_WHERE: Final = "the uploaded file"


def add_uploaded(directory: Path, raw: bytes, now: int) -> Added:
    """Add an uploaded file to an agency's folder, as `add_bundles` does.

    Args:
        directory: the agency's folder.
        raw: a bundle, an entry, an agreement, or one party's signature under an agreement that the
            folder holds.
        now: milliseconds since the epoch.

    Raises:
        EntryError: the file was refused; nothing was written, except restored documents.
        ConfigError: the folder cannot be written.
        ContractError: `document_missing`.
    """
    content = _with_agreement(directory, raw, now)
    with tempfile.TemporaryDirectory(prefix="concordant-") as folder:
        path = Path(folder) / "uploaded"
        write_durably(path, content)
        try:
            return add_bundles(directory, [path], now)
        except EntryError as error:
            where = _WHERE if error.where is None else error.where.replace(str(path), _WHERE)
            raise EntryError(error.detail, code=error.code, where=where, fix=error.fix) from None


def finish_uploaded(directory: Path, raw: bytes, now: int) -> VerifiedManifest:
    """Issue the manifest under an uploaded delegation, as `finish_delegation` does.

    Args:
        directory: the agency's folder; one officer's governance keys must be in it.
        raw: the delegation that enough officers have signed.
        now: milliseconds since the epoch.

    Raises:
        ManifestError: the file is no such delegation; nothing was issued.
        KeyAccessError: a key is missing.
        RegistryError: `registry_unwritable`.
    """
    with tempfile.TemporaryDirectory(prefix="concordant-") as folder:
        path = Path(folder) / "uploaded"
        write_durably(path, raw)
        try:
            return finish_delegation(directory, path, now)
        except ManifestError as error:
            where = _WHERE if error.where is None else error.where.replace(str(path), _WHERE)
            raise ManifestError(error.detail, code=error.code, where=where, fix=error.fix) from None


def bundle_bytes(directory: Path, now: int) -> bytes:
    """Return the bundle of an agency, with the same content as `make_bundle` writes.

    Args:
        directory: the agency's folder.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder cannot be loaded.
        EntryError: `bundle_too_large`.
    """
    return format_bundle(held_bundle(load_participant(directory, now, unsigned_ok=True)))


def _with_agreement(directory: Path, raw: bytes, now: int) -> bytes:
    """Return a signature together with its agreement as a bundle; other files as they are."""
    try:
        claim = note_claim(raw)
    except NoteError:
        return raw
    contracts = load_participant(directory, now, unsigned_ok=True).contracts
    name = claim.contract.hex()
    held = next((one for one in contracts.all() if one.hash == claim.contract), None)
    agreements = {} if held is None else {name: held.text.raw}
    return format_bundle(Bundle(agreements=agreements, signatures={(name, claim.signer): raw}))
