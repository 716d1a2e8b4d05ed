"""Trouble of a source or sink, as the commands show it that only ask."""

from __future__ import annotations

from pathlib import Path

from adapters.side_faults import SideFaultRecord
from broker.agency.participant import load_participant
from broker.agency.running import ADAPTER_LOCK
from broker.cli.status_text import agency_status_text
from broker.codes.meanings import CODES
from broker.operations.agency_status import report
from broker.operations.checks.flow_checks import flow_checks
from broker.operations.health.agency_health import health
from broker.store.database import open_store
from broker.store.exclusion import exclusive
from tests.support.founded_partnership import COUNCIL, NOW, founded
from tests.support.memory_agency import Clock


def shown(folder: Path, now: int) -> str:
    status = report(folder, now)
    return agency_status_text(status, health(status))


def test_trouble_of_a_side_shows_in_status_and_doctor_says_side_fails(tmp_path: Path) -> None:
    folder = founded().directory(COUNCIL, tmp_path)
    participant = load_participant(folder, NOW)
    path = participant.path(participant.config.state.database)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    store, clock = open_store(path), Clock(NOW)
    codes: dict[str, str | None] = {"source": "sftp_unreachable", "sink": None}
    record = SideFaultRecord(
        store, clock, {"source": lambda: codes["source"], "sink": lambda: codes["sink"]}
    )
    with exclusive(folder / ADAPTER_LOCK):
        record.round()
        clock.pass_(60_000)
        codes["source"] = "sftp_host_key_wrong"
        record.round()
        (fault,) = report(folder, clock.now).side_faults
        assert (fault.side, fault.code, fault.since_ms) == ("source", "sftp_host_key_wrong", NOW)
        assert "sftp_host_key_wrong" in shown(folder, clock.now)
        found = [one for one in flow_checks(participant, clock.now) if one.name == "source"]
        assert [(one.status, one.code) for one in found] == [("fail", "side_fails")]
        assert CODES["sftp_host_key_wrong"].to_do in (found[0].fix or "")
        codes["source"] = None
        record.round()
        assert report(folder, clock.now).side_faults == ()
        codes["sink"] = "webhook_gone"
        record.round()
        assert [one.side for one in report(folder, clock.now).side_faults] == ["sink"]
    assert report(folder, clock.now).side_faults == ()  # the adapter does not run
    again = SideFaultRecord(store, clock, {})  # a new process without trouble
    again.round()
    with exclusive(folder / ADAPTER_LOCK):
        assert report(folder, clock.now).side_faults == ()
    store.close()
