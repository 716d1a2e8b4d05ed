"""Connection to the SFTP server: one at a time, with a pinned host key and limits of time.

The settings of the account that runs the adapter (`~/.ssh`, an agent, Kerberos) are not used. A
host key counts only if it is in the file of pinned keys. Errors have a code and no text of the
server, because paths and texts may name people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import asyncssh

from adapters.protected_file import read_protected
from broker.agency.delivery_sections import SftpSection
from broker.waiting import out_of_descriptors
from contracts.errors import ConcordantError

MOST_SECRET_BYTES: Final = 64 * 1024
KEEPALIVE_S: Final = 15
LASTING_S: Final = 60.0
"""Time after which a connection that fails again and again is trouble."""
AT_ONCE: Final = frozenset(
    {
        "sftp_folder_unusable",
        "sftp_host_key_wrong",
        "sftp_host_unpinned",
        "sftp_key_unusable",
        "sftp_login_refused",
    }
)
"""Faults that do not go away by themselves; they are trouble at once."""
_Found = TypeVar("_Found")


class SftpError(ConcordantError):
    """The server cannot be used now. Nothing was changed, or only a hidden file was written."""

    code = "sftp_failed"
    exit_code = 3


@dataclass(frozen=True, slots=True)
class SftpSettings:
    """Settings of the connection, with the places of its files.

    Attributes:
        host: name or address.
        port: port of SSH.
        user: account on the server.
        key: file of the private key.
        password: file of the password.
        known_hosts: file of the pinned host key.
        timeout_s: for one operation.
    """

    host: str
    port: int
    user: str
    key: Path | None
    password: Path | None
    known_hosts: Path
    timeout_s: float

    @property
    def address(self) -> str:
        """Return host and port, as errors name them."""
        return f"{self.host}:{self.port}"


def sftp_settings(section: SftpSection, root: Path) -> SftpSettings:
    """Return the settings of a section whose paths are relative to the agency's folder."""
    return SftpSettings(
        section.host,
        section.port,
        section.user,
        None if section.key is None else root / section.key,
        None if section.password is None else root / section.password,
        root / section.known_hosts,
        section.timeout,
    )


