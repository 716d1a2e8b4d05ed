"""Code and place of a refusal, and the number of bytes that are read of a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from contracts.errors import ConcordantError

Said = tuple[str, str | None]


def said(act: Callable[[], object]) -> Said:
    """Return code and place. A refusal also has a sentence and a next step."""
    with pytest.raises(ConcordantError) as caught:
        act()
    error = caught.value
    assert error.detail
    assert error.fix
    return error.code, error.where


def watch_reading(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the number of bytes of each read from now on."""
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
    fdopen = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda handle, mode: Watched(fdopen(handle, mode)))
    return asked
