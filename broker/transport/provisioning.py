"""Provisioning of Kafka from contracts: first a readable plan, then the changes.

The host of Kafka applies it, as Kafka's operator, with confluent-kafka's AdminClient (aiokafka
cannot write ACLs, and replaces all overrides of a topic when it alters one). Applying twice changes
nothing the second time. Only topics and consumer groups whose names begin with the deployment's
name and a dot are managed. Other rights on the cluster stay unchanged, and those that reach into
the deployment are reported. Only rights are ever deleted: a topic that no contract names is
reported, and one with a different number of partitions stops the plan, because a case must stay in
its partition.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from broker.errors import TransportError
from broker.transport.connection import KafkaConnection, admin_settings
from broker.transport.topics import AclPlan, TopicPlan

ADMIN_TIMEOUT_S = 20


_MANAGED = frozenset({"topic", "group"})
"""Kinds of resource to which contracts give rights."""

PARTITIONS_FIX: Final = (
    "Have all parties sign a version that keeps the number, or that uses another topic name; "
    "then apply that version with --follow and its hash. The applied version stays until then."
)
"""Next step for a version that changes partitions: events of a case would lose their order."""
CONTROL_FIX: Final = "Use another deployment name, or another Kafka: the number is fixed."
"""Next step for a topic of the protocol itself."""


@dataclass(frozen=True, slots=True)
class DeployedState:
    """A deployment's state on Kafka.

    Attributes:
        partitions: number of partitions, by topic.
        config: overrides by topic.
        rights: every right on topics and groups whose name begins with the deployment's and a dot.
        beside: other rules that affect those topics and groups, in words: denials, and rights on
            shorter patterns. They are not changed.
    """

    partitions: Mapping[str, int] = field(hash=False)
    config: Mapping[str, Mapping[str, str]] = field(hash=False)
    rights: frozenset[AclPlan]
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan.

    Attributes:
        action: `create`, `alter`, `grant`, `revoke`, `limit`, or `note` (nothing is done).
        subject: the topic, the right in words, or the principal that is limited.
        detail: the change in words.
        topic: the topic to create or alter.
        settings: for `alter`, the overrides to set.
        right: the right to grant or revoke.
        rates: for `limit`, the rates to set, by Kafka's names, in bytes a second.
    """

    action: str
    subject: str
    detail: str = ""
    topic: TopicPlan | None = None
    settings: tuple[tuple[str, str], ...] = ()
    right: AclPlan | None = None
    rates: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return f"{self.action:7}{self.subject}" + (f"  {self.detail}" if self.detail else "")


def plan_changes(
    topics: Sequence[TopicPlan],
    rights: Iterable[AclPlan],
    found: DeployedState,
    *,
    revoking: bool = True,
) -> tuple[Change, ...]:
    """Return the changes that bring Kafka to its planned state. Pure.

    Args:
        topics: every planned topic.
        rights: every planned right.
        found: the present state.
        revoking: whether unplanned rights are removed; False while it is unknown what was applied
            before.

    Raises:
        TransportError: `kafka_conflict`, a topic has another number of partitions.
    """
    changes: list[Change] = []
    for topic in topics:
        has = found.partitions.get(topic.name)
        if has is None:
            detail = f"{topic.partitions} partitions, {_kept(topic)}"
            changes.append(Change("create", topic.name, detail, topic=topic))
            continue
        if has != topic.partitions:
            raise TransportError(
                f"the topic has {has} partitions, but the contract says {topic.partitions}",
                code="kafka_conflict",
                where=topic.name,
                fix=CONTROL_FIX if topic.name.count(".") == 1 else PARTITIONS_FIX,
            )
        current = found.config.get(topic.name, {})
        settings = tuple((k, v) for k, v in topic.config.items() if current.get(k) != v)
        if settings:
            detail = ", ".join(f"{key}={value}" for key, value in settings)
            changes.append(Change("alter", topic.name, detail, topic=topic, settings=settings))
    wanted = frozenset(rights)
    changes += [Change("grant", _words(r), right=r) for r in sorted(wanted - found.rights)]
    if revoking:
        changes += [Change("revoke", _words(r), right=r) for r in sorted(found.rights - wanted)]
    planned = {topic.name for topic in topics}
    changes += [
        Change("note", name, "is not of this contract; left alone")
        for name in sorted(set(found.partitions) - planned)
    ]
    changes += [Change("note", words, "is not managed; left alone") for words in found.beside]
    return tuple(changes)


