"""Command `figures`: a table that is too early is a preview, and kept numbers are marked."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from broker.store.database import open_store
from tests.unit.broker.cli.test_figures import SVG, asked, folder, quarter, record

__all__ = ["folder"]  # the fixture of the table

CITY, BARKING = "E09000001", "E09000002"


def plain(folder: Path, *more: object, period: str = "") -> tuple[object, ...]:
    """The command as a script writes it, without `--incomplete`."""
    period = period or quarter()
    return ("figures", "--agency", folder, "--period", period, "--by", "borough", *more)


def remembered(folder: Path) -> int:
    """Return the number of releases in the state."""
    store = open_store(folder / "state" / "concordant.db")
    with store.reading() as tx:
        number = tx.figure_releases.size()
    store.close()
    return number


def test_a_table_that_is_too_early_is_a_preview_that_is_not_remembered(cli, folder) -> None:
    done = cli(*plain(folder, "--json"))
    assert done.code == 0, done.err
    assert done.json["preview"] == ["quarter_running", "agencies_missing"]
    assert done.json["totals"]["cases"] == 30
    assert "signed" not in done.json
    assert done.err
    words = cli(*plain(folder))
    assert words.code == 0
    assert words.out.decode().startswith("Preview, not published")
    assert remembered(folder) == 0


@pytest.mark.parametrize("form", ["--csv", "--html", "--svg"])
def test_a_form_that_is_passed_on_is_figures_incomplete_until_it_is_wanted_so(
    cli, folder, tmp_path: Path, form: str
) -> None:
    target = tmp_path / "made"
    options = (form, "--output", target) if form == "--csv" else (form, target)
    refused = cli(*plain(folder, *options))
    assert (refused.code, "figures_incomplete" in refused.err) == (1, True)
    assert "csu-camden" in refused.err
    assert not target.exists()
    assert remembered(folder) == 0
    assert cli(*plain(folder, "--incomplete", *options)).code == 0
    assert target.exists()
    assert remembered(folder) == 1


def test_a_published_table_is_printed_again_without_a_question(cli, folder, tmp_path) -> None:
    assert cli(*asked(folder, "borough", "--json")).code == 0
    again = cli(*plain(folder, "--json"))
    assert again.code == 0
    assert "preview" not in again.json
    assert "signed" in again.json
    assert cli(*plain(folder, "--svg", tmp_path / "plot.svg")).code == 0


def test_a_quarter_without_a_case_is_not_published(cli, folder) -> None:
    found = cli(*plain(folder, "--json", period=quarter(-2))).json
    assert found["preview"] == ["agencies_missing", "nothing_counted"]
    assert remembered(folder) == 0


def test_late_cases_of_a_borough_mark_all_repeated_numbers_in_each_form(
    cli, world, folder, tmp_path
) -> None:
    """Three cases come to a borough after its 0 was published. No form tells to which one."""
    assert cli(*asked(folder, "borough", "--json")).code == 0
    for number in range(300, 303):
        record(world, number, BARKING, ["race"])
    found = cli(*asked(folder, "borough", "--json")).json
    assert {one["kept"] for one in found["cells"]} == {True}
    zeros = [one["by"]["borough"] for one in found["cells"] if one["cases"] == 0]
    assert BARKING in zeros
    assert len(zeros) > 20

    files = {kind: tmp_path / f"table.{kind}" for kind in ("csv", "html", "svg")}
    assert cli(*asked(folder, "borough", "--csv", "--output", files["csv"])).code == 0
    rows = {one["borough"]: one for one in csv.DictReader(io.StringIO(files["csv"].read_text()))}
    assert (rows[BARKING]["cases"], rows[BARKING]["kept"]) == ("0", "true")
    assert {one["kept"] for one in rows.values()} == {"true"}
    metadata = json.loads((tmp_path / "table.csv-metadata.json").read_text())
    assert [one["name"] for one in metadata["tableSchema"]["columns"]][-1] == "kept"

    done = cli(*asked(folder, "borough", "--html", files["html"], "--svg", files["svg"]))
    assert done.code == 0
    label = "Barking and Dagenham"
    words = cli(*asked(folder)).out.decode()
    drawn = next(ET.parse(files["svg"]).iter(f"{SVG}desc")).text
    for text in (words, files["html"].read_text(), str(drawn)):
        assert "(kept)" in text
        assert label not in text
