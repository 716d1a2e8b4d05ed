"""Restore of an agency: the folder as it was, or nothing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.trial_partnership import TrialPartnership
from broker.agency.backup_file import MAGIC, BackupWriter, FileEntry
from broker.agency.participant import load_participant
from broker.agency.restored import RESTORED_FILE, note_heard, restore_record
from broker.errors import BackupError, ConfigError, KeyAccessError, StoreError
from broker.keys import sealed_stream
from broker.keys.sealed_stream import begin_sealing
from broker.operations import agency_restore
from broker.operations.agency_backup import back_up
from broker.operations.agency_copy import RESTORING
from broker.operations.agency_restore import Restored, check_backup, restore
from broker.operations.target_folder import locked
from broker.store.database import open_store
from contracts.errors import ConcordantError
from tests.support.partnership_fixtures import NOW, founded, now, partnership

__all__ = ["founded", "now", "partnership"]
AGENCY = "csu-camden"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_stream, "scrypt_key", lambda p, s, _cost: (p + s)[:32].ljust(32))


class Agency:
    """An agency and its backup."""

    def __init__(self, folder: Path, backup: Path) -> None:
        self.folder = folder
        self.backup = backup
        self.passphrase = (folder / "passphrase").read_bytes().strip()
        open_store(folder / "state/concordant.db").close()
        old = folder / "import/new.csv"
        old.write_bytes(b"export")
        old.chmod(0o640)
        os.utime(old, (NOW / 1000, NOW / 1000))
        (folder / "import").chmod(0o2770)
        back_up(folder, backup, clock)

    def restored(self, to: Path) -> Restored:
        return restore(self.backup, to, self.passphrase, clock())


def clock() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def agency(partnership: TrialPartnership, tmp_path: Path) -> Agency:
    return Agency(partnership.directory(AGENCY), tmp_path / "backup")


def tree(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            None if path.is_dir() else path.read_bytes(),
        )
        for path in folder.rglob("*")
    }


def test_the_folder_is_as_it_was_but_for_secrets(agency: Agency, tmp_path: Path) -> None:
    done = agency.restored(tmp_path / "new")
    before, after = tree(agency.folder), tree(tmp_path / "new")
    gone = set(before) - set(after)
    assert all("passphrase" in name or "governance-" in name or "-shm" in name or "-wal" in name
               for name in gone)  # fmt: skip
    assert set(after) - set(before) == {RESTORED_FILE}
    same = set(after) & set(before) - {"state/concordant.db"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert (tmp_path / "new/import/new.csv").stat().st_mtime_ns == NOW * 1_000_000
    assert oct((tmp_path / "new").stat().st_mode & 0o777) == "0o700"
    assert [one.place.name for one in done.secrets] == ["passphrase"]
    shutil.copy(agency.folder / "passphrase", tmp_path / "new/passphrase")
    assert load_participant(tmp_path / "new", NOW).stream_signer(NOW)


def test_check_writes_nothing(agency: Agency, tmp_path: Path) -> None:
    before = tree(tmp_path)
    facts = check_backup(agency.backup, agency.passphrase)
    assert facts.agency == AGENCY
    assert facts.files > 10
    assert tree(tmp_path) == before


def test_exports_that_were_put_away_after_it_are_taken_again(
    partnership: TrialPartnership, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database of the backup may not know them; one of the same name is kept beside."""
    folder = partnership.directory(AGENCY)
    monkeypatch.setattr(agency_restore, "MARGIN_MS", 0)
    (folder / "processed/early.csv").write_bytes(b"early")
    time.sleep(0.02)
    taken = clock()
    time.sleep(0.02)
    (folder / "processed/new.csv").write_bytes(b"late")
    agency = Agency.__new__(Agency)
    agency.backup, agency.passphrase = tmp_path / "b", (folder / "passphrase").read_bytes().strip()
    old = folder / "import/new.csv"
    old.write_bytes(b"another")
    os.utime(old, (NOW / 1000, NOW / 1000))
    times = iter([taken])
    back_up(folder, agency.backup, lambda: next(times, clock()))
    done = agency.restored(tmp_path / "new")
    found = {path.name: path.read_bytes() for path in (tmp_path / "new/import").iterdir()}
    assert found == {"new.csv": b"another", "restored-1-new.csv": b"late"}
    assert done.returned == 1
    assert (tmp_path / "new/processed/early.csv").read_bytes() == b"early"


def refusal(act: Callable[[], object], kind: type[ConcordantError]) -> str:
    with pytest.raises(kind) as caught:
        act()
    assert caught.value.fix
    return caught.value.code


@pytest.mark.parametrize("there", ["file", "folder", "hidden"])
def test_nothing_is_overwritten(agency: Agency, tmp_path: Path, there: str) -> None:
    target = tmp_path / "new"
    if there == "file":
        target.write_bytes(b"x")
    else:
        target.mkdir()
        (target / (".x" if there == "hidden" else "agency.toml")).write_bytes(b"x")
    before = tree(tmp_path)
    assert refusal(lambda: agency.restored(target), ConfigError) == "directory_not_empty"
    assert refusal(lambda: agency.restored(agency.folder), ConfigError) == "directory_not_empty"
    assert tree(tmp_path) == before


