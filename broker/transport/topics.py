"""Topics and access rights as a pure function of a contract (protocol, "Sealed event").

The host of Kafka applies this plan and needs nothing else from the partnership. Topic names are
neutral. A topic keeps its records as long as the shortest retention of its types. A party may write
where the contract lets it publish a type, and read where it may receive one. Everything else is
denied. Kafka does not keep events secret. These rights stop outsiders from filling the disks, and
parties from reading records for others, although those are encrypted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contracts.durations import DAY_MS
from contracts.model import Contract, topic_name

MAX_RECORD_BATCH_BYTES = 1_048_576
"""Largest compressed batch that Kafka accepts; producers fill 512 KiB before compression."""

MAX_CONTRACT_BATCH_BYTES = 5 * 2**20
"""Largest compressed batch of the contracts topic: a contract file of 4 MiB and a note."""

HEARTBEAT_RETENTION_DAYS = 7
"""Heartbeats matter for minutes; a week lets an operator investigate an incident."""

UNSTATED_RETENTION_DAYS = 1
"""Retention of a type without its own retention (lint refuses such a contract): the shortest."""

CONTROL_PARTITIONS = 1
"""One partition, so that the messages of one party are read in the order in which it sent them."""


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """Planned state of a topic.

    Attributes:
        name: full name of the Kafka topic.
        partitions: their number, which never changes once the topic exists: a case stays in the
            partition that its sender's PRF chose.
        retention_ms: retention of a record; -1 is for ever (compacted topics).
        cleanup: `delete` or `compact`.
        config: the topic's overrides, all of them, retention and cleanup included.
    """

    name: str
    partitions: int
    retention_ms: int
    cleanup: str
    config: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True, order=True)
class AclPlan:
    """One right: `principal` may perform `operation` on a resource. There are no denials.

    Attributes:
        principal: `User:` and the principal's name.
        resource: `topic` or `group`.
        name: the resource's name, or its beginning if `prefixed`.
        operation: `read` or `write`.
        prefixed: whether `name` is a prefix.
        host: the client address for which it holds; a contract's rights hold from any address.
    """

    principal: str
    resource: str
    name: str
    operation: str
    prefixed: bool = False
    host: str = "*"


@dataclass(frozen=True, slots=True)
class ControlTopics:
    """Control topics, on which parties exchange heartbeats, receipts, notices and manifests.

    One set per deployment.
    """

    manifests: str
    contracts: str
    heartbeats: str
    receipts: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return all four names, in the order of the attributes."""
        return (self.manifests, self.contracts, self.heartbeats, self.receipts)


def control_topics(deployment: str) -> ControlTopics:
    """Names of a deployment's control topics."""
    return ControlTopics(
        manifests=f"{deployment}.manifests",
        contracts=f"{deployment}.contracts",
        heartbeats=f"{deployment}.heartbeats",
        receipts=f"{deployment}.receipts",
    )


def applied_topic(deployment: str) -> str:
    """Return the topic that records which contracts Kafka's host has applied.

    No party has a right to it.

    The names of contracts' topics have three parts, so it never collides with one of them.
    """
    return f"{deployment}.applied"


def applied_plan(deployment: str) -> TopicPlan:
    """The topic of `applied_topic`."""
    return _compacted(applied_topic(deployment))


def group_prefix(deployment: str, agency: str) -> str:
    """Return the prefix of every consumer group of an agency.

    It ends in a dot, so no other agency's matches.
    """
    return f"{deployment}.{agency}."


def inbox_group(deployment: str, agency: str) -> str:
    """Return the consumer group of an agency's adapter."""
    return f"{group_prefix(deployment, agency)}inbox"


def principal_user(name: str) -> str:
    """Return a principal as access rights name it."""
    return f"User:{name}"


def data_topics(contract: Contract) -> tuple[str, ...]:
    """Return the Kafka topics that carry this contract's events, sorted."""
    return tuple(sorted(topic_name(contract, logical) for logical in contract.topics))


def readable_topics(contract: Contract, agency: str) -> tuple[str, ...]:
    """Return the Kafka topics of this contract that the agency may read, sorted."""
    role = contract.role_of.get(agency)
    terms = contract.event_types.values()
    return _topics(contract, (of.topic for of in terms if role in of.recipients))


