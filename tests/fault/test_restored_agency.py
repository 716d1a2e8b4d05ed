"""An agency that is restored from its backup goes on: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.restored import restore_record
from broker.clock import now_ms
from broker.operations.agency_backup import back_up
from tests.support.command_line import run
from tests.support.live_adapter import CAST, POLICE, SUPPORT, Adapter, copy_partnership, export

ROWS = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    plans = {plan.id: plan for plan in london_agencies()}
    create_partnership(root / "p", now_ms() - 3_600_000, agencies=[plans[one] for one in CAST])
    return root / "p"


def inbox(adapter: Adapter) -> list[str]:
    return sorted(path.name for path in (adapter.folder / "inbox").glob("[0-9a-f]*"))


async def arrived(adapter: Adapter, count: int) -> None:
    end = time.monotonic() + 60
    while len(inbox(adapter)) < count:
        assert time.monotonic() < end, inbox(adapter)
        await asyncio.sleep(0.05)


def rows(seed: int) -> bytes:
    numbers = (f"R{seed}000{row}-1" for row in range(ROWS))
    return export(*({"REFERRAL_NO": number} for number in numbers), seed=seed)


def restored(backup: Path, old: Path, new: Path) -> dict[str, str]:
    """The restore and its first two steps, as the command says them; what else is to be done."""
    done = run("agency", "restore", backup, new, "--passphrase-file", old / "passphrase", "--json")
    assert done.code == 0, done.err
    shutil.copy(old / "passphrase", new / "passphrase")
    return {one["lost"]: one["recover"] for one in done.json["lost"]}


async def test_a_restored_agency_goes_on(made: Path, tmp_path: Path) -> None:
    """Sender and reader are restored; the backups are made while both run."""
    town = copy_partnership(made, tmp_path / "town")
    police, support = town[POLICE], town[SUPPORT]
    await town.start(POLICE, SUPPORT)
    police.drop("first.csv", rows(1))
    await arrived(support, ROWS)
    for one in (police, support):
        await asyncio.to_thread(back_up, one.folder, tmp_path / f"{one.agency}.backup", now_ms)
    police.drop("second.csv", rows(2))
    await arrived(support, 2 * ROWS)
    await police.kill()
    await support.kill()
    before = inbox(support)

    old = support.folder.rename(tmp_path / "lost support")
    restored(tmp_path / f"{SUPPORT}.backup", old, support.folder)
    assert len(inbox(support)) == ROWS
    await support.start()
    await arrived(support, 2 * ROWS)
    assert inbox(support) == before
    old = police.folder.rename(tmp_path / "lost")
    to_do = restored(tmp_path / f"{POLICE}.backup", old, police.folder)
    (command,) = (what for what in to_do.values() if "find OLD" in what)
    found = command.partition(": ")[2].partition("; or")[0].replace("OLD/", f"{old}/")
    await asyncio.to_thread(subprocess.run, ["sh", "-c", found], check=True)
    assert (police.folder / "import/second.csv").exists()
    police.drop("third.csv", rows(3))
    await police.start()
    await arrived(support, 3 * ROWS)
    await police.until(lambda _: not list((police.folder / "import").glob("*.csv")))
    await asyncio.sleep(0.5)  # what came twice would arrive now
    assert len(inbox(support)) == 3 * ROWS
    assert set(before) < set(inbox(support))
    record = restore_record(police.folder)
    assert record is not None
    assert record.heard
    await town.stop()
    for adapter in (police, support):
        held = run("quarantine", "list", "--agency", adapter.folder, "--json")
        assert held.code == 0


async def test_a_backup_from_before_a_suspension_ends_nothing(made: Path, tmp_path: Path) -> None:
    """The restored agency seals nothing under the agreement that it suspended."""
    town = copy_partnership(made, tmp_path / "town")
    police, support = town[POLICE], town[SUPPORT]
    await town.start(POLICE, SUPPORT)
    await asyncio.to_thread(back_up, police.folder, tmp_path / "backup", now_ms)
    suspend = ("contract", "suspend", "--agency", police.folder, "--reason", "dpia_review")
    assert run(*suspend).code == 0
    notes = sorted(path.name for path in (police.folder / "manifests").glob(f"{POLICE}.*"))
    await support.until(
        lambda _: {path.name for path in (support.folder / "manifests").iterdir()} >= set(notes)
    )
    await police.kill()
    records = len(town.records())
    old = police.folder.rename(tmp_path / "lost")
    restored(tmp_path / "backup", old, tmp_path / "town" / POLICE)
    assert sorted(p.name for p in (police.folder / "manifests").glob(f"{POLICE}.*")) != notes
    police.drop("new.csv", rows(1))
    town.kafka.up = False
    await police.start()
    await asyncio.sleep(0.5)  # it has heard nothing yet, and so takes nothing
    assert (police.folder / "import/new.csv").exists()
    town.kafka.up = True
    await police.until(lambda _: not (police.folder / "import/new.csv").exists())
    await asyncio.sleep(0.3)
    assert sorted(p.name for p in (police.folder / "manifests").glob(f"{POLICE}.*")) == notes
    assert len(town.records()) == records
    assert inbox(support) == []
    await town.stop()