class Provisioner:
    """Kafka's administration, as its operator."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Store the settings; connect on first use.

        Raises:
            TransportError: `certificate_unreadable`.
        """
        self._connection = connection
        self._admin = _library().AdminClient(admin_settings(connection), logger=_QUIET)

    def find(self, deployment: str) -> DeployedState:
        """Read a deployment's state on Kafka.

        Args:
            deployment: name of the deployment; topics and groups that begin with it and a dot are
                read.

        Raises:
            TransportError: `kafka_unreachable` or `kafka_refused`.
        """
        admin = _library()
        self._require_operator()
        listed = self._ask(lambda: self._admin.list_topics(timeout=ADMIN_TIMEOUT_S))
        mine = sorted(name for name in listed.topics if name.startswith(f"{deployment}."))
        resources = [admin.ConfigResource(admin.ResourceType.TOPIC, name) for name in mine]
        config: dict[str, dict[str, str]] = {}
        if resources:
            described = self._admin.describe_configs(resources, request_timeout=ADMIN_TIMEOUT_S)
            for resource, answer in described.items():
                entries = self._ask(answer.result)
                config[resource.name] = {
                    name: entry.value
                    for name, entry in entries.items()
                    if entry.value is not None and entry.source == _TOPIC_SOURCE
                }
        rights: set[AclPlan] = set()
        beside: set[str] = set()
        for binding in self._bindings():
            right = _right_of(binding)
            if right.resource not in _MANAGED:
                continue
            allows = binding.permission_type.name == "ALLOW"
            if right.name.startswith(f"{deployment}."):
                if allows:
                    rights.add(right)
                else:
                    beside.add(_words(right, "may not"))
            elif _reaches(right, deployment):
                beside.add(_words(right, "may" if allows else "may not"))
        sizes = {name: len(listed.topics[name].partitions) for name in mine}
        return DeployedState(sizes, config, frozenset(rights), tuple(sorted(beside)))

    def plan(
        self, deployment: str, topics: Sequence[TopicPlan], rights: Sequence[AclPlan]
    ) -> tuple[Change, ...]:
        """Compare Kafka with its planned state.

        Raises:
            TransportError: `kafka_unreachable`, `kafka_refused` or `kafka_conflict`.
        """
        return plan_changes(topics, rights, self.find(deployment))

    def apply(self, changes: Sequence[Change], *, replication: int = 1) -> None:
        """Apply the changes of a plan.

        Args:
            changes: result of `plan`.
            replication: copies of each new topic; with more than one, all but one must have a
                record before it counts as acknowledged.

        Raises:
            TransportError: `kafka_unreachable` or `kafka_refused`; completed changes stay, and
                applying again continues.
        """
        admin = _library()
        answers: list[Any] = []
        create = [change.topic for change in changes if change.action == "create" and change.topic]
        if create:
            insync = {"min.insync.replicas": str(max(1, replication - 1))}
            new = [
                admin.NewTopic(
                    topic.name,
                    num_partitions=topic.partitions,
                    replication_factor=replication,
                    config={**topic.config, **insync},
                )
                for topic in create
            ]
            made = self._admin.create_topics(new, request_timeout=ADMIN_TIMEOUT_S)
            answers += made.values()
        alter = [_alteration(change) for change in changes if change.action == "alter"]
        if alter:
            altered = self._admin.incremental_alter_configs(alter, request_timeout=ADMIN_TIMEOUT_S)
            answers += altered.values()
        grant = [_binding(c.right) for c in changes if c.action == "grant" and c.right]
        if grant:
            answers += self._admin.create_acls(grant, request_timeout=ADMIN_TIMEOUT_S).values()
        revoke = [_filter(c.right) for c in changes if c.action == "revoke" and c.right]
        if revoke:
            answers += self._admin.delete_acls(revoke, request_timeout=ADMIN_TIMEOUT_S).values()
        for answer in answers:
            self._ask(answer.result)
        self._await_effect(changes)

    def _await_effect(self, changes: Sequence[Change]) -> None:
        """Wait until the queried node has applied what the controller has accepted.

        Without this, a party that connects at once is refused for some milliseconds, and a second
        plan is not empty.
        """
        created = {change.subject for change in changes if change.action == "create"}
        granted = {change.right for change in changes if change.action == "grant"}
        revoked = {change.right for change in changes if change.action == "revoke"}
        deadline = time.monotonic() + ADMIN_TIMEOUT_S
        while time.monotonic() < deadline:
            listed = self._ask(lambda: self._admin.list_topics(timeout=ADMIN_TIMEOUT_S))
            rights = self._rights()
            if created <= set(listed.topics) and granted <= rights and not revoked & rights:
                return
            time.sleep(0.05)
        raise TransportError(
            "Kafka accepted the changes but did not make them",
            code="kafka_unreachable",
            where=self._connection.bootstrap,
            fix="Apply the plan again; completed changes stay.",
        )

    def _require_operator(self) -> None:
        """Refuse a client that may not administer: Kafka would return no rights and no error."""
        answer = self._admin.describe_cluster(
            include_authorized_operations=True, request_timeout=ADMIN_TIMEOUT_S
        )
        allowed = self._ask(answer.result).authorized_operations or []
        if not {"ALTER", "DESCRIBE"} <= {operation.name for operation in allowed}:
            raise self._refused()

    def _rights(self) -> frozenset[AclPlan]:
        return frozenset(
            _right_of(binding)
            for binding in self._bindings()
            if binding.permission_type.name == "ALLOW"
        )

    def _bindings(self) -> Sequence[Any]:
        admin = _library()
        every = admin.AclBindingFilter(
            admin.ResourceType.ANY,
            None,
            admin.ResourcePatternType.ANY,
            None,
            None,
            admin.AclOperation.ANY,
            admin.AclPermissionType.ANY,
        )
        answer = self._admin.describe_acls(every, request_timeout=ADMIN_TIMEOUT_S)
        found: Sequence[Any] = self._ask(answer.result)
        return found

    def _ask(self, question: Any) -> Any:
        from confluent_kafka import KafkaException

        try:
            return question()
        except KafkaException as error:
            name = error.args[0].name() if error.args else ""
            if "AUTHORIZATION" in name:
                raise self._refused() from None
            reason = name.strip("_").lower().replace("_", " ")
            raise TransportError(
                f"Kafka did not apply the change ({reason})",
                code="kafka_unreachable",
                where=self._connection.bootstrap,
                fix="Check that Kafka is running and knows our certificate.",
            ) from None

    def _refused(self) -> TransportError:
        return TransportError(
            f"Kafka does not let {self._connection.client_id} administer it",
            code="kafka_refused",
            where=self._connection.bootstrap,
            fix="Use the operator's certificate.",
        )


