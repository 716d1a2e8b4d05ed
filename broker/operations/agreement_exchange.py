"""Exchange of agreements between running adapters, over the contracts topic.

A running adapter publishes what its folder holds and others may lack: a version that waits for
signatures with its documents, the notes and entries of parties whose adapters do not run, and its
own entry (docs/spec/topics.md, "Agreements"). Arriving records are verified by the functions that
verify a bundle which a person adds. Nothing is signed here. A version that this agency has not
signed waits for a person, and `received_versions` limits the space of such versions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson

from broker.agency.participant import LoadedAgency, Participant
from broker.envelope.primitives import sha256
from broker.errors import EntryError, RegistryError, TransportError
from broker.keys.durable import make_private_folder, write_durably
from broker.observing.logs import logger
from broker.operations.agency_entry import ENTRIES_FOLDER
from broker.operations.agreement_documents import keep_documents, read_document
from broker.operations.bundle_checks import check_collected, is_newer
from broker.operations.bundle_reading import (
    Collected,
    as_refused,
    collect_members,
    held_entries,
)
from broker.operations.held_members import all_held
from broker.partnership.bundle import Bundle, format_bundle, parse_bundle
from broker.partnership.entry import HEADER, VerifiedEntry, parse_entry
from broker.record import CONTENT_TYPE_HEADER, CONTRACT_CONTENT_TYPE, Record
from broker.registry.contract_book import ContractBook
from broker.registry.contract_notes import note_claim
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
from broker.statements.signed_contract import unpack_contract
from broker.store.database import Store
from broker.transport.interfaces import Sender
from broker.transport.topics import MAX_CONTRACT_BATCH_BYTES, control_topics
from contracts.documents import KINDS, pinned
from contracts.durations import DAY_MS, HOUR_MS
from contracts.loading import DOCUMENTS_FOLDER
from contracts.model import Contract

RECORD_LIMIT_BYTES: Final = MAX_CONTRACT_BATCH_BYTES - 64 * 1024
"""Maximum size of a record: what the contracts topic takes, less its key and headers."""
OTHERS_LIMIT_BYTES: Final = 256 * 1024
"""Maximum size of the notes and entries of other parties that this agency publishes for a version.

Each agency begins at another party, so together they publish more.
"""
SILENT_MS: Final = DAY_MS
"""If a party's adapter was not heard for this time, other agencies publish the party's notes."""
ENTRY_AGAIN_MS: Final = HOUR_MS
"""Shortest time between two newer entries of one agency that are taken from Kafka.

