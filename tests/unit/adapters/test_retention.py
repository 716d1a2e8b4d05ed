"""Files in the adapter's folders go when their time is over, and status and metrics show them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.retention import FolderRetention
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.observing.metrics import Metrics
from broker.operations.folders import apply_retention, folder_states
from contracts.durations import DAY_MS

AGENCY = "csu-camden"
EVENT = "3f0c1a52-7f0e-4b1f-9a39-0d6a7c1e5b11.csv"
FILES = ("processed/day.csv", "quarantine/bad.csv", "quarantine/bad.csv.reason.json",
         f"inbox/{EVENT}", "inbox/notes.txt")  # fmt: skip


@pytest.fixture
def agency(world) -> Path:
    folder = world.directory(AGENCY)
    world.state_of(AGENCY)
    for name in FILES:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("Zephyrine Quillfeather")
    return folder


def setting(agency: Path, **days: int | None) -> None:
    """Set or remove lines of `[retention]`."""
    config = agency / "agency.toml"
    text = config.read_text()
    for name, value in days.items():
        line = "" if value is None else f"{name} = {value}\n"
        text = re.sub(rf"^{name} = .*\n", line, text, flags=re.M)
    config.write_text(text)


def apply(world, agency: Path, now: int) -> dict[str, int]:
    store = world.store(AGENCY)
    try:
        return dict(apply_retention(load_participant(agency, now), store, now))
    finally:
        store.close()


def there(agency: Path) -> set[str]:
    return {name for name in FILES if (agency / name).exists()}


def test_files_past_their_retention_are_removed_and_logged(agency: Path, world, cli) -> None:
    setting(agency, processed_days=1, quarantine_days=2, inbox_days=1)
    assert apply(world, agency, now_ms()) == {"processed": 0, "quarantine": 0, "inbox": 0}
    removed = apply(world, agency, now_ms() + DAY_MS + 60_000)
    assert removed == {"processed": 1, "quarantine": 0, "inbox": 1}
    assert there(agency) == {*FILES} - {"processed/day.csv", f"inbox/{EVENT}"}
    shown = cli("log", "show", "--agency", agency, "--kind", "erasure", "--json").json["entries"]
    assert {(one["code"], one["count"], one["operator"]) for one in shown} == {
        ("folder_retention.processed", 1, "adapter"),
        ("folder_retention.inbox", 1, "adapter"),
    }


def test_a_file_of_a_person_in_the_inbox_stays(agency: Path, world) -> None:
    setting(agency, processed_days=1, quarantine_days=1, inbox_days=1)
    apply(world, agency, now_ms() + 3 * DAY_MS)
    assert there(agency) == {"inbox/notes.txt"}


def test_with_zero_days_nothing_is_removed(agency: Path, world) -> None:
    setting(agency, processed_days=0, quarantine_days=0, inbox_days=0)
    apply(world, agency, now_ms() + 20 * DAY_MS)
    assert there(agency) == set(FILES)


def test_without_the_settings_each_folder_has_a_time(agency: Path) -> None:
    setting(agency, processed_days=None, quarantine_days=None, inbox_days=None)
    now = now_ms() + 60 * DAY_MS
    states = folder_states(load_participant(agency, now_ms()), now)
    assert {one.name: (one.keep_days, one.over) for one in states} == {
        "processed": (30, 1),
        "quarantine": (90, 0),
        "inbox": (90, 0),
    }


def test_a_clock_past_our_own_manifest_removes_nothing(agency: Path, world) -> None:
    setting(agency, processed_days=1, quarantine_days=1, inbox_days=1)
    apply(world, agency, now_ms() + 400 * DAY_MS)
    assert there(agency) == set(FILES)


def test_a_new_agency_has_a_time_for_each_folder(agency: Path) -> None:
    states = folder_states(load_participant(agency, now_ms()), now_ms())
    assert {one.name: one.keep_days for one in states} == {
        "processed": 30,
        "quarantine": 90,
        "inbox": 90,
    }


def test_status_shows_what_lies_in_clear_and_asks_for_a_time(agency: Path, world, cli) -> None:
    shown = cli("status", "--agency", agency, "--json").json["folders"]
    assert {(one["name"], one["files"], one["keep_days"], one["over"]) for one in shown} == {
        ("processed", 1, 30, 0),
        ("quarantine", 2, 90, 0),
        ("inbox", 1, 90, 0),
    }
    assert "FILES IN CLEAR" in cli("status", "--agency", agency).text
    setting(agency, processed_days=0)
    assert "processed_days" in cli("status", "--agency", agency).err


def test_a_round_of_the_adapter_removes_and_measures(agency: Path, world) -> None:
    setting(agency, processed_days=1)
    store, metrics = world.store(AGENCY), Metrics()
    assert b'concordant_folder_files_removed_total{folder="processed"} 0.0' in metrics.text()
    later = now_ms() + DAY_MS + 60_000
    FolderRetention(agency, store, metrics, lambda: later).round()
    store.close()
    text = metrics.text()
    assert b'concordant_folder_files_removed_total{folder="processed"} 1.0' in text
    assert b'concordant_folder_files{folder="processed"} 0.0' in text
    assert b'concordant_folder_files{folder="quarantine"} 2.0' in text
    assert b'concordant_folder_oldest_seconds{folder="quarantine"} 8' in text
