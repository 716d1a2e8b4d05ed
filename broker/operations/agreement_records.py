"""Records with which an agency publishes its agreements and its entry on the contracts topic.

docs/spec/topics.md, "Agreements". A record holds the agency's own entry, or a bundle: a version
that waits for signatures with its documents, and notes and entries of parties whose adapters do not
run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from broker.agency.participant import Participant
from broker.envelope.primitives import sha256
from broker.operations.agreement_documents import read_document
from broker.operations.bundle_reading import (
    held_entries,
)
from broker.partnership.bundle import Bundle, format_bundle
from broker.record import CONTENT_TYPE_HEADER, CONTRACT_CONTENT_TYPE, Record
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.store.database import Store
from broker.transport.topics import MAX_CONTRACT_BATCH_BYTES, control_topics
from contracts.documents import pinned_documents
from contracts.durations import DAY_MS

RECORD_LIMIT_BYTES: Final = MAX_CONTRACT_BATCH_BYTES - 64 * 1024
"""Maximum size of a record: what the contracts topic takes, less its key and headers."""
OTHERS_LIMIT_BYTES: Final = 256 * 1024
"""Maximum size of the notes and entries of other parties that this agency publishes for a version.

Each agency begins at another party, so together they publish more.
"""
SILENT_MS: Final = DAY_MS
"""If a party's adapter was not heard for this time, other agencies publish the party's notes."""


class AgreementRecords:
    """Makes the records that an agency publishes of its folder.

    Args:
        participant: the agency.
        store: its state.
    """

    def __init__(self, participant: Participant, store: Store) -> None:
        self._participant = participant
        self._store = store

    def records(self, contracts: ContractBook, now: int) -> list[Record]:
        """Return what this agency publishes now: its entry, and a bundle for each open version."""
        participant = self._participant
        entries = held_entries(participant.root)
        found: list[Record] = []
        if participant.agency in entries:
            found.append(self.record(f"{participant.agency}/entry", entries[participant.agency]))
        silent = self._silent(contracts, now)
        replaced = {
            before
            for one in contracts.all()
            if not one.missing
            for before in one.contract.previous_hashes
        }
        for signed in contracts.all():
            if signed.hash in replaced or now >= signed.contract.ends_ms:
                continue
            for number, bundle in enumerate(self._bundles(contracts, signed, silent, entries)):
                name = f"{participant.agency}/{signed.hash.hex()}/{number}"
                found.append(self.record(name, format_bundle(bundle)))
        return found

    def _bundles(
        self,
        contracts: ContractBook,
        signed: SignedContract,
        silent: frozenset[str],
        entries: dict[str, bytes],
    ) -> Iterator[Bundle]:
        """Yield the bundles of one version.

        If no party needs them, there is none. If one record cannot hold all parts, there are
        several. Each has the agreement, and a note with which a reader accepts the agreement.
        """
        participant = self._participant
        absent = [
            party.id
            for party in signed.contract.parties
            if party.id in silent and party.id != participant.agency
        ]
        own = signed.note_of(participant.agency)
        if own is None and (
            signed.hash in contracts.received
            or not any(one in signed.parties for one in absent)
            or not contracts.known_signers(signed)
        ):
            return  # it came over Kafka, its signers publish it, or it has no signature
        documents = {
            digest: raw
            for digest in pinned_documents(signed.contract)
            if read_document(None, digest) is None
            and (raw := read_document(participant.root, digest)) is not None
        }
        parts: list[Bundle] = []
        if signed.missing or absent:
            parts += [Bundle(documents={digest: raw}) for digest, raw in documents.items()]
        parts += self._of_others(signed, absent, entries)
        if not parts:
            return
        anchor = own or next(
            note for note in signed.notes if note.agency in contracts.known_signers(signed)
        )
        name = signed.hash.hex()
        first = Bundle(
            agreements={name: signed.text.raw}, signatures={(name, anchor.signer): anchor.raw}
        )
        yield from _packed(first, parts)

    def _of_others(
        self, signed: SignedContract, absent: list[str], entries: dict[str, bytes]
    ) -> list[Bundle]:
        """Return the notes and entries of parties that do not publish for themselves."""
        agency, name = self._participant.agency, signed.hash.hex()
        room = OTHERS_LIMIT_BYTES
        parts: list[Bundle] = []
        for other in sorted(absent, key=lambda one: sha256(f"{agency}/{one}".encode())):
            notes = signed.notes_of(other)
            entry = entries.get(other)
            part = Bundle(
                signatures={(name, note.signer): note.raw for note in notes},
                entries={} if entry is None else {other: entry},
            )
            room -= _size(part)
            if room < 0:
                break
            if notes or entry is not None:
                parts.append(part)
        return parts

    def _silent(self, contracts: ContractBook, now: int) -> frozenset[str]:
        """Return the parties whose adapters were not heard within a day."""
        agencies = {party.id for one in contracts.all() for party in one.contract.parties}
        with self._store.reading() as tx:
            heard = {agency: tx.heads.get(agency) for agency in agencies}
        return frozenset(
            agency for agency, row in heard.items() if row is None or row.heard_ms < now - SILENT_MS
        )

    def record(self, key: str, value: bytes | None) -> Record:
        """Return a record of the contracts topic; without a value it clears the one before."""
        topic = control_topics(self._participant.deployment).contracts
        headers = ((CONTENT_TYPE_HEADER, CONTRACT_CONTENT_TYPE),)
        return Record(topic, 0, headers, value, key=key.encode())


def _packed(first: Bundle, parts: list[Bundle]) -> Iterator[Bundle]:
    """Join parts to bundles that a record can hold; each begins with the agreement."""
    now = first
    for part in parts:
        more = _joined(now, part)
        if now is not first and _size(more) > RECORD_LIMIT_BYTES:
            yield now
            more = _joined(first, part)
        now = more
    yield now


def _joined(one: Bundle, other: Bundle) -> Bundle:
    return Bundle(
        agreements={**one.agreements, **other.agreements},
        signatures={**one.signatures, **other.signatures},
        entries={**one.entries, **other.entries},
        documents={**one.documents, **other.documents},
    )


def _size(bundle: Bundle) -> int:
    return sum(len(name) * 2 + 128 + len(raw) for name, raw in bundle.members())
