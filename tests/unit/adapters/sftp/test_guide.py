"""The guide of SFTP: its settings, commands and codes are true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from adapters.limits import MAX_FILE_BYTES
from broker.agency.config import parse_config
from broker.codes.meanings import CODES
from tests.support import command_line
from tests.support.code_scan import ROOT
from tests.support.config_text import config_text
from tests.support.founded_partnership import COUNCIL, founded
from tests.support.sftp_server import FOLDERS, SftpServer
from tests.unit.adapters.sftp.test_sides import with_sftp

GUIDE = (ROOT / "docs/guides/connecting-an-sftp-server.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)


def test_the_settings_switch_both_sides() -> None:
    (shown,) = blocks("toml")
    sides, section = shown.split("\n\n")
    whole = config_text().replace("[adapter]\n", f"{sides}\n", 1) + f"\n{section}"
    config = parse_config(whole.encode(), "agency.toml")
    assert (config.adapter.source, config.adapter.sink) == ("sftp", "sftp")
    found = config.sftp
    assert found is not None
    assert (found.poll, found.known_hosts) == (10, "sftp-known-hosts")
    assert {found.exports, found.archive, found.rejects, found.imports} == set(FOLDERS)
    assert f"{MAX_FILE_BYTES >> 20} MiB" in GUIDE


def test_the_commands_pin_and_test(tmp_path: Path, server: SftpServer) -> None:
    folder = founded().directory(COUNCIL, tmp_path)
    with_sftp(folder, server)
    server.known_hosts.unlink()
    lines = [line for block in blocks("console") for line in block.splitlines()]
    typed = [shlex.split(line[2:])[1:] for line in lines if line.startswith("$ concordant")]
    assert [one[2] for one in typed if one[1] == "sftp"] == ["pin", "test"]
    for shown in typed:
        if shown[1] == "sftp":
            words = [{"DIR": str(folder)}.get(word, word) for word in shown]
            done = command_line.run(*words, stdin=b"yes\n", terminal=True)
            assert done.code == 0, done.err


def test_the_codes_of_the_guide_are_known() -> None:
    named = set(re.findall(r"`(sftp_[a-z_]+|sink_conflict)`", GUIDE))
    assert named
    assert named - set(CODES) == set()
