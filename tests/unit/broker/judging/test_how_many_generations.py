"""Step 4 forgets generations that are complete, and keeps only so many of the others."""

from __future__ import annotations

import pytest

from broker.judging import generations
from broker.judging.partition_state import receiptable
from tests.support.stream_world import SenderLog, StreamReader
from tests.unit.broker.judging.stream_refusals import refused


def test_old_complete_generations_are_forgotten(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "MAX_GENERATIONS", 3)
    facts = []
    for _ in range(6):
        sender.restart()
        facts += sender.send(1)
    reader.take_all(facts)
    assert sorted(reader.state.generations) == [position.generation for position in facts[-3:]]
    assert reader.state.start == facts[3].generation
    assert reader.take(facts[0]).verdict == "before_start"
    assert reader.alarms == []


def test_a_generation_that_nothing_has_succeeded_is_not_forgotten(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "MAX_GENERATIONS", 1)
    reader.take_all(sender.send(1))
    sender.restart()
    facts = sender.send(2)
    refused(reader, facts[1], "generations_many")  # its link is not known
    assert reader.take(facts[0]).verdict == "link"
    assert list(reader.state.generations) == [facts[0].generation]


def test_generations_with_gaps_are_not_forgotten_and_only_so_many_are_kept(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "MAX_GENERATIONS", 3)
    logs = []
    for _ in range(4):
        sender.restart()
        logs.append(sender.send(3))
    for facts in logs[:3]:
        reader.take_all([facts[0], facts[2]])
    refused(reader, logs[3][0], "generations_many")
    reader.take(logs[0][1])  # complete, so it may go
    assert reader.take(logs[3][0]).verdict == "link"
    assert logs[0][0].generation not in reader.state.generations


def test_generations_with_gaps_that_their_sender_skips_shut_out_no_other(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "MAX_GENERATIONS", 3)
    (first,) = sender.send(1)
    reader.take(first)
    thief = sender.copy(branch=1)
    for _ in range(3):  # the first closes what everyone holds, so that it is forgotten
        thief.restart()
        facts = thief.send(3)
        reader.take_all([facts[0], facts[2]])
    assert first.generation not in reader.state.generations
    thief.restart()
    refused(reader, thief.send(1)[0], "generations_many")  # it passes over none
    sender.restart(at=thief.now + 1)
    (honest,) = sender.send(1)
    assert reader.take(honest).verdict == "link"
    assert len(reader.state.generations) == 3
    assert honest.generation == reader.state.newest


def test_a_gap_that_was_passed_over_once_is_not_forgotten_by_links_that_pass_over_nothing(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "MAX_GENERATIONS", 3)
    reader.take_all(sender.send(1))
    restored = sender.copy(branch=1)
    sender.restart()
    passed = sender.send(3)
    reader.take_all([passed[0], passed[2]])
    restored.now = sender.now
    for _ in range(6):
        restored.restart()
        assert reader.take(restored.send(1)[0]).verdict == "link"
    assert reader.open_gaps == [(passed[0].generation, 1, 1)]
    assert receiptable(reader.state) is None
