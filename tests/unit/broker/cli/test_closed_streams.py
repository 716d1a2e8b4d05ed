"""Standard output that nobody reads, that is full or closed: never a "no", never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = [
    ("event", "types"),
    ("contract", "matrix"),
    ("keys", "list"),
    ("keys", "list", "--json"),
]


def shell(text: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the command where `concordant` stands in a line of bash."""
    line = text.replace("concordant", f'{sys.executable} -m adapters.main "$@"')
    return subprocess.run(
        ["bash", "-c", line, "bash", *map(str, words)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_a_reader_may_close_standard_output(made: Path, words: tuple[str, ...]) -> None:
    done = shell(
        "{ sleep 1; concordant; } 2>&1 | true; echo ${PIPESTATUS[0]}",
        *words,
        "--agency",
        made / "csu-camden",
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_an_answer_that_cannot_be_written_is_the_environments_fault(
    made: Path, words: tuple[str, ...], where: str
) -> None:
    done = shell(f"concordant {where}", *words, "--agency", made / "csu-camden")
    assert done.returncode == 3
    assert "output_unwritable" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_standard_error_changes_no_answer(made: Path) -> None:
    done = shell("concordant 2>&-", "keys", "list", "--agency", made / "csu-camden")
    assert done.returncode == 0
    assert done.stdout.startswith("role")


def test_without_a_standard_input_a_file_has_to_be_named(made: Path) -> None:
    done = shell("concordant <&-", "event", "verify", "--agency", made / "csu-camden")
    assert (done.returncode, done.stdout) == (3, "")
    assert "input_unreadable" in done.stderr
    assert "Traceback" not in done.stderr
