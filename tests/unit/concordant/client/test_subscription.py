"""Subscriptions: each event has its effect once, whatever fails between the steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from concordant.client import Client, ClientError, Received
from concordant.testing import Partnership, TestAgency
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT

Send = Callable[..., str]


def cases(database: sqlite3.Connection) -> list[str]:
    return [row[0] for row in database.execute("SELECT event FROM cases ORDER BY rowid")]


def store(event: Received[Any], transaction: sqlite3.Connection) -> None:
    transaction.execute("INSERT INTO cases VALUES (?)", (event.id,))


def handle(event: Received[Any], database: sqlite3.Connection) -> None:
    with database:
        store(event, database)
        event.acknowledge(database)


def test_a_handler_its_effect_and_the_position_are_one_transaction(
    client: Client, send: Send, database: sqlite3.Connection, council: TestAgency
) -> None:
    sent = [send(), send()]

    def fails(event: Received[Any], transaction: sqlite3.Connection) -> None:
        store(event, transaction)
        raise RuntimeError

    events = client.subscribe("cases", positions=lambda: database, wait=0)
    with pytest.raises(RuntimeError):
        events.run(fails)
    assert cases(database) == []
    with client.subscribe("cases", positions=lambda: database, wait=0) as events:
        assert events.run(store) == 2
    assert sorted(cases(database)) == sorted(sent)
    with client.subscribe("cases", positions=lambda: database, wait=0) as events:
        assert events.run(store) == 0
    assert {council.state_of(one) for one in sent} == {"offered"}  # no results were asked for


def test_an_event_that_was_not_acknowledged_is_not_passed_over(
    client: Client, send: Send, database: sqlite3.Connection
) -> None:
    first = send()
    send()
    with client.subscribe("cases", positions=lambda: database, wait=0) as events:
        given = next(events)
        with pytest.raises(ClientError) as error:
            next(events)
        assert error.value.code == "event_not_acknowledged"
    with client.subscribe("cases", positions=lambda: database, wait=0) as events:
        assert next(events).id == given.id
    assert first


def test_an_acknowledgement_that_was_rolled_back_does_not_count(
    client: Client, send: Send, database: sqlite3.Connection
) -> None:
    send()
    with client.subscribe("cases", positions=lambda: database, wait=0) as events:
        event = next(events)
        event.acknowledge(database)
        database.rollback()
        with pytest.raises(ClientError) as error:
            next(events)
    assert error.value.code == "event_not_acknowledged"


def test_two_processes_of_one_subscription_have_the_effect_once(
    client: Client, send: Send, database: sqlite3.Connection
) -> None:
    send()
    with (
        client.subscribe("cases", positions=lambda: database, wait=0) as one,
        client.subscribe("cases", positions=lambda: database, wait=0) as other,
    ):
        mine, theirs = next(one), next(other)
        handle(mine, database)
        with pytest.raises(ClientError) as error:
            handle(theirs, database)
    assert error.value.code == "event_handled"
    assert cases(database) == [mine.id]


def test_results_are_told_after_the_commit_and_again_after_a_crash(
    client: Client, send: Send, tmp_path: Path, council: TestAgency
) -> None:
    sent, file = send(), tmp_path / "positions.db"
    events = client.subscribe("cases", positions=file, results=True, wait=0)
    next(events).acknowledge()
    assert council.state_of(sent) == "offered"  # the process ends here
    client.subscribe("cases", positions=file, results=True, wait=0)
    assert council.state_of(sent) == "imported"


def test_a_result_waits_for_an_adapter_that_is_away(
    client: Client, send: Send, council: TestAgency
) -> None:
    sent, trouble = send(), list[str]()
    events = client.subscribe(
        "cases", results=True, wait=0, on_trouble=lambda error: trouble.append(error.code)
    )
    next(events).acknowledge()
    council.stop()
    with pytest.raises(ClientError) as error:
        next(events)
    assert error.value.code == "client_unreachable"
    assert trouble == ["client_unreachable"]
    council.start()
    assert list(events) == []
    assert council.state_of(sent) == "offered"
    send()
    next(events).acknowledge()
    events.close()
    assert council.state_of(sent) == "imported"


def test_a_rejected_event_is_held_and_given_again_when_it_is_offered_again(
    client: Client, send: Send, council: TestAgency
) -> None:
    sent = send()
    with client.subscribe("cases", results=True, wait=0) as events:
        next(events).reject("unknown_tenant", "No tenant of this address.")
        assert list(events) == []
        assert council.state_of(sent) == "rejected"
        council.retry(sent)
        again = next(events)
        assert again.id == sent
        with pytest.raises(ClientError) as error:
            next(events)
        assert error.value.code == "event_not_acknowledged"  # the old rejection does not count
        again.acknowledge()
    assert council.state_of(sent) == "imported"


def test_a_result_waits_for_a_token_that_may_send_it(
    council: TestAgency, send: Send, tmp_path: Path
) -> None:
    sent, file, trouble = send(), tmp_path / "positions.db", list[str]()
    reader = council.client("reader", ("read",))
    with reader.subscribe(
        "cases", positions=file, results=True, wait=0,
        on_trouble=lambda error: trouble.append(error.code),
    ) as events:  # fmt: skip
        next(events).acknowledge()
        assert list(events) == []
    assert set(trouble) == {"api_scope_missing"}
    assert council.state_of(sent) == "offered"
    council.client("dashboard").subscribe("cases", positions=file, results=True, wait=0)
    assert council.state_of(sent) == "imported"


def test_trouble_without_a_callback_is_in_the_log(
    council: TestAgency, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    send()
    with council.client("reader", ("read",)).subscribe("cases", results=True, wait=0) as events:
        next(events).acknowledge()
    assert "api_scope_missing" in caplog.text


@pytest.mark.parametrize(
    ("reason", "text"), [("Unknown", ""), ("", ""), ("a" * 49, ""), ("a b", ""), ("x", "y" * 501)]
)
def test_a_malformed_rejection_is_refused_before_it_is_stored(
    client: Client, send: Send, reason: str, text: str
) -> None:
    send()
    event = next(client.subscribe("cases", results=True, wait=0))
    with pytest.raises(ClientError) as error:
        event.reject(reason, text)
    assert error.value.code == "result_malformed"


def test_a_subscription_without_results_cannot_reject(client: Client, send: Send) -> None:
    send()
    with client.subscribe("cases", wait=0) as events, pytest.raises(ClientError) as error:
        next(events).reject("unknown_tenant")
    assert error.value.code == "results_off"


def test_types_and_senders_choose_events(
    client: Client, send: Send, partnership: Partnership
) -> None:
    sent = send()
    support = partnership[SUPPORT]
    other = support.publish(support.example("referral.made", [COUNCIL])).id
    for chosen, expected in (
        ({"types": ["case.updated"]}, []),
        ({"types": ["referral.made"], "senders": [POLICE]}, [sent]),
        ({"senders": [SUPPORT]}, [other]),
        ({}, [sent, other]),
    ):
        with client.subscribe("cases", wait=0, **chosen) as events:  # type: ignore[call-overload]  # several at once
            found = []
            for event in events:
                found.append(event.id)
                event.acknowledge()
        assert sorted(found) == sorted(expected)


def test_a_new_subscription_replays_what_is_still_kept(
    client: Client, send: Send, tmp_path: Path
) -> None:
    sent, now = send(), datetime.now(UTC)
    with client.subscribe("cases", results=True, wait=0) as events:
        next(events).acknowledge()
    starts = {"earliest": 1, now - timedelta(minutes=5): 1, now + timedelta(minutes=5): 0, None: 0}
    for start, count in starts.items():
        with client.subscribe("replay", start=start, wait=0) as events:  # type: ignore[call-overload]  # several at once
            found = []
            for event in events:
                found.append(event.id)
                event.acknowledge()
        assert found == [sent] * count


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"name": "Cases"}, "subscription_name"),
        ({"name": "c", "types": "referral.made"}, "subscription_filter_invalid"),
        ({"name": "c", "types": [int]}, "subscription_filter_invalid"),
        ({"name": "c", "start": datetime(2026, 1, 1)}, "subscription_start_invalid"),
        ({"name": "c", "start": "latest"}, "subscription_start_invalid"),
        ({"name": "c", "positions": Path("/nowhere/positions.db")}, "positions_unusable"),
        ({"name": "c", "positions": Path(__file__)}, "positions_unusable"),
    ],
)
def test_a_subscription_that_cannot_be_opened_says_so(
    client: Client, options: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as error:
        client.subscribe(**options)
    assert error.value.code == code
    assert error.value.fix


def test_a_token_without_the_scope_is_refused_and_not_retried(council: TestAgency) -> None:
    events = council.client("writer", ("publish",)).subscribe("cases")
    with pytest.raises(ClientError) as error:
        next(events)
    assert (error.value.code, error.value.status) == ("api_scope_missing", 403)
