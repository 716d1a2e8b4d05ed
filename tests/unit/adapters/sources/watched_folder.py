"""A watched folder with a clock that tests move and a handler that remembers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from adapters.sources.source_file import FileReport, SourceFile, Verdict
from adapters.sources.watched_folder import FolderSource
from broker.held.import_folder import entries_not_taken


class WatchedFolder:
    """A folder source, a clock that tests move, and a handler that remembers."""

    def __init__(self, root: Path) -> None:
        self.drop = root / "import"
        self.drop.mkdir()
        self.processed = root / "processed"
        self.quarantine = root / "quarantine"
        self.now = 0.0
        self.reports: list[FileReport] = []
        self.files: list[SourceFile] = []
        self.contents: list[bytes] = []
        self.answer: Callable[[SourceFile], Verdict] = lambda _: Verdict(True)
        self.suffixes = (".csv", ".jsonl")
        self.done_marker: str | None = None
        self.source = self.fresh()

    def fresh(self) -> FolderSource:
        return FolderSource(
            self.drop,
            processed=self.processed,
            quarantine=self.quarantine,
            suffixes=lambda: self.suffixes,
            report=self.reports.append,
            settle_s=2.0,
            done_marker=self.done_marker,
            clock=lambda: self.now,
        )

    async def handle(self, file: SourceFile) -> Verdict:
        self.files.append(file)
        self.contents.append(file.open().read())
        return self.answer(file)

    async def look(self, after: float = 0.0) -> int:
        self.now += after
        return await self.source.poll(self.handle)

    async def settle(self) -> int:
        await self.look()
        return await self.look(after=2.0)

    def shown(self, after_ms: int) -> list[str]:
        """Return the codes of entries that are shown to people after some time."""
        now_ms = time.time_ns() // 1_000_000 + after_ms
        return [item.code for item in entries_not_taken(self.drop, (), now_ms, self.done_marker)]

    def reason(self, name: str) -> dict[str, object]:
        found = json.loads((self.quarantine / f"{name}.reason.json").read_bytes())
        assert isinstance(found, dict)
        return found

    @property
    def codes(self) -> list[str]:
        return [report.code for report in self.reports]
