"""Unions of three contributors and a party that tallies, in memory (docs/spec/figures.md)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.case_files import AdapterCaseFiles
from adapters.catalogue import adapter_of
from broker import pseudonyms
from broker.agency.participant import LoadedAgency, Participant
from broker.audit.actor import Actor
from broker.cli.figures import text_of
from broker.control import own_unions
from broker.control.own_statements import SigningKeys
from broker.control.own_unions import SINCE, OwnUnions
from broker.control.statement_publisher import PublishedStatements
from broker.control.statement_sender import StatementSender
from broker.errors import StoreError, TransportError
from broker.figures.counting import parse_period
from broker.figures.unions import tokens
from broker.figures.unions.held import HeldUnion
from broker.figures.unions.own_tokens import own_tokens
from broker.figures.unions.shares import UnionShare
from broker.figures.unions.tally import UnionTally
from broker.figures.unions.tokens import PeriodKey, TokenSets, format_tokens
from broker.keys.issuing import ManifestChanges
from broker.keys.kid import ED25519, RECEIPT
from broker.keys.manifest import Revocation, StandingEntry
from broker.operations.erasure import erase_case
from broker.operations.figures import release_figures
from broker.operations.too_large_status import TooLarge, too_large_statements
from broker.operations.union_status import held_parts
from broker.releases.release_json import json_of
from broker.releases.union_share_text import union_json
from broker.statements.partner_statements import (
    SealedStatement,
    StatementPlace,
    parse_statement,
    seal_statement,
)
from broker.statements.union_statements import UNION
from broker.store.database import open_store
from contracts.durations import MINUTE_MS
from tests.support.founded_partnership import FoundedPartnership
from tests.support.founding import cheap_scrypt
from tests.support.memory_agency import MemoryAgency
from tests.support.memory_control import ControlNode
from tests.support.tallied_partnership import (
    ANALYST,
    BEFORE_END,
    CHARITY,
    CLOSES,
    CONTRIBUTORS,
    COUNCIL,
    DAY,
    OPENS,
    PERIOD,
    POLICE,
    TalliedPartnership,
    UnionNode,
    cases,
    founded_with_tally,
    opened,
    version_without,
)


@pytest.fixture(scope="module")
def tallied() -> FoundedPartnership:
    with cheap_scrypt():
        return founded_with_tally()


@pytest.fixture
def town(tallied: FoundedPartnership, tmp_path: Path) -> Iterator[TalliedPartnership]:
    partnership = opened(tallied, tmp_path)
    yield partnership
    partnership.close()


async def shared(town: TalliedPartnership, one: int = 6, several: int = 6) -> None:
    """Report cases that one kind of agency sees, and cases that two kinds see."""
    for case in cases(several):
        await town.report(CHARITY, POLICE, case)
        town.clock.pass_(1000)
        await town.report(POLICE, COUNCIL, case)
    for case in cases(one):
        town.accept(CHARITY, POLICE, case)


def parts(node: UnionNode) -> dict[str, list[SealedStatement]]:
    """The statements on Kafka, by part."""
    found: dict[str, list[SealedStatement]] = {}
    for record in node.on_kafka():
        statement = parse_statement(UNION, record.value or b"")
        found.setdefault(statement.place.subject[-1], []).append(statement)
    return found


def parts_of(looked: PublishedStatements) -> list[str]:
    """The parts that were sent."""
    return [part for _, _, part in looked.sent]


def sealed(
    town: TalliedPartnership, author: str, part: str, content: bytes, *to: str, period: str = PERIOD
) -> bytes:
    """A statement as a faulty agency could make it."""
    world = town.town.world
    subject = (world.contract.name, period, part)
    place = StatementPlace(world.deployment, author, town.clock.now, subject)
    keys = [world.exchange_key(one) for one in to]
    return seal_statement(UNION, place, content, keys, world.author(author, receipts=True))


async def test_the_share_of_cases_that_several_kinds_saw(town: TalliedPartnership) -> None:
    await shared(town)
    town.at(OPENS)
    news = await town.round()
    assert not any(one.rejected for one in news)
    results = {agency: node.result for agency, node in town.nodes.items()}
    assert results[ANALYST] == UnionTally(CONTRIBUTORS, 50)
    assert set(results.values()) == {results[ANALYST]}


async def test_the_figures_of_the_quarter_have_the_share(
    town: TalliedPartnership, tmp_path: Path
) -> None:
    await shared(town)
    town.at(OPENS)
    await town.round()
    folder = folder_of(town, CHARITY, tmp_path / "copies")
    with cheap_scrypt():
        release = release_figures(folder, PERIOD, ["borough"], town.clock.now)
    assert release.union == UnionShare(50, CONTRIBUTORS, (), ANALYST)
    found = json_of(release)["seen_by_several"]
    assert found == union_json(release.union)
    assert "50 %" in text_of(release)


def folder_of(town: TalliedPartnership, agency: str, into: Path) -> Path:
    """A copy of an agency's folder, with its state."""
    folder = town.town.world.directory(agency, into)
    member = town.town.members[agency]
    member.store.fold()
    (folder / "state").mkdir(exist_ok=True)
    shutil.copy(member.database, folder / "state" / "concordant.db")
    return folder


