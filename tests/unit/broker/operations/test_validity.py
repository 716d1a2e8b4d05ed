"""Ends of certificates, keys and agreements, with what to do."""

from __future__ import annotations

from pathlib import Path

from broker.agency.participant import load_participant
from broker.operations.runbook.runbook import RUNBOOK
from broker.operations.validity import endings
from contracts.durations import DAY_MS
from tests.support.founded_partnership import COUNCIL, NOW, founded


def test_everything_that_ends_is_listed_the_first_to_end_first(tmp_path: Path) -> None:
    participant = load_participant(founded().directory(COUNCIL, tmp_path), NOW)
    found = endings(participant, NOW)
    assert {one.kind for one in found} == {
        "certificate",
        "authority",
        "stream",
        "receipt",
        "exchange",
        "key_list",
        "delegation",
        "agreement",
    }
    assert [one.ends_ms for one in found] == sorted(one.ends_ms for one in found)
    assert {one.state for one in found} == {"in_time"}
    assert all(not one.entry for one in found)
    by_hand = {one.kind for one in found if one.later}
    assert {"authority", "delegation", "agreement"} <= by_hand
    assert by_hand.isdisjoint({"key_list", "stream", "receipt", "exchange"})


def test_near_and_past_ends_have_a_step_and_a_runbook_entry(tmp_path: Path) -> None:
    participant = load_participant(founded().directory(COUNCIL, tmp_path), NOW)
    keys = {one.kind: one for one in endings(participant, NOW)}
    near = {one.kind: one for one in endings(participant, keys["key_list"].ends_ms - DAY_MS)}
    assert near["key_list"].state == "soon"
    assert near["key_list"].days_left(keys["key_list"].ends_ms - DAY_MS) == 1
    past = {one.kind: one for one in endings(participant, keys["key_list"].ends_ms)}
    assert past["key_list"].state == "ended"
    late = endings(participant, keys["agreement"].ends_ms - DAY_MS)
    assert {one.entry for one in late if one.state != "in_time"} <= RUNBOOK.keys()
    agreement = next(one for one in late if one.kind == "agreement")
    assert (agreement.state, agreement.entry) == ("soon", "ends-soon")


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    folder = founded().directory(COUNCIL, tmp_path)
    participant = load_participant(folder, NOW)
    certificate = participant.kafka_connection().tls.certificate
    assert certificate is not None
    certificate.write_text("no certificate")
    found = next(one for one in endings(participant, NOW) if one.kind == "certificate")
    assert (found.state, found.ends_ms) == ("unusable", 0)