def all_readable_topics(contracts: Iterable[Contract], agency: str) -> tuple[str, ...]:
    """Return the Kafka topics of any of these contracts that the agency may read, sorted."""
    return tuple(sorted({name for of in contracts for name in readable_topics(of, agency)}))


def writable_topics(contract: Contract, agency: str) -> tuple[str, ...]:
    """Return the Kafka topics of this contract to which the agency may write, sorted."""
    role = contract.role_of.get(agency)
    terms = contract.event_types.values()
    return _topics(contract, (of.topic for of in terms if role in of.publishers))


def topic_plans(contract: Contract) -> tuple[TopicPlan, ...]:
    """Return every topic that the contract needs, data topics first, each group sorted by name."""
    days: dict[str, list[int]] = {logical: [] for logical in contract.topics}
    for terms in contract.event_types.values():
        stated = terms.retention
        days[terms.topic].append(stated.kafka_days if stated else UNSTATED_RETENTION_DAYS)
    kept = [day for used in days.values() for day in used]
    longest = max(kept, default=HEARTBEAT_RETENTION_DAYS)
    plans = [
        _kept_for(topic_name(contract, logical), contract.topics[logical].partitions, min(used))
        for logical, used in days.items()
        if used
    ]
    control = control_topics(contract.deployment)
    return (
        *sorted(plans, key=lambda plan: plan.name),
        _compacted(control.contracts, MAX_CONTRACT_BATCH_BYTES),
        _kept_for(control.heartbeats, CONTROL_PARTITIONS, HEARTBEAT_RETENTION_DAYS),
        _compacted(control.manifests),
        _kept_for(control.receipts, CONTROL_PARTITIONS, longest),
    )


def acl_plans(
    contract: Contract,
    principals: Mapping[str, str] | None = None,
    *,
    left: frozenset[str] = frozenset(),
    suspended: frozenset[str] = frozenset(),
) -> tuple[AclPlan, ...]:
    """Return every right that the contract gives, sorted.

    Args:
        contract: the contract in force.
        principals: the principal's name by agency; an agency that is not listed gets no right. All
            parties with the principals of the contract if not given.
        left: agencies that have left: they keep no right.
        suspended: agencies that have suspended their part: they do not write to data topics.
    """
    if principals is None:
        principals = {party.id: party.principal for party in contract.parties}
    rights: set[AclPlan] = set()
    control = control_topics(contract.deployment).names
    for party in contract.parties:
        if party.id in left or party.id not in principals:
            continue
        user = principal_user(principals[party.id])
        written = () if party.id in suspended else writable_topics(contract, party.id)
        for name in (*readable_topics(contract, party.id), *control):
            rights.add(AclPlan(user, "topic", name, "read"))
        for name in (*written, *control):
            rights.add(AclPlan(user, "topic", name, "write"))
        groups = group_prefix(contract.deployment, party.id)
        rights.add(AclPlan(user, "group", groups, "read", prefixed=True))
    return tuple(sorted(rights))


def _topics(contract: Contract, logical: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({topic_name(contract, name) for name in logical}))


def _kept_for(name: str, partitions: int, days: int) -> TopicPlan:
    retention_ms = days * DAY_MS
    return TopicPlan(
        name,
        partitions,
        retention_ms,
        "delete",
        {
            **_ALWAYS,
            "cleanup.policy": "delete",
            "retention.ms": str(retention_ms),
            # Kafka deletes closed segments only: without this, a quiet topic would keep records a
            # week longer.
            "segment.ms": str(max(3_600_000, min(7 * DAY_MS, retention_ms // 8))),
        },
    )


def _compacted(name: str, batch_bytes: int = MAX_RECORD_BATCH_BYTES) -> TopicPlan:
    return TopicPlan(
        name,
        CONTROL_PARTITIONS,
        -1,
        "compact",
        {
            **_ALWAYS,
            "cleanup.policy": "compact",
            "retention.ms": "-1",
            "max.message.bytes": str(batch_bytes),
        },
    )


_ALWAYS: Mapping[str, str] = {
    "compression.type": "zstd",
    "max.message.bytes": str(MAX_RECORD_BATCH_BYTES),
    # Retention counts from the time when Kafka stored a record. By the sender's own time, a record
    # with an old date would be deleted before it could be read.
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
}
