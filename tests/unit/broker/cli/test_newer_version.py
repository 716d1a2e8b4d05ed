"""Commands refuse what a later version of the software has written, and change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.store.database import open_store
from tests.support.later_version import make_newer

AGENCY = "csu-camden"
COMMANDS = [("adapter", "run"), ("status",), ("quarantine", "list"), ("log", "verify")]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_newer_state(cli, words: tuple[str, ...], root: Path) -> None:
    folder = root / AGENCY
    open_store(folder / "state/concordant.db").close()
    newer = make_newer(folder).read_bytes()
    done = cli(*words, "--agency", folder)
    assert "store_newer" in done.err + done.text
    assert done.code == 3
    assert (folder / "state/concordant.db").read_bytes() == newer


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_newer_settings(cli, words: tuple[str, ...], root: Path) -> None:
    file = root / AGENCY / "agency.toml"
    file.write_text(file.read_text().replace("format = 1", "format = 2", 1))
    done = cli(*words, "--agency", file.parent)
    assert "config_newer" in done.err + done.text
    assert done.code == 3


def test_doctor_names_it(cli, root: Path) -> None:
    folder = root / AGENCY
    open_store(folder / "state/concordant.db").close()
    make_newer(folder)
    done = cli("doctor", "--offline", "--agency", folder)
    assert "store_newer" in done.text
    assert done.code == 1