def files_of(participant: Participant) -> AdapterCaseFiles:
    return AdapterCaseFiles(participant, adapter_of(participant.root, participant.config))


async def test_an_erased_case_has_no_id_and_no_token(
    town: TalliedPartnership, tmp_path: Path
) -> None:
    erased, *others = cases(4)
    for case in (erased, *others):
        town.accept(CHARITY, POLICE, case)
    folder = folder_of(town, CHARITY, tmp_path / "copies")
    actor = Actor("records", reason="asked by the person")
    with cheap_scrypt():
        erase_case(folder, erased, actor, town.clock.now, files_of)
    member, place = town.town.members[CHARITY], town.nodes[CHARITY].place
    key = PeriodKey(place, b"k" * 32)
    store = open_store(folder / "state" / "concordant.db")
    with store.reading() as tx:
        seen = {one.case_key for one in tx.unions.seen_since(place.agreement, 0)}
        period = parse_period(PERIOD)
        found = own_tokens(tx, member.secret, member.world.contract, CHARITY, period, key)
    store.close()
    assert seen == {pseudonyms.case_key(member.secret, one) for one in others}
    assert found.minted == set(map(key.token, others))
    assert key.token(erased) not in found.seen


async def test_a_small_number_is_hidden_from_every_party(town: TalliedPartnership) -> None:
    await shared(town, one=6, several=3)
    town.at(OPENS)
    await town.round()
    assert {node.result for node in town.nodes.values()} == {UnionTally(CONTRIBUTORS, None)}


async def test_cases_without_consent_are_in_no_union(town: TalliedPartnership) -> None:
    await shared(town, one=0)
    for case in cases(6):
        town.accept(CHARITY, POLICE, case, consent=False)
    town.at(OPENS)
    await town.round()
    assert town.nodes[ANALYST].result == UnionTally(CONTRIBUTORS, 100)


async def test_nothing_is_sent_before_the_quarter_is_collected(town: TalliedPartnership) -> None:
    await shared(town, several=1)
    town.at(OPENS - 1000)
    await town.round()
    assert town.nodes[ANALYST].on_kafka() == []
    assert all(node.held() == set() for node in town.nodes.values())


async def test_keys_go_to_contributors_and_tokens_to_the_party_that_tallies(
    town: TalliedPartnership,
) -> None:
    await shared(town)
    town.at(OPENS)
    await town.nodes[COUNCIL].own.look()
    for agency in (POLICE, CHARITY):
        assert town.nodes[agency].hear().rejected == []
        await town.nodes[agency].own.look()
    found = parts(town.nodes[ANALYST])
    assert [(one.place.agency, set(one.wraps)) for one in found["key"]] == [
        (COUNCIL, {POLICE, CHARITY})
    ]
    assert {one.place.agency: set(one.wraps) for one in found["tokens"]} == {
        agency: {ANALYST} for agency in CONTRIBUTORS
    }
    assert town.nodes[ANALYST].held() == set()
    town.nodes[ANALYST].hear()
    assert town.nodes[ANALYST].held() == {("tokens", agency) for agency in CONTRIBUTORS}


