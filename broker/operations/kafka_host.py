"""Plan of Kafka's host: the version of each contract that it applies, with topics and rights.

The host takes part in no decision of the parties: it follows their contracts (docs/spec/topics.md,
"Access rights"). The cluster records which version is applied. Another version is applied
automatically only if it names the applied one as its previous and every party of both has signed.
Otherwise the plan shows both, keeps the applied one, and waits until the operator names the hash.
Manifests can only remove rights.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from broker.operations.kafka_contracts import HostContracts
from broker.operations.kafka_versions import WaitingVersion, select_versions
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.transport.applied import AppliedContracts, read_applied, write_applied
from broker.transport.connection import KafkaConnection
from broker.transport.principals import RefusedPrincipal, assign_principals
from broker.transport.provisioning import Change, Provisioner, plan_changes
from broker.transport.quotas import apply_quotas, plan_quotas, read_quotas
from broker.transport.topics import (
    AclPlan,
    TopicPlan,
    acl_plans,
    applied_plan,
    applied_topic,
    topic_plans,
)
from contracts.loading import ContractText
from contracts.model import Contract

PrincipalsOf: TypeAlias = Callable[[Contract], Mapping[str, str]]
"""Returns a contract's principals by agency."""


@dataclass(frozen=True, slots=True)
class HostPlan:
    """Planned changes.

    Attributes:
        changes: of topics, rights and limits.
        begun: versions that will be recorded as applied.
        waiting: versions that need the operator's decision.
        refused: parties that get no rights.
    """

    changes: tuple[Change, ...]
    begun: tuple[ContractText, ...] = ()
    waiting: tuple[WaitingVersion, ...] = ()
    refused: tuple[RefusedPrincipal, ...] = ()


class KafkaHost:
    """Kafka as its operator sees it, with the contracts of a folder or a bundle.

    Args:
        source: the contracts and manifests that the host knows.
        connection: the operator's connection.
        own: principals of the host that no party may have, besides the operator's.
        now: milliseconds since the epoch.
    """

    def __init__(
        self, source: HostContracts, connection: KafkaConnection, own: Iterable[str], now: int
    ) -> None:
        self._source = source
        self._connection = connection
        self._own = frozenset(own) | {connection.client_id}
        self._now = now
        self._provisioner = Provisioner(connection)

    def plan(self, follow: Collection[bytes] = ()) -> HostPlan:
        """Return the needed changes, without changing anything.

        Args:
            follow: hashes of versions that the operator has decided to apply.

        Raises:
            TransportError: `kafka_unreachable`, `kafka_refused`, `kafka_conflict`.
            RegistryError: no version is applied and no contract is in force; `contract_unknown` if
                `follow` names a version that is not in force.
        """
        deployment = self._source.deployment
        found = self._provisioner.find(deployment)
        applied = AppliedContracts()
        if applied_topic(deployment) in found.partitions:
            applied = read_applied(self._connection, deployment)
        selected = select_versions(
            self._source.contracts,
            applied,
            self._now,
            follow,
            contracts_with_topics(found.partitions, deployment),
            found.partitions,
            of_a_party=self._source.of_a_party,
        )
        contracts = [text.contract for text in selected.applied]
        assigned = assign_principals(contracts, self._own, found.rights)
        topics, rights = wanted(
            selected.applied,
            self._source.contracts,
            self._source.manifests_for(selected.applied),
            self._now,
            assigned.of,
        )
        changes = plan_changes(
            [*topics, applied_plan(deployment)], rights, found, revoking=selected.revoking
        )
        principals = {right.principal.removeprefix("User:") for right in rights}
        changes += plan_quotas(principals, read_quotas(self._connection))
        return HostPlan(changes, selected.begun, selected.waiting, assigned.refused)

    def apply(self, plan: HostPlan, *, replication: int = 1) -> None:
        """Make the changes of a plan.

        Versions are recorded before rights change, so that every right belongs to a recorded
        contract. Applying again continues after an interruption.

        Raises:
            TransportError: completed changes stay.
        """
        ours = applied_topic(self._source.deployment)
        first = [change for change in plan.changes if change.subject == ours]
        rest = [change for change in plan.changes if change.subject != ours]
        for changes, texts in ((first, plan.begun), (rest, ())):
            if any(change.action not in {"note", "limit"} for change in changes):
                self._provisioner.apply(changes, replication=replication)
            for text in texts:
                write_applied(self._connection, text)
        apply_quotas(self._connection, plan.changes)


def wanted(
    applied: Iterable[ContractText],
    contracts: ContractBook,
    manifests: ManifestBook,
    now: int,
    principals_of: PrincipalsOf | None = None,
) -> tuple[tuple[TopicPlan, ...], tuple[AclPlan, ...]]:
    """Return topics and rights of some contracts together.

    Args:
        applied: one version of each contract.
        contracts: every version that the host's folder has.
        manifests: where parties say that they have left, or suspended their part.
        now: milliseconds since the epoch.
        principals_of: returns a contract's principals by agency; by default all of its parties with
            the principals that it names.
    """
    topics: dict[str, TopicPlan] = {}
    rights: set[AclPlan] = set()
    for text in applied:
        contract = text.contract
        for topic in topic_plans(contract):
            # control topics are shared, so the longest retention counts
            known = topics.get(topic.name)
            if known is None or known.retention_ms < topic.retention_ms:
                topics[topic.name] = topic
        gone: dict[str, set[str]] = {"left": set(), "suspended": set()}
        for one in contracts.departures(text, manifests):
            if one.holds_at(now):
                gone[one.state].add(one.agency)
        rights |= set(
            acl_plans(
                contract,
                None if principals_of is None else principals_of(contract),
                left=frozenset(gone["left"]),
                suspended=frozenset(gone["suspended"]),
            )
        )
    return tuple(topics.values()), tuple(sorted(rights))


def contracts_with_topics(topics: Iterable[str], deployment: str) -> frozenset[str]:
    """Return the names of contracts that have topics: the second part of three."""
    parts = (name.removeprefix(f"{deployment}.").split(".") for name in topics)
    return frozenset(part[0] for part in parts if len(part) > 1)
