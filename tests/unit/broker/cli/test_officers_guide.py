"""The officer's guide: from an empty folder to an agreement that is reviewed, as one types it."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.command_line import Cli, Done
from tests.support.founding import cheap_scrypt
from tests.support.guide_sessions import GUIDES, Typed, require_shown, sessions_in

PAGE = "an-agreement-from-draft-to-review.md"
TEXT = (GUIDES / PAGE).read_text()
ENDS = {
    "contract lint requests.yaml": 1,  # a first draft has places that only people can fill
    "contract breaking": 1,  # the next version widens
}
"""Exit codes other than 0, by the words with which a command begins."""


def in_order() -> list[Typed]:
    """The commands in the order in which the guide lets one type them.

    The ten questions stand first on the page. They are typed when the sixth step says so.
    """
    start, first, pause = (
        TEXT.index(words) for words in ("\n## Ten questions", "\n## 1. ", "This is the time for")
    )
    return sessions_in(TEXT[first:pause] + TEXT[start:first] + TEXT[pause:])


class Shell:
    """The parts of a shell that the guide uses: variables with a day, files, output into a file."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.today = datetime.now(UTC).date()  # once, so that midnight changes nothing
        self.values: dict[str, str] = {}

    def run(self, line: str) -> Done | None:
        """Run one line; None if it is no command of the program."""
        if line.startswith("concordant "):
            words = shlex.split(re.sub(r"\$(\w+)", lambda found: self.values[found[1]], line))
            out = words[words.index(">") + 1] if ">" in words else None
            done = self.cli(*words[1 : words.index(">") if out else None])
            if out is not None:
                Path(out).write_text(done.text)
            return done
        if (echo := re.fullmatch(r'echo "([^"]+)" > (\S+)', line)) is not None:
            Path(echo[2]).write_text(f"{echo[1]}\n")
            return None
        for part in line.split("; "):
            day = re.fullmatch(r'(\w+)=\$\(date -u(?: -d "\+(\d+) days")? \+%F\)', part)
            if day is not None:
                self.values[day[1]] = str(self.today + timedelta(days=int(day[2] or 0)))
            else:
                assert part == "umask 077", part
        return None


def test_an_officer_goes_from_an_empty_folder_to_the_annual_review(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(cli)
    with cheap_scrypt():
        for one in in_order():
            done = shell.run(one.command)
            if done is None:
                continue
            words = one.command.removeprefix("concordant ")
            expected = next((code for begin, code in ENDS.items() if words.startswith(begin)), 0)
            assert done.code == expected, (one.command, done.code, done.err, done.text)
            if one.shown:
                require_shown(one, done.lines)
    for agency in ("camden-police", "camden-council"):
        assert cli("contract", "verify", "--agency", agency, "--json").json["in_force"]
    assert not cli("contract", "verify", "--agency", "willow-support", "--json").json["in_force"]


def test_the_first_page_has_ten_questions_each_with_one_command_and_its_answer() -> None:
    questions = re.findall(r"### (\d+)\. ([^\n]+\?)\n(.*?)(?=\n### |\n## )", TEXT, re.S)
    assert [int(number) for number, _question, _text in questions] == list(range(1, 11))
    for number, question, text in questions:
        answered = re.match(r"\n```console\n(\$ concordant [^\n]+)\n([^$`][^`]*)```", text)
        assert answered is not None, (number, question)