async def test_the_party_that_tallies_takes_no_key(town: TalliedPartnership) -> None:
    """A contributor could seal one for it; it is refused before it is opened."""
    town.at(OPENS)
    await town.nodes[COUNCIL].own.look()
    value = sealed(town, COUNCIL, "key", b"k" * 32, ANALYST, POLICE)
    assert town.nodes[ANALYST].hear(value).rejected == ["union_misplaced"]
    assert town.nodes[ANALYST].held() == set()
    assert town.nodes[POLICE].hear(value).unions == [COUNCIL]


async def test_everything_but_the_result_is_destroyed(town: TalliedPartnership) -> None:
    await shared(town)
    town.at(OPENS)
    await town.round()
    assert all(node.held() == {("result", ANALYST)} for node in town.nodes.values())
    assert town.nodes[POLICE].case_ids() == 6
    town.at(CLOSES - 1000)
    await town.nodes[POLICE].own.look()
    assert town.nodes[POLICE].case_ids() == 6
    town.at(CLOSES)
    await town.nodes[POLICE].own.look()
    assert town.nodes[POLICE].case_ids() == 0


async def test_a_tallied_quarter_is_not_tallied_again(town: TalliedPartnership) -> None:
    await shared(town)
    town.at(OPENS)
    await town.round()
    tokens = [
        record.value
        for record in town.nodes[ANALYST].on_kafka()
        if parse_statement(UNION, record.value or b"").place.subject[-1] == "tokens"
    ]
    news = town.nodes[ANALYST].hear(*(value or b"" for value in tokens))
    assert (news.unions, news.rejected) == ([], [])
    assert town.nodes[ANALYST].held() == {("result", ANALYST)}


async def test_a_contributor_that_is_away_is_missing_from_the_result(
    town: TalliedPartnership,
) -> None:
    await shared(town)
    town.at(OPENS)
    await town.round(COUNCIL, POLICE, ANALYST)
    assert town.nodes[ANALYST].result is None
    town.at(CLOSES + DAY)
    await town.round(ANALYST)
    assert town.nodes[ANALYST].result == UnionTally((COUNCIL, POLICE), None)


async def test_the_next_contributor_makes_the_key_if_the_first_is_away(
    town: TalliedPartnership,
) -> None:
    await shared(town)
    town.at(OPENS + DAY - 1000)
    await town.round(POLICE, CHARITY)
    assert town.nodes[POLICE].held() == set()
    town.at(OPENS + DAY)
    await town.round(POLICE, CHARITY, ANALYST)
    assert town.nodes[CHARITY].held() == {("key", POLICE)}
    assert town.nodes[ANALYST].result is None
    await town.round()  # the first is back, and uses the key that is there
    assert town.nodes[ANALYST].result == UnionTally(CONTRIBUTORS, 50)


@pytest.mark.parametrize("agency", [COUNCIL, ANALYST])
async def test_a_party_that_left_makes_no_key_and_gets_no_tokens(
    town: TalliedPartnership, agency: str
) -> None:
    world = town.town.world
    gone = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="left",
        since=BEFORE_END,
        reason="dispute",
    )
    manifests = world.reissue(agency, ManifestChanges(standing=(gone,)), BEFORE_END + 1000)
    town.at(OPENS)
    for member in town.town.members.values():
        member.terms.manifests = manifests
    assert parts_of(await town.nodes[COUNCIL].own.look()) == ([] if agency == COUNCIL else ["key"])


async def test_of_two_keys_that_of_the_first_maker_counts(town: TalliedPartnership) -> None:
    await shared(town)
    town.at(OPENS + DAY)
    for agency in (POLICE, COUNCIL):  # neither has read what the other made
        await town.nodes[agency].own.look()
    await town.round(POLICE, COUNCIL, CHARITY)
    assert {("key", COUNCIL), ("key", POLICE)} <= town.nodes[CHARITY].held()
    await town.round()
    assert town.nodes[ANALYST].result == UnionTally(CONTRIBUTORS, 50)


