"""A rehearsal over a real Kafka, and a ping of its partners from another process's view."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from adapters.sandbox.happenings import Happening
from adapters.sandbox.rehearsal import RehearsalPlan, Shown, rehearse
from broker.clock import now_ms
from broker.operations.event_ping import PingResult, ping_partner
from tests.support.founded_partnership import COUNCIL, POLICE, PROSECUTION, SUPPORT, founded
from tests.support.live_adapter import export

pytestmark = pytest.mark.kafka


def test_a_rehearsal_runs_over_a_real_kafka_and_its_partners_answer_pings(tmp_path: Path) -> None:
    own = founded().directory(POLICE, tmp_path / "own")
    (tmp_path / "referrals.csv").write_bytes(export({"PARTNERS": "VSHAV"}))
    pinged: dict[str, PingResult] = {}
    told: list[Happening] = []
    ready = threading.Event()

    def tell(happening: Happening) -> None:
        told.append(happening)
        if happening.what == "imported":
            ready.set()

    def ping() -> None:
        try:
            assert ready.wait(90)
            for partner, timeout_s in ((SUPPORT, 30.0), (COUNCIL, 3.0)):
                pinged[partner] = ping_partner(
                    tmp_path / "sandbox" / POLICE, partner, now_ms, timeout_s=timeout_s
                )
        finally:
            os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C ends the rehearsal

    asking = threading.Thread(target=ping)
    asking.start()
    summary = rehearse(
        RehearsalPlan(
            agency=own,
            exports=(tmp_path / "referrals.csv",),
            partners=(f"{COUNCIL}=silent", f"{PROSECUTION}=silent"),
            folder=tmp_path / "sandbox",
            kafka="local",
            every_s=0.0,
            for_s=150.0,
        ),
        Shown(tell),
    )
    asking.join()
    assert (summary.counts["sent"], summary.counts["imported"]) == (1, 1)
    assert pinged[SUPPORT].came_back
    assert pinged[SUPPORT].own_adapter_runs
    assert pinged[SUPPORT].heard_ms is not None
    assert pinged[COUNCIL].code == "ping_unanswered"
    assert pinged[COUNCIL].stations[-1].name == "on_kafka"
