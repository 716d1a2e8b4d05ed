"""`agency backup` and `agency restore` as a shell runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from broker.store.database import open_store

AGENCY = "csu-camden"


@pytest.fixture
def folder(root: Path) -> Path:
    open_store(root / AGENCY / "state/concordant.db").close()
    return root / AGENCY


def test_a_backup_is_made_checked_and_restored(cli, folder: Path, tmp_path: Path) -> None:
    """Each loss is named with the command that recovers it; the commands work then."""
    file, new = tmp_path / "backup", tmp_path / "new"
    made = cli("agency", "backup", "--agency", folder, "--to", file, "--json")
    assert made.code == 0
    assert made.json["verified"] is True
    given = ("--passphrase-file", folder / "passphrase")
    checked = cli("agency", "restore", file, new, "--check", *given, "--json")
    assert checked.json == made.json
    assert not new.exists()
    done = cli("agency", "restore", file, new, *given, "--json")
    assert done.code == 0
    assert done.json["agency"] == AGENCY
    recover = " ".join(one["recover"] for one in done.json["lost"])
    for words in ("doctor", "keys renew --all", "adapter run", "quarantine list", "log verify"):
        assert f"concordant {words} --agency {new}" in recover
    shutil.copy(folder / "passphrase", new / "passphrase")
    assert cli("doctor", "--offline", "--agency", new).code == 0
    assert cli("quarantine", "list", "--agency", new).code == 0
    assert cli("log", "verify", "--agency", new).code == 0


def test_people_read_the_same(cli, folder: Path, tmp_path: Path) -> None:
    file, new = tmp_path / "backup", tmp_path / "new"
    assert str(file) in cli("agency", "backup", "--agency", folder, "--to", file).text
    given = ("--passphrase-file", folder / "passphrase")
    assert AGENCY in cli("agency", "restore", file, new, "--check", *given).text
    text = cli("agency", "restore", file, new, *given).text
    assert str(new / "passphrase") in text
    assert "governance" in text


def test_without_a_terminal_the_missing_passphrase_is_named(
    cli, folder: Path, tmp_path: Path
) -> None:
    done = cli("agency", "restore", tmp_path / "b", tmp_path / "new")
    done.require_failure("option_missing", 2)
    both = ("--passphrase-file", "x", "--passphrase-environment", "Y")
    done = cli("agency", "backup", "--agency", folder, "--to", tmp_path / "b", *both)
    done.require_failure("option_invalid", 2)


def test_refusals_have_their_exit_codes(
    cli, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, new = tmp_path / "backup", tmp_path / "new"
    assert cli("agency", "backup", "--agency", folder, "--to", file).code == 0
    again = cli("agency", "backup", "--agency", folder, "--to", file)
    again.require_failure("output_exists")
    monkeypatch.setenv("OTHER", "another")
    wrong = cli("agency", "restore", file, new, "--passphrase-environment", "OTHER")
    wrong.require_failure("passphrase_wrong")
    given = ("--passphrase-file", folder / "passphrase")
    full = cli("agency", "restore", file, folder, *given)
    full.require_failure("directory_not_empty")
    file.write_bytes(file.read_bytes()[:-1])
    altered = cli("agency", "restore", file, new, *given)
    altered.require_failure("backup_altered", 4)
    file.write_bytes(b"something")
    other = cli("agency", "restore", file, new, "--check", *given)
    other.require_failure("backup_malformed", 4)
    assert not new.exists()
