"""Delivery to a webhook: once each, in the order of a case, until it is given up visibly."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from adapters.webhook import sink as sink_module
from adapters.webhook.sink import RetrySchedule
from tests.support.founded_partnership import POLICE
from tests.support.webhook_receiver import Reply, Taken, WebhookReceiver
from tests.unit.adapters.webhook.conftest import WebhookCouncil, running

REJECTED = json.dumps({"outcome": "rejected", "reason": "unknown_tenant", "text": "none"}).encode()
DAY_MS = 86_400_000


def failing(status: int, times: int, then: Reply = (204, {}, b"")) -> Callable[[Taken], Reply]:
    """Answer a status for each event so many times, then another."""
    seen: dict[str, int] = {}

    def reply(one: Taken) -> Reply:
        seen[one.message] = seen.get(one.message, 0) + 1
        return (status, {}, b"") if seen[one.message] <= times else then

    return reply


async def test_an_event_is_sent_signed_in_the_form_of_the_http_side_and_is_delivered(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    (event,) = await council.receive()
    await running(council.sink(receiver), lambda: council.waiting() == 0)
    (taken,) = receiver.taken
    assert taken.event["id"] == event
    assert taken.event["source"] == POLICE
    assert taken.event.keys() >= {"id", "type", "source", "time", "data", "withheld", "urgent"}
    assert taken.event["withheld_reasons"].keys() == set(taken.event["withheld"])
    assert taken.headers["content-type"] == "application/json"
    with council.member.store.reading() as tx:
        row = tx.inbox.find(POLICE, event)
    assert row is not None
    assert (row.payload, row.sink_reference) == (None, "webhook side")
    assert council.failing() == 0


async def test_a_rejection_holds_the_event_and_a_retry_sends_it_again_with_the_same_id(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    await council.receive()
    receiver.reply = lambda _: (422, {}, REJECTED)
    await running(council.sink(receiver), lambda: council.held() != [])
    assert council.held() == [("rejected_by_system", "unknown_tenant: none")]
    receiver.reply = lambda _: (200, {}, b"")
    council.release()
    await running(council.sink(receiver), lambda: council.waiting() == 0)
    first, second = receiver.taken
    assert first.message == second.message
    assert council.held() == []


async def test_a_failed_attempt_is_repeated_with_the_same_id_until_it_succeeds(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    (event,) = await council.receive()
    receiver.reply = failing(500, 3)
    sink = council.sink(receiver)
    seen: list[int] = []

    def tick() -> None:
        council.clock.pass_(100)
        seen.append(council.failing())

    await running(sink, lambda: council.waiting() == 0, tick=tick)
    assert receiver.events() == [event] * 4
    assert list(receiver.counts().values()) == [4]
    assert max(seen) == 1
    assert council.failing() == 0
    text = council.metrics.text().decode()
    assert 'concordant_delivery_faults_total{code="webhook_refused"} 3.0' in text


async def test_after_the_declared_time_it_is_webhook_gave_up_and_is_held_until_a_retry(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    await council.receive()
    receiver.reply = lambda _: (500, {}, b"")
    sink = council.sink(receiver, give_up_after=60.0)
    await running(sink, lambda: council.held() != [], tick=lambda: council.clock.pass_(5_000))
    ((code, detail),) = council.held()
    assert code == "webhook_gave_up"
    assert "500" in detail
    assert council.failing() == 0
    sent = len(receiver.taken)
    council.release()
    receiver.reply = lambda _: (204, {}, b"")
    await running(council.sink(receiver), lambda: council.waiting() == 0)
    assert len(receiver.taken) == sent + 1
    assert len(receiver.counts()) == 1


async def test_a_restart_goes_on_with_the_stored_time_of_the_first_attempt(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    await council.receive()
    receiver.reply = lambda _: (500, {}, b"")
    await running(council.sink(receiver), lambda: council.failing() == 1)
    with council.member.store.reading() as tx:
        first = tx.attempts.failing().since_ms
    council.clock.pass_(3 * DAY_MS)  # the adapter did not run
    await running(council.sink(receiver), lambda: council.held() != [])
    ((code, _),) = council.held()
    assert (code, first is not None) == ("webhook_gave_up", True)
    assert len(receiver.counts()) == 1


async def test_an_attempt_that_was_stored_under_a_wrong_clock_is_repeated_at_once(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    await council.receive()
    right = council.clock.now
    receiver.reply = lambda _: (500, {}, b"")
    council.clock.pass_(30 * DAY_MS)  # the clock is wrong, and is corrected in a moment
    await running(council.sink(receiver), lambda: council.failing() == 1)
    council.clock.now = right
    receiver.taken.clear()
    await running(council.sink(receiver), lambda: len(receiver.taken) == 1)
    with council.member.store.reading() as tx:
        since = tx.attempts.failing().since_ms
    assert since is not None
    assert since <= council.clock.now
    receiver.reply = lambda _: (204, {}, b"")
    council.clock.pass_(1_000)
    await running(council.sink(receiver), lambda: council.waiting() == 0)


async def test_a_connection_that_breaks_before_the_answer_sends_the_event_again(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    """At least once: the endpoint may have it already, and knows it by its id."""
    await council.receive()
    receiver.reply = failing(0, 2)
    sink = council.sink(receiver)
    await running(sink, lambda: council.waiting() == 0, tick=lambda: council.clock.pass_(100))
    assert list(receiver.counts().values()) == [3]


async def test_later_events_of_a_case_wait_and_other_cases_do_not(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    case = str(uuid4())
    first, second = await council.receive(2, case_id=case)
    others = [(await council.receive())[0] for _ in range(3)]
    receiver.reply = lambda one: (500 if one.event["id"] == first else 204, {}, b"")
    sink = council.sink(receiver, retry_first=3600.0, retry_most=3600.0)
    await running(sink, lambda: council.waiting() == 2)
    assert set(receiver.events()) == {first, *others}
    assert second not in receiver.events()
    receiver.reply = lambda _: (204, {}, b"")
    council.clock.pass_(DAY_MS)
    await running(council.sink(receiver), lambda: council.waiting() == 0)
    assert receiver.events()[-2:] == [first, second]


async def test_events_of_one_case_keep_their_order_with_many_requests_at_once(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    sent = [await council.receive(4, case_id=str(uuid4())) for _ in range(3)]
    generator = random.Random(7)
    receiver.reply = lambda _: (500 if generator.random() < 0.4 else 204, {}, b"")
    sink = council.sink(receiver, requests=8)
    await running(sink, lambda: council.waiting() == 0, tick=lambda: council.clock.pass_(200))
    last = {event: place for place, event in enumerate(receiver.events())}
    assert set(last) == {event for case in sent for event in case}
    for case in sent:
        places = [last[event] for event in case]
        assert places == sorted(places)


async def test_the_number_of_requests_at_once_is_bounded(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    for _ in range(7):
        await council.receive()
    gate = threading.Barrier(3)

    def reply(_: Taken) -> Reply:
        try:
            gate.wait(0.3)
        except threading.BrokenBarrierError:
            gate.reset()
        return 204, {}, b""

    receiver.reply = reply
    await running(council.sink(receiver, requests=3), lambda: council.waiting() == 0)
    assert receiver.most == 3


async def test_gone_stops_all_requests_until_a_restart_and_is_trouble(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    """Code webhook_gone: the events wait, and none is held or lost."""
    for _ in range(3):
        await council.receive()
    receiver.reply = lambda _: (410, {}, b"")
    sink = council.sink(receiver, requests=1)
    turns = 0

    def later() -> bool:
        nonlocal turns
        turns += 1
        return turns > 20 and sink.trouble() == "webhook_gone"

    await running(sink, later, tick=lambda: council.clock.pass_(60_000))
    assert len(receiver.taken) == 1
    assert (council.waiting(), council.held()) == (3, [])
    receiver.reply = lambda _: (204, {}, b"")
    await running(council.sink(receiver), lambda: council.waiting() == 0)


async def test_retry_after_lets_every_event_wait_up_to_the_longest_pause(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    for _ in range(4):
        await council.receive()
    first = True

    def reply(_: Taken) -> Reply:
        nonlocal first
        answer = (429, {"retry-after": "1"}, b"") if first else (204, {}, b"")
        first = False
        return answer

    receiver.reply = reply
    sink = council.sink(receiver, requests=1, retry_most=0.4)
    await running(sink, lambda: council.waiting() == 0, tick=lambda: council.clock.pass_(100))
    begin, *rest = [one.at_s for one in receiver.taken]
    assert 0.35 <= min(rest) - begin < 1.0


async def test_an_endpoint_that_cannot_be_reached_is_trouble_and_loses_nothing(
    council: WebhookCouncil, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "TROUBLE_S", 0.05)
    for _ in range(5):
        await council.receive()
    receiver.url, good = "http://127.0.0.1:9/events", receiver.url
    sink = council.sink(receiver)
    await running(
        sink,
        lambda: sink.trouble() == "webhook_unreachable" and council.failing() > 1,
        tick=lambda: council.clock.pass_(500),
    )
    assert council.waiting() == 5
    receiver.url = good
    council.clock.pass_(DAY_MS)
    sink = council.sink(receiver)
    await running(sink, lambda: council.waiting() == 0)
    assert (sink.trouble(), len(receiver.counts())) == (None, 5)


async def test_a_missing_secret_is_trouble_at_once_and_counts_again_when_it_is_there(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    await council.receive()
    sink = council.sink(receiver)
    secret = council.folder / "webhook-secret"
    content = secret.read_text()
    secret.unlink()

    def corrected() -> bool:
        if sink.trouble() == "webhook_secret_unusable" and not secret.exists():
            secret.write_text(content)
            secret.chmod(0o600)
        return council.waiting() == 0

    await running(sink, corrected, tick=lambda: council.clock.pass_(500))
    assert len(receiver.taken) == 1


async def test_an_event_that_cannot_be_read_is_held_and_the_others_are_sent(
    council: WebhookCouncil, receiver: WebhookReceiver
) -> None:
    from sqlalchemy import text

    (damaged,) = await council.receive()
    (good,) = await council.receive()
    with council.member.store.transaction() as tx:
        tx.inbox._connection.execute(
            text("UPDATE inbox SET payload = :p WHERE event_id = :e"), {"p": b"{", "e": damaged}
        )
    await running(council.sink(receiver), lambda: council.waiting() == 0 and council.held() != [])
    assert receiver.events() == [good]
    assert len(council.held()) == 1


def test_the_pauses_double_have_a_random_part_and_end_with_the_declared_time() -> None:
    schedule = RetrySchedule(first_s=10, most_s=1000, give_up_s=5000)
    for tries, whole in ((1, 10), (2, 20), (5, 160), (20, 1000)):
        pauses = {schedule.next_ms(tries, 0, 1, None) - 1 for _ in range(200)}
        assert min(pauses) >= whole * 500
        assert max(pauses) <= whole * 1000
        assert len(pauses) > 50
    assert schedule.next_ms(1, 0, 1, after_s=400.0) == 400_001
    assert schedule.next_ms(1, 0, 1, after_s=1e9) == 1_000_001
    assert schedule.next_ms(20, 0, 4_999_000, None) == 5_000_000
    assert not schedule.given_up(0, 4_999_999)
    assert schedule.given_up(0, 5_000_000)


async def test_the_log_holds_no_value_of_an_event_or_of_an_answer(
    council: WebhookCouncil, receiver: WebhookReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "Zephyrine"
    await council.receive()
    replies: Iterator[Reply] = iter([(500, {}, name.encode())] * 2)
    rejected = REJECTED.replace(b"none", name.encode())
    receiver.reply = lambda _: next(replies, (422, {}, rejected))
    sink = council.sink(receiver)
    await running(sink, lambda: council.held() != [], tick=lambda: council.clock.pass_(500))
    shown = capsys.readouterr()
    assert name in council.held()[0][1]
    assert name not in shown.out + shown.err
    assert str(council.folder) not in shown.out + shown.err
