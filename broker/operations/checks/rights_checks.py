"""Proof that this agency has the rights that its contracts give it on Kafka, and no others.

Each right is tried, both those that the agency needs and those that Kafka must refuse: other
topics of the deployment, the groups of the other parties, deletion, and administration. The trials
change nothing (`broker/transport/kafka/rights.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from broker.agency.participant import Participant
from broker.operations.checks.check import Check, passed
from broker.operations.kafka_host import wanted
from broker.transport.rights import NeededRights, TriedRights
from broker.transport.topics import (
    AclPlan,
    applied_topic,
    group_prefix,
    principal_user,
    readable_topics,
    writable_topics,
)
from contracts.phrases import N_, phrase, phrases

RIGHTS: Final = "rights"
OTHER_RIGHTS: Final = "other rights"
_APPLY: Final = N_("ask Kafka's host to run: concordant kafka apply")
_REMOVE: Final = N_(
    "ask Kafka's host to run concordant kafka apply, and to remove wider "
    "rules, which concordant kafka plan lists"
)


def needed_rights(participant: Participant, now: int) -> NeededRights:
    """Return the rights to try, from every contract in force that this agency has signed.

    Raises:
        RegistryError: no contract is in force.
    """
    agency, deployment = participant.agency, participant.deployment
    live = [
        signed
        for signed in participant.contracts.live(now)
        if signed.contract.party(agency) is not None
    ]
    contracts = [signed.contract for signed in live]
    if not contracts:
        participant.contracts_in_force(now)  # raises the reason
    topics, rights = wanted(
        [signed.text for signed in live], participant.contracts, participant.manifests, now
    )
    users = {
        principal_user(party.principal)
        for contract in contracts
        if (party := contract.party(agency)) is not None
    }
    needed = {_plain(right) for right in rights if right.principal in users}
    tried = {
        AclPlan("", "topic", name, operation)
        for name in (*(topic.name for topic in topics), applied_topic(deployment))
        for operation in ("read", "write", "delete")
    }
    tried |= {
        AclPlan("", "group", group_prefix(deployment, party.id), "read", prefixed=True)
        for contract in contracts
        for party in contract.parties
    }
    names = {right.name for right in needed if right.resource == "topic"}
    if not names:  # this agency has suspended its part or left: name what it would have
        names = {
            name
            for contract in contracts
            for name in (*readable_topics(contract, agency), *writable_topics(contract, agency))
        }
    absent = f"{deployment}.doctor"
    return NeededRights(
        tuple(sorted(needed)), tuple(sorted(tried - needed)), tuple(sorted(names)), absent
    )


def rights_results(asked: NeededRights, tried: TriedRights) -> Iterator[Check]:
    """Compare the results with the contracts."""
    yield from _needed(asked, tried)
    yield from _others(asked, tried)


def _needed(asked: NeededRights, tried: TriedRights) -> Iterator[Check]:
    wrong = 0
    refused = [right for right in asked.needed if not tried.allowed[right]]
    for what, operations in _by_subject(refused):
        wrong += 1
        detail = phrase(
            "we may not %(operations)s %(what)s", operations=" or ".join(operations), what=what
        )
        yield Check(RIGHTS, "fail", detail, _APPLY, "right_missing")
    without = {right.name for right in refused}
    for topic in asked.topics:
        if topic not in tried.topics and topic not in without:
            wrong += 1
            yield Check(
                RIGHTS,
                "fail",
                phrase("%(topic)s does not exist", topic=topic),
                _APPLY,
                "topic_missing",
            )
    if not wrong:
        kinds = [right for right in asked.needed if right.resource == "topic"]
        read = sum(right.operation == "read" for right in kinds)
        detail = phrases(
            "Kafka lets us read %(n)s topic, write %(written)s, and use our consumer "
            "groups: each was tried",
            "Kafka lets us read %(n)s topics, write %(written)s, and use our consumer "
            "groups: each was tried",
            read,
            written=len(kinds) - read,
        )
        yield passed(RIGHTS, detail)


def _others(asked: NeededRights, tried: TriedRights) -> Iterator[Check]:
    excess = [right for right in asked.others if tried.allowed[right]]
    found = [f"{' and '.join(operations)} {what}" for what, operations in _by_subject(excess)]
    found += [
        {"create": "create topics of the deployment", "describe": "see the rights of others"}[one]
        for one in sorted(tried.cluster)
    ]
    for one in found:
        detail = phrase("we may %(one)s, which no contract gives us", one=one)
        yield Check(OTHER_RIGHTS, "fail", detail, _REMOVE, "right_excess")
    if not found:
        tries = len(asked.others) + 2
        yield passed(
            OTHER_RIGHTS,
            phrase("none: %(tries)s others were tried, and Kafka refused each", tries=tries),
        )


def _by_subject(rights: Iterable[AclPlan]) -> Sequence[tuple[str, list[str]]]:
    subjects: dict[str, list[str]] = {}
    for right in rights:
        name = f"{right.name}*" if right.prefixed else right.name
        kind = "the consumer groups " if right.resource == "group" else ""
        verb = {"delete": "delete records of", "read": "use" if kind else "read"}
        subjects.setdefault(f"{kind}{name}", []).append(verb.get(right.operation, right.operation))
    return tuple(subjects.items())


def _plain(right: AclPlan) -> AclPlan:
    """Return the right without its principal, which is always ours."""
    return AclPlan("", right.resource, right.name, right.operation, prefixed=right.prefixed)
