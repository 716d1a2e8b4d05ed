from __future__ import annotations

from broker.transport.topics import (
    AclPlan,
    acl_plans,
    control_topics,
    data_topics,
    readable_topics,
    topic_plans,
    writable_topics,
)
from contracts.durations import DAY_MS
from contracts.model import Contract, trial_topic_name


def changed(contract: Contract, event_type: str, **terms: object) -> Contract:
    """The contract with other terms for one type."""
    types = dict(contract.event_types)
    types[event_type] = types[event_type].model_copy(update=terms)
    return contract.model_copy(update={"event_types": types})


def test_a_topic_keeps_records_for_the_shortest_of_its_types(contract: Contract) -> None:
    plans = {plan.name: plan for plan in topic_plans(contract)}
    for name in data_topics(contract):
        logical = name.rpartition(".")[2]
        days = [
            terms.retention.kafka_days
            for terms in contract.event_types.values()
            if terms.topic == logical and terms.retention
        ]
        assert plans[name].retention_ms == min(days) * DAY_MS
        assert plans[name].config["retention.ms"] == str(min(days) * DAY_MS)


def test_a_type_without_retention_is_kept_a_day(contract: Contract) -> None:
    some = changed(contract, "case.updated", retention=None)
    topic = some.event_types["case.updated"].topic
    plan = next(p for p in topic_plans(some) if p.name.endswith(f".{topic}"))
    assert plan.retention_ms == DAY_MS


def test_no_name_on_kafka_says_what_happened(contract: Contract) -> None:
    words = {word for kind in contract.event_types for word in kind.replace("-", ".").split(".")}
    for plan in topic_plans(contract):
        assert not words & set(plan.name.removeprefix("pan-london.london-hate-crime").split("."))


def test_records_are_dated_by_kafka_and_compressed(contract: Contract) -> None:
    for plan in topic_plans(contract):
        assert plan.config["message.timestamp.type"] == "LogAppendTime"
        assert plan.config["compression.type"] == "zstd"


def test_manifests_and_contracts_are_compacted_and_nothing_else_is(contract: Contract) -> None:
    control = control_topics(contract.deployment)
    compacted = {plan.name for plan in topic_plans(contract) if plan.cleanup == "compact"}
    assert compacted == {control.manifests, control.contracts}
    assert len(topic_plans(contract)) == len(data_topics(contract)) + len(control.names)


def test_a_party_has_the_rights_of_its_role_and_no_others(contract: Contract) -> None:
    plans = set(acl_plans(contract))
    control = control_topics(contract.deployment).names
    for party in contract.parties:
        user = f"User:{party.id}"
        mine = {plan for plan in plans if plan.principal == user}
        assert mine == {
            *(AclPlan(user, "topic", t, "read") for t in readable_topics(contract, party.id)),
            *(AclPlan(user, "topic", t, "write") for t in writable_topics(contract, party.id)),
            *(AclPlan(user, "topic", t, op) for t in control for op in ("read", "write")),
            AclPlan(user, "group", f"pan-london.{party.id}.", "read", prefixed=True),
        }
    assert {plan.principal for plan in plans} == {f"User:{p.id}" for p in contract.parties}


def test_a_role_that_publishes_nothing_writes_nowhere(contract: Contract) -> None:
    silent = contract
    for name, terms in contract.event_types.items():
        publishers = tuple(role for role in terms.publishers if role != "council")
        silent = changed(silent, name, publishers=publishers or ("police",))
    assert writable_topics(silent, "council-camden") == ()
    assert readable_topics(silent, "council-camden")


def test_one_that_is_no_party_has_no_topic(contract: Contract) -> None:
    assert readable_topics(contract, "mallory") == ()
    assert writable_topics(contract, "mallory") == ()


def test_trial_topics_are_open_to_no_agency(contract: Contract) -> None:
    trials = {trial_topic_name(contract, logical) for logical in contract.topics}
    assert not trials & {plan.name for plan in acl_plans(contract)}
    assert not trials & {plan.name for plan in topic_plans(contract)}
    assert not any(plan.prefixed for plan in acl_plans(contract) if plan.resource == "topic")


def test_principals_are_those_of_the_contract_or_as_given(contract: Contract) -> None:
    assert {plan.principal for plan in acl_plans(contract)} == {
        f"User:{party.principal}" for party in contract.parties
    }
    plans = acl_plans(contract, {"csu-camden": "camden.police"})
    assert {plan.principal for plan in plans} == {"User:camden.police"}


def test_a_party_that_left_has_no_right_and_a_suspended_one_writes_no_data(
    contract: Contract,
) -> None:
    full = set(acl_plans(contract))
    assert {right for right in full if right.principal != "User:csu-camden"} == set(
        acl_plans(contract, left=frozenset({"csu-camden"}))
    )
    data = data_topics(contract)
    assert full - set(acl_plans(contract, suspended=frozenset({"csu-camden"}))) == {
        right
        for right in full
        if (right.principal, right.operation) == ("User:csu-camden", "write") and right.name in data
    }


def test_no_group_prefix_is_the_beginning_of_another_party_s(contract: Contract) -> None:
    prefixes = [plan.name for plan in acl_plans(contract) if plan.resource == "group"]
    assert len(prefixes) == len(contract.parties)
    assert not any(a != b and b.startswith(a) for a in prefixes for b in prefixes)
