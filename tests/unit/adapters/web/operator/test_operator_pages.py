"""Pages of the operator: states, roles, decisions, and no personal data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import adapters.support
from adapters.mapping.document import parse_mapping
from adapters.web.operator.area import AREA
from adapters.web.people import Role
from broker.agency.kinds import own_documents
from broker.agency.running import ADAPTER_LOCK
from broker.cli.status_text import agency_status_text
from broker.held.reason_file import REASON, FileReason, RowReason, format_reason
from broker.observing.side_faults import keep_fault
from broker.operations.health.agency_health import FLOWS, look
from broker.operations.runbook.runbook import RUNBOOK
from broker.store.exclusion import exclusive
from tests.support.operator_state import (
    SECRET_NAME,
    SENDER,
    hear,
    hold_event,
    make_trouble,
    opened_state,
    refuse_record,
)
from tests.support.web_visitor import Visitor
from tests.unit.adapters.authoring.test_export_coverage import SECRET, write_export
from tests.unit.adapters.web.conftest import Clock

MAPPING = Path(adapters.support.__file__).with_name("mapping.2026-11.yaml")

SHOWN = [page.path for page in AREA.pages if page.method == "GET" and "{" not in page.path]


@pytest.fixture
def operator(visitor: Visitor) -> Visitor:
    return visitor.sign_in(Role.OPERATOR)


@pytest.fixture
def runs(folder: Path) -> Iterator[None]:
    (folder / "state").mkdir(mode=0o700, exist_ok=True)
    with exclusive(folder / ADAPTER_LOCK):
        yield


def heading(text: str) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.S)
    assert found is not None
    return found[1]


def others_of(folder: Path, time: Clock) -> list[str]:
    status, _ = look(folder, time.now)
    return [one.agency for one in status.heartbeats]


def test_without_a_state_the_board_says_so_and_the_other_pages_work(
    operator: Visitor, folder: Path
) -> None:
    assert not (folder / "state" / "concordant.db").exists()
    board = operator.get("/board")
    assert board.status_code == 200
    assert 'id="no-state"' in board.text
    assert str(folder) in board.text, "the command names this agency's folder"
    assert [
        path
        for path in SHOWN
        if path != "/put-aside/item" and operator.get(path).status_code != 200
    ] == []


def test_a_stopped_adapter_is_the_first_trouble(operator: Visitor, folder: Path) -> None:
    opened_state(folder).close()
    text = operator.get("/board").text
    assert 'href="/runbook/adapter-down"' in text
    assert 'href="/runbook/partner-silent"' not in text


@pytest.mark.usefixtures("runs")
def test_kafka_that_cannot_be_reached_is_named(
    operator: Visitor, folder: Path, time: Clock
) -> None:
    store = opened_state(folder)
    with store.transaction() as tx:
        keep_fault(tx, "kafka", "kafka_failed", time.now)
    store.close()
    assert 'href="/runbook/kafka-unavailable"' in operator.get("/board").text


@pytest.mark.usefixtures("runs")
def test_everything_flows(operator: Visitor, folder: Path, time: Clock) -> None:
    store = opened_state(folder)
    for agency in others_of(folder, time):
        hear(store, agency, time.now - 1000)
    store.close()
    text = operator.get("/board").text
    assert heading(text) == FLOWS
    assert 'id="no-flow"' in text
    assert text.count("tag--good") >= 3


@pytest.mark.usefixtures("runs")
def test_the_board_and_the_command_say_the_same_words(
    operator: Visitor, folder: Path, time: Clock
) -> None:
    make_trouble(folder, time.now)
    text = operator.get("/board").text
    status, found = look(folder, time.now)
    assert heading(text) == found.sentence == agency_status_text(status, found).splitlines()[0]
    assert text.count("/runbook/") == len(found.troubles)
    assert 'id="partner-csu-camden"' in text
    assert text.count('<rect class="bar"') > 20
    assert text.count("<tr><th") == 25, "a table holds every value of the plots"


def test_no_page_shows_a_value_or_a_file_name(operator: Visitor, folder: Path, time: Clock) -> None:
    make_trouble(folder, time.now)
    pages = [operator.get(path).text for path in SHOWN]
    items = re.findall(r'href="(/put-aside/item\?id=[^"]+)"', operator.get("/put-aside").text)
    assert len(items) == 4
    for path in items:
        answer = operator.get(path)
        assert answer.status_code == 200
        pages.append(answer.text)
    assert not [
        text
        for text in pages
        if "sampleworth" in re.sub(r"band__who.*?</span>", "", text, flags=re.S).lower()
    ]


def test_only_the_operator_opens_these_pages(visitor: Visitor) -> None:
    visitor.sign_in(Role.CASEWORKER, Role.OFFICER, Role.SIGNATORY, Role.AUDITOR)
    for page in AREA.pages:
        path = page.path.replace("{name}", "partner-silent")
        answer = visitor.get(path) if page.method == "GET" else visitor.post(path)
        assert answer.status_code == 403, page.path


def test_many_things_are_shown_25_a_page(operator: Visitor, folder: Path, time: Clock) -> None:
    store = opened_state(folder)
    for number in range(60):
        refuse_record(store, time.now - number, number=number)
    hold_event(store, time.now)
    store.close()
    first = operator.get("/put-aside").text
    assert first.count("/put-aside/item?") == 25
    assert 'rel="next"' in first
    assert operator.get("/put-aside?page=3").text.count("/put-aside/item?") == 11
    assert operator.get("/put-aside?page=900").text.count("/put-aside/item?") == 11
    assert operator.get("/put-aside?kind=event").text.count("/put-aside/item?") == 1
    assert operator.get("/put-aside?kind=<script>").text.count("<script>") == 0


def test_nothing_put_aside_is_said(operator: Visitor, folder: Path) -> None:
    opened_state(folder).close()
    assert 'id="nothing-held"' in operator.get("/put-aside").text


@pytest.mark.parametrize(
    "id_", ["", "1", "event-1", "file-000000000000", "x' OR 1=1", "stopped-a/b/0"]
)
def test_an_unknown_id_is_not_found(operator: Visitor, folder: Path, id_: str) -> None:
    opened_state(folder).close()
    assert operator.get("/put-aside/item", params={"id": id_}).status_code == 404
    for path in ("/put-aside/retry", "/put-aside/discard"):
        operator.get("/help")
        assert operator.post(path, {"id": id_, "reason": "x"}).status_code == 404


def test_a_held_event_is_released_by_a_retry(operator: Visitor, folder: Path, time: Clock) -> None:
    store = opened_state(folder)
    id_ = hold_event(store, time.now)
    operator.get(f"/put-aside/item?id={id_}")
    answer = operator.post("/put-aside/retry", {"id": id_})
    assert (answer.status_code, answer.headers["location"]) == (303, "/put-aside")
    assert 'id="said"' in operator.get("/put-aside").text
    with store.reading() as tx:
        assert tx.inbox.held(9) == []
    store.close()


def test_a_record_that_is_refused_again_stays(operator: Visitor, folder: Path, time: Clock) -> None:
    store = opened_state(folder)
    id_ = refuse_record(store, time.now)
    operator.get(f"/put-aside/item?id={id_}")
    answer = operator.post("/put-aside/retry", {"id": id_})
    assert answer.headers["location"] == f"/put-aside/item?id={id_}"
    with store.reading() as tx:
        assert len(tx.quarantine.list("held")) == 1
    store.close()


def test_discarding_needs_a_reason_and_is_logged(
    operator: Visitor, folder: Path, time: Clock
) -> None:
    store = opened_state(folder)
    id_ = refuse_record(store, time.now)
    operator.get(f"/put-aside/item?id={id_}")
    for reason in ("", "x" * 201, "two\nlines"):
        answer = operator.post("/put-aside/discard", {"id": id_, "reason": reason})
        assert answer.status_code == 422
        assert 'href="#reason"' in answer.text
    answer = operator.post("/put-aside/discard", {"id": id_, "reason": "complaint <b>17</b>"})
    assert answer.status_code == 303
    with store.reading() as tx:
        assert tx.quarantine.list("held") == []
        size = tx.disclosures.size()
    assert size == 1
    store.close()


def test_an_accepted_event_is_discarded_only_when_the_sender_knows(
    operator: Visitor, folder: Path, time: Clock
) -> None:
    store = opened_state(folder)
    id_ = hold_event(store, time.now)
    operator.get(f"/put-aside/item?id={id_}")
    form = {"id": id_, "reason": "<script>alert(1)</script>"}
    answer = operator.post("/put-aside/discard", form)
    assert answer.status_code == 422
    assert 'href="#accepted"' in answer.text
    assert "<script>alert" not in answer.text
    assert operator.post("/put-aside/discard", {**form, "accepted": "yes"}).status_code == 303
    with store.reading() as tx:
        assert tx.inbox.counts().discarded == 1
    store.close()


def test_keys_rights_and_checks(operator: Visitor) -> None:
    keys = operator.get("/keys").text
    assert "tag--good" in keys
    assert len(re.findall(r"<th scope=\"row\"", keys)) >= 6
    rights = operator.get("/kafka-rights").text
    assert 'id="not-asked"' in rights
    assert "trial" in rights or "london" in rights
    checks = operator.get("/checks", params={"run": "yes"}).text
    assert 'id="checks"' in checks
    assert "kafka_unreachable" in checks


def test_rights_say_that_kafka_could_not_be_asked(operator: Visitor) -> None:
    text = operator.get("/kafka-rights", params={"ask": "yes"}).text
    assert 'href="/runbook/kafka-unavailable"' in text


def test_every_entry_of_the_runbook_is_a_page(operator: Visitor) -> None:
    index = operator.get("/runbook").text
    for name, entry in RUNBOOK.items():
        assert f'href="/runbook/{name}"' in index
        answer = operator.get(f"/runbook/{name}")
        assert answer.status_code == 200
        assert answer.text.count("<li>") >= len(entry.steps)
        assert "`" not in answer.text
    assert operator.get("/runbook/nothing").status_code == 404


def test_pages_have_no_inline_style_or_script(operator: Visitor, folder: Path, time: Clock) -> None:
    make_trouble(folder, time.now)
    for path in SHOWN:
        text = operator.get(path).text
        assert " style=" not in text
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=", text)


def test_the_secret_is_in_the_state_that_the_pages_read(folder: Path, time: Clock) -> None:
    make_trouble(folder, time.now)
    assert (folder / "quarantine" / f"{SECRET_NAME}.csv").is_file()
    store = opened_state(folder)
    with store.reading() as tx:
        held = tx.inbox.get(1)
    store.close()
    assert held is not None
    assert held.payload == SECRET_NAME.encode()
    assert held.source == SENDER


def test_the_mapping_is_shown_25_columns_a_page_and_counts_on_request(
    operator: Visitor, folder: Path
) -> None:
    first = operator.get("/mapping").text
    assert first.count('<th scope="row"') == 25
    assert 'rel="next"' in first
    assert 'id="add-code"' not in first, "a shipped mapping takes no code"
    assert 'id="no-exports"' in operator.get("/mapping?count=yes").text
    write_export(folder / "processed" / "1.csv", folder)
    counted = operator.get("/mapping?count=yes").text
    assert 'id="unknown"' in counted
    assert 'id="no-own-file"' in counted
    assert "add-code" not in counted, "no command that a shipped mapping refuses"
    assert SECRET not in counted


def test_a_code_is_added_to_our_own_mapping_file(operator: Visitor, folder: Path) -> None:
    mapping, settings = folder / "mapping.yaml", folder / "agency.toml"
    mapping.write_text(f"{MAPPING.read_text()}\nformat: {{type: csv}}\n")
    text = settings.read_text()
    settings.write_text(re.sub('kind = "[a-z]+"', 'kind = "mapped"', text, count=1))
    assert 'id="add-code"' in operator.get("/mapping").text
    before = parse_mapping(mapping.read_bytes(), mapping.name, own_documents(folder)).tables
    table = next(name for name, one in before.items() if len(one.codes) > 1)
    own, shared = next(iter(before[table].codes.items()))
    form = {"table": table, "own": "A NEW CODE", "shared": shared}
    answer = operator.post("/mapping", form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/put-aside")
    after = parse_mapping(mapping.read_bytes(), mapping.name, own_documents(folder)).tables
    assert {**after[table].codes, **after[table].accepted}["A NEW CODE"] == shared
    operator.get("/mapping")
    again = operator.post("/mapping", {**form, "own": own})
    assert again.status_code == 422
    assert 'href="#own"' in again.text


def test_the_refused_rows_of_a_file_are_named_without_values(
    operator: Visitor, folder: Path
) -> None:
    opened_state(folder).close()
    quarantine = folder / "quarantine"
    quarantine.mkdir(exist_ok=True)
    (quarantine / f"{SECRET_NAME}.csv.rejected.csv").write_text(SECRET_NAME)
    reason = FileReason(
        f"{SECRET_NAME}.csv",
        "",
        "rows_refused",
        "1 row",
        (RowReason(7, "unknown_value", "line 7, column FLAGS", f"not {SECRET_NAME}"),),
    )
    (quarantine / f"{SECRET_NAME}.csv{REASON}").write_bytes(format_reason(reason))
    found = re.search(r"/put-aside/item\?id=(rows-[0-9a-f]+)", operator.get("/put-aside").text)
    assert found is not None
    page = operator.get("/put-aside/item", params={"id": found[1]}).text
    assert "Line 7, column FLAGS" in page
    assert "unknown_value" in page
    assert SECRET_NAME not in page


def test_a_code_for_a_shipped_mapping_is_refused(operator: Visitor, folder: Path) -> None:
    operator.get("/mapping")
    answer = operator.post("/mapping", {"table": "x", "own": "", "shared": ""})
    assert answer.status_code == 422
    assert 'href="#own"' in answer.text
    answer = operator.post("/mapping", {"table": "x", "own": "<b>", "shared": "y"})
    assert answer.status_code in {400, 422, 503}
    assert "<b>" not in answer.text
