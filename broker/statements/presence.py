"""Parties that take part: each has signed up to a contract of ours and has not left it.

What a party that left says is not heard any more: its receipts, heartbeats and replay requests
(docs/spec/receipts.md). A suspended party is still heard; it can resume.
"""

from __future__ import annotations

from broker.record import KafkaPartition
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.transport.topics import readable_topics


class Presence:
    """Who takes part, as of one state of the books. Immutable.

    It remembers what follows from the contracts: an invented topic adds nothing.
    """

    def __init__(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        self._contracts = contracts
        self._manifests = manifests
        self._readers: dict[str, list[tuple[int, frozenset[str]]]] = {}
        found: set[str] = set()
        for signed in contracts.trusted():
            contract = signed.contract
            present = {party.id for party in contract.parties} - self._left(
                contract.name, contract.version
            )
            found |= present
            most = max((kept.partitions for kept in contract.topics.values()), default=0)
            reading: dict[str, set[str]] = {}
            for agency in present:
                for topic in readable_topics(contract, agency):
                    reading.setdefault(topic, set()).add(agency)
            for topic, agencies in reading.items():
                self._readers.setdefault(topic, []).append((most, frozenset(agencies)))
        self.parties = frozenset(found)

    def rests_on(self, contracts: ContractBook, manifests: ManifestBook) -> bool:
        """Whether these are the very books that it was made of."""
        return self._contracts is contracts and self._manifests is manifests

    def readers(self, partition: KafkaPartition) -> frozenset[str]:
        """Parties that may read a topic and have not left its contract; none of an invented one."""
        found: frozenset[str] = frozenset()
        for partitions, agencies in self._readers.get(partition.topic, ()):
            if partition.number < partitions:
                found |= agencies
        return found

    def _left(self, name: str, version: str) -> set[str]:
        departures = self._manifests.departures(name, version)
        return {one.agency for one in departures if one.state == "left"}
