"""The metrics an operator needs, with labels that contract and software bound."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from broker.observing.metrics import Metrics
from broker.store.database import open_store
from broker.store.rows import NewInboxRow, ReferralRow

NOW = 1_760_000_000_000


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, /, **labels: str) -> float:
    return samples(metrics)[f"concordant_{name}", tuple(sorted(labels.items()))]


def test_what_happens_is_counted() -> None:
    metrics = Metrics()
    metrics.signed("a", 256)
    metrics.published("a", 256)
    metrics.received("a", 1500)
    metrics.received("a", None)
    metrics.passed_over("repeat")
    metrics.refused(9, "grouping_wrong")
    metrics.item_refused("code_unknown")
    metrics.relay_failed("kafka_unreachable")
    metrics.alarm("gap", "csu-camden")
    assert value(metrics, "events_published_total", topic="a") == 256
    assert value(metrics, "batches_total", topic="a") == 1
    assert value(metrics, "events_per_signature_bucket", le="256.0") == 1
    assert value(metrics, "events_per_signature_bucket", le="128.0") == 0
    assert value(metrics, "events_received_total", topic="a") == 2
    assert value(metrics, "lag_seconds_count") == 1
    assert value(metrics, "lag_seconds_sum") == 1.5
    assert value(metrics, "records_passed_over_total", outcome="repeat") == 1
    assert value(metrics, "records_refused_total", step="9", code="grouping_wrong") == 1
    assert value(metrics, "items_refused_total", code="code_unknown") == 1
    assert value(metrics, "relay_faults_total", code="kafka_unreachable") == 1
    assert value(metrics, "alarms_total", code="gap", agency="csu-camden") == 1


def test_a_sender_whose_clock_is_ahead_gives_no_negative_lag() -> None:
    metrics = Metrics()
    metrics.received("a", -3000)
    assert value(metrics, "lag_seconds_sum") == 0


def test_gauges_are_set() -> None:
    metrics = Metrics()
    metrics.gaps({"csu-camden": 2})
    metrics.gaps({"csu-camden": 0})
    metrics.without_content({"csu-camden": 3})
    metrics.expires("certificate", "kafka", NOW + 36 * 3600 * 1000, NOW)
    metrics.expires("contract", "london-hate-crime", NOW - 24 * 3600 * 1000, NOW)
    metrics.log_values_dropped(3)
    assert value(metrics, "gaps_open", agency="csu-camden") == 0
    assert value(metrics, "records_without_content", agency="csu-camden") == 3
    assert value(metrics, "days_left", what="certificate", name="kafka") == 1.5
    assert value(metrics, "days_left", what="contract", name="london-hate-crime") == -1
    assert value(metrics, "log_values_dropped") == 3


def test_what_the_state_knows_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    metrics = Metrics()
    store = open_store(tmp_path / "state.db")
    with store.transaction() as tx:
        metrics.refresh(tx, NOW)
        assert value(metrics, "outbox_events", state="pending") == 0
        assert value(metrics, "outbox_oldest_seconds") == 0
        tx.outbox.add("id", "t", 0, b"v", False, NOW - 5000)
        tx.inbox.add(
            NewInboxRow("csu", "id", "a", NOW - 7000, "t", 0, "g", 0, b"p", b"", b"c" * 32)
        )
        tx.quarantine.add("t", 0, 1, "dep/csu/t/0/g", 1, 9, "c", "d", b"", "[]", NOW)
        tx.heads.save("cps-london", NOW - 61_000, "[]")
        tx.referrals.save(
            ReferralRow(
                "r",
                "c",
                "referrer",
                "council",
                "requested",
                None,
                1,
                NOW,
                NOW - 1,
                None,
                NOW,
                False,
                "csu",
                "e",
            )
        )
    with store.reading() as tx:
        metrics.refresh(tx, NOW)
    store.close()
    assert value(metrics, "outbox_events", state="pending") == 1
    assert value(metrics, "outbox_events", state="unsent") == 0
    assert value(metrics, "outbox_oldest_seconds") == 5
    assert value(metrics, "inbox_undelivered") == 1
    assert value(metrics, "inbox_oldest_seconds") == 7
    assert value(metrics, "quarantine_held") == 1
    assert value(metrics, "referrals_open") == 1
    assert value(metrics, "referrals_overdue") == 1
    assert value(metrics, "heartbeat_age_seconds", agency="cps-london") == 61


def test_two_processes_of_one_test_do_not_share_a_registry() -> None:
    one, two = Metrics(), Metrics()
    one.published("a", 1)
    assert ("concordant_events_published_total", (("topic", "a"),)) not in samples(two)


def test_no_label_could_hold_a_person_a_case_or_an_event_type() -> None:
    allowed = {"topic", "outcome", "step", "code", "agency", "state", "what", "name", "le"} | {
        "kind"
    }
    metrics = Metrics()
    for collector in list(metrics.registry._collector_to_names):
        assert set(getattr(collector, "_labelnames", ())) <= allowed
