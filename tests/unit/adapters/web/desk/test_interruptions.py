"""Notice of the desk's pages while the adapter or Kafka is down."""

from __future__ import annotations

import re
from pathlib import Path

from broker.agency.running import ADAPTER_LOCK
from broker.observing.side_faults import keep_fault
from broker.store.exclusion import exclusive
from tests.support.desk_partnership import DeskPartnership
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT
from tests.unit.adapters.web.desk.conftest import Opened
from tests.unit.adapters.web.desk.test_story import deliver, only, write_referral
from tests.unit.broker.operations.desk.written_referral import sent


def test_each_page_says_that_kafka_is_down_and_what_is_held(
    desks: DeskPartnership, opened: Opened, folders: dict[str, Path]
) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    council = opened(COUNCIL)
    draft = write_referral(council, POLICE)
    referral = only(desks, COUNCIL, "fulfiller")
    shown = ("/inbox", "/sent", "/drafts", draft, referral, f"{referral}/step/accepted")
    desk = desks.desk(COUNCIL)
    sent(desk, (POLICE,))
    with exclusive(folders[COUNCIL] / ADAPTER_LOCK):
        for path in shown:
            assert notice(council.get(path).text) is None, path
        with desk.store.transaction() as tx:
            keep_fault(tx, "kafka", "kafka_failed", desk.clock())
        for path in shown:
            assert notice(council.get(path).text) == ("kafka-down", 1), path
    for path in shown:
        assert notice(council.get(path).text) == ("adapter-down", 1), path


def notice(text: str) -> tuple[str, int] | None:
    """Return (id, number of messages that are held) of the notice; None if there is none."""
    found = re.search(r'id="(kafka-down|adapter-down)".*?(\d+) message', text, re.DOTALL)
    return None if found is None else (found[1], int(found[2]))
