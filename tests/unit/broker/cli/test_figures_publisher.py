"""Commands `figures` and `figures-check`: the party that an agreement names as the publisher."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.clock import now_ms
from broker.operations import figures
from tests.support.named_publisher import OTHER, PUBLISHER, founded_by_two, name_publisher
from tests.support.recorded_cases import RecordedCases, record_cases
from tests.unit.broker.cli.test_figures import asked, quarter
from tests.unit.broker.cli.test_figures_too_early import plain, remembered

SECOND = 1000


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Both agencies have 20 cases; no party is named yet."""
    world, found = founded_by_two(), {}
    for number, agency in enumerate((PUBLISHER, OTHER)):
        found[agency] = world.directory(agency, tmp_path)
        cases = RecordedCases(20, "E09000007", ["race"], serial=1000 * number)
        record_cases(found[agency], [cases], now_ms())
    return found


def named(folders: dict[str, Path]) -> None:
    """Both parties have signed the version that names the publisher."""
    for folder in folders.values():
        name_publisher(folder, now_ms() - SECOND)


def published(cli, folder: Path, file: Path) -> Path:
    done = cli(*asked(folder, "borough", "--csv", "--output", file))
    assert done.code == 0, done.err
    return file


def check(cli, file: Path, folder: Path):
    return cli("figures-check", file, "--json", "--agency", folder)


def test_the_named_party_publishes_and_readers_learn_who_may(cli, folders, tmp_path) -> None:
    before = cli(*plain(folders[PUBLISHER], "--json")).json
    assert before["publishers"] == [PUBLISHER, OTHER]
    assert any(OTHER in one and "may publish" in one for one in before["notes"])
    named(folders)
    found = cli(*asked(folders[PUBLISHER], "borough", "--json")).json
    assert (found["published_by"], found["publishers"]) == (PUBLISHER, [PUBLISHER])
    assert any(f"Only {PUBLISHER} may publish" in one for one in found["notes"])
    file = published(cli, folders[PUBLISHER], tmp_path / "f.csv")
    done = check(cli, file, folders[OTHER])
    assert (done.code, done.json["publishers"]) == (0, [PUBLISHER])
    assert PUBLISHER in cli("figures-check", file, "--agency", folders[OTHER]).text


@pytest.mark.parametrize("more", [(), ("--json",), ("--incomplete", "--json")])
def test_another_party_makes_no_table_and_no_preview(cli, folders, more) -> None:
    named(folders)
    refused = cli(*plain(folders[OTHER], *more))
    refused.require_failure("figures_published_elsewhere", 1)
    assert PUBLISHER in refused.err
    assert remembered(folders[OTHER]) == 0


def test_a_table_that_another_party_publishes_nevertheless_is_release_publisher_other(
    cli, folders, tmp_path, monkeypatch
) -> None:
    """An agency whose software does not follow the agreement."""
    named(folders)
    with monkeypatch.context() as patched:
        patched.setattr(figures, "require_publisher", lambda *_: None)
        file = published(cli, folders[OTHER], tmp_path / "f.csv")
    for reader in folders.values():
        done = check(cli, file, reader)
        assert (done.code, done.json["code"]) == (1, "release_publisher_other")
        assert (done.json["holds"], done.json["agency"]) == (False, OTHER)
        assert done.json["publishers"] == [PUBLISHER]
    said = cli("figures-check", file, "--agency", folders[PUBLISHER])
    assert said.code == 1
    assert "release_publisher_other" in said.lines[0]
    assert any(PUBLISHER in line for line in said.lines)
    outsider = cli("figures-check", file, "--json", "--key", done.json["key"])
    assert (outsider.code, outsider.json["publishers"]) == (0, None)  # does not know the agreement
    file.write_text("changed")
    assert check(cli, file, folders[PUBLISHER]).json["code"] == "release_changed"


def test_a_table_from_before_another_party_was_named_stays_valid(cli, folders, tmp_path) -> None:
    file = published(cli, folders[OTHER], tmp_path / "f.csv")
    for folder in folders.values():
        name_publisher(folder, now_ms() + SECOND)
        assert check(cli, file, folder).code == 0


def test_a_table_that_is_too_early_stays_a_preview_at_the_named_party(cli, folders) -> None:
    named(folders)
    done = cli(*plain(folders[PUBLISHER], "--json"))
    assert done.code == 0
    assert done.json["preview"] == ["quarter_running", "agencies_missing"]
    assert "signed" not in done.json
    assert cli(*plain(folders[PUBLISHER], "--csv")).code == 1
    assert remembered(folders[PUBLISHER]) == 0
    assert cli(*plain(folders[PUBLISHER], "--json", period=quarter(-1))).json["preview"] == [
        "agencies_missing",
        "nothing_counted",
    ]