def revoke(town: TalliedPartnership, agency: str, *, since: int) -> None:
    """Let every agency know that the receipt key of one may be compromised since a time (ms)."""
    world = town.town.world
    (key,) = world.manifests.history(agency)[-1].manifest.keys_of(RECEIPT, ED25519)
    revoked = Revocation(kid=key.kid, since=since, reason="lost")
    manifests = world.reissue(agency, ManifestChanges(revocations=(revoked,)), town.clock.now)
    for member in town.town.members.values():
        member.terms.manifests = manifests
        member.trust_store.believe(member.trust_store.contracts, manifests)


async def test_tokens_of_a_key_that_was_revoked_later_are_not_tallied(
    town: TalliedPartnership,
) -> None:
    await shared(town)
    town.at(OPENS)
    for agency in CONTRIBUTORS:
        await town.nodes[COUNCIL].own.look()
        town.nodes[agency].hear()
        await town.nodes[agency].own.look()
    tallying = town.nodes[ANALYST]
    tallying.hear()
    assert tallying.held() == {("tokens", agency) for agency in CONTRIBUTORS}
    revoke(town, CHARITY, since=OPENS)
    await tallying.own.look()
    assert tallying.result is None  # new tokens of the charity may still come
    town.at(CLOSES + DAY)
    await tallying.own.look()
    assert tallying.result is not None
    assert tallying.result.contributors == (COUNCIL, POLICE)


async def test_a_period_key_of_a_signing_key_that_was_revoked_later_is_not_used(
    town: TalliedPartnership,
) -> None:
    """A thief of the signing key can have made it, and would find each case by its token."""
    await shared(town)
    town.at(OPENS + DAY)
    await town.nodes[COUNCIL].own.look()
    town.nodes[POLICE].hear()
    revoke(town, COUNCIL, since=OPENS)
    assert parts_of(await town.nodes[POLICE].own.look()) == ["key", "tokens"]
    assert town.nodes[POLICE].held() == {("key", COUNCIL), ("key", POLICE)}


async def test_a_result_of_a_key_that_was_revoked_later_is_not_shown(
    town: TalliedPartnership,
) -> None:
    await shared(town)
    town.at(OPENS)
    await town.round()
    revoke(town, ANALYST, since=OPENS)
    assert [town.nodes[agency].result for agency in CONTRIBUTORS] == [None] * 3
    assert town.nodes[ANALYST].result == UnionTally(CONTRIBUTORS, 50)  # its own


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_order_of_statements_with_repeats_leaves_the_newest(
    town: TalliedPartnership, data: st.DataObject
) -> None:
    """Tokens of two contributors and statements that are refused, as the host may deliver them."""
    town.clock.pass_(max(OPENS - town.clock.now, MINUTE_MS))
    node = town.nodes[ANALYST]
    with node.member.store.transaction() as tx:
        tx.unions.forget(node.place.agreement, PERIOD, "tokens")
    sent: dict[bytes, tuple[str, int]] = {}
    for agency in (POLICE, CHARITY):
        for _ in range(data.draw(st.integers(1, 3))):
            town.clock.pass_(1)
            key = PeriodKey(node.place, bytes([data.draw(st.integers(0, 255))]) * 32)
            content = format_tokens(TokenSets.of(key, [], [], b"s" * 32))
            value = sealed(town, agency, "tokens", content, ANALYST)
            sent[value] = (agency, town.clock.now)
    town.clock.pass_(1)
    faults = [
        sealed(town, POLICE, "key", b"k" * 32, ANALYST),
        sealed(town, POLICE, "tokens", b"x", ANALYST),
    ]
    values = [*sent, *faults]
    repeated = st.lists(st.sampled_from(values), max_size=6)
    order = data.draw(st.permutations([*values, *data.draw(repeated)]))
    node.hear(*order)
    with node.member.store.reading() as tx:
        held = {
            (row.agency, row.time_ms)
            for row in tx.unions.all(node.place.agreement, PERIOD, "tokens")
        }
    newest = {agency: max(at for one, at in sent.values() if one == agency) for agency, _ in held}
    assert held == set(newest.items())
    assert len(held) == 2


