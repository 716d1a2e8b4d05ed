"""The session on the README's first screen is what happens when one types it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def session() -> list[tuple[str, list[str]]]:
    """(command, lines that it prints) of the session."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"<!-- session:.*?```console\n(.*?)```\n<!-- end of session -->", text, re.S)
    assert block is not None
    commands: list[tuple[str, list[str]]] = []
    for line in block.group(1).splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    return commands


def matches(expected: str, line: str) -> bool:
    """``…`` in the README stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, expected.split("…"))), line) is not None


def test_the_session_does_what_it_shows(tmp_path: Path) -> None:
    command = tmp_path / "concordant"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m adapters.main "$@"\n')
    command.chmod(0o755)
    for typed, expected in session():
        done = subprocess.run(
            typed,
            shell=True,
            cwd=tmp_path,
            env={
                "PATH": f"{tmp_path}:/usr/bin:/bin",
                "HOME": str(tmp_path),
                "PYTHONPATH": str(ROOT),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (typed, done.stderr)
        if expected:
            lines = done.stdout.splitlines()
            assert len(lines) == len(expected), (typed, done.stdout)
            for shown, line in zip(expected, lines, strict=True):
                assert matches(shown, line), (typed, line)


def test_every_chair_has_a_door() -> None:
    text = (ROOT / "README.md").read_text()
    guides = {path.name for path in (ROOT / "docs" / "guides").glob("*.md")}
    assert guides == set(re.findall(r"docs/guides/([a-z-]+\.md)", text))


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs" / "guides").glob("*.md")), ids=lambda p: p.name
)
def test_commands_in_the_guides_exist(page: Path) -> None:
    """Each ``concordant ...`` in a guide is a command with these options."""
    from typer.main import get_command

    from adapters.main import app

    root = get_command(app)
    for typed in re.findall(r"(?:\$ |`)concordant ([^`#\n]+)", page.read_text()):
        words = typed.replace("…", "").split()
        command = root
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not root or words[0].startswith("--"), typed
        options = {option for param in command.params for option in param.opts}
        for word in words:
            if word.startswith("--"):
                assert word in options, typed
