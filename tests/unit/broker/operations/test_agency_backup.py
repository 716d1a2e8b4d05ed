"""Backup of an agency: what is in it, what is not, and in which order it is copied."""

from __future__ import annotations

import io
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from adapters.http_api.tokens import new_token
from adapters.trial_partnership import TrialPartnership
from broker.agency.backup_file import MAGIC, FileEntry, FolderEntry, entries
from broker.errors import ConfigError, KeyAccessError, StoreError, WrongInputError
from broker.keys import sealed_stream
from broker.keys.passphrase import PassphraseSource
from broker.keys.sealed_stream import begin_opening, read_header
from broker.operations.agency_backup import BackupFacts, back_up
from broker.operations.agency_copy import AgencyCopy
from broker.store.database import open_store
from contracts.errors import ConcordantError
from tests.support.partnership_fixtures import founded, now, partnership

__all__ = ["founded", "now", "partnership"]
AGENCY = "csu-camden"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_stream, "scrypt_key", lambda p, s, _cost: (p + s)[:32].ljust(32))


@pytest.fixture
def folder(partnership: TrialPartnership) -> Path:
    directory = partnership.directory(AGENCY)
    open_store(directory / "state/concordant.db").close()
    return directory


def clock() -> int:
    return time.time_ns() // 1_000_000


def make(folder: Path, to: Path) -> BackupFacts:
    return back_up(folder, to, clock)


def content(file: Path, passphrase: bytes) -> dict[str, bytes | None]:
    """The files of a backup, in their order, and its folders as None."""
    stream = io.BytesIO(file.read_bytes())
    found: dict[str, bytes | None] = {}
    name = ""
    for entry in entries(begin_opening(stream, read_header(stream, MAGIC), passphrase)):
        if isinstance(entry, FolderEntry):
            found[os.fsdecode(entry.path)] = None
        elif isinstance(entry, FileEntry):
            name = os.fsdecode(entry.path)
            found[name] = b""
        elif isinstance(entry, bytes):
            found[name] = (found[name] or b"") + entry
    return found


def passphrase(folder: Path) -> bytes:
    return (folder / "passphrase").read_bytes().removesuffix(b"\n")


def settled(path: Path, data: bytes) -> Path:
    """An export that has not changed for a minute."""
    path.write_bytes(data)
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def test_everything_is_in_it_but_secrets(folder: Path, tmp_path: Path) -> None:
    settled(folder / "import/new.csv", b"export")
    (folder / "inbox/one.json").write_bytes(b"event")
    (folder / "quarantine/bad.csv").write_bytes(b"refused")
    (folder / "link").symlink_to("/etc/passwd")
    facts = make(folder, tmp_path / "backup")
    found = content(tmp_path / "backup", passphrase(folder))
    assert found["import/new.csv"] == b"export"
    assert found["inbox/one.json"] == b"event"
    assert found["quarantine/bad.csv"] == b"refused"
    for name in ("agency.toml", "founding.json", "tls/key.pem"):
        assert found[name] == (folder / name).read_bytes()
    for path in [*folder.glob("keys/*"), *folder.glob("contracts/*"), *folder.glob("manifests/*")]:
        assert found[str(path.relative_to(folder))] == path.read_bytes()
    assert "passphrase" not in found
    assert not any("governance-" in name for name in found)
    assert {(Path(one.place).name.partition("-")[0], one.reason) for one in facts.left_out} == {
        ("passphrase", "secret"), ("governance", "governance_key"), ("link", "link"),
    }  # fmt: skip
    assert facts.agency == AGENCY
    assert oct((tmp_path / "backup").stat().st_mode & 0o777) == "0o600"
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == ["backup"]


def test_nothing_of_it_can_be_read_without_the_passphrase(folder: Path, tmp_path: Path) -> None:
    settled(folder / "import/Jane-Doe.csv", b"a person's name")
    make(folder, tmp_path / "backup")
    raw = (tmp_path / "backup").read_bytes()
    for secret in (b"a person", b"Jane-Doe", b"agency.toml", b"BEGIN PRIVATE KEY", b"SQLite"):
        assert secret not in raw


def test_a_secret_of_another_name_is_left_out_too(folder: Path, tmp_path: Path) -> None:
    """The file that the setting leads to counts, whatever way it is written."""
    (folder / "passphrase").rename(folder / "keys/pass")
    (folder / "other").hardlink_to(folder / "keys/pass")
    config = folder / "agency.toml"
    text = config.read_text().replace('file = "passphrase"', 'file = "./tls/../keys/pass"')
    config.write_text(text)
    make(folder, tmp_path / "backup")
    found = content(tmp_path / "backup", (folder / "keys/pass").read_bytes().strip())
    assert not {"keys/pass", "other"} & set(found)


def test_tokens_of_the_http_interface_are_left_out(folder: Path, tmp_path: Path) -> None:
    """A restore must not let in a token that was revoked after the backup."""
    new_token(folder, "housing", ["read"], 0)
    facts = make(folder, tmp_path / "backup")
    assert "api-tokens.json" not in content(tmp_path / "backup", passphrase(folder))
    named = {(Path(one.place).name, one.reason) for one in facts.left_out}
    assert ("api-tokens.json", "secret") in named


