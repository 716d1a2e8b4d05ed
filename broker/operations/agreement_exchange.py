"""Exchange of agreements between running adapters, over the contracts topic.

A running adapter publishes what its folder holds and others may lack: a version that waits for
signatures with its documents, the notes and entries of parties whose adapters do not run, and its
own entry (docs/spec/topics.md, "Agreements"). Arriving records are verified by the functions that
verify a bundle which a person adds. Nothing is signed here. A version that this agency has not
signed waits for a person, and `received_versions` limits the space of such versions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import orjson

from broker.agency.participant import LoadedAgency, Participant
from broker.envelope.primitives import sha256
from broker.errors import RegistryError, TransportError
from broker.observing.logs import logger
from broker.operations.agreement_folder import AgreementFolder
from broker.operations.agreement_records import AgreementRecords
from broker.operations.arrived_agreements import verify_arrived
from broker.record import Record
from broker.registry.contract_book import ContractBook
from broker.store.database import Store
from broker.transport.interfaces import Sender

PUBLISHED: Final = "agreements-published"
"""Name in the state of the keys of the records that this agency published."""


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
        self._folder = AgreementFolder(loaded.participant.root)
        self._log = logger("registry")

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
        participant = self._participant(contracts)
        arrived = verify_arrived(value, participant, now)
        return contracts if arrived is None else self._folder.store(participant, arrived, now)

    def tidy(self, contracts: ContractBook, now: int) -> None:
        """Remove received versions that this agency can no longer sign.

        The watch of the folder then loads the contracts again.

        Raises:
            OSError: the list cannot be written.
            RegistryError: code `registry_unwritable`.
        """
        self._folder.tidy(self._participant(contracts), now)

    def records(self, contracts: ContractBook, now: int) -> list[Record]:
        """Return what this agency publishes now: its entry, and a bundle for each open version."""
        return self._records().records(contracts, now)

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
        cleared = [self._records().record(key, None) for key in said if key not in keys]
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
            self._folder.store_waiting_entries(contracts, now)
        except (OSError, RegistryError) as error:
            self._log.warning("agreements_not_tidied", kind=type(error).__name__.lower())
        with self._store.reading() as tx:
            return self.records(contracts, now), tx.meta.get(PUBLISHED)

    def _participant(self, contracts: ContractBook) -> Participant:
        return replace(self._loaded.participant, contracts=contracts)

    def _records(self) -> AgreementRecords:
        return AgreementRecords(self._loaded.participant, self._store)
