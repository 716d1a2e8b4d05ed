"""Receipts: when one is given and for what, and which of others are believed and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.control import receipts_kept
from broker.errors import TransportError
from broker.keys.issuing import ManifestChanges
from broker.keys.kid import ED25519
from broker.keys.kid import RECEIPT as RECEIPT_ROLE
from broker.keys.manifest import Revocation, StandingEntry
from broker.record import Record
from broker.statements.receipts import format_receipt, parse_receipt
from broker.tlog.checkpoint import Origin
from broker.tlog.note import NoteSigner, format_note, parse_note
from broker.tlog.proof import parse_proof
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    COUNCIL,
    DAY,
    HOUR,
    MADE,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_agency import Clock, at_offsets
from tests.support.memory_control import RECEIPT, ControlNode, origin_of
from tests.support.record_parts import as_leaf, proof_of
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log


async def test_a_receipt_states_what_is_held_without_a_gap(
    node: ControlNode, log: Log, world: FoundedPartnership
) -> None:
    records = at_offsets(log.send(value(), value(), value(), value()))
    for taken, receipt in ((records[:1], False), (records[2:], False), (records[1:2], True)):
        node.notices.changed(node.member.take(taken).changed)
        await node.notices.flush()
        assert bool(node.said()) == receipt
    (one,) = node.said()
    assert one.value is not None
    signed = parse_receipt(one.value)
    assert signed.checkpoint.origin == origin_of(log).format()
    assert (signed.checkpoint.size, signed.checkpoint.root) == (4, log.newest.root)  # type: ignore[union-attr]  # it was sent
    assert await node.notices.flush() == 0


async def test_a_receipt_counts_refused_records_and_not_leaves(node: ControlNode, log: Log) -> None:
    odd = draft_event(MADE, to=(COUNCIL,), urgency="whenever").value()
    records = at_offsets(log.send(value(), odd, value(), value()))
    mixed = [records[0], records[1], records[3], as_leaf(records[2])]
    node.notices.changed(node.member.take(at_offsets(mixed)).changed)
    assert await node.notices.flush() == 0
    node.notices.changed(node.member.take(at_offsets([records[2]], 4)).changed)
    assert await node.notices.flush() == 1


async def test_a_receipt_is_not_given_inside_a_batch(node: ControlNode, log: Log) -> None:
    records = at_offsets(log.send(value(), value()))
    node.notices.changed(node.member.take(records[:1]).changed)
    assert await node.notices.flush() == 0


async def test_a_receipt_that_could_not_be_sent_stays_due(node: ControlNode, log: Log) -> None:
    node.notices.changed(node.member.take(at_offsets(log.send(value()))).changed)
    node.member.kafka.up = False
    with pytest.raises(TransportError):
        await node.notices.flush()
    node.member.kafka.up = True
    assert await node.notices.flush() == 1


async def test_a_stream_that_moves_while_receipts_are_sent_is_due_again(
    node: ControlNode, log: Log
) -> None:
    node.notices.changed(node.member.take(at_offsets(log.send(value()))).changed)
    real = node.member.transport.send

    async def meanwhile(records: Sequence[Record]) -> list[int]:
        node.notices.changed(node.member.take(at_offsets(log.send(value()), 1)).changed)
        return await real(records)

    node.member.transport.send = meanwhile  # type: ignore[method-assign]  # the stream moves
    assert await node.notices.flush() == 1
    node.member.transport.send = real  # type: ignore[method-assign]  # as it was
    assert await node.notices.flush() == 1
    sizes = [parse_receipt(r.value).checkpoint.size for r in node.said() if r.value]
    assert sizes == [1, 2]


def receipt_of(world: FoundedPartnership, log: Log, signer: NoteSigner, at: int = NOW) -> bytes:
    assert log.newest is not None
    return format_receipt(origin_of(log), 1, log.newest.root, signer, at // SECOND)


def with_another_signature(receipt: bytes) -> bytes:
    """Well-formed, and signed by nobody."""
    note = parse_note(receipt)
    (line,) = note.signatures
    last = bytes([line.signature[-1] ^ 1])
    forged = replace(line, signature=line.signature[:-1] + last)
    return format_note(replace(note, signatures=(forged,)))


def kept_receipts(node: ControlNode, log: Log) -> list[tuple[str, bytes]]:
    """(who gave it, as it came)."""
    with node.member.store.reading() as tx:
        rows = tx.receipts.from_size(origin_of(log).format(), 0)
    return [(row.cosigner, row.text) for row in rows]


def test_receipts_of_others_are_verified_and_kept(
    node: ControlNode, log: Log, world: FoundedPartnership
) -> None:
    log.send(value())
    good = receipt_of(world, log, world.receipt_cosigner(SUPPORT))
    stream_key = receipt_of(world, log, world.cosigner(SUPPORT))
    posing = receipt_of(
        world, log, replace(world.receipt_cosigner(SUPPORT), name=f"{world.deployment}/{COUNCIL}")
    )
    early = receipt_of(world, log, world.receipt_cosigner(SUPPORT), NOW - HOUR)
    broken = good[:-2]
    news = node.hear(
        node.topics.receipts,
        *(good, stream_key, posing, early, with_another_signature(good), broken),
        content_type=RECEIPT,
    )
    assert news.receipts == 1
    assert news.rejected == [*["key_unknown"] * 3, "signature_wrong", "receipt_malformed"]
    assert kept_receipts(node, log) == [(SUPPORT, good)]


def made_up(world: FoundedPartnership, origin: Origin, size: int = 1, at: int = NOW) -> bytes:
    """A receipt over what nobody signed."""
    cosigner = world.receipt_cosigner(SUPPORT)
    return format_receipt(origin, size, bytes(31) + bytes([size % 256]), cosigner, at // SECOND)


def hear(node: ControlNode, *receipts: bytes) -> tuple[int, list[str]]:
    news = node.hear(node.topics.receipts, *receipts, content_type=RECEIPT)
    return news.receipts, news.rejected


def test_receipts_for_what_is_no_stream_are_not_kept(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    log.send(value())
    origin = origin_of(log)
    odd = [
        replace(origin, deployment="other"),
        replace(origin, agency="nobody"),
        replace(origin, agency=SUPPORT),
        replace(origin, generation="g"),
    ]
    assert hear(node, *(made_up(world, one) for one in odd)) == (0, ["origin_wrong"] * 4)
    odd = [replace(origin, topic="pan-london.made-up.a"), replace(origin, partition=999)]
    assert hear(node, *(made_up(world, one) for one in odd)) == (0, ["party_left"] * 2)
    assert hear(node, made_up(world, origin, at=NOW + HOUR)) == (0, ["early"])


def test_a_minute_of_an_agency_has_64_kilobytes(
    node: ControlNode, world: FoundedPartnership, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time that they state: one that begins anew hears many minutes at once."""
    log.send(value())
    receipts = [made_up(world, origin_of(log), size) for size in (1, 2, 3)]
    monkeypatch.setattr("broker.control.budgets.RECEIPT_BYTES_A_MINUTE", 2 * len(receipts[0]))
    assert hear(node, *receipts) == (2, ["receipts_many"])
    assert hear(node, made_up(world, origin_of(log), 4, NOW + MINUTE)) == (1, [])


