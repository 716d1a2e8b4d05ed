"""The systemd unit: its command is one of ours, and it may touch one folder only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.sinks.folder_sink import FolderSink
from broker.agency.config_sections import PassphraseSection
from broker.observing.health import MAX_CONNECTIONS
from tests.support.system_tools import analyze


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


UNIT = "deploy/systemd/concordant-adapter@.service"
MOST_EXPOSED = 15
"""Exposure in tenths by `systemd-analyze security`; 100 is a service without any limit."""


def test_systemd_understands_every_line(root: Path, tmp_path: Path) -> None:
    """On a machine with the program in its place."""
    text = (root / UNIT).read_text().replace("/opt/concordant/bin/concordant", sys.executable)
    (tmp_path / "concordant-adapter@csu-camden.service").write_text(text)
    done = analyze("verify", "--man=no", tmp_path / "concordant-adapter@csu-camden.service")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_counts_it_as_hardened(root: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", root / UNIT)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def folder(root: Path) -> Iterator[Path]:
    """An agency's folder with the modes that the unit tells the operator to set."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as another account")
    made = Path(tempfile.mkdtemp(prefix="unit-"))
    made.chmod(0o755)
    agency = made / "csu-camden"
    for name in ("", "import", "inbox", "processed", "keys", "state"):
        (agency / name).mkdir(mode=0o700)
    (agency / "passphrase").write_text("secret")
    (agency / "passphrase").chmod(0o600)
    modes = re.findall(r"^#   chmod (\d+) (.+)$", (root / UNIT).read_text(), re.M)
    assert len(modes) == 2
    for mode, paths in modes:
        for path in paths.replace("/var/lib/concordant/%i", str(agency)).split():
            Path(path).chmod(int(mode, 8))
    for path in (agency, *agency.iterdir()):
        os.chown(path, 23_001, 23_002)
    for name, mode in (("import", 0o2770), ("inbox", 0o2770)):
        assert (agency / name).stat().st_mode & 0o7777 == mode
    yield agency
    shutil.rmtree(made)


def test_the_guide_sets_the_modes_of_the_unit(root: Path) -> None:
    guide = (root / "docs/guides/connecting-an-agency.md").read_text()
    unit = (root / UNIT).read_text().replace("%i", "csu-camden").replace("ACCOUNT", "CASESYSTEM")
    lines = re.findall(r"^#   ((?:usermod|chmod) .+)$", unit, re.M)
    assert len(lines) == 3
    assert "\n".join(lines) in guide


def as_case_system(*words: str | Path) -> bool:
    """Run a command as a member of the adapter's group; return whether it worked."""
    done = subprocess.run(
        words, check=False, capture_output=True, user=23_003, group=23_003, extra_groups=[23_002]
    )
    return done.returncode == 0


def test_the_groups_account_reaches_import_and_inbox_and_nothing_else(folder: Path) -> None:
    FolderSink(folder / "inbox").deliver("event", ".csv", b"one")
    assert (folder / "inbox/event.csv").stat().st_gid == 23_002
    assert as_case_system("cat", folder / "inbox/event.csv")
    assert as_case_system("ls", folder / "inbox")
    assert as_case_system("rm", folder / "inbox/event.csv")
    assert as_case_system("touch", folder / "import/export.csv.part")
    assert as_case_system("mv", folder / "import/export.csv.part", folder / "import/export.csv")
    assert (folder / "import/export.csv").stat().st_gid == 23_002
    for hidden in ("", "processed", "keys", "state"):
        assert not as_case_system("ls", folder / hidden)
    assert not as_case_system("cat", folder / "passphrase")
    assert not as_case_system("touch", folder / "new")
