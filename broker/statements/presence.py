"""Parties that take part: each has signed up to a contract of ours and has not left it.

What a party that left says is not heard any more: its receipts, heartbeats and replay requests
(docs/spec/receipts.md). A suspended party is still heard; it can resume.
"""

from __future__ import annotations

from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.transport.topics import readable_topics


class Presence:
    """Who takes part, as of one state of the books. Immutable; what is asked is remembered."""

    def __init__(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        self._contracts = contracts
        self._manifests = manifests
        self._readers: dict[tuple[str, int], frozenset[str]] = {}
        found: set[str] = set()
        for signed in contracts.trusted():
            contract = signed.contract
            found |= {party.id for party in contract.parties} - self._left(
                contract.name, contract.version
            )
        self.parties = frozenset(found)

    def rests_on(self, contracts: ContractBook, manifests: ManifestBook) -> bool:
        """Whether these are the very books that it was made of."""
        return self._contracts is contracts and self._manifests is manifests

    def readers(self, topic: str, partition: int) -> frozenset[str]:
        """Parties that may read a topic and have not left its contract; none of an invented one."""
        known = self._readers.get((topic, partition))
        if known is None:
            known = self._readers[topic, partition] = self._readers_of(topic, partition)
        return known

    def _readers_of(self, topic: str, partition: int) -> frozenset[str]:
        found: set[str] = set()
        for signed in self._contracts.trusted():
            contract = signed.contract
            most = max((kept.partitions for kept in contract.topics.values()), default=0)
            if partition >= most:
                continue
            reading = {
                party.id
                for party in contract.parties
                if topic in readable_topics(contract, party.id)
            }
            found |= reading - self._left(contract.name, contract.version)
        return frozenset(found)

    def _left(self, name: str, version: str) -> set[str]:
        departures = self._manifests.departures(name, version)
        return {one.agency for one in departures if one.state == "left"}
