"""Active parties: each has signed a contract of ours and has not left it.

Statements of a party that left are ignored: its receipts, heartbeats and replay requests
(docs/spec/receipts.md). A suspended party still counts, because it can resume.
"""

from __future__ import annotations

from broker.record import KafkaPartition
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.transport.topics import readable_topics


class Presence:
    """Active parties for one state of the books. Immutable.

    It caches results of the contracts; an invented topic adds nothing to the cache.
    """

    def __init__(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        self._contracts = contracts
        self._manifests = manifests
        self._readers: dict[str, list[tuple[int, frozenset[str]]]] = {}
        found: set[str] = set()
        for signed in contracts.trusted():
            contract = signed.contract
            departed = contracts.departures(signed.text, manifests)
            left = {one.agency for one in departed if one.state == "left"}
            present = {party.id for party in contract.parties} - left
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
        """Return whether it was made of exactly these books."""
        return self._contracts is contracts and self._manifests is manifests

    def readers(self, partition: KafkaPartition) -> frozenset[str]:
        """Return parties that may read a topic and have not left its contract.

        None for an invented one.
        """
        found: frozenset[str] = frozenset()
        for partitions, agencies in self._readers.get(partition.topic, ()):
            if partition.number < partitions:
                found |= agencies
        return found
