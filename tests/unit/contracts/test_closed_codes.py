"""Codes that some kinds of senders stop using on a day, while others go on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.decision import receiver_check
from contracts.events import JSON
from contracts.model import Contract
from tests.unit.contracts.asked import CASE, DATA, Asked

CLOSED = int(datetime(2027, 4, 1, tzinfo=UTC).timestamp() * 1000)
"""Time (ms) at which hate incidents close to competent authorities."""
OTHERS = {"csu-camden": "haven-support", "council-camden": "csu-camden",
          "haven-support": "council-camden"}  # fmt: skip


@pytest.mark.parametrize("sender", OTHERS)
@pytest.mark.parametrize("kind", ["hate_crime", "hate_incident", "asb_incident"])
@pytest.mark.parametrize("now", [CLOSED - 1, CLOSED, CLOSED + 86_400_000])
def test_a_record_type_is_closed_to_the_police_from_its_day(
    ask: Asked, sender: str, kind: str, now: int
) -> None:
    data = {"incident": {"record_type": kind}}
    done = ask(sender=sender, recipients=(OTHERS[sender],), now=now, data=data)
    refused = sender == "csu-camden" and kind == "hate_incident" and now >= CLOSED
    assert done.permitted != refused
    assert (done.code == "event_invalid") == refused
    assert done.detail.startswith("incident.record_type: ") == refused


def test_a_closed_code_is_refused_in_every_type_that_has_its_list(ask: Asked) -> None:
    event: dict[str, Any] = {"type": "case.updated", "recipients": ("cps-london",), "now": CLOSED}
    data: dict[str, JSON] = {
        "case_id": CASE,
        "record_type": "hate_incident",
        "case_status": "charged",
    }
    done = ask.of(data, **event)
    assert (done.permitted, done.code) == (False, "event_invalid")
    assert ask.of(data | {"record_type": "asb_incident"}, **event).permitted


def test_a_reader_takes_a_record_of_before_at_any_time(contract: Contract) -> None:
    flat = {**DATA, "incident.record_type": "hate_incident"}
    receiver_check(
        contract, "csu-camden", "haven-support", "referral.made", ("haven-support",), flat
    )
