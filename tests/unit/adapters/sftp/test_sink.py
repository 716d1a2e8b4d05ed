"""Delivery to a real SFTP server: complete files only, once each, over no other."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
import pytest

from adapters.sftp import client as module
from adapters.sftp.sink import SftpSink
from adapters.sinks.sink import SinkError
from tests.support.sftp_server import SftpServer
from tests.unit.adapters.sftp.conftest import client_of

KEY = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
CONTENT = b"a,b\n" * 40_000


@pytest.fixture
async def sink(server: SftpServer) -> Any:
    client = client_of(server)
    made = SftpSink(client, "imports")
    made.begin()
    yield made
    await client.close()


async def deliver(sink: SftpSink, content: bytes = CONTENT) -> str:
    return await asyncio.to_thread(sink.deliver, KEY, ".csv", content)


@pytest.mark.parametrize("posix", [True, False])
async def test_an_event_is_one_file_with_its_id_as_its_name(
    server: SftpServer, sink: SftpSink, posix: bool
) -> None:
    server.posix_rename = posix
    for _ in range(2):  # a repeat does no harm
        assert await deliver(sink) == f"{KEY}.csv"
    assert server.files("imports") == {f"{KEY}.csv": CONTENT}
    path = server.root / "imports" / f"{KEY}.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    renames = [one for one in server.operations if "rename" in one[0]]
    assert renames[-1][0] == ("posix_rename" if posix else "rename")


async def test_other_content_under_the_name_is_sink_conflict_and_stays(
    server: SftpServer, sink: SftpSink
) -> None:
    await deliver(sink)
    for other in (b"short", CONTENT[:-1] + b"x", CONTENT + b"x"):
        with pytest.raises(SinkError) as caught:
            await deliver(sink, other)
        assert caught.value.code == "sink_conflict"
    assert server.files("imports") == {f"{KEY}.csv": CONTENT}


async def test_a_connection_that_is_cut_in_the_middle_leaves_no_visible_file(
    server: SftpServer, sink: SftpSink
) -> None:
    cuts = 0

    def before(operation: str, _path: str) -> None:
        nonlocal cuts
        at_write = operation == "write"
        if cuts < 3 and (at_write if cuts < 2 else "rename" in operation):
            cuts += 1
            server.cut()
            raise asyncssh.SFTPFailure("cut")

    server.before = before
    for _ in range(3):
        with pytest.raises(SinkError) as caught:
            await deliver(sink)
        assert caught.value.code == "sftp_unreachable"
        assert all(name.startswith(".") for name in server.files("imports"))
    await deliver(sink)
    assert server.files("imports") == {f"{KEY}.csv": CONTENT}


async def test_a_missing_folder_stops_the_delivery_and_holds_nothing(
    server: SftpServer, sink: SftpSink
) -> None:
    (server.root / "imports").rmdir()
    with pytest.raises(SinkError) as caught:
        await deliver(sink)
    assert caught.value.code == "sftp_folder_unusable"
    (server.root / "imports").mkdir()
    await deliver(sink)


async def test_a_key_that_could_leave_the_folder_is_refused(sink: SftpSink) -> None:
    for key, suffix in (("../up", ".csv"), ("a", ".c/sv"), (".hidden", ".csv")):
        with pytest.raises(SinkError) as caught:
            await asyncio.to_thread(sink.deliver, key, suffix, b"x")
        assert caught.value.code == "sink_key_invalid"


async def test_a_server_whose_disk_is_full_becomes_lasting_trouble_until_a_delivery_works(
    server: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(operation: str, _path: str) -> None:
        if operation == "write":
            raise asyncssh.SFTPFailure("no space")

    client = client_of(server)
    sink = SftpSink(client, "imports")
    sink.begin()
    server.before = full
    with pytest.raises(SinkError):
        await deliver(sink)
    assert client.trouble() is None  # it may pass
    monkeypatch.setattr(module, "LASTING_S", 0.0)
    with pytest.raises(SinkError) as caught:
        await deliver(sink)
    assert caught.value.code == client.trouble() == "sftp_failed"
    await client.call(lambda sftp: sftp.listdir("imports"))
    assert client.trouble() == "sftp_failed"  # that a folder can be listed proves nothing
    server.before = lambda _operation, _path: None
    await deliver(sink)
    assert client.trouble() is None
    await client.close()
