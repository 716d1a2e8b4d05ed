"""Construction of the source and the sink `sftp` from their settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from adapters.sides import SideParts
from adapters.sources.folder_source import FolderIntake, folder_source, report_file
from broker.agency.config import AgencyConfig
from broker.agency.delivery_sections import SftpSection
from broker.errors import ConfigError
from concordant.packages import library_missing

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint
    from adapters.sftp.fetching import FetchLoop
    from adapters.sftp.sink import SftpDelivery


class SftpSource:
    """Fetches exports from the server, and takes them as the source `folder` does.

    Args:
        fetching: the loop that fetches.
        intake: takes the files of the import folder.
    """

    endpoints: tuple[Endpoint, ...] = ()

    def __init__(self, fetching: FetchLoop, intake: FolderIntake) -> None:
        self._fetching = fetching
        self._intake = intake

    def trouble(self) -> str | None:
        """Return a code for /readyz if exports cannot be fetched or taken now, else None."""
        of_intake = None if self._intake.trouble is None else self._intake.trouble()
        return self._fetching.trouble() or of_intake

    def retry_now(self) -> None:
        """Look at the server and at the import folder now."""
        self._fetching.retry_now()
        self._intake.retry_now()

    async def run(self, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        """Fetch and take files until ``stop`` is set."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fetching.run(stop))
                group.create_task(self._intake.run(stop, turned))
        except ExceptionGroup as failed:  # as each loop of the adapter raises it
            raise failed.exceptions[0] from None


def sftp_source(parts: SideParts) -> SftpSource:
    """Return the source that `agency.toml` calls ``sftp``.

    Raises:
        InstallationError: `package_missing`: the extra `sftp` is not installed.
    """
    require_ssh_client()
    from adapters.sftp.client import SftpClient, sftp_settings
    from adapters.sftp.fetching import Fetcher, FetchLoop, RemoteFolders

    participant = parts.participant
    section = sftp_section(participant.config)
    client = SftpClient(sftp_settings(section, participant.root))
    fetcher = Fetcher(
        client,
        RemoteFolders(section.exports, section.archive, section.rejects, section.done_marker),
        participant.path(participant.config.folders.import_),
        lambda: parts.system.adapter.suffixes,
        parts.settle_s,
    )
    fetcher.report_to(partial(report_file, parts.metrics))
    return SftpSource(FetchLoop(fetcher, client, section.poll), folder_source(parts))


def sftp_sink(parts: SideParts) -> SftpDelivery:
    """Return the sink that `agency.toml` calls ``sftp``.

    Raises:
        InstallationError: `package_missing`: the extra `sftp` is not installed.
    """
    require_ssh_client()
    from adapters.delivery import InboxDelivery
    from adapters.sftp.client import SftpClient, sftp_settings
    from adapters.sftp.sink import SftpDelivery, SftpSink

    section = sftp_section(parts.participant.config)
    client = SftpClient(sftp_settings(section, parts.participant.root))
    sink = SftpSink(client, section.imports)
    return SftpDelivery(InboxDelivery(parts.system, parts.store, sink, parts.clock), sink, client)


def sftp_section(config: AgencyConfig) -> SftpSection:
    """Return the section of the server.

    Raises:
        ConfigError: `config_invalid`: there is none.
    """
    if config.sftp is None:
        raise ConfigError(
            "The section [sftp] is missing.",
            code="config_invalid",
            where="agency.toml: sftp",
            fix="Add the section with host, user and key.",
        )
    return config.sftp


def require_ssh_client() -> None:
    """Check that the SSH client is installed, which only these sides need.

    Raises:
        InstallationError: `package_missing`.
    """
    try:
        import asyncssh  # noqa: F401
    except ModuleNotFoundError as error:
        raise library_missing(error, "sftp") from None
