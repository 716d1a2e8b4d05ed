"""A real SFTP server, and the client, fetcher and sink that use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.sftp.client import SftpClient, sftp_settings
from adapters.sftp.fetching import Fetcher, RemoteFolders
from adapters.sources.source_file import FileReport
from broker.agency.config import parse_toml
from broker.agency.delivery_sections import SftpSection
from tests.support.sftp_server import SftpServer, sftp_server

ROWS = b"a,b\n1,2\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    with sftp_server(tmp_path) as made:
        yield made


def client_of(server: SftpServer, **settings: Any) -> SftpClient:
    table = parse_toml(server.section(**settings).encode(), "agency.toml")["sftp"]
    section = SftpSection.model_validate(table)
    return SftpClient(sftp_settings(section, server.root.parent))


class Fetching:
    """A fetcher with its own import folder."""

    def __init__(self, server: SftpServer, marker: str | None = None) -> None:
        self.server = server
        self.target = server.root.parent / "import"
        self.reports: list[FileReport] = []
        self.marker = marker
        self.begin()

    def begin(self) -> None:
        """Make a new fetcher, as a new process does."""
        self.client = client_of(self.server)
        folders = RemoteFolders("exports", "archive", "rejects", self.marker)
        self.fetcher = Fetcher(self.client, folders, self.target, lambda: (".csv",), 0.02)
        self.fetcher.report_to(self.reports.append)

    def drop(self, name: str, content: bytes = ROWS) -> Path:
        path = self.server.root / "exports" / name
        path.write_bytes(content)
        return path

    def stored(self) -> dict[str, bytes]:
        if not self.target.is_dir():
            return {}
        return {one.name: one.read_bytes() for one in self.target.iterdir()}

    async def until(self, done: Callable[[], bool], rounds: int = 40) -> None:
        """Look again and again until a condition holds."""
        for _ in range(rounds):
            await self.fetcher.round()
            if done():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(self.server.files("exports"))


@pytest.fixture
async def fetching(server: SftpServer) -> Any:
    made = Fetching(server)
    yield made
    await made.client.close()
