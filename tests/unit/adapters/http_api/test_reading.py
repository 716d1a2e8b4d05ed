"""`GET /events`: received events in order after a cursor, as a page, a long poll or a stream."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.exchange import offering
from adapters.http_api import streams, tokens
from adapters.http_api.cursors import Cursors
from broker.agency.restored import RESTORED_FILE, restored_bytes
from broker.keys.instant import format_instant
from tests.support.founded_partnership import COUNCIL, DAY, POLICE
from tests.support.http_agency import HttpAgency, HttpPartnership, http_partnership, key, running


async def published(town: HttpPartnership, count: int = 1, **changes: object) -> list[str]:
    """The police's system publishes events, and the council receives and offers them."""
    police, found = town[POLICE], []
    async with police.client() as client:
        for _ in range(count):
            answer = await client.post("/events", json=police.body(**changes), headers=key())
            assert answer.status_code == 201, answer.text
            found.append(answer.json()["id"])
    await town.deliver(POLICE, COUNCIL)
    return found


async def test_events_come_in_order_with_cursors_and_each_is_a_consultation(
    town: HttpPartnership, council: HttpAgency
) -> None:
    sent = await published(town, 3)
    async with council.client() as client:
        first = (await client.get("/events", params={"limit": 2})).json()
        rest = (await client.get("/events", params={"after": first["next"]})).json()
        none = (await client.get("/events", params={"after": rest["next"]})).json()
        again = (await client.get("/events", params={"after": first["events"][0]["cursor"]})).json()
    got = [one["id"] for one in first["events"] + rest["events"]]
    assert sorted(got) == sorted(sent)
    assert none == {"events": [], "next": rest["next"]}
    assert [one["id"] for one in again["events"]] == got[1:]
    entries = council.entries("consultation")
    assert [one.event_id for one in entries] == [*got, *got[1:]]
    assert {(one.operator, one.acting_for) for one in entries} == {("adapter", "token housing")}


async def test_an_event_is_as_subscribe_prints_it_with_urgency_and_reasons(
    town: HttpPartnership, council: HttpAgency
) -> None:
    (sent,) = await published(town)
    async with council.client() as client:
        (event,) = (await client.get("/events")).json()["events"]
    assert list(event) == [
        "id", "type", "source", "time", "data", "withheld", "urgent", "withheld_reasons", "cursor",
    ]  # fmt: skip
    assert (event["id"], event["source"], event["urgent"]) == (sent, POLICE, False)
    assert event["withheld_reasons"].keys() == set(event["withheld"])
    assert set(event["withheld_reasons"].values()) <= {"field_not_granted", "consent_missing"}


async def test_cursors_hold_over_a_restart(town: HttpPartnership, council: HttpAgency) -> None:
    await published(town, 2)
    token = council.token()
    async with council.client(token) as client:
        first = (await client.get("/events", params={"limit": 1})).json()
    council.start()
    async with council.client(token) as client:
        rest = (await client.get("/events", params={"after": first["next"]})).json()
    assert len(rest["events"]) == 1
    assert rest["events"][0]["id"] != first["events"][0]["id"]


async def test_a_cursor_from_before_a_restore_is_cursor_unknown(
    town: HttpPartnership, council: HttpAgency
) -> None:
    """Numbers after the backup are given again: such a cursor would skip events."""
    await published(town)
    token = council.token()
    async with council.client(token) as client:
        page = (await client.get("/events")).json()
    (council.root / "state").mkdir(exist_ok=True)
    (council.root / RESTORED_FILE).write_bytes(restored_bytes("b" * 32, 1, 2))
    council.start()
    async with council.client(token) as client:
        answer = await client.get("/events", params={"after": page["next"]})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_unknown")


async def test_a_cursor_ahead_of_the_state_is_cursor_unknown(council: HttpAgency) -> None:
    ahead = Cursors(council.root, COUNCIL).format(7)
    async with council.client() as client:
        answer = await client.get("/events", params={"after": ahead})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_unknown")


@pytest.mark.parametrize("text", ["x", "é" * 19, "A" * 18, "=" * 19, "AAAAAAAAAAAAAAAAAAB"])
async def test_another_text_is_cursor_invalid(council: HttpAgency, text: str) -> None:
    async with council.client() as client:
        answer = await client.get("/events", params={"after": text})
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


async def test_removed_content_is_told_and_never_skipped(
    town: HttpPartnership, council: HttpAgency
) -> None:
    await published(town, 4)
    dashboard = council.token("dashboard", ("read",))
    async with council.client() as housing, council.client(dashboard) as other:
        begin = Cursors(council.root, COUNCIL).format(0)
        events = (await housing.get("/events")).json()["events"]
        for one in events[1:3]:
            await housing.post(f"/events/{one['id']}/result", json={"outcome": "imported"})
        page = (await other.get("/events", params={"after": begin})).json()
        gone = await other.get("/events", params={"after": page["next"]})
        assert (gone.status_code, gone.json()["code"], gone.json()["removed"]) == (
            410, "events_removed", 2,
        )  # fmt: skip
        last = (await other.get("/events", params={"after": gone.json()["next"]})).json()
        own = (await housing.get("/events", params={"after": begin})).json()
    assert [one["id"] for one in page["events"]] == [events[0]["id"]]
    assert [one["id"] for one in last["events"]] == [events[3]["id"]]
    # the system that sent the results knows of them, and continues without an error
    assert [one["id"] for one in own["events"]] == [events[0]["id"], events[3]["id"]]


