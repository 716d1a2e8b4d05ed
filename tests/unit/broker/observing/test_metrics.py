"""The metrics an operator needs, with labels that contract and software bound."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from broker.errors import RefusedError
from broker.observing.metrics import STARTING_S, Metrics
from broker.observing.tallies import MAX_ENTRIES, Tallies, kept
from broker.record import Record
from broker.store.database import open_store
from broker.store.reader_rows import HeadsRow
from broker.store.rows import NewInboxRow, NewOutboxRow, ReferralRow
from broker.tlog.checkpoint import Origin

NOW = 1_760_000_000_000


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, /, **labels: str) -> float:
    return samples(metrics)[f"concordant_{name}", tuple(sorted(labels.items()))]


def test_events_are_counted() -> None:
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
    assert value(metrics, "alarms_total", code="gap") == 1


def test_a_sender_whose_clock_is_ahead_gives_no_negative_lag() -> None:
    metrics = Metrics()
    metrics.received("a", -3000)
    assert value(metrics, "lag_seconds_sum") == 0


def test_gauges_are_set() -> None:
    metrics = Metrics()
    metrics.gaps({"csu-camden": 2})
    metrics.gaps({"csu-camden": 0})
    metrics.without_content({"csu-camden": 3})
    metrics.ends(
        {
            ("certificate", "kafka"): NOW + 36 * 3600 * 1000,
            ("contract", "london-hate-crime"): NOW - 24 * 3600 * 1000,
        },
        NOW,
    )
    metrics.log_values_dropped(3)
    assert value(metrics, "gaps_open", agency="csu-camden") == 0
    assert value(metrics, "records_without_content", agency="csu-camden") == 3
    assert value(metrics, "days_left", what="certificate", name="kafka") == 1.5
    assert value(metrics, "days_left", what="contract", name="london-hate-crime") == -1
    assert value(metrics, "log_values_dropped_total") == 3


def test_values_of_the_state_are_read_at_each_scrape(tmp_path: Path) -> None:
    metrics = Metrics()
    store = open_store(tmp_path / "state.db")
    with store.transaction() as tx:
        metrics.refresh(tx, NOW, {"cps-london": 180_000, "csu-camden": 900_000})
        assert value(metrics, "outbox_events", state="pending") == 0
        assert value(metrics, "outbox_oldest_seconds") == 0
        tx.outbox.add_many([NewOutboxRow("id", "t", 0, b"v", False)], NOW - 5000)
        tx.inbox.add(
            NewInboxRow("csu", "id", "a", NOW - 7000, "t", 0, "g", 0, b"p", b"", b"c" * 32)
        )
        refusal = RefusedError(9, "c", "d")
        origin = Origin("dep", "csu", "t", 0, "g")
        tx.quarantine.add(Record("t", 0, (), b"", 1), "[]", origin, 1, refusal, NOW)
        tx.heads.save(HeadsRow("cps-london", NOW - 61_000, 0, b""))
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
        metrics.refresh(tx, NOW, {"cps-london": 180_000, "csu-camden": 900_000})
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
    assert value(metrics, "heartbeat_age_seconds", agency="csu-camden") == 0
    assert value(metrics, "heartbeat_limit_seconds", agency="cps-london") == 180
    assert value(metrics, "heartbeat_limit_seconds", agency="csu-camden") == 900


def test_the_age_of_the_outbox_counts_what_is_signed_and_not_taken(tmp_path: Path) -> None:
    metrics = Metrics()
    store = open_store(tmp_path / "state.db")
    with store.transaction() as tx:
        seq = tx.outbox.add_many([NewOutboxRow("id", "t", 0, b"v", False)], NOW - 9000)[0]
        tx.outbox.index([(seq, "g", 0, b"l" * 32, b"proof")])
        tx.outbox.add_many([NewOutboxRow("other", "t", 0, b"v", False)], NOW - 5000)
        metrics.refresh(tx, NOW, {})
        assert value(metrics, "outbox_oldest_seconds") == 9
        tx.outbox.mark_sent([(seq, 1, NOW)])
        metrics.refresh(tx, NOW, {})
        assert value(metrics, "outbox_oldest_seconds") == 5
    store.close()


def test_an_agency_that_was_never_heard_ages_from_when_it_was_first_awaited(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    with store.transaction() as tx:
        first = Metrics()
        first.refresh(tx, NOW, {"council-camden": 180_000})
        first.keep(tx, NOW)
        again = Metrics()
        again.restore(tx)
        again.refresh(tx, NOW + 300_000, {"council-camden": 180_000})
        assert value(again, "heartbeat_age_seconds", agency="council-camden") == 300
        again.refresh(tx, NOW + 300_000, {})  # it has left
        assert "council-camden" not in again.text().decode()
    store.close()


def test_metrics_of_alerts_begin_at_0_and_continue_after_a_restart(tmp_path: Path) -> None:
    metrics = Metrics()
    assert value(metrics, "alarms_total", code="equivocation") == 0
    assert value(metrics, "records_refused_total", step="9", code="grouping_wrong") == 0
    assert value(metrics, "items_refused_total", code="row_malformed") == 0
    metrics.alarm("equivocation", "csu-camden")
    metrics.refused(9, "grouping_wrong")
    metrics.item_refused("row_malformed")
    store = open_store(tmp_path / "state.db")
    with store.transaction() as tx:
        metrics.keep(tx, NOW)
        assert not metrics.tallies.changed
        again = Metrics()
        again.restore(tx)
        assert [(one.code, one.about, one.last_ms) for one in kept(tx)] == [
            ("equivocation", "csu-camden", NOW),
            ("row_malformed", "", NOW),
            ("grouping_wrong", "9", NOW),
        ]
    store.close()
    again.alarm("equivocation", "cps-london")
    assert value(again, "alarms_total", code="equivocation") == 2
    assert value(again, "records_refused_total", step="9", code="grouping_wrong") == 1
    assert value(again, "items_refused_total", code="row_malformed") == 1


def test_different_reasons_are_counted_up_to_a_limit(tmp_path: Path) -> None:
    tallies = Tallies()
    for number in range(MAX_ENTRIES + 10):
        tallies.add("item", f"made_up_{number}")
    store = open_store(tmp_path / "state.db")
    with store.transaction() as tx:
        tallies.keep(tx, NOW)
        assert len(list(kept(tx))) == MAX_ENTRIES
    store.close()


def test_a_loop_that_does_not_turn_is_late_although_it_can_say_nothing() -> None:
    at = 1000.0
    metrics = Metrics(lambda: at)
    metrics.turned("relay", 60)
    at += 61
    assert value(metrics, "loop_late_seconds", loop="relay") == 1
    assert value(metrics, "loop_late_seconds", loop="watch") == 0
    at += STARTING_S
    assert value(metrics, "loop_late_seconds", loop="watch") > 0
    metrics.turned("relay", 60)
    assert value(metrics, "loop_late_seconds", loop="relay") == 0


def test_a_state_that_no_longer_applies_has_no_series() -> None:
    metrics = Metrics()
    metrics.ends({("manifest", "csu-camden"): NOW}, NOW)
    metrics.ends({("manifest", "cps-london"): NOW}, NOW)
    assert 'name="csu-camden"' not in metrics.text().decode()
    metrics.ready({"kafka": None, "disk": "full"})
    assert value(metrics, "ready", check="kafka") == 1
    assert value(metrics, "ready", check="disk") == 0


def test_two_processes_of_one_test_do_not_share_a_registry() -> None:
    one, two = Metrics(), Metrics()
    one.published("a", 1)
    assert ("concordant_events_published_total", (("topic", "a"),)) not in samples(two)


def test_no_label_could_hold_a_person_a_case_or_an_event_type() -> None:
    allowed = {"topic", "outcome", "step", "code", "agency", "by", "state", "what", "name", "le"}
    allowed |= {"loop", "check", "kind", "folder", "side", "version", "python"}
    metrics = Metrics()
    for collector in list(metrics.registry._collector_to_names):
        assert set(getattr(collector, "_labelnames", ())) <= allowed