async def test_a_statement_is_sent_once_and_again_after_a_day(town: TalliedPartnership) -> None:
    await shared(town)
    town.at(OPENS)
    node = town.nodes[COUNCIL]
    assert parts_of(await node.own.look()) == ["key", "tokens"]
    assert (await node.own.look()).sent == ()
    town.clock.pass_(DAY)
    assert parts_of(await node.own.look()) == ["key", "tokens"]


async def test_a_kafka_that_is_down_leaves_statements_due(town: TalliedPartnership) -> None:
    await shared(town)
    town.at(OPENS)
    town.town.members[COUNCIL].kafka.up = False
    with pytest.raises(TransportError):
        await town.nodes[COUNCIL].own.look()
    town.town.members[COUNCIL].kafka.up = True
    await town.round()
    assert town.nodes[ANALYST].result == UnionTally(CONTRIBUTORS, 50)


async def test_an_agency_without_the_ids_of_the_whole_quarter_sends_no_tokens(
    town: TalliedPartnership,
) -> None:
    await shared(town)
    with town.town.members[COUNCIL].store.transaction() as tx:
        tx.meta.set(f"{SINCE}:{town.town.world.contract.name}", BEFORE_END.to_bytes(8, "big"))
    town.at(OPENS + DAY)
    await town.round()
    assert "tokens" in parts(town.nodes[POLICE])
    assert {one.place.agency for one in parts(town.nodes[POLICE])["tokens"]} == {POLICE, CHARITY}


RESULT = b'{"contributors":["csu-camden"],"share_percent":50}'


@pytest.mark.parametrize(
    ("author", "part", "content", "reader", "code"),
    [
        (POLICE, "result", RESULT, COUNCIL, "union_misplaced"),
        (ANALYST, "tokens", b"", ANALYST, ""),  # its own
        (POLICE, "tokens", b"", COUNCIL, "union_misplaced"),
        (ANALYST, "key", b"k" * 32, POLICE, "union_misplaced"),
        (POLICE, "key", b"k" * 31, COUNCIL, "union_malformed"),
        (POLICE, "tokens", b"x", ANALYST, "union_malformed"),
        (POLICE, "other", b"x", COUNCIL, "union_malformed"),
        (ANALYST, "result", b"{}", POLICE, "union_malformed"),
        (ANALYST, "result", RESULT.replace(b"csu-camden", b"elsewhere"), POLICE, "union_malformed"),
        (ANALYST, "result", RESULT.replace(b"50", b"101"), POLICE, "union_malformed"),
    ],
)
async def test_a_statement_at_fault_is_dropped_with_its_code(
    town: TalliedPartnership, author: str, part: str, content: bytes, reader: str, code: str
) -> None:
    town.at(OPENS)
    await town.nodes[COUNCIL].own.look()
    before = town.nodes[reader].held()
    news = town.nodes[reader].hear(sealed(town, author, part, content, reader))
    assert (news.unions, news.rejected) == ([], [code] if code else [])
    assert town.nodes[reader].held() == before


@pytest.mark.parametrize("period", ["2026-Q3", "2026-Q1", "2026-Q5"])
async def test_a_key_of_another_time_is_refused(town: TalliedPartnership, period: str) -> None:
    town.at(OPENS)
    await town.nodes[COUNCIL].own.look()
    value = sealed(town, POLICE, "key", b"k" * 32, COUNCIL, period=period)
    (code,) = town.nodes[COUNCIL].hear(value).rejected
    assert code == ("union_malformed" if period.endswith("Q5") else "union_misplaced")


async def test_a_statement_for_a_key_that_is_gone_is_dropped(town: TalliedPartnership) -> None:
    town.at(OPENS)
    await town.nodes[COUNCIL].own.look()
    world = town.town.world
    place = StatementPlace(world.deployment, POLICE, OPENS, (world.contract.name, PERIOD, "key"))
    key = replace(world.exchange_key(COUNCIL), kid=bytes(32))
    value = seal_statement(UNION, place, b"k" * 32, [key], world.author(POLICE, receipts=True))
    assert town.nodes[COUNCIL].hear(value).rejected == ["union_unopenable"]