def test_an_altered_file_another_passphrase_or_an_early_end_writes_nothing(
    agency: Agency, tmp_path: Path
) -> None:
    raw = agency.backup.read_bytes()
    target = tmp_path / "new"
    codes = []
    for damaged in (raw[:-1], raw[: len(raw) // 2], raw[:-40] + b"x" + raw[-39:], raw + b"x", b""):
        agency.backup.write_bytes(damaged)
        codes.append(refusal(lambda: agency.restored(target), BackupError))
        assert refusal(lambda: check_backup(agency.backup, agency.passphrase), BackupError)
    assert codes == ["backup_altered"] * 4 + ["backup_malformed"]
    agency.backup.write_bytes(raw)  # copied again from where it is kept
    assert check_backup(agency.backup, agency.passphrase)
    agency.passphrase = b"other"
    assert refusal(lambda: agency.restored(target), KeyAccessError) == "passphrase_wrong"
    agency.backup.unlink()
    assert refusal(lambda: agency.restored(target), ConfigError) == "file_unusable"
    assert not target.exists()


@pytest.mark.parametrize("path", [b"../out", b"/out", f"{RESTORING}/x".encode(), b"a/../../out"])
def test_a_backup_with_a_path_that_escapes_writes_nothing(tmp_path: Path, path: bytes) -> None:
    with (tmp_path / "evil").open("wb") as file:
        members: dict[str, object] = {"agency": "a", "deployment": "d", "taken": 1}
        writer = BackupWriter(begin_sealing(file, MAGIC, members, b"p"))
        writer.begin(FileEntry(b"fine", 0o600, 0, 0))
        writer.end(changed=False)
        writer.begin(FileEntry(path, 0o600, 0, 0))
        writer.data(b"x")
        writer.end(changed=False)
        writer.close({"left_out": []})
    before = tree(tmp_path)
    code = refusal(lambda: restore(tmp_path / "evil", tmp_path / "new", b"p", 1), BackupError)
    assert code == "backup_malformed"
    assert tree(tmp_path) == before


def test_a_disk_without_room_is_named_before_anything_is_written(
    agency: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(agency_restore.shutil, "disk_usage", lambda _: usage)
    assert refusal(lambda: agency.restored(tmp_path / "new"), StoreError) == "disk_full"
    assert not (tmp_path / "new").exists()


class KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("at", [1, 3, 7, 12, 20, 26, 30, 33, 34, 35, 36])
def test_an_interrupted_restore_is_finished_by_the_same_command(
    agency: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """At any write, any move and any removal."""
    steps = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def act(*given: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps == at:
                raise KilledError
            return real(*given, **named)

        return act

    whole = tmp_path / "whole"
    agency.restored(whole)
    with monkeypatch.context() as patched:
        patched.setattr(agency_restore, "write_durably", counted(agency_restore.write_durably))
        patched.setattr(Path, "rename", counted(Path.rename))
        patched.setattr(agency_restore.os, "utime", counted(os.utime))
        patched.setattr(agency_restore.shutil, "rmtree", counted(shutil.rmtree))
        with pytest.raises(KilledError):
            agency.restored(tmp_path / "new")
    assert not (tmp_path / "new/agency.toml").exists() or not any(
        (tmp_path / "new" / RESTORING / "content").iterdir()
    )
    agency.restored(tmp_path / "new")
    first, second = tree(whole), tree(tmp_path / "new")
    for one in (first, second):
        del one[RESTORED_FILE]
    assert first == second


def test_the_restore_of_another_backup_is_not_mixed_with_one_that_was_begun(
    agency: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(agency_restore._Restore, "_place", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            agency.restored(tmp_path / "new")
    back_up(agency.folder, tmp_path / "other", clock)
    before = tree(tmp_path)
    asked = lambda: restore(tmp_path / "other", tmp_path / "new", agency.passphrase, 1)  # noqa: E731
    assert refusal(asked, ConfigError) == "directory_not_empty"
    assert tree(tmp_path) == before
    agency.restored(tmp_path / "new")


def test_a_second_restore_at_the_same_time_is_refused(agency: Agency, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with locked(tmp_path / "new"):
        code = refusal(lambda: agency.restored(tmp_path / "new"), StoreError)
    assert code == "already_running"


def test_a_restored_agency_waits_until_it_has_heard(agency: Agency, tmp_path: Path) -> None:
    assert restore_record(agency.folder) is None
    agency.restored(tmp_path / "new")
    record = restore_record(tmp_path / "new")
    assert record is not None
    assert not record.heard
    note_heard(tmp_path / "new")
    heard = restore_record(tmp_path / "new")
    assert heard is not None
    assert heard.heard
    (tmp_path / "new" / RESTORED_FILE).write_bytes(b"damaged")
    damaged = restore_record(tmp_path / "new")
    assert damaged is not None
    assert not damaged.heard
