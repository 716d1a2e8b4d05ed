"""Agreements, documents and entries of other agencies, stored in the agency's folder.

A version that this agency has not signed waits for a person. `received_versions` limits the space
of such versions, and what came with a version that is removed goes with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from broker.agency.participant import Participant
from broker.errors import RegistryError
from broker.keys.durable import make_private_folder, write_durably
from broker.observing.logs import logger
from broker.operations.agency_entry import ENTRIES_FOLDER
from broker.operations.agreement_documents import keep_documents, read_document
from broker.operations.arrived_agreements import (
    ArrivedAgreements,
    names_agency,
    signer_unknown,
)
from broker.operations.bundle_checks import is_newer
from broker.operations.bundle_reading import (
    Collected,
    held_entries,
)
from broker.partnership.entry import VerifiedEntry
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.registry.received_versions import (
    ReceivedVersion,
    exceeding,
    read_received,
    still_received,
    superfluous_versions,
    version_size,
    write_received,
)
from contracts.documents import pinned_documents
from contracts.durations import HOUR_MS
from contracts.loading import DOCUMENTS_FOLDER

ENTRY_AGAIN_MS: Final = HOUR_MS
"""Shortest time between two newer entries of one agency that are taken from Kafka.

Each one can make other agencies publish it again.
"""


class AgreementFolder:
    """Stores verified agreements and entries that came over Kafka.

    Args:
        root: the agency's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._entries_taken: dict[str, int] = {}
        self._entries_waiting: dict[str, VerifiedEntry] = {}
        self._log = logger("registry")

    def store(self, participant: Participant, arrived: ArrivedAgreements, now: int) -> ContractBook:
        """Store what is new in the verified parts of a record.

        Args:
            participant: the agency, with the contracts known so far.
            arrived: the parts.
            now: milliseconds since the epoch.

        Returns:
            The contracts with those of the record; the same object if the record has no new
            contract and no new signature.

        Raises:
            RegistryError: a version is refused, or `registry_unwritable`.
        """
        try:
            return self._store(participant, arrived.parts, arrived.held, now)
        except OSError as error:
            raise RegistryError(
                f"A file cannot be written ({error.strerror}).",
                code="registry_unwritable",
                where=str(participant.root),
                fix="Check the free space, the owner and the permissions of the folder.",
            ) from None

    def _store(
        self, participant: Participant, found: Collected, held: dict[str, bytes], now: int
    ) -> ContractBook:
        contracts = participant.contracts
        for signed in found.agreements.values():
            contracts = self._store_version(participant, signed, found, held, now)
        make_private_folder(participant.root / ENTRIES_FOLDER)
        for agency, entry in found.entries.items():
            before = held.get(agency)
            if not is_newer(before, entry) or not names_agency(contracts, agency):
                continue
            if before is not None and not self._entry_due(agency, now):
                waiting = self._entries_waiting.get(agency)
                if waiting is None or waiting.entry.issued < entry.entry.issued:
                    self._entries_waiting[agency] = entry
                continue
            self._write_entry(agency, entry, now)
        return contracts

    def _entry_due(self, agency: str, now: int) -> bool:
        """Return whether an hour has passed since a newer entry of an agency was taken."""
        last = self._entries_taken.get(agency)
        return last is None or not 0 <= now - last < ENTRY_AGAIN_MS

    def _write_entry(self, agency: str, entry: VerifiedEntry, now: int) -> None:
        write_durably(self._root / ENTRIES_FOLDER / f"{agency}.entry", entry.raw)
        self._entries_taken[agency] = now
        self._entries_waiting.pop(agency, None)

    def store_waiting_entries(self, contracts: ContractBook, now: int) -> None:
        """Store entries that came sooner than an hour after the one before."""
        held = held_entries(self._root)
        for agency, entry in list(self._entries_waiting.items()):
            if not self._entry_due(agency, now):
                continue
            if is_newer(held.get(agency), entry) and names_agency(contracts, agency):
                self._write_entry(agency, entry, now)
            self._entries_waiting.pop(agency, None)

    def _store_version(
        self,
        participant: Participant,
        signed: SignedContract,
        found: Collected,
        held: dict[str, bytes],
        now: int,
    ) -> ContractBook:
        contracts, repository = participant.contracts, participant.repository
        if signed.contract.party(participant.agency) is None:
            contracts.adding_other(signed)  # refuses it before a document of it is kept
            keep_documents(participant.root, _not_shipped(found))
            return repository.store_other(signed, contracts)
        before = contracts.held(signed.hash)
        merged = signed if before is None else before.with_notes(signed.notes)
        if participant.agency in merged.parties:
            keep_documents(participant.root, _not_shipped(found))
            if before is not None and merged.notes == before.notes:
                return contracts
            repository.write_contract(merged)
            return repository.completions.remember(contracts.adding(merged), now)
        if before is not None and signed.hash not in contracts.received:  # a person added it
            if merged.notes == before.notes:
                return contracts
            repository.write_contract(merged)
            return contracts.adding(merged)
        return self._receive(participant, merged, found, held, now)

    def _receive(
        self,
        participant: Participant,
        signed: SignedContract,
        found: Collected,
        held: dict[str, bytes],
        now: int,
    ) -> ContractBook:
        """Store a version that awaits this agency's signature, within the bounds of its signers."""
        contracts, root = participant.contracts, participant.root
        signers = contracts.known_signers(signed)
        if not signers:
            raise signer_unknown()
        versions = still_received(read_received(root), contracts)
        documents = _not_shipped(found)
        already = versions.get(signed.hash)
        entries = {one for version in versions.values() for one in version.entries}
        came = tuple(sorted(one for one in found.entries if one in entries or one not in held))
        listed = {one for version in versions.values() for one in version.documents}
        lacking = {one for one in documents if read_document(root, one) is None}
        written = {one for one in documents if one in listed or one in lacking}
        if (
            already is not None
            and (before := contracts.held(signed.hash)) is not None
            and before.notes == signed.notes
            and set(came) <= set(already.entries)
            and not lacking
        ):
            return contracts
        parts = [*documents.values(), *(entry.raw for entry in found.entries.values())]
        versions[signed.hash] = ReceivedVersion(
            signers,
            max(version_size(signed, parts), already.size if already else 0),
            tuple(sorted({*came, *(already.entries if already else ())})),
            tuple(sorted({*written, *(already.documents if already else ())})),
        )
        gone = superfluous_versions(versions, contracts.receiving(signed, ()), now)
        gone |= exceeding({one: said for one, said in versions.items() if one not in gone})
        if signed.hash in gone:
            raise RegistryError(
                "The version is over, or its signers have newer versions that await a signature.",
                code="contract_versions_many",
                fix="Sign the newest version, or ask the other parties which one they mean.",
            )
        # write the list first: after an interruption it then names every file that was stored
        write_received(root, versions)
        for one in gone:
            self._remove(participant, one, versions)
        write_received(root, {one: said for one, said in versions.items() if one not in gone})
        keep_documents(root, documents)
        participant.repository.write_received(signed)
        self._log.info("agreement_received")
        return contracts.receiving(signed, gone)

    def _remove(
        self, participant: Participant, gone: bytes, versions: dict[bytes, ReceivedVersion]
    ) -> None:
        """Delete a received version, and the entries and documents that only it needed."""
        contracts, root = participant.contracts, participant.root
        held = contracts.held(gone)
        if held is None or not participant.repository.remove_received(held):
            return
        stored = (*contracts.all(), *contracts.others())
        rest = [one.contract for one in stored if one.hash != gone]
        rest += [text.contract for text in participant.repository.texts_without_us()]
        for agency in versions[gone].entries:
            if not any(agency in one.governance_keys for one in rest):
                (root / ENTRIES_FOLDER / f"{agency}.entry").unlink(missing_ok=True)
        for digest in versions[gone].documents:
            if not any(digest in pinned_documents(one) for one in rest):
                (root / DOCUMENTS_FOLDER / f"{digest}.txt").unlink(missing_ok=True)

    def tidy(self, participant: Participant, now: int) -> None:
        """Remove received versions that this agency can no longer sign.

        The watch of the folder then loads the contracts again.

        Raises:
            OSError: the list cannot be written.
            RegistryError: code `registry_unwritable`.
        """
        contracts = participant.contracts
        before = read_received(participant.root)
        versions = still_received(before, contracts)
        gone = superfluous_versions(versions, contracts, now)
        for one in gone:
            self._remove(participant, one, versions)
        after = {one: said for one, said in versions.items() if one not in gone}
        if after != before:
            write_received(participant.root, after)


def _not_shipped(found: Collected) -> dict[str, bytes]:
    return {
        digest: raw
        for digest, raw in found.documents.items()
        if read_document(None, digest) is None
    }
