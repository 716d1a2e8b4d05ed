"""`keys passphrase`: another passphrase for every key file, also after an interruption."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.keys import keyring as keyring_module
from broker.store.exclusion import exclusive
from tests.support.key_derivation import cheap_scrypt_of_new_keys

AGENCY = "csu-camden"
NEW = "quiet harbour lamp"


@pytest.fixture(autouse=True)
def _cheap() -> Iterator[None]:
    with cheap_scrypt_of_new_keys():
        yield


@pytest.fixture
def folder(root: Path) -> Path:
    return root / AGENCY


@pytest.fixture
def new_file(tmp_path: Path) -> Path:
    path = tmp_path / "new"
    path.write_text(NEW + "\n")
    path.chmod(0o600)
    return path


def change(cli, folder: Path, *more: object):
    return cli("keys", "passphrase", "--agency", folder, *more)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob("keys/**/*"))


def unlocks(cli, folder: Path, line: bytes) -> bool:
    """Both kinds of keys: sealing needs the operational ones, renewing the governance keys."""
    sealed = cli("event", "seal", "--agency", folder, stdin=line)
    renewed = cli("keys", "renew", "--agency", folder)
    assert {sealed.code, renewed.code} in ({0}, {3})
    return sealed.code == 0


def test_every_key_opens_with_the_new_one_and_the_old_one_opens_none(
    cli, folder: Path, new_file: Path, line: bytes
) -> None:
    files = names(folder)
    done = change(cli, folder, "--new-file", new_file, "--json")
    assert done.code == 0
    assert done.json == {
        "agency": AGENCY,
        "operational": {"changed": 7, "before": 0},
        "governance": {"changed": 2, "before": 0},
        "governance_left_behind": False,
    }
    assert "file passphrase (agency.toml, [passphrase])" in done.err
    assert names(folder) == files
    assert not unlocks(cli, folder, line)
    shutil.copy(new_file, folder / "passphrase")
    assert unlocks(cli, folder, line)


def test_neither_passphrase_is_ever_printed(cli, folder: Path, new_file: Path, monkeypatch) -> None:
    old = (folder / "passphrase").read_text().strip()
    monkeypatch.setenv("NEW_ONE", NEW)
    said = [
        change(cli, folder, "--new-file", new_file),
        change(cli, folder, "--new-environment", "NEW_ONE"),
        change(cli, folder, "--new-file", folder / "passphrase"),
    ]
    assert [done.code for done in said] == [0, 0, 3]
    assert said[0].lines == ["operational: 7 keys changed", "governance: 2 keys changed"]
    assert said[1].lines[0] == "operational: 0 keys changed, 7 had it already"
    for done in said:
        assert NEW not in done.text + done.err
        assert old not in done.text + done.err


def test_the_passphrase_that_was_put_in_its_place_too_soon_is_named(
    cli, folder: Path, new_file: Path
) -> None:
    shutil.copy(new_file, folder / "passphrase")
    before = [path.read_bytes() for path in sorted(folder.glob("keys/**/*.json"))]
    done = change(cli, folder, "--new-file", new_file)
    done.require_failure("passphrase_wrong")
    assert "agency.toml" in done.err
    assert [path.read_bytes() for path in sorted(folder.glob("keys/**/*.json"))] == before


@pytest.mark.parametrize("after", range(9))
def test_interrupted_at_any_file_it_is_finished_the_next_time(
    cli, folder: Path, new_file: Path, line: bytes, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = keyring_module.write_durably, []

    def interrupted(path: Path, content: bytes, *, mode: int) -> None:
        if len(written) == after:
            raise KeyboardInterrupt
        written.append(path)
        write(path, content, mode=mode)

    monkeypatch.setattr(keyring_module, "write_durably", interrupted)
    first = change(cli, folder, "--new-file", new_file)
    assert (first.code, first.out, first.err) == (130, b"", "")
    monkeypatch.undo()
    again = change(cli, folder, "--new-file", new_file, "--json").json
    assert again["operational"]["changed"] + again["governance"]["changed"] == 9 - after
    shutil.copy(new_file, folder / "passphrase")
    assert unlocks(cli, folder, line)


def test_governance_keys_that_are_away_follow_when_they_are_brought(
    cli, folder: Path, new_file: Path, tmp_path: Path, line: bytes
) -> None:
    away = tmp_path / "stick"
    (folder / "governance").rename(away)
    done = change(cli, folder, "--new-file", new_file, "--json")
    assert (done.code, done.json["governance"], done.json["governance_left_behind"]) == (
        0,
        None,
        True,
    )
    assert "--governance" in done.err
    (folder / "passphrase").rename(folder / "former")
    shutil.copy(new_file, folder / "passphrase")
    away.rename(folder / "governance")
    config = folder / "agency.toml"
    text = config.read_text()
    config.write_text(text + '\n[governance_passphrase]\nfile = "former"\n')
    done = change(cli, folder, "--new-file", new_file, "--governance", "--json")
    assert (done.code, done.json["operational"]) == (0, None)
    assert done.json["governance"] == {"changed": 2, "before": 0}
    config.write_text(text)
    assert unlocks(cli, folder, line)


def test_governance_keys_with_a_passphrase_of_their_own_keep_it(
    cli, folder: Path, new_file: Path
) -> None:
    before = {path: path.read_bytes() for path in folder.glob("governance/*")}
    shutil.copy(folder / "passphrase", folder / "governance-passphrase")
    config = folder / "agency.toml"
    config.write_text(
        config.read_text() + '\n[governance_passphrase]\nfile = "governance-passphrase"\n'
    )
    done = change(cli, folder, "--new-file", new_file, "--json")
    assert (done.json["governance"], done.json["governance_left_behind"]) == (None, False)
    assert {path: path.read_bytes() for path in folder.glob("governance/*")} == before


def test_they_can_be_given_one(cli, folder: Path, new_file: Path) -> None:
    done = change(cli, folder, "--new-file", new_file, "--governance")
    assert (done.code, done.lines) == (0, ["governance: 2 keys changed"])
    assert "[governance_passphrase]" in done.err
    assert "adapter" not in done.err


def test_with_keys_in_one_folder_each_is_changed_once(cli, folder: Path, new_file: Path) -> None:
    for path in (folder / "governance").iterdir():
        path.rename(folder / "keys" / path.name)
    config = folder / "agency.toml"
    config.write_text(config.read_text().replace("file:governance", "file:keys"))
    done = change(cli, folder, "--new-file", new_file, "--json")
    assert done.json["operational"] == {"changed": 9, "before": 0}
    assert (done.json["governance"], done.json["governance_left_behind"]) == (None, False)


def test_a_running_adapter_must_be_stopped_first(cli, folder: Path, new_file: Path) -> None:
    with exclusive(folder / "state" / "adapter.lock"):
        change(cli, folder, "--new-file", new_file).require_failure("already_running")


def test_a_file_of_the_new_one_that_others_can_read_is_remarked_on(
    cli, folder: Path, new_file: Path
) -> None:
    assert "600" not in change(cli, folder, "--new-file", new_file).err
    new_file.chmod(0o644)
    assert "600" in change(cli, folder, "--new-file", new_file).err


def test_the_source_of_the_new_one_is_given_once(cli, folder: Path, new_file: Path) -> None:
    for more in ((), ("--new-file", new_file, "--new-environment", "NEW_ONE")):
        assert change(cli, folder, *more).code == 2


@pytest.mark.parametrize("kind", ["absent", "empty", "folder", "unset"])
def test_no_new_passphrase_is_said_before_anything_is_changed(
    cli, folder: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "folder").mkdir()
    before = {path: path.read_bytes() for path in folder.glob("keys/*.json")}
    source = (
        ("--new-environment", "NOT_SET") if kind == "unset" else ("--new-file", tmp_path / kind)
    )
    done = change(cli, folder, *source)
    done.require_failure("passphrase_missing")
    assert "to do: " in done.err
    assert {path: path.read_bytes() for path in folder.glob("keys/*.json")} == before


def test_a_folder_without_keys(cli, folder: Path, new_file: Path) -> None:
    shutil.rmtree(folder / "keys")
    shutil.rmtree(folder / "governance")
    change(cli, folder, "--new-file", new_file).require_failure("key_missing")
    change(cli, folder, "--new-file", new_file, "--governance").require_failure("key_missing")
