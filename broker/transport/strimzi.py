"""Topics, rights and limits as resources of Strimzi, for a Kafka in Kubernetes.

The same plans as for `kafka apply` (`topics.py`, `quotas.py`), written as objects of
`kafka.strimzi.io/v1`: one `KafkaTopic` for each topic, one `KafkaUser` for each principal, and the
`Kafka` with its `KafkaNodePool`. Pure: no I/O.

Strimzi gives rights to the principal that has the name of the `KafkaUser`, if the user has no
`authentication`. The listener takes that name from the common name of the client's certificate,
which is of the host's own authority.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from broker.transport.principals import CERTIFICATE_RULES, RefusedPrincipal, bare_name
from broker.transport.quotas import RATES
from broker.transport.topics import AclPlan, TopicPlan
from contracts.model import Contract

Resource: TypeAlias = dict[str, object]
"""One object of Kubernetes, as its YAML has it."""

API: Final = "kafka.strimzi.io/v1"
KAFKA_VERSION: Final = "4.4.0"
CLIENT_PORT: Final = 9094
MIN_INSYNC: Final = 2
"""Copies of a record that must exist before Kafka acknowledges it, with three copies or more."""
_BROKER_FILES: Final = "concordant-broker"
_AUTHORITY_FILES: Final = "concordant-authority"
_AUTHORITY_FOLDER: Final = "/mnt/authority"
_OBJECT_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_OBJECT_NAME: Final = 253
_RATE_MEMBERS: Final[Mapping[str, str]] = {
    "producer_byte_rate": "producerByteRate",
    "consumer_byte_rate": "consumerByteRate",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The Kafka that Strimzi runs.

    Attributes:
        name: of the `Kafka`, which topics and users name in a label.
        namespace: of all resources.
        host: name under which agencies reach it; broker N is `bN.HOST`.
        brokers: number of nodes, 1 or at least 3. Each topic has up to three copies.
        operator: principal of its operator, which may do everything.
    """

    name: str
    namespace: str
    host: str
    brokers: int
    operator: str

    @property
    def copies(self) -> int:
        """Copies of each topic."""
        return min(3, self.brokers)

    @property
    def host_names(self) -> tuple[str, ...]:
        """Return the names that the brokers' certificate must have."""
        return (self.host, *(f"b{node}.{self.host}" for node in range(self.brokers)))


def is_object_name(text: str) -> bool:
    """Return whether Kubernetes takes a text as the name of an object (RFC 1123)."""
    return len(text) <= _MAX_OBJECT_NAME and _OBJECT_NAME.fullmatch(text) is not None


def nameable(
    contracts: Iterable[Contract], principals: Mapping[tuple[str, str], str]
) -> tuple[dict[tuple[str, str], str], tuple[RefusedPrincipal, ...]]:
    """Return the principals that a `KafkaUser` can have, and the parties whose one cannot.

    Args:
        contracts: one version of each contract.
        principals: by contract's name and agency, as `assign_principals` gives them.
    """
    versions = {contract.name: contract.version for contract in contracts}
    kept: dict[tuple[str, str], str] = {}
    refused: list[RefusedPrincipal] = []
    for (contract, agency), principal in sorted(principals.items()):
        if is_object_name(principal):
            kept[contract, agency] = principal
            continue
        detail = (
            f"{agency} gets no right under {contract} {versions[contract]}: Strimzi cannot name a "
            f"user after its Kafka principal {principal}"
        )
        refused.append(
            RefusedPrincipal(contract, agency, principal, "principal_unnameable", detail)
        )
    return kept, tuple(refused)


def topic_resources(cluster: Cluster, topics: Iterable[TopicPlan]) -> list[Resource]:
    """Return the `KafkaTopic` of each topic, sorted by name."""
    return [
        _resource(
            cluster,
            "KafkaTopic",
            topic.name,
            {
                "topicName": topic.name,
                "partitions": topic.partitions,
                "replicas": cluster.copies,
                "config": dict(topic.config),
            },
        )
        for topic in sorted(topics, key=lambda one: one.name)
    ]


def user_resources(cluster: Cluster, rights: Iterable[AclPlan]) -> list[Resource]:
    """Return the `KafkaUser` of each principal that has a right, with its limits.

    Args:
        cluster: where they are.
        rights: of principals that are `nameable`.
    """
    by_principal: dict[str, list[AclPlan]] = {}
    for right in sorted(rights):
        by_principal.setdefault(bare_name(right.principal), []).append(right)
    return [
        _user(cluster, principal, its_rights)
        for principal, its_rights in sorted(by_principal.items())
    ]


