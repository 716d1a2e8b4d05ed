"""Pages of figures: the choice, the confirmation, the wait, one release and its files."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
from pathlib import Path

import httpx
import pytest

from adapters.web.figures import work
from adapters.web.people import Role
from adapters.web.serving import WebServer
from broker.errors import WrongInputError
from broker.figures.counting import parse_period, quarter_of
from broker.operations.figure_signatures import check_release
from broker.operations.figures import release_figures
from broker.releases.figures_release import FiguresRelease
from tests.support.recorded_cases import RecordedCases, record_cases
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock

WAIT_S = 60


def ask(visitor: Visitor, period: str, *by: str) -> httpx.Response:
    """Confirm a table."""
    visitor.get("/figures/new", params={"period": period, "by": list(by)})
    return visitor.post("/figures/new", {"period": period, "by": list(by), "incomplete": "yes"})


def made(visitor: Visitor, server: WebServer, period: str, *by: str) -> str:
    """Make a table; the address of its page."""
    assert ask(visitor, period, *by).headers["location"] == "/figures/making"
    last = server._agency.figures.last
    assert last is not None
    assert last.wait(WAIT_S)
    answer = visitor.get("/figures/making")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def numbers(text: str, table: str) -> list[str]:
    """Return the numbers of a table, row by row."""
    found = re.search(rf'<table id="{table}".*?</table>', text, re.S)
    assert found is not None
    return [re.sub(r"<.*?>", " ", one).strip() for one in re.findall(r"<td.*?</td>", found[0])]


def test_an_officer_makes_a_table_and_downloads_it(
    officer: Visitor, server: WebServer, quarter: str
) -> None:
    assert 'id="empty"' in officer.get("/figures").text
    asked = officer.get("/figures/new", params={"period": quarter, "by": "borough"})
    assert 'id="effects"' in asked.text
    assert 'id="empty"' in officer.get("/figures").text  # nothing was made yet

    address = made(officer, server, quarter, "borough")

    page = officer.get(address).text
    shown = numbers(page, "figures-table")
    assert len(shown) == 4
    assert shown[1] == "20"  # Camden
    assert shown[0].startswith("Hidden")  # the City of London has three
    assert 'id="notes"' in page
    assert 'id="changes"' not in page  # there is no earlier table
    assert f'href="{address}"' in officer.get("/figures").text
    rows = list(csv.DictReader(io.StringIO(officer.get(f"{address}/file/csv").text)))
    assert {one["borough"]: one["cases"] for one in rows}["E09000007"] == "20"
    assert {one["borough"]: one["cases"] for one in rows}["E09000001"] == ""
    answer = officer.get(f"{address}/file/json")
    assert json.loads(answer.text)["period"] == quarter
    assert "attachment" in answer.headers["content-disposition"]
    for kind in ("html", "svg", "csv-metadata.json"):
        assert officer.get(f"{address}/file/{kind}").status_code == 200
    assert officer.get(f"{address}/file/exe").status_code == 404


def test_each_file_is_signed_as_the_command_signs_it(
    officer: Visitor, server: WebServer, counted: Path, quarter: str, time: Clock
) -> None:
    address = made(officer, server, quarter, "borough")
    time.now += 10 * 60_000
    for kind in ("csv", "html", "svg"):
        file = officer.get(f"{address}/file/{kind}").content
        answer = officer.get(f"{address}/file/{kind}.note")
        assert answer.headers["content-disposition"].endswith(f'.{kind}.note"')
        checked = check_release(file, answer.content, counted, time.now)
        assert checked.fault is None
        assert checked.statement is not None
        assert (checked.statement.period, checked.statement.by) == (quarter, ("borough",))
        changed = check_release(file + b" ", answer.content, counted, time.now)
        assert changed.fault == "release_changed"
    for kind in ("json", "csv-metadata.json"):
        file = officer.get(f"{address}/file/{kind}").content
        assert check_release(file, None, counted, time.now).fault is None
        assert officer.get(f"{address}/file/{kind}.note").status_code == 404


def test_a_table_shows_what_changed_since_the_last_one_and_when_that_was_published(
    server: WebServer, counted: Path, quarter: str, time: Clock
) -> None:
    release_figures(counted, quarter, ("borough",), time.now, incomplete=True)
    time.now = parse_period(quarter).end_ms
    record_cases(counted, [RecordedCases(30, "E09000007", ["race"], serial=500)], time.now)
    following = quarter_of(time.now).name
    release_figures(counted, following, ("borough",), time.now, incomplete=True)
    page = Visitor(server).sign_in(Role.OFFICER).get("/figures/2").text
    changes = page[page.index('<table id="changes"') :]
    changes = changes[: changes.index("</table>")]
    assert 'href="/figures/1"' in changes
    assert "+10" in changes  # Camden: 20, then 30
    assert re.search(r"published <time", changes) is not None


def test_a_table_that_is_too_early_is_made_only_if_the_officer_says_so(
    officer: Visitor, quarter: str
) -> None:
    page = officer.get("/figures/new", params={"period": quarter, "by": "borough"}).text
    assert 'id="lacks"' in page
    assert "sent no counts" in page[page.index('id="missing"') :]
    assert "may publish the same quarter" in page[page.index('id="others"') :]
    answer = officer.post("/figures/new", {"period": quarter, "by": "borough"})
    assert answer.status_code == 422
    assert 'href="#incomplete"' in answer.text
    assert 'id="empty"' in officer.get("/figures").text


def test_the_confirmation_lists_every_table_of_the_quarter(
    officer: Visitor, counted: Path, quarter: str, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.web.figures.release_list.ROWS", 1)
    for by in ("borough", "strand", "channel"):
        release_figures(counted, quarter, (by,), time.now, incomplete=True)
    page = officer.get("/figures/new", params={"period": quarter, "by": "source"}).text
    assert [f'href="/figures/{number}"' in page for number in (1, 2, 3)] == [True] * 3


def test_a_table_of_referrals_is_made_on_the_page(
    officer: Visitor, server: WebServer, quarter: str
) -> None:
    form = officer.get("/figures", params={"of": "referrals"}).text
    assert 'id="by-answered"' in form
    assert 'id="by-charge"' not in form
    wanted = {"period": quarter, "by": "answered", "of": "referrals", "incomplete": "yes"}
    officer.post("/figures/new", wanted)
    last = server._agency.figures.last
    assert last is not None
    assert last.wait(WAIT_S)
    page = officer.get(officer.get("/figures/making").headers["location"]).text
    assert "All referrals" in page


def test_a_table_of_referrals_is_listed_and_read_in_its_own_words(
    officer: Visitor, counted: Path, quarter: str, time: Clock
) -> None:
    release_figures(counted, quarter, ("answered",), time.now, None, "referrals", incomplete=True)
    assert "Referrals: Time to answer" in officer.get("/figures").text
    page = officer.get("/figures/1").text
    assert "All referrals" in page
    assert "All cases" not in page
    assert numbers(page, "figures-table")[-1] == "45"  # 43 with consent
    assert '"counted": "referrals"' in officer.get("/figures/1/file/json").text


def test_late_cases_mark_all_repeated_numbers_and_show_no_row_of_a_zero(
    officer: Visitor, counted: Path, quarter: str, time: Clock
) -> None:
    """Three cases come to a borough after its 0 was published. The page does not tell to which."""
    release_figures(counted, quarter, ("borough",), time.now, incomplete=True)
    record_cases(counted, [RecordedCases(3, "E09000002", ["race"], serial=500)], time.now)
    release_figures(counted, quarter, ("borough",), time.now, incomplete=True)
    page = officer.get("/figures/2").text
    assert "Barking" not in re.findall(r"<tbody>.*?</tbody>", page, re.S)[0]
    shown = [one for one in numbers(page, "figures-table") if not one.startswith("Hidden")]
    assert all("as published before" in one for one in shown)


def test_a_table_of_two_has_rows_columns_and_totals(
    officer: Visitor, server: WebServer, quarter: str
) -> None:
    page = officer.get(made(officer, server, quarter, "strand", "borough")).text

    heads = re.findall(r'<th scope="col" class="num">(.*?)</th>', page.split("<tbody>")[0])
    assert heads == ["Disability", "Race", "Religion or belief", "All"]
    assert page.count('<ul class="bars">') == 3
    assert "20" in numbers(page, "figures-table")


def test_the_same_table_is_the_same_release(
    officer: Visitor, server: WebServer, quarter: str
) -> None:
    first = made(officer, server, quarter, "borough")
    again = made(officer, server, quarter, "borough")

    assert first == again
    assert 'href="/figures/2"' not in officer.get("/figures").text


def test_a_form_without_a_choice_is_shown_again(officer: Visitor, quarter: str) -> None:
    four = ["borough", "strand", "channel", "source"]
    for by in ([], four, ["unknown"], ["borough", "borough"]):
        answer = officer.get("/figures/new", params={"period": quarter, "by": by})
        assert answer.status_code == 422
        assert 'href="#by"' in answer.text
    answer = officer.get("/figures/new", params={"period": "1999-Q1", "by": "borough"})
    assert 'href="#period"' in answer.text


def test_one_table_at_a_time_and_pages_answer_meanwhile(
    officer: Visitor, server: WebServer, quarter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def slow(*asked: object, incomplete: bool) -> FiguresRelease:
        assert go.wait(WAIT_S)
        return release_figures(*asked, incomplete=incomplete)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(work, "release_figures", slow)
    monkeypatch.setattr("adapters.web.figures.new_table.PATIENCE_S", 0.0)
    ask(officer, quarter, "borough")

    waiting = officer.get("/figures/making")
    assert waiting.status_code == 200
    assert "data-soon" in waiting.text
    assert officer.get("/figures").status_code == 200
    ask(officer, quarter, "strand")
    go.set()
    last = server._agency.figures.last
    assert last is not None
    assert last.wait(WAIT_S)
    assert last.wanted.by == ("borough",)
    assert officer.get("/figures/making").headers["location"] == "/figures/1"


def test_a_table_that_cannot_be_protected_says_so(
    officer: Visitor, quarter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> FiguresRelease:
        raise WrongInputError("It is not published.", code="figures_unprotected", fix="Ask less.")

    monkeypatch.setattr(work, "release_figures", refused)
    ask(officer, quarter, "borough")

    answer = officer.get("/figures/making")
    assert answer.status_code == 400
    assert "figures_unprotected" in answer.text
    assert 'id="empty"' in officer.get("/figures").text


def test_a_table_for_which_the_system_has_no_thread_ends_and_the_next_is_made(
    folder: Path, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = work.FiguresWork(folder, time)
    wanted = work.WantedTable("london-hate-crime", "2026-Q3", ("borough",))

    def exhausted(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", exhausted)
        begun = pages.begin(wanted)
    assert begun is not None
    assert begun.over
    assert isinstance(begun.error, RuntimeError)
    monkeypatch.setattr(work, "release_figures", lambda *_, **__: None)
    again = pages.begin(wanted)
    assert again is not None
    assert again.wait(WAIT_S)


def test_a_table_needs_a_recent_sign_in(officer: Visitor, quarter: str, time: Clock) -> None:
    officer.get("/figures")
    time.now += 16 * 60_000

    assert ask(officer, quarter, "borough").status_code == 403
    assert 'id="making"' not in officer.get("/figures/making").text


def test_others_read_releases_and_make_none(
    officer: Visitor, server: WebServer, quarter: str
) -> None:
    address = made(officer, server, quarter, "borough")

    for role in (Role.SIGNATORY, Role.AUDITOR, Role.OPERATOR):
        other = Visitor(server).sign_in(role)
        assert other.get(address).status_code == 200
        assert 'id="table-form"' not in other.get("/figures").text
        assert ask(other, quarter, "strand").status_code == 403
    assert Visitor(server).sign_in(Role.CASEWORKER).get(address).status_code == 403


@pytest.mark.parametrize("number", ["0", "2", "x", "9" * 30, "%C2%B2"])
def test_a_release_that_is_not_there(officer: Visitor, number: str) -> None:
    assert officer.get(f"/figures/{number}").status_code == 404


def test_an_agency_that_has_not_run_yet(folder: Path, server: WebServer) -> None:
    assert folder.is_dir()
    page = Visitor(server).sign_in(Role.OFFICER).get("/figures")

    assert page.status_code == 200
    assert 'id="no-state"' in page.text
