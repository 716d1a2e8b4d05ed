"""Limits of parties on Kafka: which are set, and that the host's own stay."""

from __future__ import annotations

from broker.service.replaying import REPLAY_BYTES_A_SECOND
from broker.transport.quotas import PRODUCER_BYTES_A_SECOND, RATES, plan_quotas


def test_each_principal_without_limits_gets_them_once() -> None:
    changes = plan_quotas(["bob", "alice", "bob"], {"carol": {"producer_byte_rate": 1.0}})
    assert [(c.action, c.subject, dict(c.rates)) for c in changes] == [
        ("limit", "alice", dict(RATES)),
        ("limit", "bob", dict(RATES)),
    ]
    applied = {c.subject: {name: float(rate) for name, rate in c.rates} for c in changes}
    assert plan_quotas(["alice", "bob"], applied) == ()


def test_a_rate_that_the_host_has_set_stays_and_is_shown() -> None:
    limit, note = plan_quotas(["alice"], {"alice": {"producer_byte_rate": 1048576.0}})
    assert dict(limit.rates) == {"consumer_byte_rate": RATES["consumer_byte_rate"]}
    assert (note.action, note.subject) == ("note", "alice")
    assert "producer_byte_rate" in note.detail


def test_an_operator_who_may_not_limit_is_told_and_goes_on() -> None:
    (change,) = plan_quotas(["alice"], None)
    assert change.action == "note"


def test_replays_take_at_most_half_of_what_a_party_may_write() -> None:
    assert REPLAY_BYTES_A_SECOND * 2 <= PRODUCER_BYTES_A_SECOND
