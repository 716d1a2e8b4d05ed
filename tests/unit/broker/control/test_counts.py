"""Counts between agencies in memory: published when due, the newest kept, faults dropped.

docs/spec/figures.md, "Exchange".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker import pseudonyms
from broker.agency.participant import LoadedAgency
from broker.control import counts_publisher, partner_statements_taken
from broker.control.counts_publisher import CHANGED_MS, CountsPublisher
from broker.control.news import News
from broker.control.own_statements import SigningKeys
from broker.control.statement_publisher import PublishedStatements
from broker.control.statement_sender import StatementSender
from broker.control.too_large import AGAIN_MS
from broker.errors import StoreError, TransportError
from broker.event import uuid_text
from broker.figures.altered_rows import altered_rows_named
from broker.figures.counting import CountsOf, ReferralCounts, parse_period, quarter_of
from broker.figures.counts_content import packed
from broker.figures.counts_held import HeldCounts, NotCounted, counts_of_partners
from broker.figures.facts import Fact
from broker.figures.recording import FactRecorder
from broker.figures.referral_facts import Changed, Made, ReferralFact
from broker.figures.referral_recording import ReferralFactRecorder
from broker.keys.issuing import ManifestChanges
from broker.operations.too_large_status import TooLarge, too_large_statements
from broker.record import COUNTS_CONTENT_TYPE
from broker.registry.newest_manifests import Awaited, named_manifest
from broker.statements.counts_statement import COUNTS
from broker.statements.partner_statements import (
    SealedStatement,
    StatementPlace,
    parse_statement,
    seal_statement,
)
from contracts.durations import MINUTE_MS
from contracts.events import PlainEvent
from tests.support.exchanged_counts import (
    CENTRE,
    CHARITY,
    COUNCIL,
    CPS,
    PERIOD,
    POLICE,
    counts_of,
    founded_town,
    sealed_counts,
)
from tests.support.founded_partnership import NOW, FoundedPartnership
from tests.support.founding import cheap_scrypt
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.memory_control import ControlNode
from tests.support.memory_partnership import MemoryPartnership, opened_partnership

WEEK_MS = COUNTS.renew_ms
ALL = {POLICE, COUNCIL, CPS, CENTRE}


@pytest.fixture(scope="module")
def world() -> Iterator[FoundedPartnership]:
    with cheap_scrypt():
        yield founded_town()


@pytest.fixture
def town(world: FoundedPartnership, tmp_path: Path) -> Iterator[MemoryPartnership]:
    partnership = opened_partnership(world, tmp_path)
    yield partnership
    partnership.close()


def node_of(town: MemoryPartnership, agency: str) -> ControlNode:
    return ControlNode(town.members[agency], town.world.root / agency)


@pytest.fixture
def council(town: MemoryPartnership) -> ControlNode:
    return node_of(town, COUNCIL)


def hear(node: ControlNode, *values: bytes) -> News:
    return node.hear(node.topics.receipts, *values, content_type=COUNTS_CONTENT_TYPE)


def held(node: ControlNode, period: str = PERIOD) -> HeldCounts:
    member, contract = node.member, node.member.world.contract
    with member.store.reading() as tx:
        books = (node.trust.contracts, node.trust.manifests)
        return counts_of_partners(tx, member.secret, contract, parse_period(period), *books)


def cases(node: ControlNode, period: str = PERIOD) -> dict[str, int]:
    """The agencies whose counts are used, with their cases."""
    return {one.agency: one.cases for one in held(node, period).counted}


# --- taken ----------------------------------------------------------------------------------


def test_counts_are_taken_and_newer_ones_replace_them(
    council: ControlNode, world: FoundedPartnership
) -> None:
    first, second = counts_of(world), counts_of(world, cases=[("race",), ("religion",)])
    (taken,) = hear(council, sealed_counts(world, first)).counts
    assert (taken.agency, taken.period, taken.other_vocabulary) == (CHARITY, PERIOD, False)
    assert held(council).counted == (first,)
    hear(council, sealed_counts(world, second, at=NOW + 1))
    hear(council, sealed_counts(world, first))  # replay
    assert held(council).counted == (second,)
    assert set(held(council).not_counted) == {POLICE, CPS, CENTRE}
    assert set(held(council).not_counted.values()) == {NotCounted.NOTHING}


def faults(world: FoundedPartnership) -> dict[str, bytes]:
    said = counts_of(world)
    text = said.canonical()
    name, later = world.contract.name, quarter_of(NOW, -1).name
    atom = next(iter(said.atoms))

    def altered(old: bytes, new: bytes) -> bytes:
        assert old in text
        return sealed_counts(world, text.replace(old, new, 1))

    return {
        "forged": sealed_counts(world, said, signer=POLICE),
        "for_another": sealed_counts(world, said, agency=POLICE, signer=CHARITY),
        "early": sealed_counts(world, said, at=NOW + 6 * MINUTE_MS),
        "ahead": sealed_counts(world, counts_of(world, period=later)),
        "agreement": sealed_counts(world, said, subject=("other", PERIOD)),
        "of_another": sealed_counts(world, counts_of(world, POLICE)),
        "period": sealed_counts(world, said, subject=(name, "2026")),
        "other_period": sealed_counts(world, said, subject=(name, quarter_of(NOW, 1).name)),
        "no_json": sealed_counts(world, b"{"),
        "spaces": altered(b":", b": "),
        "no_cases": altered(b'"cases":1', b'"cases":0'),
        "many_cases": altered(b'"cases":1', b'"cases":10000001'),
        "code": altered(b'"race"', b'"rice"'),
        "role": altered(b'"support"', b'"police"'),
        "two_boroughs": altered(b'["not-stated"]', b'["E09000001","E09000007"]'),
        "unsorted": sealed_counts(world, counts_of(world, cases=[("religion", "race")])),
        "dimensions": sealed_counts(world, replace(said, dimensions=("strand",))),
        "short": sealed_counts(world, replace(said, atoms={atom[:-1]: 1})),
        "no_referrals": sealed_counts(world, replace(said, referrals=None)),
        "referrals": sealed_counts(
            world, replace(said, referrals=ReferralCounts(("status",), {(("x",),): 1}, 0))
        ),
        "cut": sealed_counts(world, said)[:-1],
    }


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("forged", "key_unknown"),
        ("for_another", "key_unknown"),
        ("early", "early"),
        ("ahead", "early"),
        ("agreement", "counts_unagreed"),
        *((name, "counts_malformed") for name in (
            "of_another", "period", "other_period", "no_json", "spaces", "no_cases", "many_cases",
            "code", "role", "two_boroughs", "unsorted", "dimensions", "short",
            "no_referrals", "referrals", "cut",
        )),
    ],
)  # fmt: skip
def test_counts_at_fault_are_dropped_with_their_code(
    council: ControlNode, world: FoundedPartnership, name: str, code: str
) -> None:
    news = hear(council, faults(world)[name])
    assert (news.counts, news.rejected, held(council).counted) == ([], [code], ())


def test_counts_for_others_are_passed_over(council: ControlNode, world: FoundedPartnership) -> None:
    for value in (
        sealed_counts(world, counts_of(world), deployment="another"),
        sealed_counts(world, counts_of(world), to=(POLICE,)),
        sealed_counts(world, counts_of(world, COUNCIL), agency=COUNCIL, to=(COUNCIL,)),
        sealed_counts(world, counts_of(world, period=quarter_of(NOW, 13).name)),
    ):
        news = hear(council, value)
        assert (news.counts, news.rejected, held(council).counted) == ([], [], ())


def test_an_agency_cannot_make_others_open_many_counts(
    council: ControlNode, world: FoundedPartnership
) -> None:
    said = counts_of(world)
    values = [sealed_counts(world, said, at=NOW + n) for n in range(COUNTS.a_minute + 1)]
    news = hear(council, *values)
    assert (len(news.counts), news.rejected) == (COUNTS.a_minute, ["counts_many"])


def test_alternating_between_two_minutes_does_not_reset_the_limit(
    council: ControlNode, world: FoundedPartnership
) -> None:
    """An attacker states the minutes in turn, each time for another quarter."""
    council.member.clock.pass_(MINUTE_MS)
    quarters = [quarter_of(NOW, back).name for back in (0, 1)]
    values = [
        sealed_counts(
            world,
            counts_of(world, period=quarters[number % 2]),
            at=NOW + (number % 2) * MINUTE_MS + number,
        )
        for number in range(3 * COUNTS.a_minute)
    ]
    news = hear(council, *values)
    assert len(news.counts) == 2 * COUNTS.a_minute
    assert news.rejected == ["counts_many"] * COUNTS.a_minute


@pytest.mark.parametrize("fault", ["spaces", "unopenable"])
def test_refused_counts_that_another_party_repeats_are_not_judged_again(
    council: ControlNode, world: FoundedPartnership, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """They use up neither the time of the reader nor the limit of their maker."""
    value = faults(world)["spaces"] if fault == "spaces" else unopenable(world)
    (code,) = hear(council, value).rejected
    with monkeypatch.context() as patched:
        patched.setattr(partner_statements_taken, "require_author", None)
        assert hear(council, *[value] * 100).rejected == [code] * 100
    values = [sealed_counts(world, counts_of(world), at=NOW + n) for n in range(1, COUNTS.a_minute)]
    assert len(hear(council, *values).counts) == COUNTS.a_minute - 1


def test_refused_counts_are_judged_again_when_other_manifests_are_known(
    council: ControlNode, world: FoundedPartnership
) -> None:
    value = unopenable(world)
    hear(council, value)
    manifests = world.reissue(CHARITY, ManifestChanges(), NOW)
    council.trust.believe(council.trust.contracts, manifests)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(partner_statements_taken, "open_statement", lambda *_: b"{")
        assert hear(council, value).rejected == ["counts_malformed"]


def unopenable(world: FoundedPartnership) -> bytes:
    """Counts for a key that the reader does not have."""
    keys = [replace(world.exchange_key(COUNCIL), kid=bytes(32))]
    place = StatementPlace(world.deployment, CHARITY, NOW, (world.contract.name, PERIOD))
    content = packed(counts_of(world))
    assert content is not None
    return seal_statement(COUNTS, place, content, keys, world.author(CHARITY, receipts=True))


def test_counts_that_no_key_opens_are_refused_for_a_week(
    council: ControlNode, world: FoundedPartnership
) -> None:
    """Later they are passed over: their maker has published them again since."""
    value = unopenable(world)
    assert hear(council, value).rejected == ["counts_unopenable"]
    council.member.clock.pass_(WEEK_MS + 1)
    assert hear(council, value, value).rejected == []
    assert held(council).counted == ()


def test_counts_by_another_vocabulary_are_kept_and_not_counted(
    council: ControlNode, world: FoundedPartnership
) -> None:
    said = counts_of(world, vocabulary="0" * 64)
    (taken,) = hear(council, sealed_counts(world, said)).counts
    assert taken.other_vocabulary
    assert held(council).counted == ()
    assert held(council).not_counted[CHARITY] is NotCounted.VOCABULARY


def test_counts_that_no_believed_key_signed_are_not_used(
    council: ControlNode, world: FoundedPartnership
) -> None:
    hear(council, sealed_counts(world, counts_of(world)))
    with council.member.store.transaction() as tx:
        row = tx.figure_counts.get(world.contract.name, PERIOD, CHARITY)
        assert row is not None
        # a note of another time verifies with no key
        tx.figure_counts.save(replace(row, time_ms=NOW - 10**10))
    assert held(council).not_counted[CHARITY] is NotCounted.KEY


def test_exact_counts_are_not_in_the_clear_in_the_state(
    council: ControlNode, world: FoundedPartnership, tmp_path: Path
) -> None:
    given, other = counts_of(world), quarter_of(NOW, 1).name
    hear(council, sealed_counts(world, given))
    with sqlite3.connect(tmp_path / f"{COUNCIL}.db") as database:
        ((content,),) = database.execute("SELECT content FROM figure_counts").fetchall()
        plain = packed(given)
        assert plain is not None
        assert plain not in content
        database.execute("UPDATE figure_counts SET period = ?", (other,))
    with pytest.raises(StoreError) as caught, altered_rows_named():
        held(council, other)
    assert caught.value.code == "store_corrupt"


@pytest.fixture(scope="module")
def readers(
    tmp_path_factory: pytest.TempPathFactory, world: FoundedPartnership
) -> Iterator[tuple[ControlNode, ControlNode]]:
    """Two states of one agency, for many examples; each takes counts of later minutes."""
    folder, kafka = tmp_path_factory.mktemp("counts"), cluster(world)
    members = [MemoryAgency(COUNCIL, folder / name, kafka, Clock(), world) for name in ("a", "b")]
    first, second = (ControlNode(member, world.root / COUNCIL) for member in members)
    yield first, second
    for member in members:
        member.store.close()


_ROUNDS = count(1)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_order_with_repeats_and_a_restored_state_gives_the_same_counts(
    readers: tuple[ControlNode, ControlNode], world: FoundedPartnership, data: st.DataObject
) -> None:
    """A restored state has forgotten some records, and reads them again."""
    begin = NOW + next(_ROUNDS) * 10 * MINUTE_MS
    one = st.tuples(st.sampled_from([CHARITY, POLICE]), st.integers(0, 3), st.integers(0, 4))
    sent = data.draw(st.lists(one, min_size=1, max_size=6))
    values = []
    for agency, number, minute in sent:
        said, at = counts_of(world, agency, [("race",)] * number), begin + minute * MINUTE_MS
        values.append(sealed_counts(world, said, at=at, agency=agency))
    for node in readers:
        node.member.clock.now = begin + 5 * MINUTE_MS
        with node.member.store.transaction() as tx:
            tx.figure_counts.forget_before("2100-Q1")
    first, second = readers
    hear(first, *values)
    kept = data.draw(st.integers(0, len(values)))
    for part in (data.draw(st.permutations(values))[:kept], values[::-1]):
        hear(second, *part)
    assert held(first) == held(second)
    newest = {agency: max(m for a, _, m in sent if a == agency) for agency, _, _ in sent}
    assert {one.agency for one in held(first).counted} == newest.keys()
    for one in held(first).counted:
        assert one.cases in {n for a, n, m in sent if (a, m) == (one.agency, newest[a])}


# --- published ------------------------------------------------------------------------------


def record(member: MemoryAgency, number: int, *, consent: bool = True) -> None:
    """Record an own report, as the transaction that accepts it does."""
    contract, case = member.world.contract, uuid_text(number.to_bytes(16, "big"))
    incident = {"record_type": "hate_crime", "borough": "E09000007", "strands": ["race"]}
    data = {"case_id": case, "incident": incident, "consent": {"statistics": consent}}
    event = PlainEvent("referral.made", (POLICE,), data)
    key = pseudonyms.case_key(member.secret, case)
    with member.store.transaction() as tx:
        facts = FactRecorder(tx, member.secret, member.agency)
        facts.published(
            event, contract, uuid_text(bytes(15) + bytes([number])), key, member.clock()
        )
        facts.write()


def publisher(member: MemoryAgency) -> CountsPublisher:
    signing = SigningKeys(LoadedAgency(member.participant), member.clock)
    sender = StatementSender(signing, member.store, member.transport, member.clock)
    return CountsPublisher(member.store, member.secret, member.terms, sender, member.clock)


def said(node: ControlNode) -> list[SealedStatement]:
    return [parse_statement(COUNTS, one.value or b"") for one in node.said()]


async def test_the_running_quarter_is_published_weekly(town: MemoryPartnership) -> None:
    member, node = town.members[CHARITY], node_of(town, CHARITY)
    publishing = publisher(member)
    assert (await publishing.look()).sent == ((town.world.contract.name, PERIOD),)
    record(member, 1)
    member.clock.pass_(WEEK_MS - 1)
    assert (await publishing.look()).sent == ()
    assert (await publisher(member).look()).sent == ()  # after a restart too
    member.clock.pass_(1)
    assert len((await publishing.look()).sent) == 1
    assert [one.place.time_ms for one in said(node)] == [NOW, NOW + WEEK_MS]


async def test_an_ended_quarter_is_published_daily_if_it_changed_and_weekly_if_not(
    town: MemoryPartnership,
) -> None:
    member, before = town.members[CHARITY], quarter_of(NOW, 1)
    publishing = publisher(member)
    member.clock.now = before.first_ms
    record(member, 1)
    member.clock.now = NOW
    assert {period for _, period in (await publishing.look()).sent} == {before.name, PERIOD}
    withdraw(member, 1)
    member.clock.pass_(CHANGED_MS)
    assert [period for _, period in (await publishing.look()).sent] == [before.name]
    for _ in range(5):
        member.clock.pass_(CHANGED_MS)
        assert (await publishing.look()).sent == ()
    member.clock.pass_(CHANGED_MS)
    assert [period for _, period in (await publishing.look()).sent] == [PERIOD]
    member.clock.pass_(CHANGED_MS)
    assert [period for _, period in (await publishing.look()).sent] == [before.name]


def withdraw(member: MemoryAgency, number: int) -> None:
    """A later own event about the case withdraws the consent to statistics."""
    contract, case = member.world.contract, uuid_text(number.to_bytes(16, "big"))
    event = PlainEvent(
        "referral.made", (POLICE,), {"case_id": case, "consent": {"statistics": False}}
    )
    key = pseudonyms.case_key(member.secret, case)
    with member.store.transaction() as tx:
        facts = FactRecorder(tx, member.secret, member.agency)
        facts.published(event, contract, uuid_text(b"\x01" * 16), key, member.clock())
        facts.write()


async def test_counts_are_sealed_to_the_parties_that_pursue_statistics_and_to_no_other(
    tmp_path: Path,
) -> None:
    town = opened_partnership(founded_town("police", "council"), tmp_path)
    member = town.members[CHARITY]
    record(member, 1)
    record(member, 2, consent=False)
    await publisher(member).look()
    (made,) = node_of(town, CHARITY).said()
    assert set(parse_statement(COUNTS, made.value or b"").wraps) == {POLICE, COUNCIL}
    reader = node_of(town, COUNCIL)
    hear(reader, made.value or b"")
    assert [(one.cases, one.without_consent) for one in held(reader).counted] == [(1, 1)]
    given = sealed_counts(town.world, counts_of(town.world), at=NOW + 1, to=(CPS,))
    assert hear(node_of(town, CPS), given).rejected == ["counts_unagreed"]
    town.close()


async def test_a_party_that_is_new_gets_the_counts_at_once(town: MemoryPartnership) -> None:
    member = town.members[CHARITY]
    publishing = publisher(member)
    await_key(member, CPS)
    await publishing.look()
    member.terms.await_manifests({})
    member.clock.pass_(MINUTE_MS)
    assert len((await publishing.look()).sent) == 1
    await_key(member, COUNCIL)  # one party fewer is no reason to publish
    member.clock.pass_(MINUTE_MS)
    assert (await publishing.look()).sent == ()
    assert [set(one.wraps) for one in said(node_of(town, CHARITY))] == [ALL - {CPS}, ALL]


def await_key(member: MemoryAgency, agency: str) -> None:
    """Nothing is sealed to an agency whose newest manifest is missing."""
    newest = member.terms.manifests.newest_verified(agency)
    assert newest is not None
    named = named_manifest(newest)
    named = replace(named, version=named.version + 1, hash=bytes(32))
    member.terms.await_manifests({agency: Awaited(named, member.clock())})


async def test_a_kafka_that_is_down_leaves_the_counts_due(town: MemoryPartnership) -> None:
    member = town.members[CHARITY]
    member.kafka.up = False
    with pytest.raises(TransportError):
        await publisher(member).look()
    member.kafka.up = True
    assert len((await publisher(member).look()).sent) == 1


async def test_counts_that_are_too_large_are_made_once_a_day_and_reported(
    town: MemoryPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    def too_large(_counts: CountsOf) -> None:
        nonlocal made
        made += 1

    member = town.members[CHARITY]
    place = (town.world.contract.name, PERIOD)

    def shown() -> tuple[TooLarge, ...]:
        with member.store.reading() as tx:
            return too_large_statements(member.participant, tx, member.clock.now)

    monkeypatch.setattr(counts_publisher, "packed", too_large)
    assert await publisher(member).look() == PublishedStatements((), (place,))
    assert await publisher(member).look() == PublishedStatements((), ())  # after a restart too
    assert (made, shown()) == (1, (TooLarge("counts", *place, NOW),))
    member.clock.pass_(AGAIN_MS)
    assert await publisher(member).look() == PublishedStatements((), (place,))
    assert made == 2
    monkeypatch.undo()
    member.clock.pass_(AGAIN_MS)
    assert await publisher(member).look() == PublishedStatements((place,), ())
    assert shown() == ()


async def test_quarters_before_the_first_case_are_not_published(town: MemoryPartnership) -> None:
    member = town.members[CHARITY]
    member.clock.now = quarter_of(NOW, 2).first_ms
    record(member, 1)
    member.clock.now = NOW
    sent = {period for _, period in (await publisher(member).look()).sent}
    assert sent == {quarter_of(NOW, back).name for back in range(3)}


async def test_an_answer_alone_publishes_an_ended_quarter_again(town: MemoryPartnership) -> None:
    """It changes the figures of referrals, and no figure of cases."""
    member, before = town.members[CHARITY], quarter_of(NOW, 1)
    publishing = publisher(member)
    say_of_referral(member, before.first_ms, Made("ab" * 32, (POLICE,), None, None))
    assert {period for _, period in (await publishing.look()).sent} == {before.name, PERIOD}
    member.clock.pass_(CHANGED_MS)
    assert (await publishing.look()).sent == ()
    say_of_referral(member, NOW, Changed("ab" * 32, (POLICE,), 2), source=POLICE)
    member.clock.pass_(CHANGED_MS)
    assert [period for _, period in (await publishing.look()).sent] == [before.name]


async def test_a_quarter_with_referrals_alone_is_published(town: MemoryPartnership) -> None:
    """Other agencies minted the cases, so this one counts referrals before it counts a case."""
    member = town.members[CHARITY]
    sent_ms = quarter_of(NOW, 2).first_ms
    say_of_referral(member, sent_ms, Made("ab" * 32, (POLICE,), None, None))
    sent = {period for _, period in (await publisher(member).look()).sent}
    assert sent == {quarter_of(NOW, back).name for back in range(3)}


def say_of_referral(
    member: MemoryAgency, time_ms: int, act: Made | Changed, *, source: str = CHARITY
) -> None:
    """Record a fact about one referral, as the transaction that accepts its event does."""
    status = "requested" if isinstance(act, Made) else "accepted"
    event = uuid_text(bytes(15) + bytes([isinstance(act, Made)]))
    said = Fact(source, event, time_ms, {"status": (status,)}, asked=True, answer=True)
    with member.store.transaction() as tx:
        facts = ReferralFactRecorder(tx, member.secret)
        facts.add(bytes(32), member.world.contract.name, ReferralFact(said, act))
        facts.write()


async def test_two_agencies_hold_the_same_counts(town: MemoryPartnership) -> None:
    """Each counts its own cases, and what the others publish."""
    for number, agency in enumerate((CHARITY, POLICE, COUNCIL)):
        for one in range(number + 1):
            record(town.members[agency], 10 * number + one)
        await publisher(town.members[agency]).look()
    records = [one.value or b"" for one in node_of(town, POLICE).said()]
    nodes = [node_of(town, agency) for agency in (POLICE, COUNCIL)]
    for node, order in zip(nodes, (records, records[::-1]), strict=True):
        hear(node, *order)
    assert cases(nodes[0]) == {CHARITY: 1, COUNCIL: 3}
    assert cases(nodes[1]) == {CHARITY: 1, POLICE: 2}
