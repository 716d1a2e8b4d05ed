"""The systemd unit: its command is one of ours, and it may touch one folder only."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from broker.agency.config_sections import PassphraseSection
from broker.observing.health import MAX_CONNECTIONS


@pytest.fixture(scope="module")
def unit(root: Path) -> dict[str, list[str]]:
    """Each setting of the service with its values: a unit may repeat a key, unlike an ini file."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in (root / "deploy/systemd/concordant-adapter@.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found[key].append(value)
    return found


def test_it_runs_a_command_that_concordant_takes(unit: dict[str, list[str]], parsed: Any) -> None:
    (command,) = unit["ExecStart"]
    program, *words = command.split()
    assert Path(program).name == "concordant"
    name, parameters = parsed(words)
    assert name == "adapter run"
    assert unit["WorkingDirectory"] == unit["ReadWritePaths"] == [str(parameters["agency"])]


def test_the_service_with_pages_runs_the_same_command(
    unit: dict[str, list[str]], root: Path, parsed: Any
) -> None:
    drop_in = root / "deploy/systemd/concordant-adapter@.service.d/web.conf"
    lines = drop_in.read_text().splitlines()
    emptied, command = [one for one in lines if one.startswith("ExecStart=")]
    assert emptied == "ExecStart="
    assert command.startswith(f"ExecStart={unit['ExecStart'][0]} ")
    name, parameters = parsed(command.removeprefix("ExecStart=").split()[1:])
    assert name == "adapter run"
    assert parameters["web"] is True


def test_it_gives_the_passphrase_as_a_credential(unit: dict[str, list[str]]) -> None:
    (credential,) = unit["LoadCredentialEncrypted"]
    name = credential.split(":")[0]
    assert PassphraseSection(credential=name).credential == "passphrase"


def test_it_is_not_root_and_may_do_little(unit: dict[str, list[str]]) -> None:
    assert unit["User"] == ["concordant"]
    assert unit["CapabilityBoundingSet"] == [""]
    for setting in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "MemoryDenyWriteExecute"):
        assert unit[setting] == ["true"]
    assert unit["ProtectSystem"] == ["strict"]


def test_a_wrong_command_line_is_not_tried_for_ever(unit: dict[str, list[str]]) -> None:
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == ["2"]


def test_it_may_open_so_many_files_and_no_more(unit: dict[str, list[str]]) -> None:
    (limit,) = unit["LimitNOFILE"]
    assert int(limit) >= 8 * MAX_CONNECTIONS