def test_receipts_that_another_party_writes_again_do_not_use_up_a_minute(
    node: ControlNode, world: FoundedPartnership, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.send(value())
    first, second, third = (made_up(world, origin_of(log), size) for size in (1, 2, 3))
    monkeypatch.setattr("broker.control.budgets.RECEIPT_BYTES_A_MINUTE", 2 * len(first))
    assert hear(node, first, *[first] * 50) == (1, [])
    assert hear(node, second, third) == (1, ["receipts_many"])


def test_invented_topics_of_receipts_and_requests_leave_nothing_in_memory(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    log.send(value())
    origin = origin_of(log)
    present = node.control.present()

    def remembered() -> int:
        return len(repr([getattr(present, name) for name in ("_readers", "parties")]))

    before = remembered()
    for at in range(200):
        odd = replace(origin, topic=f"pan-london.made-up.{at}", partition=at)
        assert hear(
            node, made_up(world, odd), made_up(world, replace(origin, partition=at + 9))
        ) == (
            0,
            ["party_left"] * 2,
        )
    assert node.control.present() is present
    assert remembered() == before


def test_an_agency_that_makes_many_receipts_needed_displaces_only_those_over_its_own_streams(
    node: ControlNode, world: FoundedPartnership, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It decides how many are kept: of each of its generations, and before each revocation."""
    log.send(value())
    origin = origin_of(log)
    others = replace(origin, agency=PROSECUTION)
    oldest = made_up(world, others)
    one = len(others.format()) + len(oldest) + receipts_kept.ROW_BYTES
    monkeypatch.setattr(receipts_kept, "COSIGNER_BYTES", 4 * one)
    monkeypatch.setattr(receipts_kept, "DROPPED_AT_ONCE", 1)
    assert hear(node, oldest) == (1, [])
    for at in range(8):
        generation = replace(origin, generation=f"{NOW:016x}-{at:032x}")
        assert hear(node, made_up(world, generation, 2, NOW + (at + 1) * SECOND)) == (1, [])
    with node.member.store.reading() as tx:
        names = [name for name, _ in tx.receipts.pairs()]
    assert others.format() in names
    assert 2 <= len(names) <= 4


def test_only_the_first_end_of_a_key_that_signs_is_an_end(world: FoundedPartnership) -> None:
    """Were every time that a revocation names one, each would keep another receipt for ever."""
    kid = world.stream_key(POLICE).kid
    times = [NOW + HOUR, NOW + 30 * MINUTE]
    revocations = tuple(Revocation(kid=kid, since=at, reason="lost") for at in times)
    book = world.reissue(POLICE, ManifestChanges(revocations=revocations[:1]), NOW + 2 * HOUR)
    assert book.revocation_times(POLICE) == (times[0] // SECOND,)


def test_one_cosigner_has_64_generations_that_are_not_held_of_a_senders_partition(
    node: ControlNode, world: FoundedPartnership, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts_kept, "ORIGINS_NOT_HELD", 2)
    node.member.take(at_offsets(log.send(value())))
    origin = origin_of(log)
    names = [f"{NOW + at:016x}-{at:032x}" for at in range(4)]
    invented = [replace(origin, generation=name) for name in names]
    assert hear(node, made_up(world, invented[1]), made_up(world, invented[2])) == (2, [])
    assert hear(node, made_up(world, invented[0])) == (0, ["origins_many"])
    assert hear(node, made_up(world, invented[3]), made_up(world, origin)) == (2, [])
    with node.member.store.reading() as tx:
        kept = [name.rpartition("/")[2] for name, _ in tx.receipts.pairs()]
    assert sorted(kept) == sorted([names[2], names[3], origin.generation])


def test_eight_cosigners_are_kept_of_a_stream_beside_ones_own(
    node: ControlNode, world: FoundedPartnership, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts_kept, "COSIGNERS_OF_AN_ORIGIN", 1)
    log.send(value())
    signers = (SUPPORT, PROSECUTION, COUNCIL)
    given = [receipt_of(world, log, world.receipt_cosigner(one)) for one in signers]
    assert hear(node, *given) == (2, ["cosigners_many"])
    assert [who for who, _ in kept_receipts(node, log)] == [SUPPORT, COUNCIL]


def test_all_receipts_of_one_cosigner_have_a_limit_in_bytes_and_the_oldest_go(
    node: ControlNode, world: FoundedPartnership, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.send(value())
    origin = origin_of(log)
    another = replace(origin, generation=f"{NOW:016x}-{7:032x}")
    first, second = made_up(world, origin), made_up(world, another, 2, NOW + SECOND)
    one = len(origin.format()) + len(first) + receipts_kept.ROW_BYTES
    monkeypatch.setattr(receipts_kept, "COSIGNER_BYTES", 2 * one)
    assert hear(node, first, second) == (2, [])
    with node.member.store.reading() as tx:
        assert len(tx.receipts.pairs()) == 2
    third = made_up(world, replace(origin, generation=f"{NOW:016x}-{8:032x}"), 3, NOW + 2 * SECOND)
    other = receipt_of(world, log, world.receipt_cosigner(PROSECUTION))
    assert hear(node, other, third) == (2, [])
    with node.member.store.reading() as tx:
        kept = sum(size + rows * receipts_kept.ROW_BYTES for _, size, rows in tx.receipts.sizes())
        assert kept <= 3 * one
    assert kept_receipts(node, log) == [(PROSECUTION, other)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 60 * 24), max_size=80, unique=True),
    st.lists(st.integers(0, 60 * 24), max_size=3),
)
def test_superfluous_receipts_change_no_answer_about_an_hour_a_day_or_an_end(
    hours: list[int], ends: list[int]
) -> None:
    now, retention = 60 * DAY // SECOND, 44 * DAY // SECOND
    times = sorted(hour * 3600 + (hour * 977) % 3600 for hour in hours)
    times = sorted({*times, *(time + 60 for time in times)})
    rows = list(enumerate(times))
    gone = receipts_kept.superfluous(rows, [end * 3600 for end in ends], now, retention)
    kept = [time for row, time in rows if row not in gone]
    assert kept[-1:] == times[-1:]
    for end in ends:
        before = [time for time in times if time < end * 3600]
        assert not before or before[-1] in kept
    for time in times:
        if time >= now - 48 * 3600:
            assert [other for other in times if other // 3600 == time // 3600][-1] in kept
        if time >= now - retention:
            assert [other for other in times if other // 86400 == time // 86400][-1] in kept
    assert len(kept) <= 49 + 45 + len(ends) + 1


def test_an_agency_that_left_is_not_heard(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    log.send(value())
    receipt = receipt_of(world, log, world.receipt_cosigner(SUPPORT))
    clock.pass_(MINUTE)
    contract = world.contract
    left = StandingEntry(
        contract=contract.name,
        versions=(world.signed.hash,),
        state="left",
        since=clock.now,
        reason="closed",
    )
    changes = ManifestChanges(standing=(left,))
    node.trust.believe(node.trust.contracts, world.reissue(SUPPORT, changes, clock.now))
    assert hear(node, receipt) == (0, ["party_left"])
    other = receipt_of(world, log, world.receipt_cosigner(PROSECUTION))
    assert hear(node, other) == (1, [])


def test_a_reader_that_begins_anew_opens_what_an_earlier_receipt_covers(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    """Receipts and the revocation first, then records of many batches, of which one has a receipt.

    Those before it wait until it has come, and are then taken in order; those after it are refused.
    """
    sent = at_offsets([record for _ in range(4) for record in log.send(value(), value())])
    root = parse_proof(proof_of(sent[5])).checkpoint.root
    support = world.receipt_cosigner(SUPPORT)
    receipt = format_receipt(origin_of(log), 6, root, support, NOW // SECOND + 1)
    assert hear(node, receipt) == (1, [])
    clock.pass_(DAY)
    kid = world.stream_key(POLICE).kid
    revocation = Revocation(kid=kid, since=NOW + HOUR, reason="lost")
    changes = ManifestChanges(revocations=(revocation,))
    node.member.believe(node.member.contracts, world.reissue(POLICE, changes, clock.now))
    first = node.member.take(sent)
    assert first.deferred == [(POLICE, "receipt_awaited")]
    assert [code for _, _, _, code in first.refused] == ["key_revoked"] * 2
    assert first.opened == []
    assert first.covered_more
    again = node.member.take(sent)
    assert len(again.opened) == 6
    assert again.gaps == []
    with node.member.store.reading() as tx:
        assert tx.reader.all_deferred() == []


def test_a_gap_is_filled_under_a_revoked_key_where_what_is_held_folds_to_a_receipt(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    """The receipt is over what was taken after the gap, before the key was lost."""
    sent = at_offsets([log.send_one(value()) for _ in range(6)])
    node.member.take([sent[0], *sent[3:]])
    support = world.receipt_cosigner(SUPPORT)
    assert log.newest is not None
    receipt = format_receipt(origin_of(log), 6, log.newest.root, support, NOW // SECOND + 1)
    assert hear(node, receipt) == (1, [])
    clock.pass_(DAY)
    kid = world.stream_key(POLICE).kid
    revocation = Revocation(kid=kid, since=NOW + HOUR, reason="lost")
    changes = ManifestChanges(revocations=(revocation,))
    node.member.believe(node.member.contracts, world.reissue(POLICE, changes, clock.now))
    replayed = at_offsets(sent[1:3], 6)
    assert node.member.take(replayed).covered_more
    assert len(node.member.take(replayed).opened) == 2
    assert node.member.state(POLICE, log).generations[origin_of(log).generation].gaps == ()


def test_records_of_a_revoked_key_open_as_far_as_an_unrevoked_receipt_covers_them(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    before = at_offsets(log.send(value()))
    node.hear(
        node.topics.receipts,
        receipt_of(world, log, world.receipt_cosigner(SUPPORT), NOW + SECOND),
        content_type=RECEIPT,
    )
    kid = world.stream_key(POLICE).kid
    clock.pass_(DAY)
    hear(node, receipt_of(world, log, world.receipt_cosigner(PROSECUTION), NOW + DAY))
    for since, believed in ((NOW + SECOND, False), (NOW + SECOND + 1, True)):
        changes = ManifestChanges(revocations=(Revocation(kid=kid, since=since, reason="lost"),))
        node.member.believe(node.member.contracts, world.reissue(POLICE, changes, clock.now))
        batch = node.member.take(before)
        assert bool(batch.opened) == believed
    theirs = world.participants[SUPPORT].receipt_signer(NOW).kid
    changes = ManifestChanges(revocations=(Revocation(kid=theirs, since=NOW, reason="lost"),))
    book = world.reissue(SUPPORT, changes, clock.now, node.member.trust.manifests)
    node.member.believe(node.member.contracts, book)
    again = node.member.take(before)
    assert [code for _, _, _, code in again.refused] == ["key_revoked"]


def test_an_agencys_receipt_does_not_speak_for_its_own_stream(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    log.send(value())
    own, theirs = (
        receipt_of(world, log, world.receipt_cosigner(agency)) for agency in (POLICE, SUPPORT)
    )
    assert not node.member.trust.receipt_believed(own, NOW + SECOND)
    assert node.member.trust.receipt_believed(theirs, NOW + SECOND)


def test_a_receipt_of_an_unknown_signer_or_a_damaged_one_is_not_believed(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    log.send(value())
    stranger = replace(world.receipt_cosigner(SUPPORT), name=f"{world.deployment}/nobody-here")
    for receipt in (receipt_of(world, log, stranger), b"damaged"):
        assert not node.member.trust.receipt_believed(receipt, NOW + SECOND)


def test_a_receipt_says_nothing_of_the_time_before_it_was_given(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    log.send(value())
    receipt = receipt_of(world, log, world.receipt_cosigner(SUPPORT), NOW)
    assert node.member.trust.receipt_believed(receipt, NOW + 1)
    assert not node.member.trust.receipt_believed(receipt, NOW)


def test_a_revoked_receipt_key_does_not_count_again_once_it_is_listed_no_more(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    log.send(value())
    receipt = receipt_of(world, log, world.receipt_cosigner(SUPPORT), NOW + SECOND)
    theirs = world.participants[SUPPORT].receipt_signer(NOW).kid
    clock.pass_(DAY)
    revoked = ManifestChanges(revocations=(Revocation(kid=theirs, since=NOW, reason="lost"),))
    book = world.reissue(SUPPORT, revoked, clock.now)
    dropped = ManifestChanges(drop_keys=frozenset({theirs}))
    book = world.reissue(SUPPORT, dropped, clock.now + MINUTE, book)
    node.member.believe(node.member.contracts, book)
    assert not node.member.trust.receipt_believed(receipt, NOW + DAY)


def test_a_covered_record_is_not_believed_after_its_receipt_stops_counting(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    """The other agency's receipt states more, but no leaves fold to its root."""
    sent = at_offsets([*log.send(value()), *log.send(value())])
    root, at = parse_proof(proof_of(sent[1])).checkpoint.root, NOW // SECOND + 1
    told = [(2, root, SUPPORT), (9, b"r" * 32, PROSECUTION)]
    given = [
        format_receipt(origin_of(log), size, stated, world.receipt_cosigner(agency), at)
        for size, stated, agency in told
    ]
    assert hear(node, *given) == (2, [])
    clock.pass_(DAY)
    lost = Revocation(kid=world.stream_key(POLICE).kid, since=NOW + HOUR, reason="lost")
    book = world.reissue(POLICE, ManifestChanges(revocations=(lost,)), clock.now)
    node.member.believe(node.member.contracts, book)
    assert node.member.take(sent).covered_more
    (key,) = book.history(SUPPORT)[-1].manifest.keys_of(RECEIPT_ROLE, ED25519)
    stolen = Revocation(kid=key.kid, since=NOW, reason="lost")
    book = world.reissue(SUPPORT, ManifestChanges(revocations=(stolen,)), clock.now, book)
    node.member.believe(node.member.contracts, book)
    assert node.member.take(sent).opened == []
