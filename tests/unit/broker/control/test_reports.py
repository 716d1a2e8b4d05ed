"""Reports between two agencies in memory: made by the clock, sealed, taken, final.

docs/spec/reports.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from broker.control import reports_taken
from broker.control.budgets import REPORTS_A_PERIOD
from broker.control.news import News
from broker.control.own_reports import FORGET_EVERY_MS, period
from broker.control.reports_taken import EARLY_AHEAD_MS, EARLY_KEPT
from broker.errors import StoreError, TransportError
from broker.keys.issuing import ManifestChanges, listed_key
from broker.keys.kid import ED25519, EXCHANGE, RECEIPT, XWING
from broker.keys.manifest import StandingEntry
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.observing.state_gauges import NOT_TAKEN_SHOWN_MS
from broker.receiving.quarantining import tell_refused
from broker.record import REPORT_CONTENT_TYPE, Record
from broker.registry.manifests import ManifestBook
from broker.registry.report_intervals import report_intervals
from broker.service.reporting import report_news
from broker.statements.authorship import author
from broker.statements.reports import (
    MAX_ENTRIES,
    ReportEntry,
    ReportPlace,
    parse_report,
    seal_report,
)
from broker.store.results import MAX_REFUSED
from contracts.durations import DAY_MS
from tests.support.founded_partnership import (
    COUNCIL,
    HOUR,
    NOW,
    POLICE,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_agency import MemoryAgency, at_offsets
from tests.support.memory_control import ControlNode, KeysOfAllTimes, origin_of
from tests.support.reporting_town import Town
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log

REPORT = REPORT_CONTENT_TYPE


@pytest.fixture
def town(police: MemoryAgency, council: MemoryAgency) -> Town:
    return Town(police, council)


def to_police(records: list[Record]) -> list[Record]:
    return [one for one in records if parse_report(one.value or b"").place.to == POLICE]


async def test_the_sender_learns_that_the_recipients_system_has_the_event(town: Town) -> None:
    (event,) = await town.receive()
    assert town.states(event) == {COUNCIL: (None, None)}
    town.decide(event)
    news = await town.tell()
    assert [(one.agency, one.changed) for one in news.reports] == [(COUNCIL, {"delivered": 1})]
    assert town.states(event) == {COUNCIL: ("delivered", "")}


async def test_put_aside_may_become_delivered_which_is_final(town: Town) -> None:
    (event,) = await town.receive()
    for code, state in (
        ("rejected_by_system", ("put_aside", "rejected_by_system")),
        ("unknown_value", ("put_aside", "mapping_failed")),
        (None, ("delivered", "")),
    ):
        town.decide(event, code)
        await town.tell()
        assert town.states(event) == {COUNCIL: state}
    with town.police.store.transaction() as tx:
        assert not tx.recipients.told(COUNCIL, event, "refused", "event_invalid", NOW * 2, NOW)
        assert not tx.recipients.told(SUPPORT, event, "delivered", "", NOW * 2, NOW)


async def test_a_report_that_comes_days_later_is_shown_from_its_arrival(town: Town) -> None:
    first, second = await town.receive(2)
    town.decide(first, "rejected_by_system")
    town.council.clock.pass_(HOUR)
    await town.reports.look()
    town.council.clock.pass_(NOT_TAKEN_SHOWN_MS + DAY_MS)  # the police were away
    town.hear()
    since = town.police.clock.now - NOT_TAKEN_SHOWN_MS
    with town.police.store.transaction() as tx:
        assert tx.recipients.told(COUNCIL, second, "refused", "event_invalid", NOW * 2, since)
        assert tx.recipients.not_taken(since) == {"put_aside": 1, "refused": 1}
        # a recipient's clock that is ahead puts its event neither first nor on the list for longer
        assert [one.event_id for one in tx.recipients.newest_not_taken(since, 2)] == [first, second]
        assert tx.recipients.not_taken(since + 1) == {"put_aside": 1}


async def test_a_discard_and_an_erasure_by_a_person_are_a_refusal(town: Town) -> None:
    discarded, erased = await town.receive(), await town.receive()
    for event in (*discarded, *erased):
        town.decide(event, "mapping_failed")
    await town.tell()
    with town.council.store.transaction() as tx:
        first, second = (tx.inbox.find(POLICE, one) for one in (*discarded, *erased))
        assert first is not None
        assert second is not None
        assert tx.inbox.discard(first.seq, NOW)
        assert tx.inbox.forget_case(second.case_key, NOW)
    await town.tell()
    for event in (*discarded, *erased):
        assert town.states(event) == {COUNCIL: ("refused", "refused_by_recipient")}


def suspended(world: FoundedPartnership) -> ManifestBook:
    """The police have suspended their part, and do not act on it."""
    entry = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="suspended",
        since=NOW,
        reason="dispute",
    )
    return world.reissue(POLICE, ManifestChanges(standing=(entry,)), NOW)


async def test_a_refused_record_is_reported_by_the_id_in_the_clear(town: Town) -> None:
    town.council.believe(town.council.contracts, suspended(town.council.world))
    town.council.clock.pass_(HOUR)
    (event,) = await town.police.send(1)
    batch = town.council.take(at_offsets(town.police.log()))
    assert [code for _, _, _, code in batch.refused] == ["suspended"]
    assert {index for _, index in batch.told} == {0}
    await town.tell()
    assert town.states(event) == {COUNCIL: ("refused", "suspended")}
    with town.police.store.transaction() as tx:  # a retry opens it, and the system takes it
        assert tx.recipients.told(COUNCIL, event, "delivered", "", NOW * 2, NOW)


async def test_a_record_with_the_id_of_an_event_that_was_taken_changes_nothing(town: Town) -> None:
    (event,) = await town.receive()
    with town.council.store.transaction() as tx:
        value = b"\x01" + UUID(event).bytes + bytes(100)
        assert tell_refused(tx, POLICE, value, "id_reused", NOW)
        assert tx.results.waiting() == {}


def test_a_value_without_an_id_cannot_be_reported(council: MemoryAgency) -> None:
    with council.store.transaction() as tx:
        for value in (None, b"", b"\x01" + bytes(15), b"\x02" + bytes(100)):
            assert not tell_refused(tx, POLICE, value, "value_malformed", NOW)


async def test_no_notice_in_the_clear_goes_for_what_a_report_states(
    node: ControlNode, log: Log
) -> None:
    log.send(value())
    origin = origin_of(log)
    node.notices.refused(origin, 3, reported=True)
    assert await node.notices.flush() == 0
    node.notices.refused(origin, 4)  # its value has no id
    node.notices.refused(replace(origin, agency="no-party"), 5, reported=True)
    assert await node.notices.flush() == 2


# --- by the clock ---------------------------------------------------------------------------------


async def test_reports_go_by_the_clock_also_with_nothing_to_say(town: Town) -> None:
    """Vector 17: presence, times and sizes are equal with and without traffic."""

    async def hours(count: int, *, busy: bool) -> list[tuple[str, int, int]]:
        first = len(town.topic)
        began = town.council.clock.now
        for _ in range(count * 4):
            if busy:
                for event in await town.receive(3):
                    town.decide(event)
            await town.reports.look()
            town.council.clock.pass_(HOUR // 4)
        return [
            (place.to, place.time_ms - began, len(one.value or b""))
            for one in town.topic[first:]
            if (place := parse_report(one.value or b"").place)
        ]

    await town.reports.look()
    quiet = await hours(3, busy=False)
    assert await hours(3, busy=True) == quiet
    parties = town.council.world.contract.by_id.keys() - {COUNCIL}
    senders = report_intervals(town.council.contracts, town.council.manifests, NOW)
    assert set(senders.values()) == {HOUR}
    assert len(quiet) == 3 * len(senders)
    assert senders.keys() <= parties
    # the note names both agencies in the clear, so the size depends on their ids alone
    assert len({size - len(to) for to, _, size in quiet}) == 1


def test_the_pairs_of_agencies_do_not_report_at_once() -> None:
    begins = {
        next(at for at in range(0, HOUR, 1000) if period("d", "a", to, HOUR, at) == 0)
        for to in ("b", "c", "e", "f")
    }
    assert len(begins) == 4


async def test_a_result_that_does_not_fit_waits_for_the_next_report(town: Town) -> None:
    with town.council.store.transaction() as tx:
        for number in range(MAX_ENTRIES + 5):
            tx.results.refused(POLICE, str(UUID(int=number)), "event_invalid", NOW + number)
    await town.tell()
    with town.council.store.reading() as tx:
        assert tx.results.waiting() == {POLICE: 5}
    await town.tell()
    with town.council.store.reading() as tx:
        assert tx.results.waiting() == {}


def test_a_flood_of_refused_records_does_not_grow_the_table(council: MemoryAgency) -> None:
    with council.store.transaction() as tx:
        noted = [
            tx.results.refused(POLICE, str(UUID(int=number)), "event_invalid", NOW)
            for number in range(MAX_REFUSED + 10)
        ]
        assert noted.count(True) == MAX_REFUSED
        assert tx.results.refused(SUPPORT, str(UUID(int=1)), "event_invalid", NOW)
        assert tx.results.waiting() == {POLICE: MAX_REFUSED, SUPPORT: 1}


async def test_a_contract_without_reports_has_none(town: Town) -> None:
    quiet = town.council.world.contract.model_copy(update={"report_every": "none"})
    assert quiet.report_every_ms is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(quiet), "report_every_ms", None)
        (event,) = await town.receive()
        town.decide(event)
        assert await town.reports.look() == 0
        with town.council.store.reading() as tx:
            assert tx.results.waiting() == {}
        (later,) = await town.receive()
        town.decide(later)
        town.council.clock.pass_(FORGET_EVERY_MS)
        assert await town.reports.look() == 0
        with town.council.store.reading() as tx:
            assert tx.results.waiting() == {}


# --- crashes and other processes ------------------------------------------------------------------


async def test_a_crash_repeats_a_report_with_its_time_and_its_entries(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = await town.receive()
    town.decide(first)
    town.council.clock.pass_(HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(town.reports, "_end", crash)
        with pytest.raises(StoreError):
            await town.reports.look()
    (second,) = await town.receive()
    town.decide(second)
    town.council.clock.pass_(5000)
    again = town.another()
    await again.look()
    one, other = (parse_report(record.value or b"").place for record in to_police(town.topic))
    assert one == other
    news = town.hear()
    assert [report.changed for report in news.reports] == [{"delivered": 1}]
    assert town.states(second) == {COUNCIL: (None, None)}
    town.reports = again
    await town.tell()
    assert town.states(second) == {COUNCIL: ("delivered", "")}


def crash(*_arguments: object) -> None:
    raise StoreError("the machine stops", code="store_failed")


async def test_two_processes_of_one_agency_do_not_send_two_reports(town: Town) -> None:
    await town.reports.look()
    count = len(town.topic)
    other = town.council.another_relay()
    other.take_lock("another process")
    town.council.clock.pass_(HOUR)
    with pytest.raises(StoreError) as caught:
        await town.reports.look()
    assert caught.value.code == "lease_lost"
    assert len(town.topic) == count


async def test_a_report_that_kafka_does_not_take_is_sent_later(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event,) = await town.receive()
    town.decide(event)

    async def refuse(_records: object) -> None:
        raise TransportError("away", code="kafka_unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(town.council.transport, "send", refuse)
        with pytest.raises(TransportError):
            await town.tell()
    await town.tell()
    assert town.states(event) == {COUNCIL: ("delivered", "")}


async def refused_by_kafka(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next report is begun, and Kafka does not take it."""

    async def refuse(_records: object) -> None:
        raise TransportError("away", code="kafka_unreachable")

    town.council.clock.pass_(HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(town.council.transport, "send", refuse)
        with pytest.raises(TransportError):
            await town.reports.look()
    town.council.clock.pass_(HOUR)


def renewed(town: Town, agency: str, role: str, algorithm: str) -> bytes:
    """The id of a new key of an agency, which begins now; both agencies know it."""
    world, now = town.council.world, town.council.clock.now
    ring = world.participants[agency].keyring
    entry = ring.create(role, algorithm, not_before=now - 1000, not_after=now + 20 * DAY_MS)
    listed = listed_key(entry, ring, deployment=world.deployment, agency=agency)
    books = world.reissue(agency, ManifestChanges(add_keys=(listed,)), now)
    town.council.believe(town.council.contracts, books)
    town.council.terms.manifests = books
    keyring = ring if agency == POLICE else None
    town.sender.trust.believe(town.sender.trust.contracts, books, keyring)
    return entry.kid


async def test_a_report_that_waited_while_the_recipients_exchange_key_changed_is_opened(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event,) = await town.receive()
    town.decide(event)
    await refused_by_kafka(town, monkeypatch)
    kid = renewed(town, POLICE, EXCHANGE, XWING)
    assert town.council.terms.exchange_key(POLICE, town.council.clock.now).kid == kid
    await town.reports.look()
    news = town.hear()
    assert news.reports_dropped == []
    assert [one.changed for one in news.reports] == [{"delivered": 1}]
    assert town.states(event) == {COUNCIL: ("delivered", "")}


async def test_a_report_that_waited_while_the_own_receipt_key_changed_is_verified(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event,) = await town.receive()
    town.decide(event)
    await refused_by_kafka(town, monkeypatch)
    kid = renewed(town, COUNCIL, RECEIPT, ED25519)
    participant = town.council.world.participants[COUNCIL]
    signer = author(participant.key_name, participant.keyring.signer(kid))
    monkeypatch.setattr(KeysOfAllTimes, "receipt_author", lambda *_: signer)
    await town.reports.look()
    assert town.hear().reports_dropped == []
    assert town.states(event) == {COUNCIL: ("delivered", "")}


@pytest.mark.parametrize("sent", [True, False])
async def test_reports_go_on_when_a_clock_that_was_ahead_is_put_right(
    town: Town, monkeypatch: pytest.MonkeyPatch, *, sent: bool
) -> None:
    (event,) = await town.receive()
    if sent:
        town.council.clock.pass_(DAY_MS)
        await town.reports.look()
        town.heard = len(town.topic)  # the police were away, and the record is gone
        town.council.clock.pass_(-DAY_MS)
        town.decide(event)
    else:
        town.decide(event)
        town.council.clock.pass_(DAY_MS)
        await refused_by_kafka(town, monkeypatch)
        town.council.clock.pass_(-DAY_MS - 2 * HOUR)
    await town.reports.look()
    assert len(town.hear().reports) == 1
    assert town.states(event) == {COUNCIL: ("delivered", "")}


# --- taken ----------------------------------------------------------------------------------------


def made(
    town: Town, *entries: ReportEntry, by: str = COUNCIL, to: str = POLICE, at: int = NOW
) -> bytes:
    world = town.council.world
    place = ReportPlace(world.deployment, by, to, at)
    key = town.council.terms.exchange_key(to, NOW)
    return seal_report(place, entries, key, world.author(by, receipts=True))


def hear(town: Town, *values: bytes) -> News:
    topic = town.sender.topics.receipts
    return town.sender.hear(topic, *values, content_type=REPORT)


async def test_a_replayed_or_older_report_changes_nothing(town: Town) -> None:
    (event,) = await town.police.send(1)
    aside = made(town, ReportEntry(event, "put_aside", "event_held"), at=NOW)
    refused = made(town, ReportEntry(event, "refused", "event_invalid"), at=NOW + 1)
    assert len(hear(town, aside, refused).reports) == 2
    news = hear(town, aside, refused)
    assert (news.reports, news.rejected) == ([], [])
    assert town.states(event) == {COUNCIL: ("refused", "event_invalid")}


async def test_a_report_about_an_event_of_others_changes_nothing(town: Town) -> None:
    (event,) = await town.police.send(1)
    news = hear(town, made(town, ReportEntry(event, "delivered"), by=SUPPORT))
    assert [one.changed for one in news.reports] == [{}]
    assert town.states(event) == {COUNCIL: (None, None)}


async def test_a_report_of_a_clock_that_is_ahead_is_taken_when_its_time_has_come(
    town: Town,
) -> None:
    first, second = await town.police.send(2)
    news = hear(
        town,
        made(town, ReportEntry(first, "delivered"), at=NOW + 2 * HOUR),
        made(town, ReportEntry(second, "refused", "event_invalid"), at=NOW + HOUR),
    )
    assert (news.reports, news.reports_dropped, news.rejected) == ([], [], [])
    assert hear(town).reports == []
    town.police.clock.pass_(HOUR)
    assert [one.changed for one in hear(town).reports] == [{"refused": 1}]
    town.police.clock.pass_(HOUR)
    newer = made(town, ReportEntry(second, "delivered"), at=NOW + 2 * HOUR + 1)
    assert [one.changed for one in hear(town, newer).reports] == [{"delivered": 1}] * 2
    assert town.states(first) == town.states(second) == {COUNCIL: ("delivered", "")}
    with town.police.store.reading() as tx:
        assert tx.results.early_of(COUNCIL) == []


def test_reports_ahead_of_the_clock_are_limited_and_the_earliest_are_kept(town: Town) -> None:
    times = [NOW + HOUR + number for number in range(EARLY_KEPT + 2)]
    news = hear(town, *[made(town, at=at) for at in times[1:]])
    assert news.reports_dropped == [(COUNCIL, "early")]
    forged = made(town, at=NOW + HOUR - 1).replace(b"council-camden\n", b"council-camdem\n")
    hear(town, forged, made(town, at=times[0]), made(town, at=times[0]))
    with town.police.store.reading() as tx:
        assert tx.results.early_of(COUNCIL) == times[:EARLY_KEPT]


async def test_reports_are_taken_again_when_the_readers_clock_was_ahead(town: Town) -> None:
    (event,) = await town.police.send(1)
    town.police.clock.pass_(DAY_MS)
    assert len(hear(town, made(town, at=NOW + DAY_MS)).reports) == 1
    town.police.clock.pass_(-DAY_MS)
    assert len(hear(town, made(town, ReportEntry(event, "delivered"), at=NOW + 1)).reports) == 1


def test_reports_to_others_are_passed_over(town: Town) -> None:
    news = hear(town, made(town, to=SUPPORT))
    assert (news.reports, news.rejected) == ([], [])


async def test_a_report_at_fault_is_counted_and_dropped_and_nothing_arises_from_it(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    """No receipt, no notice, no quarantine, no alarm."""
    good = made(town)
    note, sealed = parse_report(good).note, parse_report(good).sealed
    values = {
        "report_malformed": b"noise",
        "signature": made(town).replace(b"concordant.report/v1", b"concordant.report/v2"),
        "party_left": made(town, by=POLICE),
        "early": made(town, at=NOW + EARLY_AHEAD_MS + 1),
        "report_unopenable": seal_report(
            ReportPlace(town.council.world.deployment, COUNCIL, POLICE, NOW + 5),
            (),
            town.council.terms.exchange_key(SUPPORT, NOW),
            town.council.world.author(COUNCIL, receipts=True),
        ),
        "key_unknown": seal_report(
            ReportPlace(town.council.world.deployment, COUNCIL, POLICE, NOW + 6),
            (),
            town.council.terms.exchange_key(POLICE, NOW),
            town.council.world.author(SUPPORT, receipts=True),
        ),
    }
    assert note.text
    assert sealed
    news = hear(town, *values.values())
    assert news.rejected == [
        "report_malformed", "report_malformed", "party_left", "early", "report_unopenable",
        "key_unknown",
    ]  # fmt: skip
    assert news.reports_dropped == [
        (POLICE, "party_left"),
        (COUNCIL, "early"),
        (COUNCIL, "report_unopenable"),
        (COUNCIL, "key_unknown"),
    ]
    assert (news.alarms, news.refusals, news.replays, news.missing) == ([], [], [], [])
    metrics = Metrics()
    report_news(news, metrics, logger("test"))
    assert 'code="report_unopenable"' in metrics.text().decode()
    assert await town.sender.notices.flush() == 0
    with town.police.store.reading() as tx:
        assert tx.quarantine.list() == []
        assert tx.results.waiting() == {}


def test_reports_of_one_agency_are_limited_in_each_period(town: Town) -> None:
    first = NOW - NOW % HOUR
    values = [made(town, at=first + number) for number in range(REPORTS_A_PERIOD + 2)]
    news = hear(town, *values)
    assert len(news.reports) == REPORTS_A_PERIOD
    assert news.rejected == ["reports_many"] * 2


def test_a_refused_report_that_another_party_repeats_uses_up_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = replace(town.council.terms.exchange_key(POLICE, NOW), kid=bytes(32))
    world = town.council.world
    place = ReportPlace(world.deployment, COUNCIL, POLICE, NOW)
    value = seal_report(place, (), key, world.author(COUNCIL, receipts=True))
    assert hear(town, value).rejected == ["report_unopenable"]
    with monkeypatch.context() as patched:
        patched.setattr(reports_taken, "require_author", None)
        assert hear(town, *[value] * 50).rejected == ["report_unopenable"] * 50
    assert len(hear(town, made(town, at=NOW + 1)).reports) == 1


def test_alternating_between_two_periods_does_not_reset_the_limit(town: Town) -> None:
    """Reports that no key opens leave no time behind, so their sender can state any."""
    key = replace(town.council.terms.exchange_key(POLICE, NOW), kid=bytes(32))
    world, author_of = town.council.world, town.council.world.author(COUNCIL, receipts=True)
    town.police.clock.pass_(2 * HOUR)
    first = NOW - NOW % HOUR + HOUR
    values = [
        seal_report(
            ReportPlace(world.deployment, COUNCIL, POLICE, first + HOUR * (number % 2) + number),
            (), key, author_of,
        )
        for number in range(6 * REPORTS_A_PERIOD)
    ]  # fmt: skip
    codes = Counter(hear(town, *values).rejected)
    assert codes == {
        "report_unopenable": 2 * REPORTS_A_PERIOD, "reports_many": 4 * REPORTS_A_PERIOD,
    }  # fmt: skip