async def test_without_a_cursor_reading_begins_at_the_first_event_without_a_result(
    town: HttpPartnership, council: HttpAgency
) -> None:
    await published(town, 2)
    async with council.client() as client:
        first, second = (await client.get("/events")).json()["events"]
        await client.post(f"/events/{first['id']}/result", json={"outcome": "imported"})
        left = (await client.get("/events")).json()["events"]
    assert [one["id"] for one in left] == [second["id"]]


async def test_a_long_poll_returns_when_an_event_comes(
    town: HttpPartnership, council: HttpAgency
) -> None:
    async with council.client() as client:
        asked = asyncio.create_task(client.get("/events", params={"wait": 30}))
        await asyncio.sleep(0.05)
        assert not asked.done()
        police = town[POLICE]
        async with police.client() as sender:
            await sender.post("/events", json=police.body(), headers=key())
        await town.deliver(POLICE, COUNCIL)
        council.sink._offering.bell.ring()
        answer = await asyncio.wait_for(asked, 5)
    assert len(answer.json()["events"]) == 1


async def test_a_long_poll_ends_with_the_adapter(council: HttpAgency) -> None:
    async with council.client() as client:
        asked = asyncio.create_task(client.get("/events", params={"wait": 60}))
        await running(council.sink, 0.05)
        answer = await asyncio.wait_for(asked, 5)
    assert answer.json()["events"] == []