class _Quiet:
    """Silent logger for librdkafka: errors are returned as results."""

    def log(self, *_: object, **__: object) -> None:
        """Drops the line."""


def _library() -> Any:
    """Return the administration library; imported late because it is slow, and partly untyped."""
    import confluent_kafka.admin

    return confluent_kafka.admin


_QUIET = _Quiet()
_TOPIC_SOURCE = 1
"""librdkafka's RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG: set on the topic itself."""


def _kept(topic: TopicPlan) -> str:
    if topic.cleanup == "compact":
        return "compacted"
    return f"kept {topic.retention_ms / 86_400_000:g} days"


def _words(right: AclPlan, may: str = "may") -> str:
    name = f"{right.name}*" if right.prefixed else right.name
    words = f"{right.principal} {may} {right.operation} {right.resource} {name}"
    return words if right.host == "*" else f"{words} from {right.host}"


def _reaches(right: AclPlan, deployment: str) -> bool:
    """Return whether a right on a pattern outside the deployment's names also applies to them."""
    if right.prefixed:
        return f"{deployment}.".startswith(right.name)
    return right.name == "*"


def _right_of(binding: Any) -> AclPlan:
    return AclPlan(
        binding.principal,
        binding.restype.name.lower(),
        binding.name,
        binding.operation.name.lower(),
        prefixed=binding.resource_pattern_type.name == "PREFIXED",
        host=binding.host,
    )


def _parts(right: AclPlan) -> tuple[Any, ...]:
    admin = _library()
    pattern = admin.ResourcePatternType
    return (
        admin.ResourceType[right.resource.upper()],
        right.name,
        pattern.PREFIXED if right.prefixed else pattern.LITERAL,
        right.principal,
        right.host,
        admin.AclOperation[right.operation.upper()],
        admin.AclPermissionType.ALLOW,
    )


def _binding(right: AclPlan) -> Any:
    return _library().AclBinding(*_parts(right))


def _filter(right: AclPlan) -> Any:
    return _library().AclBindingFilter(*_parts(right))


def _alteration(change: Change) -> Any:
    admin = _library()
    entries = [
        admin.ConfigEntry(key, value, incremental_operation=admin.AlterConfigOpType.SET)
        for key, value in change.settings
    ]
    return admin.ConfigResource(
        admin.ResourceType.TOPIC, change.subject, incremental_configs=entries
    )