def without_rights(cluster: Cluster, principal: str) -> Resource:
    """Return the `KafkaUser` of a principal that has lost its rights: Strimzi then removes them."""
    return _user(cluster, principal, ())


def cluster_resources(cluster: Cluster) -> list[Resource]:
    """Return the `KafkaNodePool` and the `Kafka`.

    The brokers' certificate and the authority that Kafka trusts are two secrets that the host
    makes: `concordant-broker` (`tls.crt`, `tls.key`) and `concordant-authority` (`ca.pem`).
    """
    pool = _resource(
        cluster,
        "KafkaNodePool",
        "nodes",
        {
            "replicas": cluster.brokers,
            "roles": ["controller", "broker"],
            "storage": {
                "type": "jbod",
                "volumes": [
                    {
                        "id": 0,
                        "type": "persistent-claim",
                        "size": "50Gi",
                        "deleteClaim": False,
                        "kraftMetadata": "shared",
                    }
                ],
            },
            "resources": {
                "requests": {"cpu": "500m", "memory": "2Gi"},
                "limits": {"memory": "2Gi"},
            },
            "jvmOptions": {"-Xms": "1g", "-Xmx": "1g"},
        },
    )
    kafka = _resource(
        cluster,
        "Kafka",
        cluster.name,
        {
            "kafka": {
                "version": KAFKA_VERSION,
                "listeners": [_listener(cluster)],
                "authorization": {"type": "simple", "superUsers": [cluster.operator]},
                "config": {
                    "auto.create.topics.enable": False,
                    "default.replication.factor": cluster.copies,
                    "min.insync.replicas": _min_insync(cluster),
                    "offsets.topic.replication.factor": cluster.copies,
                    "transaction.state.log.replication.factor": cluster.copies,
                    "transaction.state.log.min.isr": _min_insync(cluster),
                    "unclean.leader.election.enable": False,
                },
                "template": {
                    "pod": {
                        "volumes": [
                            {"name": "authority", "secret": {"secretName": _AUTHORITY_FILES}}
                        ]
                    },
                    "kafkaContainer": {
                        "volumeMounts": [
                            {"name": "authority", "mountPath": _AUTHORITY_FOLDER, "readOnly": True}
                        ]
                    },
                },
            },
            "entityOperator": {"topicOperator": {}, "userOperator": {}},
        },
        labelled=False,
    )
    return [pool, kafka]


def _min_insync(cluster: Cluster) -> int:
    return min(MIN_INSYNC, cluster.brokers)


def _listener(cluster: Cluster) -> Resource:
    """Return the listener of the agencies: mutual TLS, the principal from the common name."""
    brokers = [
        {"broker": node, "advertisedHost": f"b{node}.{cluster.host}"}
        for node in range(cluster.brokers)
    ]
    return {
        "name": "clients",
        "port": CLIENT_PORT,
        "type": "loadbalancer",
        "tls": True,
        "authentication": {
            "type": "custom",
            "sasl": False,
            "listenerConfig": {
                "ssl.client.auth": "required",
                "ssl.enabled.protocols": "TLSv1.3",
                "ssl.principal.mapping.rules": CERTIFICATE_RULES,
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": f"{_AUTHORITY_FOLDER}/ca.pem",
            },
        },
        "configuration": {
            "brokerCertChainAndKey": {
                "secretName": _BROKER_FILES,
                "certificate": "tls.crt",
                "key": "tls.key",
            },
            "brokers": brokers,
        },
    }


def _user(cluster: Cluster, principal: str, rights: Sequence[AclPlan]) -> Resource:
    resources: dict[tuple[str, str, bool, str], list[str]] = {}
    for right in rights:
        of = (right.resource, right.name, right.prefixed, right.host)
        resources.setdefault(of, []).append(right.operation.capitalize())
    acls = [
        {
            "resource": {
                "type": kind,
                "name": named,
                "patternType": "prefix" if prefixed else "literal",
            },
            "operations": operations,
            "host": host,
        }
        for (kind, named, prefixed, host), operations in resources.items()
    ]
    spec: Resource = {
        "authorization": {"type": "simple", "acls": acls},
        "quotas": {_RATE_MEMBERS[rate]: value for rate, value in RATES.items()},
    }
    return _resource(cluster, "KafkaUser", principal, spec)


def _resource(
    cluster: Cluster, kind: str, name: str, spec: Resource, *, labelled: bool = True
) -> Resource:
    metadata: Resource = {"name": name, "namespace": cluster.namespace}
    if labelled:
        metadata["labels"] = {"strimzi.io/cluster": cluster.name}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}