async def test_an_agency_cannot_make_others_open_many_statements(town: TalliedPartnership) -> None:
    town.at(OPENS)
    await town.nodes[COUNCIL].own.look()
    values = []
    for number in range(UNION.a_minute + 1):
        town.clock.pass_(1)
        values.append(sealed(town, POLICE, "key", number.to_bytes(32, "big"), COUNCIL))
    news = town.nodes[COUNCIL].hear(*values)
    assert (len(news.unions), news.rejected) == (UNION.a_minute, ["unions_many"])


async def test_an_altered_row_is_an_error_of_the_state(town: TalliedPartnership) -> None:
    await shared(town)
    town.at(OPENS)
    await town.nodes[COUNCIL].own.look()
    with sqlite3.connect(town.town.members[COUNCIL].database) as connection:
        connection.execute("UPDATE union_statements SET content = zeroblob(60)")
    with pytest.raises(StoreError) as raised:
        await town.nodes[COUNCIL].own.look()
    assert raised.value.code == "store_corrupt"


async def test_neither_kafka_nor_the_state_shows_tokens_keys_or_ids(
    town: TalliedPartnership,
) -> None:
    ids = cases(6)
    for case in ids:
        town.accept(CHARITY, POLICE, case)
    town.at(OPENS)
    await town.round(*CONTRIBUTORS)
    with town.town.members[CHARITY].store.reading() as tx:
        member, place = town.town.members[CHARITY], town.nodes[CHARITY].place
        held = HeldUnion(tx, member.secret, place, member.terms.manifests).key()
        rows = [one.content for one in tx.unions.seen_since(town.nodes[CHARITY].place.agreement, 0)]
    assert held is not None
    secrets = [held.secret, *map(held.key.token, ids)]
    on_kafka = b"".join(record.value or b"" for record in town.nodes[CHARITY].on_kafka())
    on_disk = town.town.members[CHARITY].database.read_bytes()
    wal = town.town.members[CHARITY].database.with_suffix(".db-wal")
    on_disk += wal.read_bytes() if wal.exists() else b""
    assert len(rows) == len(ids)
    assert not any(one in on_kafka or one in on_disk for one in secrets)
    assert not any(case.encode() in b"".join(rows) for case in ids)


async def test_without_a_party_that_tallies_no_id_is_kept(
    node: ControlNode, police: MemoryAgency
) -> None:
    assert police.publish(police.event()) is not None
    with police.store.reading() as tx:
        assert list(tx.unions.seen_since(police.world.contract.name, 0)) == []
    signing = SigningKeys(LoadedAgency(police.participant), police.clock)
    sender = StatementSender(signing, police.store, police.transport, police.clock)
    own = OwnUnions(police.store, police.secret, police.terms, sender, police.clock)
    assert (await own.look()).sent == ()
    assert node.said() == []


async def test_status_says_what_is_held_and_when_it_is_destroyed(town: TalliedPartnership) -> None:
    await shared(town)
    town.at(OPENS)
    await town.round(COUNCIL, POLICE)
    with town.town.members[POLICE].store.reading() as tx:
        (key,) = held_parts(tx)
    assert (key.period, key.part, key.agencies) == (PERIOD, "key", 1)
    assert key.destroyed_by_ms == CLOSES
    town.nodes[ANALYST].hear()
    with town.town.members[ANALYST].store.reading() as tx:
        (tokens,) = held_parts(tx)
    assert (tokens.part, tokens.agencies) == ("tokens", 2)
    assert tokens.destroyed_by_ms == CLOSES + DAY


