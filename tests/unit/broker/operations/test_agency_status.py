"""Deliveries that fail, as `status` and `doctor` show them."""

from __future__ import annotations

from pathlib import Path

from broker.agency.participant import load_participant
from broker.cli.status_text import agency_status_text
from broker.operations.agency_status import report
from broker.operations.checks.flow_checks import flow_checks
from broker.operations.health.agency_health import health
from broker.store.database import open_store
from broker.store.rows import AttemptsRow, NewInboxRow
from tests.support.founded_partnership import COUNCIL, NOW, founded

MINUTE = 60_000


def shown(folder: Path, now: int) -> str:
    status = report(folder, now)
    return agency_status_text(status, health(status))


def test_doctor_says_delivery_fails_and_status_counts_the_events(tmp_path: Path) -> None:
    folder = founded().directory(COUNCIL, tmp_path)
    participant = load_participant(folder, NOW)
    path = participant.path(participant.config.state.database)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    store = open_store(path)
    found = []
    with store.transaction() as tx:
        for number, code in enumerate(("webhook_refused", "webhook_slow", "webhook_slow")):
            new = NewInboxRow("csu", str(number), "a", 1, "t", 0, "g", 0, b"p", b"", b"c" * 32)
            seq = tx.inbox.add(new)
            tx.attempts.keep(AttemptsRow(seq, 2, NOW - number * MINUTE, NOW + MINUTE, code))
        tx.attempts.keep(AttemptsRow(99, 2, 0, NOW, "webhook_gone"))  # of an event that is gone
    for now in (NOW, NOW + 10 * MINUTE):
        failing = report(folder, now).deliveries_failing
        assert failing is not None
        assert (failing.events, failing.since_ms) == (3, NOW - 2 * MINUTE)
        assert failing.codes == {"webhook_refused": 1, "webhook_slow": 2}
        found += [one for one in flow_checks(participant, now) if one.name == "deliveries"]
    assert [(one.status, one.code) for one in found] == [
        ("warn", "delivery_fails"),
        ("fail", "delivery_fails"),
    ]
    assert "webhook_slow" in shown(folder, NOW)
    with store.transaction() as tx:
        for row in tx.inbox.undelivered(9):
            tx.inbox.mark_delivered(row.seq, NOW, None)
    store.close()
    after = report(folder, NOW).deliveries_failing
    assert after is not None
    assert after.events == 0
    assert not [one for one in flow_checks(participant, NOW) if one.name == "deliveries"]
