"""`POST /events/{id}/result`: imported ends an event, rejected holds it until a person retries."""

from __future__ import annotations

import pytest

from adapters.exchange.caller import side_caller
from adapters.exchange.errors import ExchangeError
from tests.support.founded_partnership import COUNCIL, POLICE
from tests.support.http_agency import HttpAgency, HttpPartnership, key

NAME = "Zephyrine Quillfeather"
REJECTED = {"outcome": "rejected", "reason": "unknown_tenant", "text": f"No tenant {NAME}"}
IMPORTED = {"outcome": "imported"}


async def received(town: HttpPartnership) -> str:
    police = town[POLICE]
    async with police.client() as client:
        answer = await client.post("/events", json=police.body(), headers=key())
    await town.deliver(POLICE, COUNCIL)
    return str(answer.json()["id"])


async def test_imported_marks_the_event_delivered_and_clears_its_content(
    town: HttpPartnership, council: HttpAgency
) -> None:
    event = await received(town)
    async with council.client() as client:
        before = (await client.get(f"/events/{event}")).json()
        answers = [await client.post(f"/events/{event}/result", json=IMPORTED) for _ in range(2)]
        after = (await client.get(f"/events/{event}")).json()
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json() == {"id": event, "state": "imported"}
    assert (before["state"], after["state"]) == ("offered", "imported")
    with council.member.store.reading() as tx:
        row = tx.inbox.find(POLICE, event)
        counts = tx.inbox.counts()
    assert row is not None
    assert (row.payload, row.sink_reference) == (None, "token housing")
    assert (counts.undelivered, counts.delivered) == (0, 1)


async def test_rejected_by_system_is_held_and_offered_again_on_retry(
    town: HttpPartnership, council: HttpAgency, capsys: pytest.CaptureFixture[str]
) -> None:
    event = await received(town)
    async with council.client() as client:
        page = (await client.get("/events")).json()
        answer = await client.post(f"/events/{event}/result", json=REJECTED)
        state = (await client.get(f"/events/{event}")).json()
        assert answer.json() == {"id": event, "state": "rejected"}
        assert (state["state"], state["code"]) == ("rejected", "rejected_by_system")
        assert council.held() == [("rejected_by_system", f"unknown_tenant: No tenant {NAME}")]
        assert council.offer() == 0
        with council.member.store.transaction() as tx:
            (row,) = tx.inbox.held(9)
            assert tx.inbox.release(row.seq)  # as `quarantine retry` does
        assert council.offer() == 1
        again = (await client.get("/events", params={"after": page["next"]})).json()
        assert [one["id"] for one in again["events"]] == [event]
        await client.post(f"/events/{event}/result", json=IMPORTED)
    assert council.held() == []
    assert NAME not in capsys.readouterr().err


async def test_an_event_that_was_rejected_may_be_imported_and_that_is_final(
    town: HttpPartnership, council: HttpAgency
) -> None:
    event = await received(town)
    async with council.client() as client:
        for body in (REJECTED, REJECTED, IMPORTED, IMPORTED):
            answer = await client.post(f"/events/{event}/result", json=body)
            assert answer.status_code == 200
        late = await client.post(f"/events/{event}/result", json=REJECTED)
    assert (late.status_code, late.json()["code"]) == (409, "result_conflict")
    assert council.held() == []


async def test_a_later_event_of_the_case_waits_and_a_result_for_it_is_result_too_early(
    town: HttpPartnership, council: HttpAgency
) -> None:
    police = town[POLICE]
    first = await received(town)
    case = None
    async with council.client() as client:
        (event,) = (await client.get("/events")).json()["events"]
        case = event["data"]["case_id"]
        await client.post(f"/events/{first}/result", json=REJECTED)
    async with police.client() as client:
        body = police.body(case_id=case)
        second = (await client.post("/events", json=body, headers=key())).json()["id"]
    await town.deliver(POLICE, COUNCIL)
    async with council.client() as client:
        early = await client.post(f"/events/{second}/result", json=IMPORTED)
        waiting = (await client.get(f"/events/{second}")).json()
        await client.post(f"/events/{first}/result", json=IMPORTED)
        assert council.offer() == 1
        done = await client.post(f"/events/{second}/result", json=IMPORTED)
    assert (early.status_code, early.json()["code"]) == (409, "result_too_early")
    assert waiting["state"] == "waiting"
    assert done.status_code == 200