Each one can make other agencies publish it again.
"""
PUBLISHED: Final = "agreements-published"
"""Name in the state of the keys of the records that this agency published."""
_ZIP: Final = b"PK"
_WHERE: Final = Path("a record of the contracts topic")


class AgreementExchange:
    """Publishes and takes agreements over the contracts topic.

    Args:
        loaded: the agency.
        store: its state.
        sender: Kafka.
        clock: () -> ms.
    """

    def __init__(
        self, loaded: LoadedAgency, store: Store, sender: Sender, clock: Callable[[], int]
    ) -> None:
        self._loaded = loaded
        self._store = store
        self._sender = sender
        self._clock = clock
        self._sent: dict[bytes | None, bytes | None] = {}
        self._entries_taken: dict[str, int] = {}
        self._entries_waiting: dict[str, VerifiedEntry] = {}
        self._log = logger("registry")

    # --- taking ----------------------------------------------------------------------------------

    def take(self, value: bytes, contracts: ContractBook, now: int) -> ContractBook:
        """Verify a record and store what is new in it.

        Args:
            value: a contract with a note, a bundle, or an entry.
            contracts: the contracts known so far.
            now: milliseconds since the epoch.

        Returns:
            The contracts with those of the record; the same object if the record has no new
            contract and no new signature.

        Raises:
            ConcordantError: it is refused. Nothing was stored.
        """
        bundle = _members(value)
        if all(contracts.held(bytes.fromhex(one)) is None for one in bundle.agreements):
            _require_known_signer(bundle, contracts)
        participant = replace(self._loaded.participant, contracts=contracts)
        held = held_entries(participant.root)
        if all_held(bundle, participant.agency, participant.root, contracts, held):
            return contracts
        found = Collected()
        as_refused(
            _WHERE,
            lambda: collect_members(bundle, str(_WHERE), participant.deployment, found, now),
        )
        _leave_out_strangers(found, contracts)
        found.manifests.clear()  # the manifests topic carries them
        check_collected(participant, found, held, now)
        try:
            return self._store_found(participant, found, held, now)
        except OSError as error:
            raise RegistryError(
                f"A file cannot be written ({error.strerror}).",
                code="registry_unwritable",
                where=str(participant.root),
                fix="Check the free space, the owner and the permissions of the folder.",
            ) from None

    def _store_found(
        self, participant: Participant, found: Collected, held: dict[str, bytes], now: int
    ) -> ContractBook:
        contracts = participant.contracts
        for signed in found.agreements.values():
            contracts = self._store_version(participant, signed, found, held, now)
        make_private_folder(participant.root / ENTRIES_FOLDER)
        for agency, entry in found.entries.items():
            before = held.get(agency)
            if not is_newer(before, entry) or not _names(contracts, agency):
                continue
            if before is not None and not self._entry_due(agency, now):
                waiting = self._entries_waiting.get(agency)
                if waiting is None or waiting.entry.issued < entry.entry.issued:
                    self._entries_waiting[agency] = entry
                continue
            self._write_entry(participant.root, agency, entry, now)
        return contracts

    def _entry_due(self, agency: str, now: int) -> bool:
        """Return whether an hour has passed since a newer entry of an agency was taken."""
        last = self._entries_taken.get(agency)
        return last is None or not 0 <= now - last < ENTRY_AGAIN_MS

    def _write_entry(self, root: Path, agency: str, entry: VerifiedEntry, now: int) -> None:
        write_durably(root / ENTRIES_FOLDER / f"{agency}.entry", entry.raw)
        self._entries_taken[agency] = now
        self._entries_waiting.pop(agency, None)

    def _take_waiting_entries(self, contracts: ContractBook, now: int) -> None:
        """Store entries that came sooner than an hour after the one before."""
        root = self._loaded.participant.root
        held = held_entries(root)
        for agency, entry in list(self._entries_waiting.items()):
            if not self._entry_due(agency, now):
                continue
            if is_newer(held.get(agency), entry) and _names(contracts, agency):
                self._write_entry(root, agency, entry, now)
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
            raise _signer_unknown()
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
            if not any(digest in _pinned(one) for one in rest):
                (root / DOCUMENTS_FOLDER / f"{digest}.txt").unlink(missing_ok=True)

    def tidy(self, contracts: ContractBook, now: int) -> None:
        """Remove received versions that this agency can no longer sign.

        The watch of the folder then loads the contracts again.

        Raises:
            OSError: the list cannot be written.
            RegistryError: code `registry_unwritable`.
        """
        participant = replace(self._loaded.participant, contracts=contracts)
        before = read_received(participant.root)
        versions = still_received(before, contracts)
        gone = superfluous_versions(versions, contracts, now)
        for one in gone:
            self._remove(participant, one, versions)
        after = {one: said for one, said in versions.items() if one not in gone}
        if after != before:
            write_received(participant.root, after)

    # --- publishing ------------------------------------------------------------------------------

    async def publish(self, contracts: ContractBook, changed_only: bool = False) -> None:
        """Publish what others may lack, and clear what they no longer need.

        Args:
            contracts: the contracts of this agency.
            changed_only: whether to leave out records that this process has sent before.

        Raises:
            TransportError: Kafka cannot be reached or refuses.
        """
        records, before = await asyncio.to_thread(self._prepared, contracts, self._clock())
        keys = sorted(record.key.decode() for record in records if record.key is not None)
        said: list[str] = [] if before is None else orjson.loads(before)
        cleared = [self._record(key, None) for key in said if key not in keys]
        for record in (*records, *cleared):
            digest = None if record.value is None else sha256(record.value)
            if changed_only and self._sent.get(record.key, b"") == digest:
                continue
            try:
                await self._sender.send([record])
                self._sent[record.key] = digest
            except TransportError as error:
                if error.code not in {"record_too_large", "kafka_record_too_large"}:
                    raise
                self._log.warning("agreement_not_published", code=error.code)
        if keys != said:
            with self._store.transaction() as tx:
                tx.meta.set(PUBLISHED, orjson.dumps(keys))

    def _prepared(self, contracts: ContractBook, now: int) -> tuple[list[Record], bytes | None]:
        try:
            self.tidy(contracts, now)
            self._take_waiting_entries(contracts, now)
        except (OSError, RegistryError) as error:
            self._log.warning("agreements_not_tidied", kind=type(error).__name__.lower())
        with self._store.reading() as tx:
            return self.records(contracts, now), tx.meta.get(PUBLISHED)

    def records(self, contracts: ContractBook, now: int) -> list[Record]:
        """Return what this agency publishes now: its entry, and a bundle for each open version."""
        participant = self._loaded.participant
        entries = held_entries(participant.root)
        found: list[Record] = []
        if participant.agency in entries:
            found.append(self._record(f"{participant.agency}/entry", entries[participant.agency]))
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
                found.append(self._record(name, format_bundle(bundle)))
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
        participant = self._loaded.participant
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
            for digest in _pinned(signed.contract)
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
        agency, name = self._loaded.participant.agency, signed.hash.hex()
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

    def _record(self, key: str, value: bytes | None) -> Record:
        topic = control_topics(self._loaded.participant.deployment).contracts
        headers = ((CONTENT_TYPE_HEADER, CONTRACT_CONTENT_TYPE),)
        return Record(topic, 0, headers, value, key=key.encode())


def _members(value: bytes) -> Bundle:
    """Return the parts of a record, unverified, within the limits of bytes.

    Raises:
        ConcordantError: it is neither an entry, a contract with a note, nor a bundle.
    """
    if value.startswith(f"{HEADER}\n".encode()):
        return Bundle(entries={parse_entry(value, str(_WHERE)).agency: value})
    if not value.startswith(_ZIP):
        raw, note = unpack_contract(value)
        name = sha256(raw).hex()
        return Bundle(agreements={name: raw}, signatures={(name, note_claim(note).signer): note})
    bundle = parse_bundle(value, str(_WHERE))
    outside = (bundle.manifests, bundle.certificates, bundle.own_certificates, bundle.authority)
    if len(bundle.agreements) != 1 or any(outside):
        raise EntryError(
            "A bundle on the contracts topic has one agreement, and neither manifests nor "
            "certificates.",
            code="bundle_malformed",
            where=str(_WHERE),
        )
    return bundle


def _require_known_signer(bundle: Bundle, contracts: ContractBook) -> None:
    """Check that a known party signed a new text, before the text is parsed.

    Parsing a large text takes long. So an attacker without the governance keys of a party cannot
    make a reader parse one (denial of service).
    """
    for name in bundle.agreements:
        notes = [raw for (of, _), raw in bundle.signatures.items() if of == name]
        if not any(contracts.signed_by_known(bytes.fromhex(name), note) for note in notes):
            raise _signer_unknown()


def _leave_out_strangers(found: Collected, contracts: ContractBook) -> None:
    """Drop entries of agencies that no agreement names."""
    given = [one.contract for one in found.agreements.values()]
    for agency in list(found.entries):
        if not _names(contracts, agency) and not any(
            agency in one.governance_keys for one in given
        ):
            if not given:
                raise EntryError(
                    "No agreement here names the agency of the entry.",
                    code="entry_unpinned",
                    where=str(_WHERE),
                )
            del found.entries[agency]


def _names(contracts: ContractBook, agency: str) -> bool:
    return any(agency in one.contract.governance_keys for one in contracts.all())


def _pinned(contract: Contract) -> tuple[str, ...]:
    return tuple(pinned(contract, kind) for kind in KINDS)


def _not_shipped(found: Collected) -> dict[str, bytes]:
    return {
        digest: raw
        for digest, raw in found.documents.items()
        if read_document(None, digest) is None
    }


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


def _signer_unknown() -> RegistryError:
    return RegistryError(
        "No party that an agreement of this agency names has signed the version.",
        code="contract_signer_unknown",
        fix="Nothing was stored. If you expect a version from a new agency, ask for its bundle: "
        "concordant bundle make",
    )
