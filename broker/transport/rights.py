"""Rights of a client on Kafka: those to try, and the results of the trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.transport.topics import AclPlan


@dataclass(frozen=True, slots=True)
class NeededRights:
    """Rights to try.

    Attributes:
        needed: those that the contracts give this agency.
        others: those that they do not give it.
        topics: every topic that this agency uses.
        absent_topic: a name below the deployment that no topic has.
    """

    needed: tuple[AclPlan, ...]
    others: tuple[AclPlan, ...]
    topics: tuple[str, ...]
    absent_topic: str


@dataclass(frozen=True, slots=True)
class TriedRights:
    """Results of the trials.

    Attributes:
        allowed: whether Kafka lets this agency use each right.
        topics: the topics that exist, as far as this agency may see them.
        cluster: what it may do with the cluster: `create` topics, `describe` rights.
    """

    allowed: Mapping[AclPlan, bool]
    topics: frozenset[str]
    cluster: frozenset[str]


def tried_name(right: AclPlan) -> str:
    """Return the name with which a right is tried: for a prefix, one name below it."""
    return f"{right.name}doctor" if right.prefixed else right.name