async def test_an_open_offer_behind_a_rejected_event_is_withdrawn_until_a_retry(
    town: HttpPartnership, council: HttpAgency
) -> None:
    police, ids = town[POLICE], []
    case = police.body()["data"]["case_id"]
    async with police.client() as client:
        for _ in range(3):
            body = police.body(case_id=case)
            ids.append((await client.post("/events", json=body, headers=key())).json()["id"])
    await town.deliver(POLICE, COUNCIL)
    first, second, third = ids
    async with council.client() as client:
        page = (await client.get("/events")).json()
        await client.post(f"/events/{first}/result", json=REJECTED)
        waiting = (await client.get("/events")).json()["events"]
        state = (await client.get(f"/events/{second}")).json()["state"]
        # A system that has read an event before may have imported it.
        done = await client.post(f"/events/{second}/result", json=IMPORTED)
        with council.member.store.transaction() as tx:
            assert tx.inbox.release(tx.inbox.held(9)[0].seq)
        assert council.offer() == 2
        again = (await client.get("/events", params={"after": page["next"]})).json()["events"]
    assert [one["id"] for one in page["events"]] == ids
    assert (waiting, state) == ([], "waiting")
    assert done.status_code == 200
    assert [one["id"] for one in again] == [first, third]


async def test_two_senders_with_one_id_are_event_ambiguous(
    town: HttpPartnership, council: HttpAgency
) -> None:
    from sqlalchemy import text

    event = await received(town)
    with council.member.store.transaction() as tx:
        row = tx.inbox.find(POLICE, event)
        assert row is not None
        copied = "INSERT INTO inbox SELECT 99, 'cps-london', " + ", ".join(
            one
            for (one,) in tx.inbox._connection.execute(
                text(
                    "SELECT name FROM pragma_table_info('inbox') WHERE name NOT IN ('seq','source')"
                )
            )
        )
        tx.inbox._connection.execute(text(f"{copied} FROM inbox"))
    council.offer()
    async with council.client() as client:
        both = await client.post(f"/events/{event}/result", json=IMPORTED)
        one = await client.post(f"/events/{event}/result?from=cps-london", json=IMPORTED)
        other = await client.get(f"/events/{event}?from={POLICE}")
        wrong = await client.get(f"/events/{event}?from=%2F")
    assert (both.status_code, both.json()["code"]) == (409, "event_ambiguous")
    assert both.json()["field"] == "from"
    with pytest.raises(ExchangeError) as caught:  # other sides have no query parameter
        council.sink._offering.result(side_caller("test"), event, None, None)
    assert (caught.value.where, "?" in caught.value.detail) == ("sender", False)
    assert (one.status_code, other.json()["state"]) == (200, "offered")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "request_malformed")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"outcome": "imported", "text": "x"}',
        b'{"outcome": "rejected"}',
        b'{"outcome": "rejected", "reason": "Two Words"}',
        b'{"outcome": "rejected", "reason": "x", "text": "' + b"x" * 501 + b'"}',
        b'{"outcome": "rejected", "reason": "x", "text": "\\u0007"}',
        b'{"outcome": "rejected", "reason": "x", "text": "\\u202e"}',
        b'{"outcome": "rejected", "reason": "x", "text": "\\u200b"}',
        b'{"outcome": "rejected", "reason": "x", "outcome": "imported"}',
        b'{"outcome": "rejected", "reason": "x", "more": 1}',
    ],
)
async def test_another_form_is_result_malformed(
    town: HttpPartnership, council: HttpAgency, body: bytes
) -> None:
    event = await received(town)
    headers = {"content-type": "application/json"}
    async with council.client() as client:
        answer = await client.post(f"/events/{event}/result", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "result_malformed")
    assert council.held() == []


async def test_an_overdue_result_is_counted(town: HttpPartnership, council: HttpAgency) -> None:
    """Number for `status`, the metric and `doctor` (results_overdue)."""
    event = await received(town)
    now = town.clock.now
    with council.member.store.reading() as tx:
        assert tx.offers.unanswered(now - 1) == (0, None)
        assert tx.offers.unanswered(now) == (1, now)
    async with council.client() as client:
        await client.post(f"/events/{event}/result", json=REJECTED)
    with council.member.store.reading() as tx:
        assert tx.offers.unanswered(now) == (0, None)


async def test_a_token_is_told_only_of_events_that_its_scope_is_about(
    town: HttpPartnership, council: HttpAgency
) -> None:
    event = await received(town)
    police = town[POLICE]
    answers = []
    for agency, scope in ((council, "publish"), (police, "read"), (police, "result")):
        async with agency.client(agency.token(scope, (scope,))) as client:  # type: ignore[arg-type]
            answers.append(await client.get(f"/events/{event}"))
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(404, "event_unknown")}
    for agency, scope in ((council, "read"), (council, "result"), (police, "publish")):
        async with agency.client(agency.token(scope, (scope,))) as client:  # type: ignore[arg-type]
            assert (await client.get(f"/events/{event}")).status_code == 200
