"""Output of commands: nothing is cut, and no text steers a terminal."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest

from broker.cli import output
from contracts.errors import ContractError

WIDE = "victim.a_field_with_a_name_that_is_longer_than_the_terminal_is_wide"
ROWS = [(WIDE, "reads"), ("b", "never \x1b[31mred\x07")]
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def _stdout(
    monkeypatch: pytest.MonkeyPatch, kind: type[io.TextIOWrapper] = io.TextIOWrapper
) -> io.BytesIO:
    # Not a fixture: pytest puts its own standard output in place between setup and test.
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", kind(raw, encoding="utf-8", write_through=True))
    return raw


def test_a_redirected_table_is_as_wide_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _stdout(monkeypatch)
    output.print_table(("field", "police"), ROWS)
    heading, first, second = written.getvalue().decode().splitlines()
    assert heading.index("police") == first.index("reads") == second.index("never")
    assert first == f"{WIDE}  reads"
    assert not CONTROL.search(second)


def test_a_table_on_a_narrow_terminal_is_folded_and_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    raw = _stdout(monkeypatch, Terminal)
    output.print_table(("field", "police"), ROWS)
    text = re.sub(r"\x1b\[[0-9;]*m", "", raw.getvalue().decode())  # how rich makes headings bold
    lines = text.splitlines()
    assert max(map(len, lines)) <= 40
    assert WIDE in "".join(line.split("  ")[0].strip() for line in lines)
    assert "…" not in "".join(lines)
    assert not CONTROL.search("".join(lines))


def test_markup_in_a_cell_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = _stdout(monkeypatch, Terminal)
    output.print_table(("reason",), [("[bold]agreed[/bold]",)])
    assert "[bold]agreed[/bold]" in raw.getvalue().decode()


def test_an_empty_table_is_its_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _stdout(monkeypatch)
    output.print_table(("field", "police"), [])
    assert written.getvalue() == b"field  police\n"


def test_text_ends_with_one_line_end_and_nothing_is_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = _stdout(monkeypatch)
    output.print_text("one")
    output.print_text("two\n")
    output.print_text("")
    assert written.getvalue() == b"one\ntwo\n"


def test_text_is_utf_8_in_any_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    output.print_text("Café, §4")
    assert raw.getvalue().decode() == "Café, §4\n"


def test_a_note_goes_to_stderr_without_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.note("reason \x1b]0;x\x07")
    said = capsys.readouterr()
    assert said.out == ""
    assert not CONTROL.search(said.err.rstrip("\n"))


HIDDEN = "a\u202eb\u200bc\U000e0041d"


def test_hidden_characters_are_shown_by_their_code_points(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output.note(HIDDEN)
    assert capsys.readouterr().err == "a<U+202E>b<U+200B>c<U+E0041>d\n"
    error = ContractError("no", where=HIDDEN, fix=HIDDEN)
    assert error.diagnostics().count("a<U+202E>b<U+200B>c<U+E0041>d") == 2
    written = _stdout(monkeypatch)
    output.print_table((HIDDEN,), [(HIDDEN,)])
    assert written.getvalue().decode() == "a<U+202E>b<U+200B>c<U+E0041>d\n" * 2


@pytest.mark.parametrize("kind", [io.TextIOWrapper, Terminal])
def test_a_line_feed_in_a_cell_makes_no_row(monkeypatch: pytest.MonkeyPatch, kind) -> None:
    written = _stdout(monkeypatch, kind)
    output.print_table(("file",), [("a.csv\nevent-7  delivered\tx",)])
    text = written.getvalue().decode()
    assert "a.csv<U+000A>event-7  delivered<U+0009>x" in text
    assert not any(line.startswith("event-7") for line in text.splitlines())


def test_a_line_feed_in_a_place_makes_no_line_of_an_error() -> None:
    error = ContractError("no", where="a\n  to do: rm", fix="read it")
    lines = error.diagnostics().splitlines()
    assert lines[1:3] == ["  where: a<U+000A>  to do: rm", "  to do: read it"]


def test_hidden_characters_are_escaped_in_json_and_keep_their_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = _stdout(monkeypatch)
    output.print_json({HIDDEN: f"{HIDDEN}\x9b"})
    assert written.getvalue().isascii()
    assert json.loads(written.getvalue()) == {HIDDEN: f"{HIDDEN}\x9b"}
