"""Commands that the demo proposes at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.demo.report import _shell


def test_the_command_is_as_it_was_called_where_it_is_not_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    monkeypatch.setattr("sys.argv", [str(tmp_path / ".venv" / "bin" / "concordant"), "demo"])
    assert _shell("concordant", "status") == ".venv/bin/concordant status"
    monkeypatch.setattr("sys.argv", ["/elsewhere/bin/concordant", "demo"])
    assert _shell("concordant", "status") == "/elsewhere/bin/concordant status"
    assert _shell("cp", "a b") == "cp 'a b'"


def test_the_command_is_its_name_where_it_is_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "concordant"
    command.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _shell("concordant", "status") == "concordant status"
