"""Delivery: once in effect, each case in its order, and what cannot go on is held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.base import AgencySystem, MappingError
from adapters.delivery import InboxDelivery
from adapters.sinks.folder_sink import FolderSink
from broker.errors import StoreError
from broker.event import OpenedEvent
from broker.receiving.inbox_payload import format_payload
from broker.store.database import Store, open_store
from broker.store.rows import NewInboxRow

NAME = "Zephyrine Quillfeather"
CASE, OTHER = b"c" * 32, b"o" * 32


class Adapter:
    """Renders the sequence of an event; refuses whatever it is told to."""

    suffixes = (".csv",)

    def __init__(self) -> None:
        self.refuses: dict[str, Exception] = {}
        self.rendered: list[str] = []

    def from_event(self, event: OpenedEvent, _context: object) -> bytes:
        if event.id in self.refuses:
            raise self.refuses[event.id]
        self.rendered.append(event.id)
        return f"{event.id} {event.flat['victim.name']}".encode()


class Agency:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store: Store = open_store(folder / "state.db")
        self.adapter = Adapter()
        self.now = 1_000
        self.sink = FolderSink(folder / "inbox")
        self.delivery = self.fresh()

    def fresh(self) -> InboxDelivery:
        return InboxDelivery(
            AgencySystem(self.adapter, "us", {}), self.store, self.sink, lambda: self.now
        )  # type: ignore[arg-type]  # what delivery uses of an adapter

    def arrives(self, id_: str, case: bytes = CASE, *, urgent: bool = False) -> None:
        event = OpenedEvent(
            id_, "case.updated", "csu", "", ("us",), {"victim.name": NAME}, (), urgent=urgent
        )
        payload = format_payload(event)
        with self.store.transaction() as tx:
            index = tx.inbox.counts()
            tx.inbox.add(
                NewInboxRow(
                    "csu",
                    id_,
                    event.type,
                    self.now,
                    "t",
                    0,
                    "g",
                    index.delivered + index.undelivered + index.held + index.behind,
                    payload,
                    b"",
                    case,
                    urgent,
                )
            )

    @property
    def delivered(self) -> set[str]:
        if not (self.folder / "inbox").exists():
            return set()
        return {path.stem for path in (self.folder / "inbox").iterdir()}

    def held(self) -> list[tuple[str, str]]:
        with self.store.reading() as tx:
            return [(row.event_id, row.code) for row in tx.inbox.held(99)]

    def release(self, id_: str) -> bool:
        with self.store.transaction() as tx:
            (seq,) = [row.seq for row in tx.inbox.held(99) if row.event_id == id_]
            return tx.inbox.release(seq)


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Agency]:
    made = Agency(tmp_path)
    yield made
    made.store.close()


REFUSED = MappingError("The shared code has no own code.", code="unknown_value", where="column X")


def test_an_event_the_mapping_cannot_render_is_held_and_not_counted_as_delivered(
    agency: Agency,
) -> None:
    agency.adapter.refuses["a"] = REFUSED
    agency.arrives("a")
    assert agency.delivery.round() == 1
    assert agency.delivery.round() == 0
    assert (agency.held(), agency.delivered) == ([("a", "unknown_value")], set())
    with agency.store.reading() as tx:
        counts = tx.inbox.counts()
        (row,) = tx.inbox.held(9)
    assert (counts.undelivered, counts.delivered, counts.held) == (0, 0, 1)
    assert (row.field, row.held_ms, row.tries) == ("column X", 1_000, 1)


def test_nothing_of_a_held_event_is_written_outside_the_state_database(agency: Agency) -> None:
    agency.adapter.refuses["a"] = REFUSED
    agency.arrives("a")
    agency.delivery.round()
    files = [path for path in agency.folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if not path.name.startswith("state.db")] == []
    with agency.store.reading() as tx:
        (row,) = tx.inbox.held(9)
    assert NAME not in str(row)


def test_later_events_of_its_case_wait_behind_it_and_others_pass(agency: Agency) -> None:
    agency.adapter.refuses["a"] = REFUSED
    for id_, case in (("a", CASE), ("b", CASE), ("c", OTHER)):
        agency.arrives(id_, case)
    agency.delivery.round()
    agency.arrives("d")
    agency.delivery.round()
    assert agency.delivered == {"c"}
    with agency.store.reading() as tx:
        counts = tx.inbox.counts()
    assert (counts.held, counts.behind, counts.undelivered, counts.delivered) == (1, 2, 0, 1)


def test_after_the_mapping_was_mended_a_retry_delivers_once_and_in_order(agency: Agency) -> None:
    agency.adapter.refuses["a"] = REFUSED
    for id_ in "abc":
        agency.arrives(id_)
    agency.delivery.round()
    agency.adapter.refuses.clear()
    assert agency.release("a")
    agency.delivery.round()
    agency.delivery.round()
    assert agency.adapter.rendered == ["a", "b", "c"]
    assert agency.delivered == {"a", "b", "c"}
    with agency.store.reading() as tx:
        assert tx.inbox.held(9) == []
        assert tx.inbox.undelivered(9) == []
        assert tx.inbox.counts().delivered == 3
        assert tx.inbox.get(1).payload is None


def test_an_event_refused_again_is_held_with_its_first_time(agency: Agency) -> None:
    agency.adapter.refuses["a"] = REFUSED
    agency.arrives("a")
    agency.delivery.round()
    agency.now = 9_000
    agency.release("a")
    agency.delivery.round()
    with agency.store.reading() as tx:
        (row,) = tx.inbox.held(9)
    assert (row.held_ms, row.tries) == (1_000, 2)


def test_an_urgent_event_does_not_wait_for_one_that_is_not(agency: Agency) -> None:
    agency.adapter.refuses |= {"a": REFUSED, "u": REFUSED}
    agency.arrives("a")
    agency.delivery.round()
    agency.arrives("u", urgent=True)
    agency.arrives("v", urgent=True)
    agency.delivery.round()
    assert agency.held() == [("a", "unknown_value"), ("u", "unknown_value")]
    agency.adapter.refuses.pop("u")
    agency.release("u")
    agency.delivery.round()
    assert agency.adapter.rendered == ["u", "v"]


def test_a_start_of_the_adapter_offers_what_is_held_again(agency: Agency) -> None:
    agency.adapter.refuses["a"] = REFUSED
    agency.arrives("a")
    agency.delivery.round()
    agency.adapter.refuses.clear()
    again = agency.fresh()
    assert again.release() == 1
    again.round()
    assert agency.delivered == {"a"}


def test_a_fault_of_an_adapter_holds_its_event_and_no_other(agency: Agency) -> None:
    agency.adapter.refuses["a"] = KeyError(NAME)
    agency.arrives("a")
    agency.arrives("b", OTHER)
    agency.delivery.round()
    assert (agency.held(), agency.delivered) == ([("a", "adapter_failed")], {"b"})
    with agency.store.reading() as tx:
        (row,) = tx.inbox.held(9)
    assert NAME not in row.detail


def test_a_damaged_row_holds_up_no_other(agency: Agency) -> None:
    agency.arrives("a")
    agency.arrives("b", OTHER)
    with agency.store.transaction() as tx:
        tx.inbox._connection.exec_driver_sql("UPDATE inbox SET payload = x'00' WHERE seq = 1")
    agency.delivery.round()
    assert (agency.held(), agency.delivered) == ([("a", "store_corrupt")], {"b"})


def test_a_file_of_the_name_with_other_content_is_kept_and_its_case_goes_on(agency: Agency) -> None:
    agency.sink.deliver("a", ".csv", b"earlier")
    agency.arrives("a")
    agency.arrives("b")
    agency.delivery.round()
    assert agency.held() == [("a", "sink_conflict")]
    assert agency.delivered == {"a", "b"}
    assert (agency.folder / "inbox" / "a.csv").read_bytes() == b"earlier"
    assert agency.fresh().release() == 0, "the agency's system has an event of this id"
    (agency.folder / "inbox" / "a.csv").unlink()
    agency.release("a")
    agency.delivery.round()
    assert agency.held() == []


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_a_folder_with_the_name_of_an_event_delays_no_other_event(
    agency: Agency, kind: str
) -> None:
    import os

    inbox = agency.folder / "inbox"
    inbox.mkdir()
    place = inbox / "a.csv"
    if kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to(agency.folder / "elsewhere")
    else:
        os.mkfifo(place)
    agency.arrives("a")
    agency.arrives("b", OTHER)
    agency.delivery.round()
    assert agency.held() == [("a", "sink_conflict")]
    assert (inbox / "b.csv").exists()


def test_a_full_disk_holds_nothing_and_everything_waits(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency.arrives("a")

    def full(*_arguments: object) -> str:
        raise StoreError("full", code="store_full")

    monkeypatch.setattr(agency.sink, "deliver", full)
    with pytest.raises(StoreError):
        agency.delivery.round()
    assert agency.held() == []
