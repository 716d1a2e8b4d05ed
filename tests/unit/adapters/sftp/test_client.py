"""The connection: a pinned host key, logins, and nothing of the account that runs the adapter."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters.sftp.client import SftpClient, SftpError
from tests.support.sftp_server import PASSWORD, SftpServer
from tests.unit.adapters.sftp.conftest import client_of


async def fault(client: SftpClient) -> str:
    with pytest.raises(SftpError) as caught:
        await client.call(lambda sftp: sftp.listdir("exports"))
    await client.close()
    return caught.value.code


async def test_a_login_with_a_key_or_a_password(server: SftpServer) -> None:
    password = server.root.parent / "password"
    password.write_text(f"{PASSWORD}\n")
    for settings in ({}, {"key": None, "password": str(password)}):
        client = client_of(server, **settings)
        assert await client.call(lambda sftp: sftp.listdir("exports")) == [".", ".."]
        assert client.trouble() is None
        await client.close()
    assert server.logins == 2


async def test_a_host_key_is_never_trusted_on_first_use(server: SftpServer) -> None:
    """Code sftp_host_unpinned."""
    pinned = server.known_hosts.read_text()
    for content in (None, "", "# nothing\n", pinned.replace(f"]:{server.port}", "]:1")):
        server.known_hosts.unlink(missing_ok=True)
        if content is not None:
            server.known_hosts.write_text(content)
        client = client_of(server)
        assert await fault(client) in {"sftp_host_unpinned", "sftp_host_key_wrong"}
        assert client.trouble() is not None
    server.known_hosts.write_text(pinned)
    server.known_hosts.chmod(0o666)
    assert await fault(client_of(server)) == "sftp_host_unpinned"
    assert server.logins == 0


async def test_another_host_key_is_sftp_host_key_wrong_and_nothing_is_sent(
    server: SftpServer,
) -> None:
    server.host_key = asyncssh.generate_private_key("ssh-ed25519")
    server.pin()
    client = client_of(server)
    assert await fault(client) == "sftp_host_key_wrong"
    assert client.trouble() == "sftp_host_key_wrong"
    assert server.logins == 0


async def test_a_wrong_key_or_password_is_sftp_login_refused(server: SftpServer) -> None:
    other = server.root.parent / "other-key"
    other.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    wrong = server.root.parent / "password"
    wrong.write_text("wrong")
    for settings in ({"key": str(other)}, {"key": None, "password": str(wrong)}):
        assert await fault(client_of(server, **settings)) == "sftp_login_refused"


async def test_files_that_cannot_be_read_are_sftp_key_unusable(server: SftpServer) -> None:
    folder = server.root.parent
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    encrypted = key.export_private_key("pkcs8-pem", passphrase="x" * 12)
    (folder / "encrypted").write_bytes(encrypted)
    (folder / "empty").write_bytes(b"")
    for name in ("missing", "empty", "encrypted"):
        assert await fault(client_of(server, key=str(folder / name))) == "sftp_key_unusable"


async def test_keys_and_settings_of_the_account_are_not_used(
    server: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of the adapter's account would open the server; the adapter must not offer it."""
    home = server.root.parent / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/id_ed25519").write_bytes(server.client_key.read_bytes())
    (home / ".ssh/id_ed25519").chmod(0o600)
    (home / ".ssh/config").write_text("Host *\n  Port 1\n")
    monkeypatch.setenv("HOME", str(home))
    assert await client_of(server).call(lambda sftp: sftp.isdir("exports"))
    wrong = server.root.parent / "password"
    wrong.write_text("wrong")
    refused = client_of(server, key=None, password=str(wrong))
    assert await fault(refused) == "sftp_login_refused"


async def test_a_server_that_is_not_there_is_sftp_unreachable_and_trouble_when_it_lasts(
    server: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adapters.sftp import client as module

    client = client_of(server, port=9)
    assert await fault(client) == "sftp_unreachable"
    assert client.trouble() is None
    monkeypatch.setattr(module, "LASTING_S", 0.0)
    assert await fault(client) == "sftp_unreachable"
    assert client.trouble() == "sftp_unreachable"


async def test_an_operation_that_the_server_refuses_is_sftp_failed(server: SftpServer) -> None:
    def before(operation: str, _path: str) -> None:
        if operation == "open":
            raise asyncssh.SFTPFailure("disk quota")

    server.before = before
    client = client_of(server)
    with pytest.raises(SftpError) as caught:
        await client.call(lambda sftp: sftp.open("exports/x", "wb"))
    assert caught.value.code == "sftp_failed"
    assert "quota" not in str(caught.value)
    await client.close()


async def test_an_operation_has_a_limit_of_time(server: SftpServer) -> None:
    import asyncio

    client = client_of(server, timeout=1.0)

    async def hang(_: Any) -> None:
        await asyncio.sleep(60)

    with pytest.raises(SftpError) as caught:
        await client.call(hang)
    assert caught.value.code == "sftp_unreachable"
    assert await client.call(lambda sftp: sftp.isdir("exports"))  # a new connection
    assert server.logins == 2
    await client.close()


@pytest.mark.parametrize("name", ["known_hosts", "client_key"])
async def test_a_shortage_of_file_descriptors_is_no_fault_of_a_file(
    server: SftpServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def without_descriptors(opened: Callable[..., Any]) -> Callable[..., Any]:
        def exhausted(path: Any, *arguments: Any, **more: Any) -> Any:
            if path == getattr(server, name):
                raise OSError(errno.EMFILE, "too many open files")
            return opened(path, *arguments, **more)

        return exhausted

    for module in (Path, os):
        monkeypatch.setattr(module, "open", without_descriptors(module.open))
    client = client_of(server)
    with pytest.raises(OSError, match="too many"):
        await client.call(lambda sftp: sftp.listdir("exports"))
    assert client.trouble() is None
