"""`GET /events/{id}/status`: the state of a sent event at each recipient, and its scope."""

from __future__ import annotations

from uuid import uuid4

from broker.operations.event_status import event_status
from tests.support.founded_partnership import COUNCIL, POLICE
from tests.support.http_agency import HttpPartnership, key


async def test_the_answer_is_that_of_the_command(town: HttpPartnership) -> None:
    police = town[POLICE]
    async with police.client() as client:
        sent = await client.post("/events", json=police.body(), headers=key())
        event = sent.json()["id"]
        accepted = await client.get(f"/events/{event}/status")
        now = police.member.clock.now
        with police.member.store.transaction() as tx:
            tx.recipients.told(COUNCIL, event, "refused", "event_invalid", now, now)
        refused = await client.get(f"/events/{event}/status")
    assert accepted.status_code == 200
    assert accepted.json()["recipients"][COUNCIL]["state"] == "accepted"
    with police.member.store.reading() as tx:
        found = event_status(
            tx, police.member.world.deployment, POLICE, event, police.member.clock.now
        )
    assert found is not None
    assert refused.json() == found.as_json()
    assert refused.json()["recipients"][COUNCIL]["code"] == "event_invalid"


async def test_it_needs_the_scope_and_an_event_that_was_sent(town: HttpPartnership) -> None:
    police = town[POLICE]
    for scope, code in (
        ("publish", "api_scope_missing"),
        ("read", "api_scope_missing"),
        ("status", "event_unknown"),
    ):
        async with police.client(police.token(scope, (scope,))) as client:  # type: ignore[arg-type]  # one of Scope
            assert (await client.get(f"/events/{uuid4()}/status")).json()["code"] == code
