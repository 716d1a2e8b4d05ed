"""A log line can carry codes and numbers, and nothing about a person."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import structlog

from broker.observing import logs
from broker.observing.alarm_limit import EVERY_S, MAX_KINDS, AlarmLimit
from contracts.errors import ConcordantError
from tests.support.code_scan import calls

PERSONAL = "Jane Doe, 12 High Street, NW1 4AB"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    stream = io.StringIO()
    logs.configure("debug", stream=stream)
    yield stream
    root.handlers, root.level = before
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_time_and_level(out: io.StringIO) -> None:
    logs.logger("relay").info("batch_published", topic="a", events=256, ms=12)
    (line,) = lines(out)
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "batch_published",
        "part": "relay",
        "level": "info",
        "topic": "a",
        "events": 256,
        "ms": 12,
    }


def test_a_name_and_an_address_are_dropped_and_counted(out: io.StringIO) -> None:
    before = logs.dropped_values()
    logs.logger("judge").warning(
        "record_refused",
        code="grouping_wrong",
        victim_name="Jane Doe",
        address="12 High Street",
        case_id="7b7c1f6e-0000-4000-8000-000000000001",
        name="jane",
    )
    (line,) = lines(out)
    assert line["code"] == "grouping_wrong"
    assert line["dropped"] == 4
    assert logs.dropped_values() == before + 4
    assert not {"victim_name", "address", "case_id", "name"} & set(line)
    assert "Jane" not in out.getvalue()
    assert "High Street" not in out.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        "Jane",
        "jane doe",
        "NW1 4AB",
        "x" * 121,
        "",
        "a\nb",
        1.5,
        b"bytes",
        ["list"],
        {"a": 1},
        2**70,
    ],
)
def test_an_allowed_key_takes_only_numbers_booleans_and_codes(
    out: io.StringIO, value: object
) -> None:
    logs.logger("judge").info("record_refused", code=value)
    (line,) = lines(out)
    assert "code" not in line
    assert line["dropped"] == 1


def test_absent_values_are_left_out_and_not_counted(out: io.StringIO) -> None:
    logs.logger("judge").info("record_refused", code=None, step=9, held=False)
    (line,) = lines(out)
    assert (line["step"], line["held"]) == (9, False)
    assert "dropped" not in line
    assert "code" not in line


def test_text_in_place_of_the_events_name_is_dropped(out: io.StringIO) -> None:
    logs.logger("judge").info(f"refused {PERSONAL}")
    (line,) = lines(out)
    assert line["event"] == "unnamed"
    assert line["dropped"] == 1
    assert "Jane" not in out.getvalue()


def test_a_foreign_exception_shows_its_type_and_place_and_not_its_message(
    out: io.StringIO,
) -> None:
    try:
        raise ValueError(PERSONAL)
    except ValueError:
        logs.logger("judge").exception("batch_failed")
    (line,) = lines(out)
    assert line["error"] == "ValueError"
    assert line["at"].startswith("test_logs.py:")
    assert "detail" not in line
    assert "Jane" not in out.getvalue()
    assert "Traceback" not in out.getvalue()


def test_our_own_exception_shows_its_code_and_its_impersonal_detail(out: io.StringIO) -> None:
    error = ConcordantError("the disk is full", code="store_full", where="/home/jane")
    error.__cause__ = ValueError(PERSONAL)
    logs.logger("store").error("commit_failed", exc_info=error)
    (line,) = lines(out)
    assert (line["error"], line["code"], line["detail"]) == (
        "ConcordantError",
        "store_full",
        "the disk is full",
    )
    assert "jane" not in out.getvalue().lower()


def test_a_code_given_with_the_line_goes_before_the_errors(out: io.StringIO) -> None:
    logs.logger("x").error("failed", code="mine", exc_info=ConcordantError("d", code="theirs"))
    assert lines(out)[0]["code"] == "mine"


@pytest.mark.parametrize("form", ["tuple", "true", "none"])
def test_every_form_of_exception_information_is_read(out: io.StringIO, form: str) -> None:
    try:
        raise KeyError(PERSONAL)
    except KeyError as error:
        given = {"tuple": (KeyError, error, None), "true": True, "none": None}[form]
        logs.logger("x").error("failed", exc_info=given)
    assert lines(out)[0].get("error") == (None if form == "none" else "KeyError")
    assert "Jane" not in out.getvalue()


def test_values_bound_to_the_context_pass_the_same_list(out: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(agency="csu-camden", caller=PERSONAL)
    logs.logger("x").bind(person="Jane").info("started")
    (line,) = lines(out)
    assert line["agency"] == "csu-camden"
    assert line["dropped"] == 2
    assert "Jane" not in out.getvalue()


def test_log_entries_of_libraries_lose_their_text(out: io.StringIO) -> None:
    logging.getLogger("another.library").warning("could not parse %s", PERSONAL)
    logging.getLogger("another.library").info("not shown at all")
    try:
        raise OSError(PERSONAL)
    except OSError:
        logging.getLogger("some.library").exception(PERSONAL)
    first, second = lines(out)
    assert (first["event"], first["library"], first["level"]) == (
        "library_message",
        "another.library",
        "warning",
    )
    assert first["code"].startswith("test_logs:")
    assert (second["error"], second["level"]) == ("OSError", "error")
    assert "Jane" not in out.getvalue()


def test_lines_below_the_level_are_not_written(out: io.StringIO) -> None:
    logs.configure("warning", stream=out)
    logs.logger("x").info("quiet")
    logs.logger("x").warning("loud")
    assert [line["event"] for line in lines(out)] == ["loud"]


def test_a_terminal_gets_lines_for_people_under_the_same_list() -> None:
    terminal = Terminal()
    logs.configure("info", stream=terminal)
    logs.logger("x").info("started", agency="csu-camden", person=PERSONAL)
    shown = terminal.getvalue()
    assert "csu-camden" in shown
    assert "Jane" not in shown
    assert not shown.lstrip().startswith("{")


def test_a_line_goes_to_standard_error_as_it_is_then(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", first)
    logs.configure("info")
    monkeypatch.setattr("sys.stderr", second)
    first.close()
    logs.logger("relay").warning("relay_waits")
    assert "relay_waits" in second.getvalue()


def test_a_logger_is_safe_before_anything_was_configured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()
    monkeypatch.setattr(logs, "_configured", False)
    logs.logger("x").warning("started", person=PERSONAL)
    captured = capsys.readouterr()
    assert captured.out == ""  # standard output is for data
    assert "started" in captured.err
    assert "Jane" not in captured.err


def test_no_allowed_key_names_a_person_or_a_case() -> None:
    assert (
        not {
            "name",
            "case_id",
            "case",
            "referral_id",
            "address",
            "text",
            "file",
            "path",
            "message",
            "value",
            "data",
            "detail",
        }
        & logs.KEYS
    )


def test_every_key_of_a_log_line_is_allowed() -> None:
    """A key that is not allowed would lose its value in each line."""
    given = {
        (word.arg, call.lineno)
        for call in calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"debug", "info", "warning", "error", "exception"}
        and re.search(r"log$|logger\(", ast.unparse(call.func.value))
        for word in call.keywords
        if word.arg not in {None, "exc_info"}
    }
    assert "filtered" in {key for key, _ in given}
    assert {(key, line) for key, line in given if key not in logs.KEYS} == set()


# --- what a remote party causes ------------------------------------------------------------------


def warnings_in_the_source() -> list[tuple[str, str]]:
    """(level, event) of every warning and error line that the program can write."""
    found: set[tuple[str, str]] = set()
    for call in calls():
        level = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if level not in {"warning", "error", "exception", "_waits"} or not call.args:
            continue
        event = call.args[0]
        if level == "_waits" or ast.unparse(call.func.value).endswith("log"):
            if isinstance(event, ast.Constant):
                found.add(("warning" if level == "_waits" else level, str(event.value)))
            else:
                assert ast.unparse(event) == "event", "only `_waits` is given the event"
    return sorted(found)


def test_every_warning_is_limited_for_any_numbers_in_it(out: io.StringIO) -> None:
    every = warnings_in_the_source()
    assert {"record_refused", "refused_by_recipient", "event_held", "alarm"} <= {
        event for _, event in every
    }
    for number in range(500):
        for level, event in every:
            write = getattr(logs.logger("broker"), level)
            write(event, agency="csu", code="c", index=number, offset=number, delay_ms=number)
        logging.getLogger("a_library").error("lost %s", number)
    # libraries and what other tests of this process left running may write lines of their own
    ours = (line for line in lines(out) if "csu" in line.values() or "a_library" in line.values())
    told = [line["event"] for line in ours]
    assert sorted(told) == sorted([event for _, event in every] + ["library_message"])


def test_a_limited_line_says_how_many_there_were() -> None:
    now = [0.0]
    limit = logs.LineLimit(AlarmLimit(lambda: now[0]), AlarmLimit(lambda: now[0]))

    def written(**line: object) -> dict[str, object] | None:
        try:
            return dict(limit(None, "error", {"event": "alarm", **line}))
        except structlog.DropEvent:
            return None

    assert written(agency="csu") == {"event": "alarm", "agency": "csu"}
    assert written(agency="csu", records=7) is None
    assert written(agency="cps", records=3) == {"event": "alarm", "agency": "cps", "records": 3}
    now[0] = EVERY_S
    assert written(agency="csu") == {"event": "alarm", "agency": "csu", "records": 8}
    assert limit(None, "info", {"event": "alarm"}) == {"event": "alarm"}


def test_invented_kinds_grow_no_memory() -> None:
    now = [0.0]
    limit = AlarmLimit(lambda: now[0])
    told = sum(limit.lines(f"code-{number}", "csu") for number in range(20_000))
    assert told == MAX_KINDS + 1
    assert len(limit._written) <= MAX_KINDS + 1
    now[0] = EVERY_S
    assert limit.lines("one-more", "csu") > 0


def test_a_flood_of_many_kinds_that_ended_hides_no_later_line() -> None:
    now = [0.0]
    limit = AlarmLimit(lambda: now[0])
    for number in range(2 * MAX_KINDS):
        limit.lines(f"flood-{number}", "csu")
        limit.lines(f"flood-{number}", "csu")  # a second one, of which no line tells
    now[0] = 2 * EVERY_S
    assert limit.lines("equivocation", "csu") == 1
    assert limit.lines("rollback", "csu") == 1
    now[0] = 3 * EVERY_S
    untold = sum(limit._since.values())
    assert untold >= MAX_KINDS, "what the flood was is counted in the line that the others share"


def test_a_flood_of_warnings_hides_no_alarm() -> None:
    limit = logs.LineLimit(AlarmLimit(lambda: 0.0), AlarmLimit(lambda: 0.0))
    for number in range(2 * MAX_KINDS):
        with suppress(structlog.DropEvent):
            limit(None, "warning", {"event": "record_refused", "code": f"code-{number}"})
    alarm = {"event": "alarm", "code": "equivocation", "agency": "csu"}
    assert limit(None, "error", dict(alarm)) == alarm
