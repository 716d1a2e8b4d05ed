"""Comparison of a release with the quarter before, and with the year before."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.unit.broker.cli.test_figures import SVG, asked, folder, quarter, record

__all__ = ["folder"]  # the fixture of the table

CAMDEN, BRENT, CITY = "E09000007", "E09000005", "E09000001"


def released_before(cli, world, folder, ahead: int, camden: int) -> None:
    """Make the table of an earlier quarter, with cases in Camden and 12 in Brent."""
    first = 1000 * -ahead
    for number in range(camden):
        record(world, first + number, CAMDEN, ["race"], period=quarter(ahead))
    for number in range(12):
        record(world, first + 500 + number, BRENT, ["race"], period=quarter(ahead))
    done = cli(*asked(folder, "borough", "--json", period=quarter(ahead)))
    assert done.code == 0, done.err


def compared(answer, borough: str):
    (cell,) = [one for one in answer["cells"] if one["by"]["borough"] == borough]
    return cell["compared"]


def test_shown_numbers_are_compared_with_both_earlier_quarters(cli, folder, world) -> None:
    released_before(cli, world, folder, -1, 10)
    released_before(cli, world, folder, -4, 40)
    found = cli(*asked(folder, "borough", "--json")).json
    assert found["compared_with"] == [
        {"period": quarter(-1), "released": True, "made": found["made"]},
        {"period": quarter(-4), "released": True, "made": found["made"]},
    ]
    assert compared(found, CAMDEN) == {
        quarter(-1): {"shown": 10, "change": 10},
        quarter(-4): {"shown": 40, "change": -20},
    }
    assert compared(found, BRENT)[quarter(-1)] == {"shown": 10, "change": -10}


def test_a_hidden_number_has_no_change(cli, folder, world) -> None:
    released_before(cli, world, folder, -1, 3)
    found = cli(*asked(folder, "borough", "--json")).json
    assert compared(found, CAMDEN) == {quarter(-1): {"shown": None, "change": None}}
    assert compared(found, CITY)[quarter(-1)]["change"] is None


def test_a_table_by_other_dimensions_or_none_is_not_compared(cli, folder, world) -> None:
    record(world, 700, CAMDEN, ["race"], period=quarter(-1))
    assert cli(*asked(folder, "strand", "--json", period=quarter(-1))).code == 0
    found = cli(*asked(folder, "borough", "--json")).json
    assert [one["released"] for one in found["compared_with"]] == [False, False]
    assert not any("compared" in one for one in found["cells"])
    assert any(quarter(-1) in one for one in found["notes"])


def test_table_page_and_plot_show_the_changes(cli, folder, world, tmp_path) -> None:
    released_before(cli, world, folder, -1, 10)
    page, plot = tmp_path / "f.html", tmp_path / "f.svg"
    assert cli(*asked(folder, "borough", "--html", page, "--svg", plot)).code == 0
    assert f'<th scope="col">since {quarter(-1)}</th>' in page.read_text()
    described = ET.fromstring(plot.read_text()).find(f"{SVG}desc")
    assert described is not None
    assert f"+10 since {quarter(-1)}" in (described.text or "")
    lines = cli(*asked(folder)).lines
    assert any(line.startswith("Camden") and line.endswith("+10") for line in lines)
    assert any(line.startswith("City of London") and line.endswith("not known") for line in lines)