async def test_a_stream_has_each_event_with_its_cursor_and_continues_after_it(
    town: HttpPartnership, council: HttpAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await published(town, 3)
    monkeypatch.setattr(streams, "LONGEST_S", 0.2)
    monkeypatch.setattr(streams, "ALIVE_S", 0.05)
    asked = {"accept": "text/event-stream"}
    async with council.client() as client:
        answer = await client.get("/events", headers=asked)
        assert answer.headers["content-type"].startswith("text/event-stream")
        messages = [one for one in answer.text.split("\n\n") if "event: event" in one]
        ids = [json.loads(one.split("data: ")[1])["id"] for one in messages]
        first = messages[0].splitlines()[0].removeprefix("id: ")
        again = await client.get("/events", headers={**asked, "last-event-id": first})
    assert sorted(ids) == sorted(sent)
    assert ": alive" in answer.text
    assert again.text.count("event: event") == 2
    assert ids[0] not in again.text


async def test_a_stream_ends_when_the_token_is_revoked(
    council: HttpAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "ALIVE_S", 0.02)
    token = council.token()
    (stored,) = tokens.stored_tokens(council.root)
    async with council.client(token) as client:
        asked = asyncio.create_task(client.get("/events", headers={"accept": "text/event-stream"}))
        await asyncio.sleep(0.05)
        tokens.revoke(council.root, stored.id, council.member.clock.now)
        answer = await asyncio.wait_for(asked, 5)
    assert '"api_token_wrong"' in answer.text


async def test_a_long_poll_gives_nothing_to_a_token_that_was_revoked_meanwhile(
    town: HttpPartnership, council: HttpAgency
) -> None:
    token = council.token()
    (stored,) = tokens.stored_tokens(council.root)
    async with council.client(token) as client:
        asked = asyncio.create_task(client.get("/events", params={"wait": 30}))
        await asyncio.sleep(0.05)
        assert not asked.done()
        tokens.revoke(council.root, stored.id, council.member.clock.now)
        await published(town)
        council.sink._offering.bell.ring()
        answer = await asyncio.wait_for(asked, 5)
    assert (answer.status_code, answer.json()["code"]) == (401, "api_token_wrong")
    assert council.entries("consultation") == []


async def test_more_than_eight_requests_of_one_token_do_not_wait(council: HttpAgency) -> None:
    async with council.client() as client:
        waiting = [
            asyncio.create_task(client.get("/events", params={"wait": 60})) for _ in range(8)
        ]
        await asyncio.sleep(0.1)
        answer = await client.get("/events", params={"wait": 1})
        await running(council.sink, 0.05)
        await asyncio.gather(*waiting)
    assert (answer.status_code, answer.json()["code"]) == (429, "readers_many")
    assert answer.headers["retry-after"]


async def test_unknown_parameters_and_numbers_out_of_range_are_refused(
    council: HttpAgency,
) -> None:
    async with council.client() as client:
        for query in ("x=1", "wait=61", "wait=-1", "limit=0", "limit=1e3", "limit=1&limit=2"):
            answer = await client.get(f"/events?{query}")
            assert (answer.status_code, answer.json()["code"]) == (400, "request_malformed"), query


async def test_an_event_that_cannot_be_read_is_held_and_the_others_are_offered(
    town: HttpPartnership, council: HttpAgency
) -> None:
    from sqlalchemy import text

    await published(town)
    police = town[POLICE]
    async with police.client() as client:
        await client.post("/events", json=police.body(), headers=key())
    await town.deliver(POLICE, COUNCIL)
    with council.member.store.transaction() as tx:
        tx.offers._connection.execute(text("DELETE FROM offers"))
        tx.offers._connection.execute(text("UPDATE inbox SET payload = x'00' WHERE seq = 1"))
    council.offer()
    async with council.client() as client:
        assert len((await client.get("/events")).json()["events"]) == 1
    assert [code for code, _ in council.held()] == ["store_corrupt"]


async def test_a_result_for_an_event_of_another_agency_is_unknown(council: HttpAgency) -> None:
    async with council.client() as client:
        answer = await client.post(f"/events/{uuid4()}/result", json={"outcome": "imported"})
    assert (answer.status_code, answer.json()["code"]) == (404, "event_unknown")


async def test_a_reader_asks_for_types_and_senders_and_reads_nothing_else(
    town: HttpPartnership, council: HttpAgency
) -> None:
    sent = await published(town, 2)
    async with council.client() as client:
        other = (await client.get("/events", params={"type": "case.updated"})).json()
        nobody = (await client.get("/events", params={"from": "cps-london,haven-support"})).json()
        rest = (await client.get("/events", params={"after": other["next"]})).json()
        assert council.entries("consultation") == []
        asked = {"type": "case.updated,referral.made", "from": POLICE}
        found = (await client.get("/events", params=asked)).json()
    assert other["events"] == nobody["events"] == rest["events"] == []
    assert sorted(one["id"] for one in found["events"]) == sorted(sent)
    assert found["next"] == other["next"]  # the cursor moves past what was left out


async def test_a_selection_that_leaves_much_out_is_looked_at_in_parts(
    town: HttpPartnership, council: HttpAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    await published(town, 5)
    begin = Cursors(council.root, COUNCIL)
    monkeypatch.setattr(offering, "MOST_ROWS", 2)
    asked = {"type": "case.updated"}
    async with council.client() as client:
        short = (await client.get("/events", params=asked)).json()
        whole = (await client.get("/events", params={**asked, "wait": 1})).json()
    assert short == {"events": [], "next": begin.format(2)}
    assert whole == {"events": [], "next": begin.format(5)}


async def test_reading_begins_at_a_time(town: HttpPartnership, council: HttpAgency) -> None:
    await published(town)
    town.clock.pass_(60_000)
    late = await published(town)
    async with council.client() as client:
        since = format_instant(town.clock.now)
        found = (await client.get("/events", params={"since": since})).json()
        none = (await client.get("/events", params={"since": format_instant(2**42)})).json()
        both = await client.get("/events", params={"since": since, "after": found["next"]})
    assert [one["id"] for one in found["events"]] == late
    assert none == {"events": [], "next": found["next"]}
    assert (both.status_code, both.json()["field"]) == (400, "since")


@pytest.mark.parametrize(
    ("name", "value"),
    [("type", ""), ("type", "a,,b"), ("type", "A"), ("from", "a b"), ("type", "a," * 3000 + "a"),
     ("replay", "yes"), ("since", "2026-01-01"), ("since", "")],
)  # fmt: skip
async def test_a_selection_that_is_malformed_is_refused(
    council: HttpAgency, name: str, value: str
) -> None:
    async with council.client() as client:
        answer = await client.get("/events", params={name: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "request_malformed")
    assert answer.json()["field"] == name


async def test_kept_content_is_read_again_until_it_has_had_its_time(tmp_path: Path) -> None:
    town = http_partnership(tmp_path, POLICE, COUNCIL, keep_days=2)
    council = town[COUNCIL]
    (sent,) = await published(town)
    begin = Cursors(council.root, COUNCIL).format(0)
    async with council.client() as client:
        await client.get("/events")
        await client.post(f"/events/{sent}/result", json={"outcome": "imported"})
        own = (await client.get("/events", params={"after": begin})).json()
        again = (await client.get("/events", params={"after": begin, "replay": "true"})).json()
        assert own["events"] == []
        assert [one["id"] for one in again["events"]] == [sent]
        assert council.sink._offering.clear_kept() == 0
        town.clock.pass_(2 * DAY)
        assert council.sink._offering.clear_kept() == 1
        gone = (await client.get("/events", params={"after": begin, "replay": "true"})).json()
        assert gone["events"] == []
    with council.member.store.reading() as tx:
        assert tx.inbox.find(POLICE, sent).payload is None  # type: ignore[union-attr]  # it is there
    town.close()


async def test_content_is_not_kept_unless_the_agency_says_so(
    town: HttpPartnership, council: HttpAgency
) -> None:
    (sent,) = await published(town)
    async with council.client() as client:
        await client.post(f"/events/{sent}/result", json={"outcome": "imported"})
    with council.member.store.reading() as tx:
        assert tx.inbox.find(POLICE, sent).payload is None  # type: ignore[union-attr]  # it is there
