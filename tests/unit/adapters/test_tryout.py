"""The commands of the distribution `concordant-demo`, where it is installed and where it is not."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from adapters import tryout
from broker.errors import WrongInputError


def test_with_the_demo_installed_both_commands_are_its_own() -> None:
    app = typer.Typer()
    tryout.add_commands(app)
    listed = CliRunner().invoke(app, ["--help"]).output
    assert all(name in listed for name in tryout.COMMANDS)
    assert "--cases" in CliRunner().invoke(app, ["demo", "--help"]).output


@pytest.mark.parametrize("words", [["demo", "--cases", "20"], ["quickstart", "folder"]])
def test_without_the_demo_each_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(tryout, "find_spec", lambda _name: None)
    app = typer.Typer()
    tryout.add_commands(app)
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, WrongInputError)
    assert (error.code, error.exit_code, error.where) == ("demo_missing", 2, words[0])