class SftpClient:
    """A connection that is opened when it is needed. It belongs to one event loop."""

    def __init__(self, settings: SftpSettings) -> None:
        self._settings = settings
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._failing_since_s: float | None = None
        self._fault: str | None = None
        self._lasting = False

    @property
    def timeout_s(self) -> float:
        """Return the limit for one operation."""
        return self._settings.timeout_s

    def trouble(self) -> str | None:
        """Return the code of a fault that a person must look at, else None."""
        fault = self._fault
        return fault if fault is not None and (self._lasting or fault in AT_ONCE) else None

    def worked(self) -> None:
        """Forget the fault. Call this after a whole round of work.

        One operation proves nothing: a folder can be listed on a server whose disk is full.
        """
        self._failing_since_s = self._fault = None

    async def call(
        self,
        operation: Callable[[asyncssh.SFTPClient], Awaitable[_Found]],
        *,
        within_s: float | None = None,
    ) -> _Found:
        """Carry out an operation, and connect first if that is needed.

        Args:
            operation: receives the client.
            within_s: limit for the operation; that of one operation if left out.

        Raises:
            SftpError: the operation failed. A connection that failed is closed.
            OSError: this process has no free file descriptor.
        """
        try:
            return await self._call(operation, within_s or self._settings.timeout_s)
        except SftpError as error:
            now_s = asyncio.get_running_loop().time()
            if self._failing_since_s is None:
                self._failing_since_s = now_s
            self._fault = error.code
            self._lasting = now_s - self._failing_since_s >= LASTING_S
            raise

    async def _call(
        self, operation: Callable[[asyncssh.SFTPClient], Awaitable[_Found]], within_s: float
    ) -> _Found:
        try:
            client = await self._connected()
            async with asyncio.timeout(within_s):
                return await operation(client)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPPermissionDenied):
            raise SftpError(
                "A folder of the SFTP server is missing, or this account may not use it.",
                code="sftp_folder_unusable",
                where=self._settings.address,
                fix="Compare the folders of [sftp] with those of the server: concordant adapter "
                "sftp test --agency DIR",
            ) from None
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            await self.close()
            raise self._unreachable(error) from None
        except asyncssh.SFTPError as error:
            raise SftpError(
                f"The SFTP server refused an operation ({type(error).__name__}).",
                code="sftp_failed",
                where=self._settings.address,
                fix="Ask the administrator of the server. The adapter tries again.",
            ) from None
        except (OSError, asyncssh.Error) as error:  # a TimeoutError is an OSError
            await self.close()
            if out_of_descriptors(error):
                raise
            raise self._unreachable(error) from None

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.abort()

    async def _connected(self) -> asyncssh.SFTPClient:
        if self._client is not None:
            return self._client
        known = await asyncio.to_thread(self._pinned)
        keys, password = await asyncio.to_thread(self._login)
        settings = self._settings
        try:
            async with asyncio.timeout(settings.timeout_s):
                self._connection = await asyncssh.connect(
                    settings.host,
                    settings.port,
                    username=settings.user,
                    known_hosts=known,
                    client_keys=keys,
                    password=password,
                    config=None,
                    agent_path=None,
                    gss_host=None,
                    x509_trusted_certs=None,
                    keepalive_interval=KEEPALIVE_S,
                )
                self._client = await self._connection.start_sftp_client()
        except asyncssh.HostKeyNotVerifiable:
            raise SftpError(
                "The host key of the SFTP server is not the pinned one.",
                code="sftp_host_key_wrong",
                where=settings.address,
                fix="Ask the administrator of the server whether the key was replaced, and compare "
                "its fingerprint by telephone. Then: concordant adapter sftp pin --agency DIR",
            ) from None
        except asyncssh.PermissionDenied:
            raise SftpError(
                "The SFTP server refuses the login.",
                code="sftp_login_refused",
                where=settings.address,
                fix="Check user, key and password of [sftp] with the administrator of the server.",
            ) from None
        return self._client

    def _pinned(self) -> asyncssh.SSHKnownHosts:
        path = self._settings.known_hosts
        try:
            content = read_protected(path, MOST_SECRET_BYTES)
            if not content.strip():
                raise ValueError
            return asyncssh.import_known_hosts(content.decode("utf-8"))
        except (OSError, ValueError, asyncssh.Error) as error:
            if out_of_descriptors(error):
                raise
            raise SftpError(
                "The host key of the SFTP server is not pinned, or the file cannot be used.",
                code="sftp_host_unpinned",
                where=str(path),
                fix="Pin it: concordant adapter sftp pin --agency DIR",
            ) from None

    def _login(self) -> tuple[list[asyncssh.SSHKey] | None, str | None]:
        settings = self._settings
        path = settings.key or settings.password
        assert path is not None
        try:
            with path.open("rb") as file:
                content = file.read(MOST_SECRET_BYTES + 1)
            if len(content) > MOST_SECRET_BYTES or not content.strip():
                raise ValueError
            if settings.key is not None:
                return [asyncssh.import_private_key(content)], None
            return None, content.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError, asyncssh.Error) as error:
            if out_of_descriptors(error):
                raise
            raise SftpError(
                "The key or the password for the SFTP server cannot be read.",
                code="sftp_key_unusable",
                where=str(path),
                fix="Put a private key of OpenSSH without a passphrase, or the password on one "
                "line, into this file, with mode 0600.",
            ) from None

    def _unreachable(self, error: BaseException) -> SftpError:
        return SftpError(
            f"The SFTP server cannot be reached ({type(error).__name__}).",
            code="sftp_unreachable",
            where=self._settings.address,
            fix="Check host and port of [sftp], the network and the firewall. The adapter tries "
            "again.",
        )
