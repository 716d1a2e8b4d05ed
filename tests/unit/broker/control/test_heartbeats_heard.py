"""Accepted and refused heartbeats."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from broker.control.watch import (
    WITHHELD_AFTER_MS,
)
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.issuing import ManifestChanges
from broker.keys.kid import ED25519, ML_DSA_44, STREAM
from broker.keys.manifest import Revocation
from broker.statements.heartbeats import (
    MAX_HEADS,
    MAX_HEARTBEAT_BYTES,
    Heartbeat,
    format_heartbeat,
)
from broker.tlog.cosignature import parse_signed_checkpoint
from broker.tlog.note import format_note, parse_note
from tests.support.founded_partnership import (
    MINUTE,
    NOW,
    POLICE,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_agency import Clock, at_offsets
from tests.support.memory_control import ControlNode, authors, beat, head, newest, origin_of
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log


def test_a_heartbeat_is_its_agencys_own(node: ControlNode, world: FoundedPartnership) -> None:
    one = Heartbeat(world.deployment, POLICE, NOW, (), (0, bytes(32)), newest(world, POLICE))
    name = f"{world.deployment}/{POLICE}"
    posing = format_heartbeat(one, [replace(key, name=name) for key in authors(world, SUPPORT)])
    receipt_key = world.author(POLICE, receipts=True)
    with_receipt_key = format_heartbeat(one, [receipt_key, authors(world, POLICE)[1]])
    theirs = format_heartbeat(one, authors(world, SUPPORT))
    news = node.hear(node.topics.heartbeats, posing, with_receipt_key, theirs, b"x")
    assert news.rejected == ["key_unknown"] * 3 + ["note_malformed"]
    assert news.heartbeats == []


def test_a_heartbeat_needs_both_signatures(node: ControlNode, world: FoundedPartnership) -> None:
    one = Heartbeat(world.deployment, POLICE, NOW, (), (0, bytes(32)), newest(world, POLICE))
    classical, post_quantum = authors(world, POLICE)
    alone = [format_heartbeat(one, [key]) for key in (classical, post_quantum)]
    assert node.hear(node.topics.heartbeats, *alone).rejected == ["key_unknown"] * 2
    both = format_heartbeat(one, [post_quantum, classical])  # lines have no order
    assert len(node.hear(node.topics.heartbeats, both).heartbeats) == 1


@pytest.mark.parametrize("line", [0, 1])
def test_either_signature_of_a_heartbeat_must_verify(
    node: ControlNode, world: FoundedPartnership, line: int
) -> None:
    note = parse_note(beat(world))
    bad = replace(note.signatures[line], signature=bytes(len(note.signatures[line].signature)))
    lines = tuple(bad if at == line else one for at, one in enumerate(note.signatures))
    forged = format_note(replace(note, signatures=lines))
    assert node.hear(node.topics.heartbeats, forged).rejected == ["key_unknown"]


@pytest.mark.parametrize("algorithm", [ED25519, ML_DSA_44])
def test_a_heartbeat_of_a_revoked_key_is_not_believed(
    node: ControlNode, world: FoundedPartnership, algorithm: str
) -> None:
    (key,) = world.manifests.history(POLICE)[-1].manifest.keys_of(STREAM, algorithm)
    since = ManifestChanges(revocations=(Revocation(kid=key.kid, since=NOW + 1, reason="lost"),))
    node.trust.believe(node.trust.contracts, world.reissue(POLICE, since, NOW + MINUTE))
    assert node.hear(node.topics.heartbeats, beat(world, at=NOW)).rejected == ["key_unknown"]


def test_a_heartbeat_from_before_or_after_its_keys_is_not_believed(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    history = world.manifests.history(POLICE)[-1].manifest
    starts = min(key.not_before for key in history.keys)
    ends = max(key.not_after for key in history.keys if key.role == STREAM)
    clock.now = ends
    news = node.hear(node.topics.heartbeats, beat(world, at=starts - 1), beat(world, at=ends))
    assert news.rejected == ["key_unknown"] * 2


def test_a_heartbeat_that_is_too_large_is_not_even_read(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    log.send(value())
    many = [replace(head(log, 1), partition=number) for number in range(MAX_HEADS + 1)]
    large = b"x" * (MAX_HEARTBEAT_BYTES + 1)
    news = node.hear(node.topics.heartbeats, beat(world, *many), large)
    assert news.rejected == ["heartbeat_malformed"] * 2
    assert len(node.hear(node.topics.heartbeats, beat(world, *many[1:])).heartbeats) == 1


def test_a_head_that_contradicts_a_signed_checkpoint_is_evidence_once(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    node.member.take(at_offsets(log.send(value())))
    other = replace(head(log, 1), root=b"o" * 32)
    first, second = (beat(world, other, at=at) for at in (NOW, NOW + MINUTE))
    for note in (first, second):
        news = node.hear(node.topics.heartbeats, note)
        assert (news.rejected, news.heartbeats) == (["equivocation"], [])
    with node.member.store.reading() as tx:
        (found,) = tx.evidence.list()
    assert (found.kind, found.origin) == ("heartbeat", origin_of(log).format())
    assert found.text_b == first
    assert parse_signed_checkpoint(found.text_a).checkpoint.root == head(log, 1).root


def test_an_agency_that_contradicts_itself_in_many_logs_fills_no_disk(
    node: ControlNode, world: FoundedPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat may have 512 kB, and each is kept as evidence of one log only."""
    monkeypatch.setattr("broker.control.heartbeats_taken.CONTRADICTED_LOGS", 2)
    notes = []
    for at in range(4):
        one = Log(partition=at)
        node.member.take(at_offsets(one.send(value())))
        notes.append(beat(world, replace(head(one, 1), root=b"o" * 32), at=NOW + at))
    news = node.hear(node.topics.heartbeats, *notes)
    assert news.rejected == ["equivocation"] * 4
    assert news.alarms == [(POLICE, "equivocation")] * 4
    with node.member.store.reading() as tx:
        assert [row.text_b for row in tx.evidence.list()] == notes[:2]