def test_the_pin_that_a_uri_names_is_left_out(folder: Path, tmp_path: Path) -> None:
    (folder / "keys/pin").write_text("1234")
    config = folder / "agency.toml"
    uri = "pkcs11:token=one?module-path=/lib/p.so&pin-source=file:keys/pin"
    text = config.read_text().replace("[keys]", f'[keys]\nsigning = "{uri}"\n#', 1)
    config.write_text(text)
    facts = make(folder, tmp_path / "backup")
    assert "keys/pin" not in content(tmp_path / "backup", passphrase(folder))
    assert ("pin", "secret") in {(Path(one.place).name, one.reason) for one in facts.left_out}


def test_the_order_makes_each_change_meanwhile_harmless(folder: Path, tmp_path: Path) -> None:
    settled(folder / "import/new.csv", b"export")
    make(folder, tmp_path / "backup")
    order = list(content(tmp_path / "backup", passphrase(folder)))
    database = order.index("state/concordant.db")
    assert order.index("import/new.csv") < database
    for later in ("inbox", "processed", "state/manifest-versions.json"):
        assert later not in order or order.index(later) > database
    manifest = order.index(next(name for name in order if name.endswith(".note")))
    first_key = order.index(next(name for name in order if name.startswith("keys/")))
    assert database < manifest < first_key


def test_an_export_that_moves_while_it_is_copied_is_in_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From `import/` to `processed/`, and from `quarantine/` back, between any two steps."""
    settled(folder / "import/taken.csv", b"taken")
    settled(folder / "quarantine/retried.csv", b"retried")
    settled(folder / "import/refused.csv", b"refused")
    moves = [
        ("import/taken.csv", "processed/taken.csv"),
        ("quarantine/retried.csv", "import/retried.csv"),
        ("import/refused.csv", "quarantine/refused.csv"),
    ]
    trees = AgencyCopy._trees
    for at in range(4):
        step = 0

        def moving(self: object, folders: list[Path], at: int = at) -> None:
            nonlocal step
            if step == at:
                for before, after in moves:
                    (folder / before).rename(folder / after)
            step += 1
            trees(self, folders)  # type: ignore[arg-type]

        monkeypatch.setattr(AgencyCopy, "_trees", moving)
        make(folder, tmp_path / f"backup-{at}")
        found = content(tmp_path / f"backup-{at}", passphrase(folder))
        for before, after in moves:
            assert {before, after} & set(found), (at, before)
        for before, after in moves:
            (folder / after).rename(folder / before)


def test_an_export_that_is_being_written_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "import/half.csv").write_bytes(b"ha")
    facts = make(folder, tmp_path / "backup")
    assert "import/half.csv" not in content(tmp_path / "backup", passphrase(folder))
    assert ("half.csv", "being_written") in {
        (Path(one.place).name, one.reason) for one in facts.left_out
    }


def test_folders_outside_are_named(folder: Path, tmp_path: Path) -> None:
    config = folder / "agency.toml"
    config.write_text(config.read_text().replace('import = "import"', 'import = "/srv/exports"'))
    facts = make(folder, tmp_path / "backup")
    assert ("/srv/exports", "outside") in {(one.place, one.reason) for one in facts.left_out}


def test_a_transaction_that_is_open_is_not_in_it(folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(folder / "state/concordant.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO meta (name, value) VALUES ('half', x'00')")
        make(folder, tmp_path / "backup")
        other.execute("ROLLBACK")
    database = tmp_path / "copy.db"
    found = content(tmp_path / "backup", passphrase(folder))["state/concordant.db"]
    assert found is not None
    database.write_bytes(found)
    with closing(sqlite3.connect(database)) as copy:
        assert copy.execute("SELECT count(*) FROM meta WHERE name = 'half'").fetchone() == (0,)


def test_another_passphrase_may_be_given(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("another one\n")
    back_up(folder, tmp_path / "backup", clock, PassphraseSource(file=tmp_path / "other"))
    assert content(tmp_path / "backup", b"another one")


def test_refusals_write_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept")

    def code(act: type[ConcordantError], to: Path) -> str:
        with pytest.raises(act) as caught:
            make(folder, to)
        assert caught.value.fix
        return caught.value.code

    before = sorted(tmp_path.rglob("*"))
    assert code(ConfigError, tmp_path / "kept") == "output_exists"
    assert code(ConfigError, tmp_path / "absent/backup") == "output_unwritable"
    assert code(WrongInputError, folder / "backup") == "backup_inside"
    assert code(WrongInputError, folder / "state/backup") == "backup_inside"
    passphrase_file = (folder / "passphrase").rename(tmp_path / "away")
    assert code(KeyAccessError, tmp_path / "new") == "passphrase_missing"
    passphrase_file.rename(folder / "passphrase")
    database = (folder / "state/concordant.db").read_bytes()
    for end in ("-wal", "-shm"):
        (folder / f"state/concordant.db{end}").unlink(missing_ok=True)
    (folder / "state/concordant.db").write_bytes(database[:16] + bytes(len(database) - 16))
    assert code(StoreError, tmp_path / "new") == "store_corrupt"
    (folder / "state/concordant.db").write_bytes(database)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "kept").read_bytes() == b"kept"
    make(folder, tmp_path / "new")  # a file that does not exist, in another folder


def test_a_backup_that_does_not_read_back_gets_no_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = sealed_stream.SealingStream._put

    def damaged(self: object, chunk: bytes, *, last: bool) -> None:
        seal(self, chunk, last=last)  # type: ignore[arg-type]
        if last:
            self._file.write(b"x")  # type: ignore[attr-defined]

    monkeypatch.setattr(sealed_stream.SealingStream, "_put", damaged)
    with pytest.raises(ConcordantError) as caught:
        make(folder, tmp_path / "backup")
    assert caught.value.code == "backup_altered"
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []
