"""Pages of figures after an agreement has named the party that alone publishes."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.web.people import Role
from adapters.web.serving import WebServer
from broker.figures.counting import last_quarters
from broker.operations.figures import release_figures
from tests.support.named_publisher import OTHER, PUBLISHER, founded_by_two, name_publisher
from tests.support.recorded_cases import RecordedCases, record_cases
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock
from tests.unit.adapters.web.figures.test_figures_pages import made

SECOND = 1000
FILES = ("csv", "csv.note", "csv-metadata.json", "html", "html.note", "json", "svg", "svg.note")


@pytest.fixture
def quarter(time: Clock) -> str:
    return last_quarters(time.now, 1)[0].name


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, time: Clock, quarter: str) -> Path:
    """An agency that published a table before the version that names the publisher."""
    folder = founded_by_two().directory(request.param, tmp_path)
    record_cases(folder, [RecordedCases(20, "E09000007", ["race"])], time.now)
    release_figures(folder, quarter, ("borough",), time.now, incomplete=True)
    time.now += SECOND
    name_publisher(folder, time.now)
    time.now += SECOND
    return folder


@pytest.fixture
def officer(server: WebServer) -> Visitor:
    return Visitor(server).sign_in(Role.OFFICER)


@pytest.mark.parametrize("folder", [OTHER], indirect=True)
def test_another_party_reads_its_old_table_and_gives_no_files_of_it(officer: Visitor) -> None:
    page = officer.get("/figures/1").text
    assert 'id="figures-table"' in page
    assert 'id="published-elsewhere"' in page
    assert "/figures/1/file/" not in page
    for kind in FILES:
        answer = officer.get(f"/figures/1/file/{kind}")
        assert (answer.status_code, "figures_published_elsewhere" in answer.text) == (409, True)


@pytest.mark.parametrize("folder", [OTHER], indirect=True)
def test_another_party_makes_no_table(officer: Visitor, server: WebServer, quarter: str) -> None:
    page = officer.get("/figures").text
    assert 'id="published-elsewhere"' in page
    assert 'id="table-form"' not in page
    wanted = {"period": quarter, "by": "strand", "incomplete": "yes"}
    assert officer.get("/figures/new", params=wanted).status_code == 409
    answer = officer.post("/figures/new", wanted)
    assert (answer.status_code, "figures_published_elsewhere" in answer.text) == (409, True)
    assert server._agency.figures.last is None
    assert 'href="/figures/2"' not in officer.get("/figures").text


@pytest.mark.parametrize("folder", [PUBLISHER], indirect=True)
def test_the_named_party_publishes_and_its_table_says_who_may(
    officer: Visitor, server: WebServer, quarter: str
) -> None:
    asked = officer.get("/figures/new", params={"period": quarter, "by": "strand"}).text
    assert "may publish the same quarter" not in asked
    page = officer.get(made(officer, server, quarter, "strand")).text
    assert f"Only {PUBLISHER} may publish" in page
    assert 'id="published-elsewhere"' not in page
    assert officer.get("/figures/1/file/csv").status_code == 200
