"""Numbers of what the desk keeps, in `status` and `doctor`."""

from __future__ import annotations

from pathlib import Path

from broker.agency.participant import load_participant
from broker.cli.status_text import agency_status_text
from broker.operations.agency_status import report
from broker.operations.checks.flow_checks import flow_checks
from broker.operations.desk.counts import DeskCounts, desk_counts
from broker.operations.desk.critical_events import confirm_critical_event
from broker.operations.desk.further_events import FurtherRequest, send_further
from broker.operations.desk.held_referral import find_referral
from broker.operations.health.agency_health import health
from tests.support.desk_partnership import ROSA, DeskPartnership
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, SUPPORT, FoundedPartnership
from tests.unit.broker.operations.desk.written_referral import sent, written


async def test_the_desk_counts_events_critical_incidents_and_drafts(
    desks: DeskPartnership, town: FoundedPartnership, tmp_path: Path
) -> None:
    council, support = desks.desk(COUNCIL), desks.desk(SUPPORT)
    with council.store.reading() as tx:
        assert desk_counts(tx) is None
    referral = sent(support)
    held = find_referral(support, referral.referral_id, COUNCIL)
    answers = {"declared_at": "2026-03-02T11:00:00.000Z", "reason": "community_confidence"}
    request = FurtherRequest("critical-incident.declared", answers, None, "form")
    send_further(support, ROSA, held, request)
    await desks.deliver()
    written(council, (POLICE,))
    with council.store.reading() as tx:
        assert desk_counts(tx) == DeskCounts(events=2, unconfirmed=1, drafts=1)
        (row,) = tx.desk_events.unconfirmed(9)

    folder = town.directory(COUNCIL, tmp_path / "folders")
    settings = folder / "agency.toml"
    database = str(tmp_path / f"{COUNCIL}.db")
    settings.write_text(settings.read_text().replace("state/concordant.db", database))
    status = report(folder, NOW)
    assert status.desk == DeskCounts(2, 1, 1)
    assert "2 events kept for people" in agency_status_text(status, health(status))
    assert checked(folder) == ["warn"]
    confirm_critical_event(council, ROSA, row.source, row.event_id)
    assert checked(folder) == ["ok"]


def checked(folder: Path) -> list[str]:
    found = flow_checks(load_participant(folder, NOW), NOW)
    return [one.status for one in found if one.name == "desk"]
