"""Founding of an agency: what is made, and that an interrupted one is finished."""

from __future__ import annotations

import stat
from pathlib import Path
from unittest import mock

import pytest

from broker.agency.config import load_config
from broker.errors import ConfigError, KeyAccessError, WrongInputError
from broker.operations.agency_entry import own_entry, write_entry
from broker.operations.agency_founding import FOLDERS, found_agency, read_plan
from broker.partnership.entry import verify_entry
from contracts.errors import ConcordantError
from tests.support.founding import NOW, cheap_scrypt, content, found, plan

PUBLIC = {"agency.toml", "request.pem", f"csu-camden.{NOW}.note", "csu-camden.entry"}


@pytest.fixture(autouse=True)
def _quickly() -> object:
    with cheap_scrypt():
        yield


def test_everything_is_made_and_only_the_owner_may_read_what_is_private(tmp_path: Path) -> None:
    done = found(tmp_path / "a")
    assert done.governance_here
    folders = [tmp_path / "a", *((tmp_path / "a" / name) for name in FOLDERS)]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file() and path.name not in PUBLIC | {"passphrase"}:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    config = load_config(tmp_path / "a")
    assert (config.agency, config.deployment) == ("csu-camden", "unassigned")
    assert (config.adapter.kind, config.kafka.bootstrap) == ("csu", "localhost:9092")
    assert config.keys.governance == "file:governance"
    roles = sorted(path.name.partition("-")[0] for path in (tmp_path / "a" / "keys").iterdir())
    assert roles == ["exchange", "manifest", "manifest", "receipt", "secret", "stream", "stream"]
    assert len(list((tmp_path / "a" / "governance").iterdir())) == 2


def test_nothing_private_is_in_the_entry(tmp_path: Path) -> None:
    done = found(tmp_path / "a")
    for name, held in content(tmp_path / "a").items():
        if "key" in name or name == "passphrase":
            assert held.strip() not in done.entry.raw


def test_asking_again_changes_nothing(tmp_path: Path) -> None:
    first = found(tmp_path / "a")
    before = content(tmp_path / "a")
    again = found_agency(tmp_path / "a", plan(), NOW + 1000)
    assert again.made == ()
    assert again.entry == first.entry
    assert content(tmp_path / "a") == before


def test_asking_again_without_the_governance_keys_changes_nothing(tmp_path: Path) -> None:
    found(tmp_path / "a")
    (tmp_path / "a" / "governance").rename(tmp_path / "stick")
    again = found_agency(tmp_path / "a", plan(), NOW + 1000)
    assert (again.made, again.governance_here) == ((), False)
    assert not (tmp_path / "a" / "governance").exists()


class Killed(BaseException):
    """The process ends here."""


def interrupted(folder: Path, writes: int, *, written: bool) -> bool:
    """Return True if a founding ended at that write, before or after the write took effect."""
    replace, left = Path.replace, writes

    def end_there(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left >= 0:
            return replace(path, target)
        if written:
            replace(path, target)
        else:  # as a process that is killed leaves it
            target.with_name(f".{target.name}.01234567.tmp").write_bytes(b"half")
        raise Killed

    folder.mkdir()
    (folder / "passphrase").write_bytes(b"secret\n")
    try:
        with mock.patch("pathlib.Path.replace", end_there):
            found_agency(folder, plan(), NOW)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("written", [False, True])
def test_a_founding_interrupted_at_any_write_is_finished(tmp_path: Path, *, written: bool) -> None:
    writes = 0
    while interrupted(tmp_path / f"{writes}", writes, written=written):
        folder = tmp_path / f"{writes}"
        done = found_agency(folder, plan(), NOW + 5000)
        verify_entry(done.entry.raw, now=NOW + 5000)
        names = [path.name for path in folder.rglob("*")]
        assert not [name for name in names if name.endswith(".tmp")]
        assert sum(".key.json" in name for name in names) == 9
        assert found_agency(folder, plan(), NOW + 6000).made == ()
        writes += 1
    assert writes == 16  # the plan, 9 keys, TLS key and request, agency.toml, list, manifest, entry


def test_another_request_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    found(tmp_path / "a")
    before = content(tmp_path / "a")
    for other in (plan("csu-lewisham"), plan(role="council"), plan(kafka="elsewhere:9092")):
        with pytest.raises(WrongInputError) as refused:
            found_agency(tmp_path / "a", other, NOW)
        assert refused.value.code == "agency_differs"
    assert content(tmp_path / "a") == before


@pytest.mark.parametrize("name", ["letter.txt", "keys/someone.key.json", "agency.toml"])
def test_a_folder_with_something_else_is_left_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a" / name
    path.parent.mkdir(parents=True)
    path.write_text("not ours")
    before = content(tmp_path)
    with pytest.raises(ConfigError) as refused:
        found(tmp_path / "a")
    assert refused.value.code == "directory_not_empty"
    assert content(tmp_path) == {
        **before,
        "a/passphrase": (path.parents[name.count("/")] / "passphrase").read_bytes(),
    }


def test_without_a_passphrase_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(KeyAccessError) as refused:
        found_agency(tmp_path / "a", plan(), NOW)
    assert refused.value.code == "passphrase_missing"
    assert not (tmp_path / "a").exists()


def test_an_adapter_that_is_not_installed_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        found(tmp_path / "a", adapter="oracle")
    assert refused.value.code == "config_adapter_unknown"
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["passphrase"]


def test_another_passphrase_does_not_finish_what_was_begun(tmp_path: Path) -> None:
    found(tmp_path / "a")
    (tmp_path / "a" / "entries" / "csu-camden.entry").unlink()
    (tmp_path / "a" / "passphrase").write_bytes(b"another\n")
    with pytest.raises(KeyAccessError) as refused:
        found_agency(tmp_path / "a", plan(), NOW)
    assert refused.value.code == "passphrase_wrong"


def test_an_incomplete_agency_needs_its_governance_keys(tmp_path: Path) -> None:
    found(tmp_path / "a")
    (tmp_path / "a" / "entries" / "csu-camden.entry").unlink()
    (tmp_path / "a" / "governance").rename(tmp_path / "stick")
    with pytest.raises(KeyAccessError) as refused:
        found_agency(tmp_path / "a", plan(), NOW)
    assert refused.value.code == "key_missing"


def test_a_damaged_plan_or_entry_is_named(tmp_path: Path) -> None:
    found(tmp_path / "a")
    entry = tmp_path / "a" / "entries" / "csu-camden.entry"
    entry.write_bytes(entry.read_bytes()[:-9])
    with pytest.raises(ConcordantError) as refused:
        own_entry(tmp_path / "a", "csu-camden", NOW)
    assert refused.value.code == "entry_malformed"
    (tmp_path / "a" / "founding.json").write_text("{}")
    with pytest.raises(ConfigError) as refused:
        read_plan(tmp_path / "a")
    assert refused.value.code == "founding_unreadable"


def test_an_agency_without_an_entry_is_finished(tmp_path: Path) -> None:
    """`entry_missing`, and what ends it."""
    first = found(tmp_path / "a")
    (tmp_path / "a" / "entries" / "csu-camden.entry").unlink()
    with pytest.raises(ConfigError) as refused:
        write_entry(tmp_path / "a", tmp_path / "out", NOW)
    assert refused.value.code == "entry_missing"
    assert not (tmp_path / "out").exists()
    again = found_agency(tmp_path / "a", plan(), NOW)
    assert again.made == ("entries/csu-camden.entry",)
    assert write_entry(tmp_path / "a", tmp_path / "out", NOW).words == first.entry.words
