"""A database of yesterday, on either side: what is done again is the same, and stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.base import AgencySystem, Row
from adapters.council import ADAPTER as COUNCIL_ADAPTER
from adapters.csu import ADAPTER as CSU_ADAPTER
from adapters.delivery import InboxDelivery
from adapters.demo.own_form import own_form
from adapters.demo.samples.facts import case_list
from adapters.demo.samples.leaves import asked, referral_leaves
from adapters.demo.samples.sample_rows import rendered
from adapters.intake import Intake, Publication
from adapters.links import StoreLinks
from adapters.sinks.folder_sink import FolderSink
from adapters.sources.source_file import SourceFile
from adapters.trial_agencies import PARTNER_CODES
from broker.observing.metrics import Metrics
from broker.record import Record
from tests.support.founded_partnership import COUNCIL, POLICE, SECOND
from tests.support.memory_agency import Clock, MemoryAgency, at_offsets, cluster

CASES = 5


class Two:
    """A unit that exports and a council that imports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        kafka = cluster()
        self.police = MemoryAgency(POLICE, folder / "police.db", kafka, self.clock)
        self.council = MemoryAgency(COUNCIL, folder / "council.db", kafka, self.clock)
        self._taken = 0

    def export(self) -> None:
        """The same export each time: referrals about cases that have no shared id yet."""
        form = own_form("csu")
        rows = [
            rendered(
                CSU_ADAPTER.mapping,
                "referral.made",
                asked(referral_leaves(case, "housing"), "council"),
                recipients=["LBCAM"],
                case=case.crime_reference,
                referral=f"R{case.number}",
            )
            | form.always()
            for case in case_list(7, CASES)
        ]
        police = self.police
        content = form.write(rows)
        assert all(isinstance(item, Row) for item in CSU_ADAPTER.read(content))
        intake = Intake(
            AgencySystem(CSU_ADAPTER, POLICE, dict(PARTNER_CODES["csu"])),
            police.store,
            Publication(police.publisher, lambda: None),
            Metrics(),
            self.clock,
        )
        verdict = asyncio.run(intake.take(SourceFile.of("e.csv", content)))
        assert verdict.code == "taken", verdict

    def relay(self) -> None:
        """Everything that waits goes to Kafka, in a new life of the relay."""
        self.clock.pass_(SECOND)
        self.police.relay = self.police.another_relay()
        self.police.relay.take_lock("test")
        asyncio.run(self.police.relay.resend())
        asyncio.run(self.police.relay.round())

    def deliver(self) -> int:
        return InboxDelivery(
            AgencySystem(COUNCIL_ADAPTER, COUNCIL, dict(PARTNER_CODES["council"])),
            self.council.store,
            FolderSink(self.folder / "inbox"),
            self.clock,
        ).round()

    def records(self) -> list[list[Record]]:
        """Records on Kafka, by partition."""
        topic = self.police.kafka.topics[self.council.world.topic()]
        return [at_offsets(log) for log in topic if log]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    yield made
    made.police.store.close()
    made.council.store.close()


def test_an_export_that_is_dropped_again_after_a_restore_is_the_same_events(two: Two) -> None:
    """Also where the shared ids of case and referral were minted after the copy was made."""
    yesterday = two.police.backup()
    two.export()
    two.relay()
    batches = [two.council.take(log) for log in two.records()]
    assert sum(len(batch.opened) for batch in batches) == CASES
    before = [len(log) for log in two.records()]
    two.police.restore(yesterday)
    two.export()
    two.relay()
    again = [two.council.take(log[at:]) for log, at in zip(two.records(), before, strict=True)]
    assert sum(batch.repeats for batch in again) == CASES
    assert [batch.refused for batch in again] == [[]] * len(again)
    assert len(two.council.inbox()) == CASES
    assert two.police.verify_log() == two.council.verify_log() == CASES


def test_an_event_delivered_before_a_restore_is_delivered_once(two: Two) -> None:
    yesterday = two.council.backup()
    two.export()
    two.relay()
    for log in two.records():
        two.council.take(log)
    assert two.deliver() == CASES
    first = {file.name: file.read_bytes() for file in (two.folder / "inbox").iterdir()}
    two.council.restore(yesterday)
    two.council.receiving._store = two.council.store
    for log in two.records():
        two.council.take(log)
    assert two.deliver() == CASES
    assert {file.name: file.read_bytes() for file in (two.folder / "inbox").iterdir()} == first
    with two.council.store.reading() as tx:
        assert tx.inbox.held(9) == []


def test_another_rendering_after_a_restore_is_held_and_holds_nothing_up(two: Two) -> None:
    """The council had tied its own reference to the case since: the first file is kept."""
    yesterday = two.council.backup()
    two.export()
    two.relay()
    for log in two.records():
        two.council.take(log)
    two.deliver()
    inbox = two.folder / "inbox"
    first = {file.name: file.read_bytes() for file in inbox.iterdir()}
    (row, *_) = COUNCIL_ADAPTER.read_back(next(iter(first.values())))
    roles = COUNCIL_ADAPTER.mapping.document.roles
    two.council.restore(yesterday)
    two.council.receiving._store = two.council.store
    with two.council.store.transaction() as tx:
        StoreLinks(tx).link("case", "ASB/2026/90001", str(row[roles.shared_case]))
    for log in two.records():
        two.council.take(log)
    assert two.deliver() == CASES
    assert two.deliver() == 0
    assert {file.name: file.read_bytes() for file in inbox.iterdir()} == first
    with two.council.store.reading() as tx:
        (held,) = tx.inbox.held(9)
        assert tx.inbox.counts().behind == 0
    assert (held.event_id, held.code) == (row[roles.event_id], "sink_conflict")


def test_two_agencies_under_one_id_are_both_kept(two: Two) -> None:
    """An id is its sender's choice: who takes another's stops nobody and hides nothing."""
    two.export()
    two.relay()
    opened = [event for log in two.records() for event in two.council.take(log).opened]
    taken = two.folder / "inbox" / f"{opened[0].id}{COUNCIL_ADAPTER.suffixes[0]}"
    FolderSink(taken.parent).deliver(opened[0].id, COUNCIL_ADAPTER.suffixes[0], b"of another")
    two.deliver()
    assert taken.read_bytes() == b"of another"
    assert len(list(taken.parent.iterdir())) == CASES
    with two.council.store.reading() as tx:
        (held,) = tx.inbox.held(9)
        row = tx.inbox.get(held.seq)
    assert (held.event_id, held.code) == (opened[0].id, "sink_conflict")
    assert row.payload is not None
