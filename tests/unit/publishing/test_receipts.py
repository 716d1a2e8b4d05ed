"""Receipts: when one is given and for what, and which of others are believed and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from desk import RECEIPT, Desk, origin_of
from drafts import draft_event
from office import Clock, at_offsets
from sealed_referrals import value
from sent_records import Log, as_leaf
from workshop import (
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
    Workshop,
)

from broker.control.budgets import (
    RECEIPTS_HEARD,
)
from broker.errors import TransportError
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import Revocation
from broker.record import Record
from broker.statements.receipts import format_receipt, parse_receipt
from broker.tlog.checkpoint import Origin
from broker.tlog.note import NoteSigner, format_note, parse_note


async def test_a_receipt_states_what_is_held_without_a_gap(
    desk: Desk, log: Log, world: Workshop
) -> None:
    records = at_offsets(log.send(value(), value(), value(), value()))
    for taken, receipt in ((records[:1], False), (records[2:], False), (records[1:2], True)):
        desk.notices.changed(desk.office.take(taken).changed)
        await desk.notices.flush()
        assert bool(desk.said()) == receipt
    (one,) = desk.said()
    assert one.value is not None
    signed = parse_receipt(one.value)
    assert signed.checkpoint.origin == origin_of(log).format()
    assert (signed.checkpoint.size, signed.checkpoint.root) == (4, log.newest.root)  # type: ignore[union-attr]  # it was sent
    assert await desk.notices.flush() == 0


async def test_a_receipt_counts_refused_records_and_not_leaves(desk: Desk, log: Log) -> None:
    odd = draft_event(MADE, to=(COUNCIL,), urgency="whenever").value()
    records = at_offsets(log.send(value(), odd, value(), value()))
    mixed = [records[0], records[1], records[3], as_leaf(records[2])]
    desk.notices.changed(desk.office.take(at_offsets(mixed)).changed)
    assert await desk.notices.flush() == 0
    desk.notices.changed(desk.office.take(at_offsets([records[2]], 4)).changed)
    assert await desk.notices.flush() == 1


async def test_a_receipt_is_not_given_inside_a_batch(desk: Desk, log: Log) -> None:
    records = at_offsets(log.send(value(), value()))
    desk.notices.changed(desk.office.take(records[:1]).changed)
    assert await desk.notices.flush() == 0


async def test_a_receipt_that_could_not_be_sent_stays_due(desk: Desk, log: Log) -> None:
    desk.notices.changed(desk.office.take(at_offsets(log.send(value()))).changed)
    desk.office.kafka.up = False
    with pytest.raises(TransportError):
        await desk.notices.flush()
    desk.office.kafka.up = True
    assert await desk.notices.flush() == 1


async def test_a_stream_that_moves_while_receipts_are_sent_is_due_again(
    desk: Desk, log: Log
) -> None:
    desk.notices.changed(desk.office.take(at_offsets(log.send(value()))).changed)
    real = desk.office.transport.send

    async def meanwhile(records: Sequence[Record]) -> list[int]:
        desk.notices.changed(desk.office.take(at_offsets(log.send(value()), 1)).changed)
        return await real(records)

    desk.office.transport.send = meanwhile  # type: ignore[method-assign]  # the stream moves
    assert await desk.notices.flush() == 1
    desk.office.transport.send = real  # type: ignore[method-assign]  # as it was
    assert await desk.notices.flush() == 1
    sizes = [parse_receipt(r.value).checkpoint.size for r in desk.said() if r.value]
    assert sizes == [1, 2]


def receipt_of(world: Workshop, log: Log, signer: NoteSigner, at: int = NOW) -> bytes:
    assert log.newest is not None
    return format_receipt(origin_of(log), 1, log.newest.root, signer, at // SECOND)


def with_another_signature(receipt: bytes) -> bytes:
    """Well-formed, and signed by nobody."""
    note = parse_note(receipt)
    (line,) = note.signatures
    last = bytes([line.signature[-1] ^ 1])
    forged = replace(line, signature=line.signature[:-1] + last)
    return format_note(replace(note, signatures=(forged,)))


def kept_receipts(desk: Desk, log: Log) -> list[tuple[str, bytes]]:
    """(who gave it, as it came)."""
    with desk.office.store.reading() as tx:
        rows = tx.receipts.from_size(origin_of(log).format(), 0)
    return [(row.cosigner, row.text) for row in rows]


def test_receipts_of_others_are_verified_and_kept(desk: Desk, log: Log, world: Workshop) -> None:
    log.send(value())
    good = receipt_of(world, log, world.receipt_cosigner(SUPPORT))
    stream_key = receipt_of(world, log, world.cosigner(SUPPORT))
    posing = receipt_of(
        world, log, replace(world.receipt_cosigner(SUPPORT), name=f"{world.deployment}/{COUNCIL}")
    )
    early = receipt_of(world, log, world.receipt_cosigner(SUPPORT), NOW - HOUR)
    broken = good[:-2]
    news = desk.hear(
        desk.topics.receipts,
        *(good, stream_key, posing, early, with_another_signature(good), broken),
        content_type=RECEIPT,
    )
    assert news.receipts == 1
    assert news.rejected == [*["key_unknown"] * 3, "signature_wrong", "receipt_malformed"]
    assert kept_receipts(desk, log) == [(SUPPORT, good)]


def test_receipts_that_an_agency_makes_up_are_bounded(
    desk: Desk, world: Workshop, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RECEIPTS_HEARD > 2
    monkeypatch.setattr("broker.control.budgets.MOST", {"receipts": 2})
    log.send(value())
    origin = origin_of(log)
    cosigner = world.receipt_cosigner(SUPPORT)

    def said(one: Origin, size: int = 1) -> bytes:
        return format_receipt(one, size, bytes(32), cosigner, NOW // 1000)

    odd = [
        replace(origin, deployment="other"),
        replace(origin, agency="nobody"),
        replace(origin, agency=SUPPORT),
    ]
    news = desk.hear(desk.topics.receipts, *map(said, odd), content_type=RECEIPT)
    assert (news.receipts, news.rejected) == (0, ["origin_wrong"] * 3)
    many = [said(origin, size) for size in (1, 2, 3)]
    news = desk.hear(desk.topics.receipts, *many, content_type=RECEIPT)
    assert (news.receipts, news.rejected) == (2, ["receipts_many"])
    assert [raw for _, raw in kept_receipts(desk, log)] == many[:2]


def test_what_a_revoked_key_signed_is_opened_as_far_as_an_unrevoked_receipt_shows_it_is_older(
    desk: Desk, log: Log, world: Workshop, clock: Clock
) -> None:
    before = at_offsets(log.send(value()))
    desk.hear(
        desk.topics.receipts,
        receipt_of(world, log, world.receipt_cosigner(SUPPORT), NOW + SECOND),
        receipt_of(world, log, world.receipt_cosigner(PROSECUTION), NOW + DAY),
        content_type=RECEIPT,
    )
    kid = world.stream_key(POLICE).kid
    clock.pass_(DAY)
    for since, believed in ((NOW + SECOND, False), (NOW + SECOND + 1, True)):
        changes = ManifestChanges(revocations=(Revocation(kid=kid, since=since, reason="lost"),))
        desk.office.believe(desk.office.contracts, world.reissue(POLICE, changes, clock.now))
        batch = desk.office.take(before)
        assert bool(batch.opened) == believed
    theirs = world.participants[SUPPORT].receipt_signer(NOW).kid
    changes = ManifestChanges(revocations=(Revocation(kid=theirs, since=NOW, reason="lost"),))
    book = world.reissue(SUPPORT, changes, clock.now, desk.office.trust.manifests)
    desk.office.believe(desk.office.contracts, book)
    again = desk.office.take(before)
    assert [code for _, _, _, code in again.refused] == ["key_revoked"]


def test_an_agencys_receipt_does_not_speak_for_its_own_stream(
    desk: Desk, world: Workshop, log: Log
) -> None:
    log.send(value())
    own, theirs = (
        receipt_of(world, log, world.receipt_cosigner(agency)) for agency in (POLICE, SUPPORT)
    )
    assert not desk.office.trust.receipt_believed(own, NOW + SECOND)
    assert desk.office.trust.receipt_believed(theirs, NOW + SECOND)


def test_a_receipt_of_nobody_or_that_is_damaged_is_not_believed(
    desk: Desk, world: Workshop, log: Log
) -> None:
    log.send(value())
    stranger = replace(world.receipt_cosigner(SUPPORT), name=f"{world.deployment}/nobody-here")
    for receipt in (receipt_of(world, log, stranger), b"damaged"):
        assert not desk.office.trust.receipt_believed(receipt, NOW + SECOND)


def test_a_receipt_says_nothing_of_the_time_before_it_was_given(
    desk: Desk, world: Workshop, log: Log
) -> None:
    log.send(value())
    receipt = receipt_of(world, log, world.receipt_cosigner(SUPPORT), NOW)
    assert desk.office.trust.receipt_believed(receipt, NOW + 1)
    assert not desk.office.trust.receipt_believed(receipt, NOW)


def test_a_revoked_receipt_key_does_not_count_again_once_it_is_listed_no_more(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    log.send(value())
    receipt = receipt_of(world, log, world.receipt_cosigner(SUPPORT), NOW + SECOND)
    theirs = world.participants[SUPPORT].receipt_signer(NOW).kid
    clock.pass_(DAY)
    revoked = ManifestChanges(revocations=(Revocation(kid=theirs, since=NOW, reason="lost"),))
    book = world.reissue(SUPPORT, revoked, clock.now)
    dropped = ManifestChanges(drop_keys=frozenset({theirs}))
    book = world.reissue(SUPPORT, dropped, clock.now + MINUTE, book)
    desk.office.believe(desk.office.contracts, book)
    assert not desk.office.trust.receipt_believed(receipt, NOW + DAY)
