"""Pinning of the server's host key, and a test of login and folders."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncssh

from adapters.sftp.client import SftpClient, SftpError, SftpSettings
from broker.errors import WrongInputError
from broker.keys.durable import PUBLIC_MODE, write_durably

if TYPE_CHECKING:
    from broker.agency.delivery_sections import SftpSection


@dataclass(frozen=True, slots=True)
class OfferedKey:
    """The host key that the server shows, which nothing has confirmed yet.

    Attributes:
        line: its line of the file of pinned keys.
        fingerprint: SHA-256, as OpenSSH writes it.
    """

    line: str
    fingerprint: str


def offered_key(settings: SftpSettings) -> OfferedKey:
    """Ask the server for its host key.

    Raises:
        SftpError: `sftp_unreachable`.
    """
    return asyncio.run(_offered(settings))


async def _offered(settings: SftpSettings) -> OfferedKey:
    try:
        async with asyncio.timeout(settings.timeout_s):
            key = await asyncssh.get_server_host_key(settings.host, settings.port, config=None)
    except (OSError, asyncssh.Error) as error:
        raise SftpError(
            f"The SFTP server cannot be reached ({type(error).__name__}).",
            code="sftp_unreachable",
            where=settings.address,
            fix="Check host and port of [sftp], the network and the firewall.",
        ) from None
    if key is None:
        raise SftpError(
            "The SFTP server showed no host key.",
            code="sftp_unreachable",
            where=settings.address,
            fix="Check host and port of [sftp]: another program may answer there.",
        )
    host = settings.host if settings.port == 22 else f"[{settings.host}]:{settings.port}"
    kind, content = key.export_public_key("openssh").decode().split()[:2]
    return OfferedKey(f"{host} {kind} {content}\n", key.get_fingerprint())


def require_fingerprint(offered: OfferedKey, fingerprint: str) -> None:
    """Compare a fingerprint that a person gave with that of the server.

    Raises:
        WrongInputError: `sftp_fingerprint_differs`.
    """
    if offered.fingerprint != fingerprint.strip():
        raise WrongInputError(
            f"The server shows another host key: {offered.fingerprint}.",
            code="sftp_fingerprint_differs",
            fix="Compare the fingerprint with the administrator of the server by telephone. If it "
            "differs, another machine may answer.",
        )


def pin(settings: SftpSettings, offered: OfferedKey) -> None:
    """Write the key as the only one that counts.

    Raises:
        OSError: the file cannot be written.
    """
    write_durably(settings.known_hosts, offered.line.encode(), mode=PUBLIC_MODE)


def usable_folders(settings: SftpSettings, section: SftpSection) -> dict[str, bool]:
    """Log in, and return for each folder of the settings whether it is there.

    Raises:
        SftpError: the login failed.
    """
    names = ("exports", "archive", "rejects", "imports")
    return asyncio.run(_folders(settings, {name: getattr(section, name) for name in names}))


async def _folders(settings: SftpSettings, folders: dict[str, str]) -> dict[str, bool]:
    client = SftpClient(settings)
    try:
        return {
            name: await client.call(lambda sftp, folder=folder: sftp.isdir(folder))  # type: ignore[misc]  # mypy cannot infer the default
            for name, folder in folders.items()
        }
    finally:
        await client.close()
