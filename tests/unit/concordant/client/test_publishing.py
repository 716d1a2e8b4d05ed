"""Publishing: at once, or with a transaction of the caller's database; accepted once in both."""

from __future__ import annotations

import sqlite3

import pytest

from concordant.client import Client, ClientError, Event, Queued, Relayed
from concordant.testing import TestAgency
from tests.support.founded_partnership import COUNCIL, POLICE


def rows(database: sqlite3.Connection) -> list[tuple[str, str | None, str | None]]:
    found = database.execute("SELECT id, state, code FROM concordant_outbox ORDER BY position")
    return found.fetchall()


def test_an_event_reaches_its_recipient_and_a_repeat_is_accepted_once(
    police: TestAgency, council: TestAgency
) -> None:
    event = police.example("referral.made", [COUNCIL])
    client = police.client("housing")
    accepted = client.publish(event, key="key-1")
    assert client.publish(event, key="key-1") == accepted
    (received,) = council.received()
    assert (received.id, received.source, received.type) == (accepted.id, POLICE, event.type)
    assert client.status(accepted.id)["state"] == "on_kafka"


def test_a_refused_event_says_what_is_wrong_and_where(police: TestAgency) -> None:
    event = police.example("referral.made", [COUNCIL])
    with pytest.raises(ClientError) as error:
        police.publish(Event(event.type, event.to, {**event.data, "urgency": "soon"}))
    assert (error.value.status, error.value.code) == (422, "event_invalid")
    assert error.value.retry_s is None
    with pytest.raises(ClientError) as error:
        police.publish(event, key="two words")
    assert error.value.code == "idempotency_key_invalid"


def test_an_event_is_sent_only_if_its_transaction_is_committed(
    police: TestAgency, council: TestAgency, database: sqlite3.Connection
) -> None:
    client = police.client("housing")
    event = police.example("referral.made", [COUNCIL])
    client.publish(event, transaction=database)
    database.rollback()
    with database:
        queued = client.publish(event, transaction=database, key="key-2")
    assert queued == Queued("key-2")
    assert council.received() == []
    assert client.relay(lambda: database) == Relayed(accepted=1)
    assert [one.key for one in police.events_sent] == ["key-2"]
    assert rows(database) == [("key-2", "accepted", None)]
    assert client.relay(lambda: database) == Relayed()


def test_a_row_whose_answer_was_lost_is_accepted_once(
    police: TestAgency, database: sqlite3.Connection, council: TestAgency
) -> None:
    client = police.client("housing")
    with database:
        client.publish(police.example("referral.made", [COUNCIL]), transaction=database)
    client.relay(lambda: database)
    with database:
        database.execute("UPDATE concordant_outbox SET answered_at = NULL, state = NULL")
    assert client.relay(lambda: database) == Relayed(accepted=1)
    assert len(police.events_sent) == len(council.received()) == 1


def test_a_refused_row_stays_with_the_reason_and_the_others_are_sent(
    police: TestAgency, database: sqlite3.Connection
) -> None:
    client = police.client("housing")
    good = police.example("referral.made", [COUNCIL])
    bad = Event(good.type, good.to, {**good.data, "urgency": "soon"})
    with database:
        for key, event in (("1", bad), ("2", good)):
            client.publish(event, transaction=database, key=key)
    assert client.relay(lambda: database) == Relayed(accepted=1, refused=1)
    assert [row[:2] for row in rows(database)] == [("1", "refused"), ("2", "accepted")]
    assert rows(database)[0][2] is not None


def test_rows_wait_for_an_adapter_that_is_away(
    police: TestAgency, council: TestAgency, database: sqlite3.Connection
) -> None:
    client = police.client("housing")
    with database:
        client.publish(police.example("referral.made", [COUNCIL]), transaction=database)
    police.stop()
    with pytest.raises(ClientError) as error:
        client.relay(lambda: database)
    assert error.value.retry_s is not None
    assert [row[1] for row in rows(database)] == [None]
    police.start()
    assert client.relay(lambda: database) == Relayed(accepted=1)
    assert len(council.received()) == 1


def test_a_token_that_may_not_publish_refuses_no_row(
    police: TestAgency, database: sqlite3.Connection
) -> None:
    client: Client = police.client("reader", ("read",))
    with database:
        client.publish(police.example("referral.made", [COUNCIL]), transaction=database)
    with pytest.raises(ClientError) as error:
        client.relay(lambda: database)
    assert error.value.code == "api_scope_missing"
    assert [row[1] for row in rows(database)] == [None]


def test_a_row_with_a_key_that_cannot_be_used_does_not_stop_the_others(
    police: TestAgency, database: sqlite3.Connection
) -> None:
    client = police.client("housing")
    with database:
        for key in ("1", "2"):
            client.publish(
                police.example("referral.made", [COUNCIL]), transaction=database, key=key
            )
        database.execute("UPDATE concordant_outbox SET id = 'two words' WHERE id = '1'")
    assert client.relay(lambda: database) == Relayed(accepted=1, refused=1)
    assert rows(database)[0] == ("two words", "refused", "idempotency_key_invalid")


async def test_the_awaited_client_does_the_same(
    police: TestAgency, council: TestAgency, database: sqlite3.Connection
) -> None:
    event = police.example("referral.made", [COUNCIL])
    async with police.async_client("housing") as client:
        accepted = await client.publish(event, key="key-1")
        assert await client.publish(event, key="key-1") == accepted
        with database:
            await client.publish(
                police.example("referral.made", [COUNCIL]), transaction=database, key="key-2"
            )
            await client.publish(
                Event("referral.made", [COUNCIL], {}), transaction=database, key="key-3"
            )
        assert await client.relay(lambda: database) == Relayed(accepted=1, refused=1)
    assert len(council.received()) == 2