def test_a_contradiction_that_another_party_repeats_raises_no_further_alarm(
    node: ControlNode, world: FoundedPartnership, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.member.take(at_offsets(log.send(value())))
    note = beat(world, replace(head(log, 1), root=b"o" * 32))
    assert node.hear(node.topics.heartbeats, note).alarms == [(POLICE, "equivocation")]
    monkeypatch.setattr("broker.control.heartbeats_taken.require_both_authors", None)
    news = node.hear(node.topics.heartbeats, *[note] * 100)
    assert (news.alarms, news.rejected) == ([], ["equivocation"] * 100)


def test_contradictions_of_alternating_minutes_do_not_reset_the_limit(
    node: ControlNode, world: FoundedPartnership, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat that contradicts leaves no time behind, so its sender can state any."""
    monkeypatch.setattr("broker.control.budgets.HEARTBEATS_HEARD", 2)
    node.member.take(at_offsets(log.send(value())))
    odd = replace(head(log, 1), root=b"o" * 32)
    notes = [beat(world, odd, at=NOW + MINUTE * (number % 2) + number) for number in range(12)]
    codes = Counter(node.hear(node.topics.heartbeats, *notes).rejected)
    assert codes == {"equivocation": 4, "heartbeats_many": 8}


def test_so_many_heartbeats_of_an_agency_are_heard_in_a_minute(
    node: ControlNode, world: FoundedPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time that they state; what is not heard costs no check of a signature."""
    monkeypatch.setattr("broker.control.budgets.HEARTBEATS_HEARD", 3)
    notes = [beat(world, at=NOW + at) for at in range(5)]
    news = node.hear(node.topics.heartbeats, *notes)
    assert (len(news.heartbeats), news.rejected) == (3, ["heartbeats_many"] * 2)
    monkeypatch.setattr("broker.control.heartbeats_taken.require_both_authors", None)
    assert node.hear(node.topics.heartbeats, *notes[3:]).heartbeats == []
    monkeypatch.undo()
    other = beat(world, at=NOW + 5, agency=SUPPORT)
    assert len(node.hear(node.topics.heartbeats, other).heartbeats) == 1
    next_minute = beat(world, at=NOW + MINUTE)
    assert len(node.hear(node.topics.heartbeats, next_minute).heartbeats) == 1


def test_an_old_heartbeat_again_is_no_news(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    first = beat(world)
    assert len(node.hear(node.topics.heartbeats, first).heartbeats) == 1
    assert node.hear(node.topics.heartbeats, first).heartbeats == []
    older = beat(world, at=NOW + 1)
    newer = beat(world, at=NOW + 2)
    assert len(node.hear(node.topics.heartbeats, newer, older).heartbeats) == 1


def test_a_heartbeat_ahead_of_the_clock_is_refused(
    node: ControlNode, world: FoundedPartnership
) -> None:
    early = beat(world, at=NOW + CLOCK_SKEW_MS + 1)
    assert node.hear(node.topics.heartbeats, early).rejected == ["early"]
    just = beat(world, at=NOW + CLOCK_SKEW_MS)
    assert node.hear(node.topics.heartbeats, just).rejected == []


def test_a_heartbeat_that_names_two_generations_of_a_stream_is_refused(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    log.send(value())
    one = head(log, 1)
    twice = beat(world, one, replace(one, generation="f" + one.generation[1:]))
    assert node.hear(node.topics.heartbeats, twice).rejected == ["heartbeat_malformed"]


@pytest.mark.parametrize("generation", ["\x01", "a\n5\n9\n", "", "A", "x" * 4096])
def test_a_head_that_could_not_be_asked_for_is_refused(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock, generation: str
) -> None:
    log.send(value())
    odd = beat(world, replace(head(log, 1), generation=generation))
    assert node.hear(node.topics.heartbeats, odd).rejected == ["heartbeat_malformed"]
    clock.pass_(WITHHELD_AFTER_MS)
    assert node.watch.look().ask_again == []
