"""Every command answers a folder that it cannot use with one sentence and exit code 3."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import every_command

AGENCY = "csu-camden"
COMMANDS = [command for command in every_command() if command.folder_option]
RUNNING = {"adapter run", "subscribe", "kafka up", "web"}
"""Commands that go on once they have begun."""
OF_ALL = {"kafka up", "kafka down"}
"""Commands that are given the folder of all agencies."""
CAREFREE = {"sandbox", "web"}
"""Commands that go on with little more than the settings."""

Spoil = Callable[[Path], Path]
"""Spoils an agency's folder; returns the path to give."""


def missing(folder: Path) -> Path:
    return folder.parent / "not-there"


def moved(folder: Path) -> Path:
    folder.rename(folder.with_name("elsewhere"))
    return folder


def below_a_file(folder: Path) -> Path:
    return folder / "agency.toml" / "below"


def name_too_long(folder: Path) -> Path:
    return folder.parent / ("long" * 100)


def link_to_itself(folder: Path) -> Path:
    link = folder.parent / "loop"
    link.symlink_to(link)
    return link


def dangling_link(folder: Path) -> Path:
    link = folder.parent / "dangling"
    link.symlink_to(folder.parent / "not-there")
    return link


def empty_folder(folder: Path) -> Path:
    (folder.parent / "empty").mkdir()
    return folder.parent / "empty"


def settings_gone(folder: Path) -> Path:
    (folder / "agency.toml").unlink()
    return folder


def settings_a_folder(folder: Path) -> Path:
    settings_gone(folder)
    (folder / "agency.toml").mkdir()
    return folder


def settings(content: bytes) -> Spoil:
    def spoil(folder: Path) -> Path:
        (folder / "agency.toml").write_bytes(content)
        return folder

    return spoil


def replaced_by_a_file(*names: str) -> Spoil:
    def spoil(folder: Path) -> Path:
        removed(*names)(folder)
        for name in names:
            (folder / name).write_bytes(b"")
        return folder

    return spoil


def removed(*names: str) -> Spoil:
    def spoil(folder: Path) -> Path:
        for name in names:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        return folder

    return spoil


def a_folder_instead(*names: str) -> Spoil:
    def spoil(folder: Path) -> Path:
        for pattern in names:
            for path in [one for one in folder.glob(pattern) if one.is_file()]:
                path.unlink()
                path.mkdir()
        return folder

    return spoil


UNUSABLE: dict[str, Spoil] = {
    "missing": missing,
    "moved": moved,
    "below a file": below_a_file,
    "name too long": name_too_long,
    "link to itself": link_to_itself,
    "dangling link": dangling_link,
    "empty": empty_folder,
    "settings gone": settings_gone,
    "settings a folder": settings_a_folder,
    "settings not TOML": settings(b"[[["),
    "settings not UTF-8": settings(b"\xff\xfe"),
    "settings empty": settings(b""),
    "settings unknown": settings(b"x = 1"),
}
"""No command can do anything with it."""

DAMAGED: dict[str, Spoil] = {
    "contracts and manifests gone": removed("contracts", "manifests"),
    "contracts and manifests files": replaced_by_a_file("contracts", "manifests"),
    "contracts folders": a_folder_instead("contracts/*"),
    "manifests folders": a_folder_instead("manifests/*"),
    "all else gone": removed(
        "keys", "tls", "state", "import", "processed", "quarantine", "inbox", "passphrase"
    ),
    "all else files": replaced_by_a_file(
        "keys", "tls", "state", "import", "processed", "quarantine", "inbox"
    ),
    "all else folders": a_folder_instead("keys/*", "governance/*", "tls/*", "passphrase"),
}
"""Some commands can do without what is wrong."""


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    """A file for each command that takes one: an agreement."""
    path = tmp_path / "plain.yaml"
    shutil.copy(made / AGENCY / "contracts" / "london-hate-crime.yaml", path)
    return path


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_folder_that_cannot_be_used(cli, root: Path, file: Path, name: str) -> None:
    path = UNUSABLE[name](root / AGENCY)
    wrong = []
    for command in COMMANDS:
        done = cli(*command.words(path, file))
        sentence = done.out if command.name == "doctor" else done.err.encode()
        if done.code != 3 or b"to do:" not in sentence or "Traceback" in done.err:
            wrong.append((command.name, done.code, done.text, done.err))
    assert wrong == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an account without rights")
def test_a_folder_of_another_account(cli, root: Path, file: Path) -> None:
    root.chmod(0o700)
    wrong = []
    for command in COMMANDS:
        os.seteuid(65534)
        try:
            done = cli(*command.words(root / AGENCY, file))
        finally:
            os.seteuid(0)
        sentence = done.out if command.name == "doctor" else done.err.encode()
        if done.code != 3 or b"to do:" not in sentence:
            wrong.append((command.name, done.code, done.text, done.err))
    assert wrong == []


@pytest.mark.parametrize("name", DAMAGED)
def test_a_folder_with_parts_that_cannot_be_used(cli, root: Path, file: Path, name: str) -> None:
    DAMAGED[name](root / AGENCY)
    wrong = []
    for command in COMMANDS:
        if command.name in OF_ALL | CAREFREE:
            continue
        if command.name in RUNNING and name.startswith("all else"):
            continue
        done = cli(*command.words(root / AGENCY, file))
        said = done.code in {0, 1, 2} or "code:  " in done.err or command.name == "keys list"
        said = said or "not_held" in done.text  # the table of `quarantine discard` has the code
        if not said or "Traceback" in done.err or done.code not in {0, 1, 2, 3, 4}:
            wrong.append((command.name, done.code, done.text, done.err))
    assert wrong == []


def test_every_command_that_takes_a_folder_is_asked() -> None:
    assert len(COMMANDS) > 25
    assert {"status", "doctor", "adapter run", "event seal", "kafka up"} <= {
        command.name for command in COMMANDS
    }
