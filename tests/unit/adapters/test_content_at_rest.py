"""Content of events rests on disk only where the table of the guide says, and only so long."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.clock import now_ms
from broker.operations.folders import apply_retention
from broker.store.database import open_store
from contracts.durations import DAY_MS, HOUR_MS
from tests.support.command_line import run
from tests.support.live_adapter import CAST, POLICE, SUPPORT, Adapter, copy_partnership, export

ROOT = Path(__file__).parents[3]
NAME = "Zephyrine Quillfeather"
"""A name of a victim that is nowhere but in the exports of these tests."""
HERE = "unit/adapters/test_content_at_rest.py"
TESTED = {
    "`import/`": f"{HERE}::"
    "test_delivered_content_is_only_in_the_folders_until_their_days_are_over",
    "`processed/`, `quarantine/`, `inbox/`": "unit/adapters/test_retention.py::"
    "test_files_past_their_retention_are_removed_and_logged",
    "`processed/*.results.csv` and `*.left-out.json`": f"{HERE}::"
    "test_delivered_content_is_only_in_the_folders_until_their_days_are_over",
    "outbox and sender's archive": "unit/broker/store/test_sending.py::"
    "test_the_archive_gives_a_range_and_forgets_content_but_not_the_leaf",
    "copies that wait": "unit/broker/sending/test_copies.py::"
    "test_a_waiting_copy_is_encrypted_and_cleared_when_sent",
    "refused records": "unit/broker/cli/test_quarantine.py::"
    "test_a_discarded_record_is_held_no_more_and_its_bytes_are_gone",
    "inbox of the state database": f"{HERE}::"
    "test_an_event_that_waits_is_in_the_state_until_it_is_discarded",
    "events, drafts and referrals of the [desk](desk.md)": "unit/adapters/desk/test_sides.py::"
    "test_a_kept_event_is_delivered_and_nowhere_readable",
    "facts and counts of [figures](figures.md)": "unit/broker/figures/test_recording.py::"
    "test_the_state_has_no_value_of_a_case_in_the_clear",
    "write-ahead log of the state database": "unit/broker/store/test_database.py::"
    "test_content_that_is_cleared_is_gone_from_the_journal_of_a_store_in_use",
    "disclosure log": "unit/broker/cli/test_log.py::"
    "test_neither_the_case_nor_the_reason_is_in_clear_in_the_database",
    "log of the adapter": "unit/broker/observing/test_logs.py::"
    "test_a_name_and_an_address_are_dropped_and_counted",
    "temporary files": f"{HERE}::"
    "test_delivered_content_is_only_in_the_folders_until_their_days_are_over",
    "backups": "unit/broker/operations/test_agency_backup.py::"
    "test_nothing_of_it_can_be_read_without_the_passphrase",
}  # fmt: skip
"""Each row of the table, by the test that shows it."""


def test_each_row_of_the_guide_has_its_test() -> None:
    guide = (ROOT / "docs/guides/contracts-and-audits.md").read_text()
    table = guide.partition("Everything that rests on the disk of the adapter:")[2].split("\n\n")[1]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]
    assert rows == list(TESTED)
    for place in TESTED.values():
        file, _, name = place.partition("::")
        assert re.search(rf"def {name}\(", (ROOT / "tests" / file).read_text()), place


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rest") / "p"
    plans = [plan for plan in london_agencies() if plan.id in CAST]
    create_partnership(root, now_ms() - HOUR_MS, agencies=plans)
    return root


def readable(*folders: Path) -> set[str]:
    """Return the files, by folder and name, that hold the name."""
    return {
        f"{path.parent.name}/{path.name}"
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and NAME.encode() in path.read_bytes()
    }


def ask(adapter: Adapter, question: str) -> list[str]:
    with closing(sqlite3.connect(adapter.folder / "state/concordant.db")) as connection:
        return [row[0] for row in connection.execute(question)]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError


async def test_delivered_content_is_only_in_the_folders_until_their_days_are_over(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    town = copy_partnership(made, tmp_path / "town")
    police, support = town[POLICE], town[SUPPORT]
    await town.start(POLICE, SUPPORT)
    sent = {"REFERRAL_NO": "R10001-1", "VIC_NAME": NAME}
    refused = {"REFERRAL_NO": "R10002-1", "VIC_NAME": NAME, "RISK": "no such risk"}
    police.drop("export.csv", export(sent, refused))
    await until(lambda: bool(ask(support, "SELECT 1 FROM inbox WHERE delivered_ms IS NOT NULL")))
    await until((police.folder / "processed/export.csv").exists)
    (event,) = ask(support, "SELECT event_id FROM inbox")
    at_rest = {
        "processed/export.csv",
        "quarantine/export.csv.rejected.csv",
        f"inbox/{event}.csv",
    }
    await until(lambda: readable(police.folder, support.folder) == at_rest)
    await town.stop()  # as a crash does, with its journals
    assert readable(tmp_path) == at_rest
    assert not any(NAME.encode() in (record.value or b"") for record in town.records())

    later = now_ms() + 2 * DAY_MS  # before the manifests end
    for adapter in (police, support):
        settings = adapter.folder / "agency.toml"
        settings.write_text(re.sub(r"_days = \d+", "_days = 1", settings.read_text()))
        store = open_store(adapter.folder / "state/concordant.db")
        apply_retention(adapter.participant(), store, later)
        store.close()
    assert readable(tmp_path) == set()


async def test_an_event_that_waits_is_in_the_state_until_it_is_discarded(
    made: Path, tmp_path: Path
) -> None:
    town = copy_partnership(made, tmp_path / "town")
    police, support = town[POLICE], town[SUPPORT]
    await town.start(POLICE)
    police.drop("export.csv", export({"REFERRAL_NO": "R10001-1", "VIC_NAME": NAME}))
    await until(lambda: bool(ask(police, "SELECT 1 FROM outbox WHERE sent_ms IS NOT NULL")))
    (event,) = ask(police, "SELECT event_id FROM outbox")
    (support.folder / "inbox" / f"{event}.csv").write_text("another file of this name")
    await town.start(SUPPORT)
    await until(lambda: bool(ask(support, "SELECT 1 FROM inbox WHERE held_code IS NOT NULL")))
    await town.stop()
    assert {place.partition("/")[0] for place in readable(support.folder)} == {"state"}
    done = run(
        "inbox", "discard", "event-1", "--accepted-events", "--reason", "a test", "--yes",
        "--agency", support.folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert readable(support.folder) == set()
