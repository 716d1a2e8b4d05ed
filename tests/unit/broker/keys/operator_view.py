"""What an operator is told by an error, and how far files are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from contracts.errors import ConcordantError

Said = tuple[str, str, str | None, str | None]


def said(act: Callable[[], object]) -> Said:
    """Code, sentence, place and remedy."""
    with pytest.raises(ConcordantError) as caught:
        act()
    error = caught.value
    return error.code, error.detail, error.where, error.fix


def watch_reading(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes are asked for at each reading from now on."""
    asked: list[int] = []
    opened = Path.open

    class Watched:
        def __init__(self, file: IO[bytes]) -> None:
            self.file = file

        def __enter__(self) -> Watched:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def read(self, size: int) -> bytes:
            asked.append(size)
            return self.file.read(size)

    monkeypatch.setattr(Path, "open", lambda self, mode: Watched(opened(self, mode)))
    return asked
