from __future__ import annotations

import pytest

from broker.errors import TransportError
from broker.transport.provisioning import DeployedState, plan_changes
from broker.transport.topics import AclPlan, TopicPlan

TOPIC = TopicPlan("d.c.a", 6, 86_400_000, "delete", {"retention.ms": "1", "cleanup.policy": "x"})
RIGHT = AclPlan("User:alice", "topic", "d.c.a", "read")
GROUP = AclPlan("User:alice", "group", "d.alice.", "read", prefixed=True)


def found(partitions=None, config=None, rights=()) -> DeployedState:
    return DeployedState(partitions or {}, config or {}, frozenset(rights))


def test_an_empty_kafka_gets_everything() -> None:
    changes = plan_changes([TOPIC], [RIGHT, GROUP], found())
    assert [str(change) for change in changes] == [
        "create d.c.a  6 partitions, kept 1 days",
        "grant  User:alice may read group d.alice.*",
        "grant  User:alice may read topic d.c.a",
    ]


def test_a_kafka_that_is_as_it_should_be_gets_nothing() -> None:
    state = found({"d.c.a": 6}, {"d.c.a": dict(TOPIC.config)}, [RIGHT])
    assert plan_changes([TOPIC], [RIGHT], state) == ()


def test_an_override_that_differs_is_set_and_others_are_left() -> None:
    state = found({"d.c.a": 6}, {"d.c.a": {"retention.ms": "2", "cleanup.policy": "x", "o": "1"}})
    (change,) = plan_changes([TOPIC], [], state)
    assert (change.action, change.settings) == ("alter", (("retention.ms", "1"),))


def test_a_right_that_the_contract_does_not_give_is_taken_away() -> None:
    extra = AclPlan("User:mallory", "topic", "d.c.a", "read")
    state = found({"d.c.a": 6}, {"d.c.a": dict(TOPIC.config)}, [RIGHT, extra])
    (change,) = plan_changes([TOPIC], [RIGHT], state)
    assert (change.action, change.right) == ("revoke", extra)


def test_a_topic_that_the_contract_does_not_name_is_never_deleted() -> None:
    state = found({"d.c.a": 6, "d.old": 1}, {"d.c.a": dict(TOPIC.config)})
    (change,) = plan_changes([TOPIC], [], state)
    assert (change.action, change.subject) == ("note", "d.old")


def test_another_number_of_partitions_stops_the_plan() -> None:
    with pytest.raises(TransportError) as conflict:
        plan_changes([TOPIC], [], found({"d.c.a": 3}))
    assert conflict.value.code == "kafka_conflict"
    assert conflict.value.where == "d.c.a"


def test_nothing_is_revoked_while_what_was_applied_is_unknown() -> None:
    extra = AclPlan("User:mallory", "topic", "d.c.a", "read")
    state = found({"d.c.a": 6}, {"d.c.a": dict(TOPIC.config)}, [extra])
    changes = plan_changes([TOPIC], [RIGHT], state, revoking=False)
    assert [(change.action, change.right) for change in changes] == [("grant", RIGHT)]


def test_a_right_from_one_address_only_is_another_right() -> None:
    bound = AclPlan("User:alice", "topic", "d.c.a", "read", host="10.0.0.1")
    state = found({"d.c.a": 6}, {"d.c.a": dict(TOPIC.config)}, [bound])
    changes = plan_changes([TOPIC], [RIGHT], state)
    assert [(change.action, change.right) for change in changes] == [
        ("grant", RIGHT),
        ("revoke", bound),
    ]


def test_other_rights_that_decide_are_shown_and_left() -> None:
    state = DeployedState(
        {"d.c.a": 6}, {"d.c.a": dict(TOPIC.config)}, frozenset([RIGHT]), ("User:x may",)
    )
    (change,) = plan_changes([TOPIC], [RIGHT], state)
    assert (change.action, change.subject) == ("note", "User:x may")
