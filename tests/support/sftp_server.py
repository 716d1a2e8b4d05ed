"""A real SFTP server of a package on a free port, in a thread, over a folder of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "council", "correct horse"
FOLDERS = ("exports", "archive", "rejects", "imports")


@dataclass
class SftpServer:
    """The server, and what a test changes in it.

    Attributes:
        root: the folder that it serves.
        port: its port.
        before: called with the name of an operation and a path; it may raise, or cut.
        logins: number of logins.
    """

    root: Path
    client_key: Path
    known_hosts: Path
    port: int = 0
    posix_rename: bool = True
    before: Callable[[str, str], None] = lambda _operation, _path: None
    logins: int = 0
    operations: list[tuple[str, str]] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    host_key: asyncssh.SSHKey | None = None

    def cut(self) -> None:
        """Break every connection. Call this in the server's own thread, as ``before`` is."""
        for one in self.connections:
            one.abort()
        self.connections.clear()

    def files(self, folder: str) -> dict[str, bytes]:
        found = (self.root / folder).iterdir()
        return {one.name: one.read_bytes() for one in found if one.is_file()}

    def section(self, **more: Any) -> str:
        """Return the section of agency.toml."""
        settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": USER,
            "key": str(self.client_key),
            "known_hosts": str(self.known_hosts),
            "poll": 0.05,
            "timeout": 5.0,
        } | more
        lines = [
            f"{name} = {value}" if isinstance(value, int | float) else f'{name} = "{value}"'
            for name, value in settings.items()
            if value is not None
        ]
        return "[sftp]\n" + "\n".join(lines) + "\n"

    def pin(self) -> None:
        """Pin the key that the server has."""
        assert self.host_key is not None
        kind, content = self.host_key.export_public_key("openssh").decode().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {content}\n")


@contextmanager
def sftp_server(folder: Path) -> Iterator[SftpServer]:
    """Serve ``folder/remote`` until the end."""
    root = folder / "remote"
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    client = asyncssh.generate_private_key("ssh-ed25519")
    key = folder / "sftp-key"
    key.write_bytes(client.export_private_key())
    key.chmod(0o600)
    found = SftpServer(root, key, folder / "sftp-known-hosts")
    found.host_key = asyncssh.generate_private_key("ssh-ed25519")
    authorized = asyncssh.import_authorized_keys(client.export_public_key().decode())

    class Login(asyncssh.SSHServer):
        def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
            found.connections.append(connection)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

        def auth_completed(self) -> None:
            found.logins += 1

    class Files(asyncssh.SFTPServer):
        def __init__(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
            super().__init__(chan, chroot=str(root).encode())

        def _note(self, operation: str, path: bytes) -> None:
            shown = path.decode(errors="replace")
            found.operations.append((operation, shown))
            found.before(operation, shown)

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            self._note("open", path)
            return super().open(path, pflags, attrs)

        def read(self, file_obj: object, offset: int, size: int) -> Any:
            self._note("read", str(offset).encode())
            return super().read(file_obj, offset, size)

        def write(self, file_obj: object, offset: int, data: bytes) -> Any:
            self._note("write", str(offset).encode())
            return super().write(file_obj, offset, data)

        def rename(self, oldpath: bytes, newpath: bytes) -> Any:
            self._note("rename", newpath)
            return super().rename(oldpath, newpath)

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
            self._note("posix_rename", newpath)
            if not found.posix_rename:
                raise asyncssh.SFTPOpUnsupported("posix rename")
            return super().posix_rename(oldpath, newpath)

    ready = threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Login,
            server_host_keys=[found.host_key],
            authorized_client_keys=authorized,
            sftp_factory=Files,
            keepalive_interval=0,
        )
        found.port = acceptor.get_port()
        ready.set()
        await ended.wait()
        found.cut()
        acceptor.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    found.pin()
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(30)
        loop.close()
