"""Shared parts of the tests of deploy/: paths, and the real command's parser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def parsed() -> Callable[[Sequence[str]], tuple[str, dict[str, Any]]]:
    """Parses a command line as `concordant` would and runs nothing: (name, parameters)."""
    from adapters.main import app

    def parse(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
        command: Any = typer.main.get_command(app)
        context, rest, path = None, list(words), []
        while True:
            context = command.make_context(command.name, rest, parent=context)
            if not hasattr(command, "resolve_command"):
                return " ".join(path), context.params
            rest = [*context._protected_args, *context.args]
            if not rest and command.invoke_without_command:
                return " ".join(path), context.params
            name, command, rest = command.resolve_command(context, rest)
            path.append(name)

    return parse
