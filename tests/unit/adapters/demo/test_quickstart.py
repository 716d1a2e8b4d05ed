"""`quickstart DIR`: a partnership that is in force, whose folders stand alone."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters import trial_partnership as partnership
from adapters.demo.sample_listings import CAPACITIES, publish_listings
from broker.clock import now_ms
from broker.errors import ConfigError
from tests.support.founding import cheap_scrypt

AGENCIES = [
    "csu-camden",
    "csu-lewisham",
    "cps-london",
    "council-camden",
    "council-lewisham",
    "haven-support",
    "lantern-centre",
]


@dataclass(frozen=True)
class ByCommand:
    """A partnership that the command made as a process of its own, under an open umask."""

    folder: Path
    done: subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def by_command(tmp_path_factory: pytest.TempPathFactory) -> ByCommand:
    folder = tmp_path_factory.mktemp("quickstart") / "new"
    command = [sys.executable, "-m", "adapters.main", "quickstart", str(folder)]
    return ByCommand(folder, subprocess.run(command, capture_output=True, check=False, umask=0))


def test_prints_one_agency_id_per_line_and_nothing_else(by_command: ByCommand) -> None:
    assert by_command.done.returncode == 0, by_command.done.stderr
    assert by_command.done.stdout == "".join(f"{agency}\n" for agency in AGENCIES).encode()
    assert sorted(p.parent.name for p in by_command.folder.glob("*/agency.toml")) == sorted(
        AGENCIES
    )


def test_each_folder_has_a_sample_of_what_its_agency_offers(cli, tmp_path: Path) -> None:
    new = tmp_path / "new"
    with cheap_scrypt():
        assert cli("quickstart", new).code == 0
        publish_listings(new, AGENCIES, now_ms())
        for agency in AGENCIES:
            shown = cli("directory", "show", "--agency", new / agency, "--json").json
            assert shown["services"]
            assert CAPACITIES.get(agency, {}).keys() <= shown["services"].keys()


def test_a_year_of_cases_gives_figures_of_its_quarters(cli, tmp_path: Path) -> None:
    new = tmp_path / "new"
    with cheap_scrypt():
        done = cli("quickstart", new, "--year")
        assert (done.code, done.lines) == (0, AGENCIES)
        period = re.search(r"--period (\S+)", done.err)
        assert period is not None
        asked = ("figures", "--agency", new / "lantern-centre", "--period", period[1])
        found = cli(*asked, "--by", "recorded_as", "--json").json
    assert found["period_ended"]
    assert found["totals"]["cases"] > 0


def test_a_folder_that_is_not_empty_is_left_alone(cli, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    done = cli("quickstart", tmp_path)
    assert (done.code, done.out) == (3, b"")
    assert "directory_not_empty" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_way_is_an_error(cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cli("quickstart", tmp_path / "file").code == 3


def test_without_a_folder_it_is_a_usage_error(cli) -> None:
    assert cli("quickstart").code == 2


def test_passphrases_and_keys_are_for_the_owner_alone(made: Path) -> None:
    secret = [
        *made.glob("*/passphrase"),
        *made.glob("*/keys/**/*.json"),
        *made.glob("*/tls/key.pem"),
    ]
    assert len(secret) >= 7 * 9
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


@pytest.mark.parametrize("agency", AGENCIES)
def test_each_folder_is_self_contained(cli, made: Path, tmp_path: Path, agency: str) -> None:
    alone = tmp_path / "elsewhere"
    shutil.copytree(made / agency, alone)
    done = cli("event", "types", "--agency", alone)
    assert done.code == 0
    assert "referral.made" in done.lines or "case.updated" in done.lines


def test_every_contract_file_is_signed_by_every_party(cli, made: Path) -> None:
    done = cli("contract", "verify", "--agency", made / "lantern-centre")
    assert done.code == 0, done.err
    for agency in AGENCIES:
        assert agency in done.text


def test_no_umask_opens_a_file_or_a_folder_to_other_accounts(by_command: ByCommand) -> None:
    assert by_command.done.returncode == 0, by_command.done.stderr
    everything = [by_command.folder, *by_command.folder.rglob("*")]
    folders = {stat.S_IMODE(path.stat().st_mode) for path in everything if path.is_dir()}
    assert folders == {0o700}
    assert not [path for path in everything if path.stat().st_mode & 0o022]


def test_of_two_at_once_one_makes_the_partnership_and_the_other_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "adapters.main", "quickstart", str(tmp_path / "new")]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    outputs = [process.communicate() for process in both]
    assert sorted(process.returncode for process in both) == [0, 3]
    refused = next(
        err for process, (_, err) in zip(both, outputs, strict=True) if process.returncode
    )
    assert b"directory_not_empty" in refused
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(
        [*AGENCIES, "kafka"]
    )


@pytest.mark.parametrize("absent", [True, False])
def test_a_failure_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: bool
) -> None:
    root = tmp_path / "new"
    if not absent:
        root.mkdir()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(partnership, "save_identity", full)
    with cheap_scrypt(), pytest.raises(ConfigError) as caught:
        partnership.create_partnership(root, now_ms())
    assert caught.value.code == "directory_unusable"
    assert root.exists() is not absent
    assert absent or not list(root.iterdir())
