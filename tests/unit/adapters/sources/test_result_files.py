"""Result file beside an export: a row for each line and recipient, written again on a change."""

from __future__ import annotations

import csv
import hashlib
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.sources.late_writes import LateWrites
from adapters.sources.result_files import COLUMNS, FOLLOWED_MS, ResultFiles
from broker.agency.entry_names import REPORT_ENDINGS
from tests.support.agency_fixtures import clock, kafka, open_member
from tests.support.founded_partnership import COUNCIL, NOW, POLICE
from tests.support.memory_agency import MemoryAgency

__all__ = ["clock", "kafka", "open_member"]
MINUTE = 60_000


class Folder:
    """The folder of processed exports of the police, with one export of two lines."""

    def __init__(self, police: MemoryAgency, processed: Path) -> None:
        self.police, self.processed = police, processed
        processed.mkdir()
        self.export = processed / "march.csv"
        self.export.write_bytes(b"an export")
        self.digest = hashlib.sha256(b"an export").digest()
        self.events = [police.publish(), police.publish()]
        with police.store.transaction() as tx:
            rows = [(line, event) for line, event in zip((2, 3), self.events, strict=True) if event]
            tx.exports.add(self.digest, "march.csv", rows, NOW)
        deployment = police.world.deployment
        self.files = ResultFiles(processed, police.store, deployment, POLICE, police.clock)

    def round(self) -> int:
        self.police.clock.pass_(MINUTE)
        return self.files.round()

    def rows(self, name: str = "march.csv.results.csv") -> list[list[str]]:
        with (self.processed / name).open(newline="") as file:
            head, *rows = csv.reader(file)
        assert tuple(head) == COLUMNS
        return rows

    def tell(self, number: int, state: str, code: str = "") -> None:
        event = self.events[number]
        assert event is not None
        now = self.police.clock.now
        with self.police.store.transaction() as tx:
            assert tx.recipients.told(COUNCIL, event, state, code, now, now)


@pytest.fixture
def folder(open_member: Callable[[str], MemoryAgency], tmp_path: Path) -> Folder:
    return Folder(open_member(POLICE), tmp_path / "processed")


def test_it_has_a_row_for_each_line_and_recipient_and_follows_the_state(folder: Folder) -> None:
    assert folder.round() == 1
    assert [(row[0], row[1], row[2], row[3]) for row in folder.rows()] == [
        ("2", folder.events[0], COUNCIL, "accepted"),
        ("3", folder.events[1], COUNCIL, "accepted"),
    ]
    assert folder.round() == 0
    folder.tell(1, "refused", "event_invalid")
    assert folder.round() == 1
    assert [(row[3], row[4]) for row in folder.rows()] == [
        ("accepted", ""),
        ("refused", "event_invalid"),
    ]
    mode = (folder.processed / "march.csv.results.csv").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert "march.csv.results.csv".endswith(REPORT_ENDINGS)
    taken_back = LateWrites.at_start(folder.processed, time.time_ns())
    assert "march.csv.results.csv" not in {path.name for path in taken_back}


def test_it_is_not_checked_any_more_when_all_is_delivered(folder: Folder) -> None:
    for number in (0, 1):
        folder.tell(number, "delivered")
    assert folder.round() == 1
    with folder.police.store.reading() as tx:
        assert tx.exports.next(NOW * 2) is None
    assert {row[3] for row in folder.rows()} == {"delivered"}


def test_a_file_that_a_person_removed_is_written_again(folder: Folder) -> None:
    folder.round()
    (folder.processed / "march.csv.results.csv").unlink()
    assert folder.round() == 1


def test_it_stands_beside_the_export_also_if_another_one_has_its_name(folder: Folder) -> None:
    folder.export.write_bytes(b"an older export of that name")
    other = folder.processed / f"march.{folder.digest.hex()[:8]}.csv"
    other.write_bytes(b"an export")
    assert folder.round() == 1
    assert len(folder.rows(f"{other.name}.results.csv")) == 2


def test_it_goes_with_its_export(folder: Folder) -> None:
    folder.round()
    folder.export.unlink()
    assert folder.round() == 0
    assert list(folder.processed.iterdir()) == []


def test_an_export_that_is_not_put_away_yet_waits_and_ends(folder: Folder) -> None:
    folder.export.rename(folder.processed / "elsewhere.csv")
    assert folder.round() == 0
    folder.export.write_bytes(b"an export")
    assert folder.round() == 1
    folder.police.clock.pass_(FOLLOWED_MS)
    folder.round()
    with folder.police.store.reading() as tx:
        assert tx.exports.next(NOW * 2) is None


def test_a_stop_ends_a_round_between_two_exports(folder: Folder) -> None:
    for number in range(2):
        content = b"export %d" % number
        name = f"more-{number}.csv"
        (folder.processed / name).write_bytes(content)
        with folder.police.store.transaction() as tx:
            event = folder.events[0]
            assert event is not None
            tx.exports.add(hashlib.sha256(content).digest(), name, [(2, event)], NOW)
    folder.police.clock.pass_(MINUTE)
    asked = iter([False, True])
    assert folder.files.round(lambda: next(asked)) == 1
    assert folder.files.round() == 2  # the rest