async def test_tokens_of_a_contributor_that_was_removed_do_not_count(
    town: TalliedPartnership,
) -> None:
    await shared(town)
    town.at(OPENS)
    await town.round(COUNCIL, CHARITY, ANALYST)
    tallying = town.nodes[ANALYST]
    assert tallying.held() == {("tokens", COUNCIL), ("tokens", CHARITY)}
    town.clock.pass_(DAY)
    second = version_without(town.town.world, CHARITY, town.clock.now)
    tallying.member.terms.contracts = tallying.member.terms.contracts.adding(second)
    town.nodes[POLICE].hear()
    await town.nodes[POLICE].own.look()
    tallying.hear()
    await tallying.own.look()
    assert tallying.result is not None
    assert tallying.result.contributors == (COUNCIL, POLICE)


@pytest.mark.parametrize("late", [False, True])
async def test_tokens_are_destroyed_in_time_by_an_agency_that_does_not_tally(
    town: TalliedPartnership, late: bool
) -> None:
    await shared(town)
    town.at(OPENS)
    await town.round(COUNCIL, POLICE)
    node = town.nodes[ANALYST]
    node.hear()
    contracts = node.member.terms.contracts
    node.member.terms.contracts = contracts.without([town.town.world.signed.hash])
    town.at(CLOSES + DAY - (0 if late else 1))
    await node.own.look()
    assert node.held() == (set() if late else {("tokens", COUNCIL), ("tokens", POLICE)})


def during(
    monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], None], *, times: int = 1
) -> list[str]:
    """Let a function of the module act before it works; return its calls, as they are made."""
    calls: list[str] = []
    function = getattr(own_unions, name)

    def acting(*args: object) -> object:
        calls.append(name)
        if len(calls) <= times:
            act()
        return function(*args)

    monkeypatch.setattr(own_unions, name, acting)
    return calls


@pytest.mark.parametrize(("agency", "work"), [(COUNCIL, "own_tokens"), (ANALYST, "tally")])
async def test_others_write_while_contents_are_made(
    town: TalliedPartnership, monkeypatch: pytest.MonkeyPatch, agency: str, work: str
) -> None:
    store = town.town.members[agency].store

    def write() -> None:
        with store.transaction() as tx:
            tx.meta.set("another", b"writer")

    await shared(town)
    town.at(OPENS)
    calls = during(monkeypatch, work, write)
    await town.round()
    assert calls
    assert town.nodes[ANALYST].result == UnionTally(CONTRIBUTORS, 50)


async def test_a_result_of_tokens_that_were_replaced_meanwhile_is_not_kept(
    town: TalliedPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shared(town)
    town.at(OPENS)
    for _ in range(2):
        for agency in CONTRIBUTORS:
            await town.nodes[agency].own.look()
            for one in CONTRIBUTORS:
                town.nodes[one].hear()
    node = town.nodes[ANALYST]
    node.hear()

    def replaced() -> None:
        with node.member.store.transaction() as tx:
            (first, *_) = tx.unions.all(node.place.agreement, PERIOD, "tokens")
            tx.unions.save(replace(first, time_ms=first.time_ms + 1))

    calls = during(monkeypatch, "tally", replaced)
    await node.own.look()
    assert (len(calls), node.result) == (1, None)
    await node.own.look()
    assert node.result == UnionTally(CONTRIBUTORS, 50)


async def test_too_many_tokens_are_made_once_a_day_and_reported(
    town: TalliedPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shared(town)
    town.at(OPENS)
    monkeypatch.setattr(tokens, "MOST_TOKENS", 1)
    calls = during(monkeypatch, "own_tokens", lambda: None)
    node = town.nodes[COUNCIL]
    place = (node.place.agreement, PERIOD)
    assert await node.own.look() == PublishedStatements(((*place, "key"),), (place,))
    assert await node.own.look() == PublishedStatements(())
    assert len(calls) == 1

    def shown() -> tuple[TooLarge, ...]:
        with node.member.store.reading() as tx:
            return too_large_statements(node.member.participant, tx, town.clock.now)

    assert shown() == (TooLarge("tokens", *place, OPENS),)
    town.clock.pass_(DAY)
    assert (await node.own.look()).too_large == (place,)
    monkeypatch.undo()
    town.clock.pass_(DAY)
    assert parts_of(await node.own.look()) == ["key", "tokens"]
    assert shown() == ()
