"""`POST /events`: once for each key, with what was left out; a refusal leaves its trace."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import pytest

from contracts.examples import example
from tests.support.founded_partnership import COUNCIL, MADE, POLICE, SUPPORT
from tests.support.http_agency import HttpAgency, HttpPartnership, as_body, key

NAME = "Zephyrine Quillfeather"


async def test_an_event_is_accepted_sealed_and_logged_under_the_name_of_the_token(
    police: HttpAgency,
) -> None:
    async with police.client() as client:
        answer = await client.post("/events", json=police.body(), headers=key())
    assert answer.status_code == 201
    found = answer.json()
    assert found.keys() == {"id", "state", "left_out", "not_sealed"}
    assert found["state"] == "accepted"
    assert answer.headers["location"] == f"/events/{found['id']}"
    (entry,) = police.entries("disclosure")
    assert (entry.event_id, entry.operator) == (found["id"], "token housing")
    assert [one.event_id for one in police.entries("collection")] == [found["id"]]


async def test_before_the_source_has_started_it_is_source_not_started(police: HttpAgency) -> None:
    """A restored agency starts its source only when it knows its own newest manifest."""
    police.source._begun = False
    async with police.client() as client:
        early = await client.post("/events", json=police.body(), headers=key())
        assert (early.status_code, early.json()["code"]) == (503, "source_not_started")
        assert early.headers["retry-after"]
        assert police.entries("disclosure") == []
        stop = asyncio.Event()
        stop.set()
        await police.source.run(stop, lambda: None)
        later = await client.post("/events", json=police.body(), headers=key())
    assert later.status_code == 201


async def test_advice_about_a_refused_event_does_not_speak_of_a_record(police: HttpAgency) -> None:
    async with police.client() as client:
        for changes in ({"type": "no.such"}, {"type": "referral.made", "data": {}}):
            answer = await client.post("/events", json=police.body() | changes, headers=key())
            assert answer.status_code == 422
            assert "record" not in answer.json()["advice"]
            assert "sender" not in answer.json()["advice"]


async def test_the_same_key_and_body_have_the_same_answer_and_one_effect(
    police: HttpAgency,
) -> None:
    body, one = police.body(), key()
    async with police.client() as client:
        first = await client.post("/events", json=body, headers=one)
        spaced = json.dumps(dict(reversed(body.items())), indent=3)
        again = await client.post(
            "/events", content=spaced, headers={**one, "content-type": "application/json"}
        )
    assert (first.status_code, first.content) == (again.status_code, again.content)
    with police.member.store.reading() as tx:
        assert len(tx.outbox.pending(9)) == 1
    assert len(police.entries("disclosure")) == 1


async def test_a_key_in_quotes_is_the_same_key(police: HttpAgency) -> None:
    body = police.body()
    async with police.client() as client:
        first = await client.post("/events", json=body, headers={"idempotency-key": "7"})
        again = await client.post("/events", json=body, headers={"idempotency-key": '"7"'})
    assert first.json()["id"] == again.json()["id"]


async def test_two_systems_may_use_the_same_key(police: HttpAgency) -> None:
    found = set()
    for name in ("housing", "records"):
        async with police.client(police.token(name)) as client:
            answer = await client.post(
                "/events", json=police.body(), headers={"idempotency-key": "1"}
            )
            assert answer.status_code == 201
            found.add(answer.json()["id"])
    assert len(found) == 2


async def test_another_body_under_the_same_key_is_idempotency_key_reused(
    police: HttpAgency,
) -> None:
    one = key()
    async with police.client() as client:
        await client.post("/events", json=police.body(), headers=one)
        other = await client.post("/events", json=police.body(), headers=one)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert other.json()["field"] == "Idempotency-Key"
    assert len(police.entries("disclosure")) == 1


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "idempotency_key_missing"),
        ({"idempotency-key": ""}, "idempotency_key_invalid"),
        ({"idempotency-key": "x" * 256}, "idempotency_key_invalid"),
        ({"idempotency-key": "two words"}, "idempotency_key_invalid"),
    ],
    ids=["none", "empty", "long", "space"],
)
async def test_a_key_is_required(police: HttpAgency, headers: dict[str, str], code: str) -> None:
    async with police.client() as client:
        answer = await client.post("/events", json=police.body(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert police.entries("disclosure") == []


async def test_fields_left_out_and_agencies_not_reached_are_named(police: HttpAgency) -> None:
    contract = police.member.world.contract
    body = {**as_body(example(contract, POLICE, MADE)), "recipients": [SUPPORT]}
    body["data"]["consent"] = {"support_contact": True, "share_identity": False}
    async with police.client() as client:
        answer = await client.post("/events", json=body, headers=key())
    found = answer.json()
    assert answer.status_code == 201, found
    name = next(one for one in found["left_out"] if one["field"] == "victim.name")
    assert (name["agency"], name["reason"]) == (SUPPORT, "consent_missing")
    assert name["clause"] == contract.event_types[MADE].fields["victim.name"].clause


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"type": "referral.mad"}, 422, "type_unknown", None),
        ({"recipients": [POLICE]}, 422, "recipients_invalid", None),
        ({"recipients": COUNCIL}, 400, "event_malformed", "recipients"),
        ({"data": []}, 400, "event_malformed", "data"),
        ({"extra": NAME}, 400, "event_malformed", None),
    ],
    ids=["type", "recipients", "form", "data", "member"],
)
async def test_a_refusal_has_code_and_field_and_no_value_and_leaves_its_trace(
    police: HttpAgency, change: dict[str, object], status: int, code: str, field: str | None
) -> None:
    one, body = key(), {**police.body(victim__name=NAME), **change}
    async with police.client() as client:
        for _ in range(2):
            answer = await client.post("/events", json=body, headers=one)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem.get("field") == field
    assert problem["advice"]
    assert NAME not in answer.text
    (entry,) = police.entries("refusal")  # a repeat adds no entry
    assert (entry.reason, entry.operator) == (code, "token housing")
    assert f'items_refused_total{{code="{code}"}} 1.0' in police.metrics.text().decode()


async def test_a_field_at_fault_is_named_and_its_value_is_not(police: HttpAgency) -> None:
    body = police.body()
    body["data"]["incident"]["time_precision"] = NAME
    async with police.client() as client:
        answer = await client.post("/events", json=body, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, "event_invalid")
    assert answer.json()["field"] == "incident.time_precision"
    assert NAME not in answer.text


async def test_a_refused_event_is_accepted_under_its_key_when_the_reason_is_gone(
    town: HttpPartnership, police: HttpAgency
) -> None:
    one, body = key(), police.body()
    town.clock.now -= 400 * 86_400_000  # before the agreement starts
    async with police.client(police.token(days=3_000)) as client:
        early = await client.post("/events", json=body, headers=one)
        town.clock.now += 400 * 86_400_000
        later = await client.post("/events", json=body, headers=one)
    assert (early.status_code, later.status_code) == (503, 201)
    assert early.headers["retry-after"]


async def test_a_state_that_cannot_be_written_is_503_and_nothing_is_accepted(
    police: HttpAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    from broker.store import backend

    monkeypatch.setattr(backend, "BUSY_TIMEOUT_S", 0.01)
    assert police.member.store._lock.acquire()
    try:
        async with police.client() as client:
            answer = await client.post("/events", json=police.body(), headers=key())
    finally:
        police.member.store._lock.release()
    assert (answer.status_code, answer.json()["code"]) == (503, "store_busy")
    assert str(police.root) not in answer.text
    assert police.entries("disclosure") == []


async def test_a_request_that_is_killed_after_its_transaction_has_one_effect(
    police: HttpAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the transaction and the answer; the client asks the new one."""
    one, body = key(), police.body()
    accept = police.source._acceptance.accept

    def killed(*arguments: object) -> object:
        accept(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(police.source._acceptance, "accept", killed)
    async with police.client() as client:
        with pytest.raises(BaseException):  # noqa: B017 - however the client sees it
            await client.post("/events", json=body, headers=one)
    police.member.restore(police.member.backup())
    police.start()
    async with police.client() as client:
        answer = await client.post("/events", json=body, headers=one)
    assert answer.status_code == 201
    with police.member.store.reading() as tx:
        (row,) = tx.outbox.pending(9)
    assert row.event_id == answer.json()["id"]
    assert len(police.entries("disclosure")) == 1


async def test_a_request_that_is_killed_before_its_transaction_ends_has_no_effect(
    police: HttpAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, body = key(), police.body()
    from broker.store.requests import Requests

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Requests, "keep", killed)
        async with police.client() as client:
            with pytest.raises(BaseException):  # noqa: B017 - however the client sees it
                await client.post("/events", json=body, headers=one)
    assert police.entries("disclosure") == []
    async with police.client() as client:
        answer = await client.post("/events", json=body, headers=one)
    assert answer.status_code == 201
    assert len(police.entries("disclosure")) == 1


async def test_the_state_of_a_sent_event_is_told(police: HttpAgency) -> None:
    async with police.client() as client:
        sent = (await client.post("/events", json=police.body(), headers=key())).json()["id"]
        before = (await client.get(f"/events/{sent}")).json()
        await police.send()
        after = (await client.get(f"/events/{sent}")).json()
        unknown = await client.get(f"/events/{uuid4()}")
        wrong = await client.get("/events/not-an-id")
    assert (before["direction"], before["state"], after["state"]) == (
        "sent",
        "accepted",
        "on_kafka",
    )
    assert before["later"] == []
    assert [(one.status_code, one.json()["code"]) for one in (unknown, wrong)] == [
        (404, "event_unknown")
    ] * 2
