"""Recipients of a field, the log, and the record of each look."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.web.agency import LogCheck, OwnAgency
from adapters.web.people import Role
from broker.agency.participant import load_participant
from broker.audit.actor import Actor
from broker.audit.entries import EntryKind, NewLogEntry, Share
from broker.audit.log import append_entries
from broker.operations.disclosure_log import DisclosureLog
from broker.operations.log_answer import LogQuery
from broker.store.database import open_store
from broker.store.disclosures import Disclosures
from broker.store.rows import DisclosureRow
from tests.support.founded_partnership import COUNCIL, HOUR, NOW, SUPPORT
from tests.unit.adapters.web.officer.conftest import Person

pytestmark = pytest.mark.usefixtures("sent")
FIELD = "victim.phone"


def looked(folder: Path) -> list[tuple[str, str]]:
    """Person and reason of each look at the log."""
    log = DisclosureLog.opened(folder, NOW + HOUR)
    try:
        query = LogQuery(kinds=frozenset({"consultation"}))
        found = log.show(query, Actor("test")).entries
    finally:
        log.close()
    return [(one.acting_for, one.reason) for one in found]


def test_a_field_of_a_case_with_clause_purpose_and_basis(
    person: Person, sent: str, folder: Path
) -> None:
    visitor = person(Role.AUDITOR)
    form = {"case": sent, "field": FIELD, "reason": "access request 17"}
    page = visitor.post("/who-received", form)
    assert page.status_code == 200
    assert "telephone number" in page.text
    assert "clause 4.1.16" in page.text
    assert "Article 6(1)" in page.text
    assert looked(folder) == [("rosa", "access request 17")]


def test_the_export_has_a_row_for_each_field_and_recipient(person: Person, sent: str) -> None:
    form = {"case": sent, "reason": "access request", "format": "csv", "field": FIELD}
    answer = person(Role.OFFICER).post("/who-received", form)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["recipient"] for row in rows} == {COUNCIL, SUPPORT}
    assert len(rows) == 4
    for row in rows:
        assert row["field"] == FIELD
        assert row["clause"]
        assert row["purposes"]
        assert row["legal basis"]


def test_parties_that_were_sent_nothing_are_named(person: Person, sent: str) -> None:
    form = {"case": sent, "field": FIELD, "reason": "audit"}
    page = person(Role.AUDITOR).post("/who-received", form).text
    named = page.partition('id="sent-nothing"')[2].partition("</p>")[0]
    assert "Prosecution" in named
    assert "Council" not in named
    assert "Police" not in named


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"case": "", "field": "", "reason": "audit"}, "case"),
        ({"case": "CAM-1", "reason": ""}, "reason"),
        ({"case": "CAM-1", "reason": "a\u202eb"}, "reason"),
        ({"case": "CAM-1", "reason": "x" * 201}, "reason"),
        ({"case": "<b>no</b>", "reason": "audit"}, "case"),
    ],
)
def test_a_search_that_is_refused_keeps_the_form(
    person: Person, folder: Path, form: dict[str, str], field: str
) -> None:
    answer = person().post("/who-received", form)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert "<b>no</b>" not in answer.text
    assert looked(folder) == []


def test_an_auditor_follows_a_field_through_all_cases(person: Person, folder: Path) -> None:
    page = person(Role.AUDITOR).post("/who-received", {"field": FIELD, "reason": "audit"})
    assert page.status_code == 200
    assert 'id="sent"' in page.text
    assert looked(folder) == [("rosa", "audit")]


def test_entries_of_other_fields_push_none_of_a_field_aside(folder: Path) -> None:
    log = DisclosureLog.opened(folder, NOW + HOUR)
    try:
        for _ in range(3):
            log.show(LogQuery(), Actor("test"))
        answer = log.show(LogQuery(field=FIELD, limit=2), Actor("test"))
    finally:
        log.close()
    assert [one.index for one in answer.entries] == [0, 1]
    assert answer.more == 0
    assert {one.path for one in answer.received} == {FIELD}


def test_a_page_of_the_log_holds_no_more_than_its_rows(person: Person) -> None:
    visitor = person(Role.AUDITOR)
    for _ in range(26):
        newest = visitor.get("/log")
    assert newest.text.count('<tr role="row" id="entry-') == 25
    older = newest.text.partition('rel="next" href="')[2].partition('"')[0]
    page = visitor.get(older.replace("&amp;", "&"))
    assert 'id="entry-0"' in page.text
    assert 'id="entry-27"' not in page.text


def test_filters_of_the_log(person: Person) -> None:
    visitor = person(Role.OFFICER)
    sent = visitor.get(f"/log?kind=disclosure&recipient={COUNCIL}").text
    assert 'id="entry-0"' in sent
    assert 'id="entry-1"' in sent
    assert 'id="empty"' in visitor.get("/log?kind=erasure").text
    assert 'id="entry-0"' in visitor.get("/log?since=2026-03-02&until=2026-03-02").text
    assert 'id="empty"' in visitor.get("/log?until=2026-03-01").text
    assert visitor.get("/log?since=2026-03-02&until=2026-03-01").status_code == 422
    assert visitor.get("/log?since=tomorrow").status_code == 422
    assert visitor.get("/log?recipient=nobody-here").status_code in {400, 422}


def test_reading_the_log_is_in_the_log(person: Person, folder: Path) -> None:
    person(Role.AUDITOR).get("/log?kind=refusal")
    assert looked(folder) == [("rosa", "")]


def test_an_altered_log_is_not_shown(person: Person, folder: Path) -> None:
    database = load_participant(folder, NOW).config.state.database
    with sqlite3.connect(folder / database) as connection:
        connection.execute("update disclosures set leaf = zeroblob(32) where idx = 1")
    visitor = person(Role.AUDITOR)
    assert "log_entry_altered" in visitor.get("/log/verified").text
    shown = visitor.get("/log")
    assert shown.status_code >= 400
    assert 'id="entry-0"' not in shown.text


@pytest.mark.parametrize("query", ["", "?kind=refusal", "?recipient=haven-support", "?before=300"])
def test_a_page_reads_its_rows_and_the_new_entries_alone(
    person: Person, folder: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    participant = load_participant(folder, NOW)
    store = open_store(folder / participant.config.state.database)
    kinds: tuple[EntryKind, ...] = ("refusal", "disclosure")
    with store.transaction() as tx:
        for kind in kinds:
            shares = (Share((SUPPORT,), {FIELD: "4"}),)
            append_entries(tx, [NewLogEntry(kind, NOW + one, shares=shares) for one in range(300)])
    store.close()
    visitor = person(Role.OFFICER)
    visitor.get("/log")
    read: list[int] = []

    def counted(ask: Callable[..., list[DisclosureRow]]) -> Callable[..., list[DisclosureRow]]:
        def asked(*arguments: object) -> list[DisclosureRow]:
            found = ask(*arguments)
            read.extend(row.index for row in found)
            return found

        return asked

    for name in ("read", "at", "by_case"):
        monkeypatch.setattr(Disclosures, name, counted(getattr(Disclosures, name)))
    page = visitor.get(f"/log{query}")
    assert page.text.count('<tr role="row" id="entry-') == 25
    assert len(read) == 25 + 1  # the look before added an entry


def test_a_log_that_is_not_whole_stays_refused(person: Person, folder: Path) -> None:
    visitor = person(Role.AUDITOR)
    hidden = "/log?kind=refusal"
    visitor.get(hidden)
    database = load_participant(folder, NOW).config.state.database
    with sqlite3.connect(folder / database) as connection:
        connection.execute("update disclosures set leaf = zeroblob(32) where idx = 1")
    assert visitor.get(hidden).status_code == 200  # the entry is not on this page
    assert visitor.get("/log").status_code >= 400
    assert "log_entry_altered" in visitor.get("/log/verified").text
    assert visitor.get(hidden).status_code >= 400


def test_a_whole_log_is_verified(person: Person) -> None:
    page = person(Role.AUDITOR).get("/log/verified")
    assert page.status_code == 200
    assert 'id="verified"' in page.text


def test_the_recipients_come_first_with_the_number_of_their_fields(
    person: Person, sent: str
) -> None:
    form = {"case": sent, "field": FIELD, "reason": "access request"}
    page = person(Role.OFFICER).post("/who-received", form).text
    table = page.partition('id="recipient-table"')[2].partition("</table>")[0]
    assert table.count('<tr role="row">') == 3  # the heading and two recipients
    assert page.index('id="recipient-table"') < page.index('id="sent"')


def test_no_entry_is_shown_before_the_log_is_checked(
    person: Person, sent: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OwnAgency, "log_check", lambda _: LogCheck(1_000, 20_000))
    visitor = person(Role.AUDITOR)
    page = visitor.get("/log")
    assert page.status_code == 503
    assert "1,000 of 20,000" in page.text
    assert 'id="entries"' not in page.text
    form = {"case": sent, "reason": "access request 17"}
    answer = visitor.post("/who-received", form)
    assert 'id="log-check"' in answer.text
    assert 'value="access request 17"' in answer.text
    assert 'id="recipient-table"' not in answer.text
    assert looked(folder) == []


def test_the_first_check_of_the_log_ends(folder: Path) -> None:
    agency = OwnAgency(folder, lambda: NOW + HOUR)
    with agency.remembered_log.lock:
        thread = agency.begin_log_check()
        check = agency.log_check()
        assert check is not None
        assert (check.checked, check.entries) == (0, 2)
    thread.join(30)
    assert agency.log_check() is None
    assert agency.remembered_log.size == 2
    agency.close()


def test_a_retry_and_a_changed_setting_are_shown(person: Person, folder: Path) -> None:
    visitor = person(Role.OFFICER)
    visitor.get("/log")  # the first settings are recorded
    participant = load_participant(folder, NOW)
    store = open_store(folder / participant.config.state.database)
    with store.transaction() as tx:
        append_entries(tx, [NewLogEntry("retry", NOW, item="rows-0123456789ab", operator="ops")])
    store.close()
    file = folder / "agency.toml"
    file.write_text(file.read_text().replace("inbox_days = 90", "inbox_days = 80"))
    visitor.get("/log")  # this look finds the change
    assert "rows-0123456789ab" in visitor.get("/log?kind=retry").text
    shown = visitor.get("/log?kind=setting").text
    assert 'id="entry-' in shown
    assert "retention.inbox_days" in shown
