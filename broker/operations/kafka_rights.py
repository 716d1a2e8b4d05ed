"""Rights of this agency on Kafka: those of its agreements, beside those that Kafka really gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from broker.agency.participant import Participant
from broker.errors import TransportError
from broker.operations.checks.rights_checks import needed_rights
from broker.transport.rights import NeededRights, TriedRights
from broker.transport.topics import AclPlan

Compared: TypeAlias = Literal["not_asked", "as_agreed", "missing", "excess", "no_topic"]
_ORDER: Final = {"missing": 0, "no_topic": 1, "excess": 2, "as_agreed": 3, "not_asked": 4}


@dataclass(frozen=True, slots=True)
class RightsLine:
    """One topic, or the consumer groups of a name.

    Attributes:
        resource: `topic` or `group`.
        name: its name; a name that ends in ``*`` stands for all that begin so.
        agreed: operations that the agreements give, in words of Kafka: `read`, `write`.
        missing: agreed operations that Kafka refuses.
        excess: operations that Kafka allows and no agreement gives.
        compared: result of the comparison.
    """

    resource: str
    name: str
    agreed: tuple[str, ...]
    missing: tuple[str, ...]
    excess: tuple[str, ...]
    compared: Compared


@dataclass(frozen=True, slots=True)
class Rights:
    """All rights.

    Attributes:
        lines: those that differ first, then by name.
        asked: whether Kafka was asked.
        problem: why Kafka could not be asked; None if it was, or was not to be.
        cluster: what Kafka allows beyond topics and groups, which no agreement gives: `create`
            topics, `describe` the rights of others.
    """

    lines: tuple[RightsLine, ...]
    asked: bool
    problem: TransportError | None = None
    cluster: frozenset[str] = frozenset()


def kafka_rights(participant: Participant, now: int, timeout_s: float | None) -> Rights:
    """Return the rights that the agreements give, compared with Kafka's if it is asked.

    Args:
        participant: the agency.
        now: milliseconds since the epoch.
        timeout_s: how long to wait for Kafka; None does not ask.

    Raises:
        RegistryError: no agreement is in force.
    """
    needed = needed_rights(participant, now)
    if timeout_s is None:
        return Rights(_lines(needed, None), asked=False)
    from broker.transport.kafka.rights import try_rights

    try:
        tried = try_rights(participant.kafka_connection(), needed, timeout_s)
    except TransportError as error:
        return Rights(_lines(needed, None), asked=False, problem=error)
    return Rights(_lines(needed, tried), asked=True, cluster=frozenset(tried.cluster))


def _lines(needed: NeededRights, tried: TriedRights | None) -> tuple[RightsLine, ...]:
    agreed = _by_name(needed.needed)
    missing: dict[tuple[str, str], list[str]] = {}
    excess: dict[tuple[str, str], list[str]] = {}
    if tried is not None:
        missing = _by_name(one for one in needed.needed if not tried.allowed[one])
        excess = _by_name(one for one in needed.others if tried.allowed[one])
    lines = [
        RightsLine(
            resource,
            name,
            tuple(agreed.get((resource, name), ())),
            tuple(missing.get((resource, name), ())),
            tuple(excess.get((resource, name), ())),
            _compared((resource, name), missing, excess, needed, tried),
        )
        for resource, name in sorted({*agreed, *excess})
    ]
    return tuple(sorted(lines, key=lambda one: _ORDER[one.compared]))


def _compared(
    at: tuple[str, str],
    missing: dict[tuple[str, str], list[str]],
    excess: dict[tuple[str, str], list[str]],
    needed: NeededRights,
    tried: TriedRights | None,
) -> Compared:
    if tried is None:
        return "not_asked"
    if at in missing:
        return "missing"
    if at[0] == "topic" and at[1] in needed.topics and at[1] not in tried.topics:
        return "no_topic"
    return "excess" if at in excess else "as_agreed"


def _by_name(rights: Iterable[AclPlan]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        name = f"{right.name}*" if right.prefixed else right.name
        found.setdefault((right.resource, name), []).append(right.operation)
    return found
