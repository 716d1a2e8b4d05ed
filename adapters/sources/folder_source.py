"""The source `folder`: exports of the agency's system in its import folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from adapters.intake import Intake, Publication
from adapters.sides import SideParts
from adapters.sources.result_files import ResultFiles
from adapters.sources.source_file import FileReport
from adapters.sources.watched_folder import FolderSource
from broker.observing.health import Check
from broker.observing.logs import logger
from broker.observing.metrics import Metrics

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint


class FolderIntake:
    """Takes each export file of a folder; see ``SourceLoop``."""

    endpoints: tuple[Endpoint, ...] = ()

    def __init__(self, source: FolderSource, intake: Intake, results: ResultFiles) -> None:
        self._source = source
        self._results = results
        self._intake = intake
        self.trouble: Check | None = source.trouble

    def retry_now(self) -> None:
        """Look at the folder now."""
        self._source.retry_now()

    async def run(self, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        """Take files, and keep their result files current, until ``stop`` is set."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._source.run(self._intake.take, stop, turned))
                group.create_task(self._results.run(stop))
        except ExceptionGroup as failed:  # as each loop of the adapter raises it
            raise failed.exceptions[0] from None


def folder_source(parts: SideParts) -> FolderIntake:
    """Return the source that `agency.toml` calls ``folder``."""
    participant = parts.participant
    folders = participant.config.folders
    source = FolderSource(
        participant.path(folders.import_),
        processed=participant.path(folders.processed),
        quarantine=participant.path(folders.quarantine),
        suffixes=lambda: parts.system.adapter.suffixes,
        report=partial(report_file, parts.metrics),
        settle_s=parts.settle_s,
        poll_s=participant.config.intervals.poll,
        done_marker=participant.config.export_marker,
    )
    publication = Publication(parts.publisher, parts.published)
    intake = Intake(parts.system, parts.store, publication, parts.metrics, parts.clock)
    results = ResultFiles(
        participant.path(folders.processed),
        parts.store,
        participant.deployment,
        participant.agency,
        parts.clock,
    )
    return FolderIntake(source, intake, results)


def report_file(metrics: Metrics, report: FileReport) -> None:
    """Log the outcome of an export file, and count a file that is refused as a whole.

    The name is not logged, because a file name may be a person's name.
    """
    if report.status == "quarantined":
        metrics.item_refused(report.code)
    logger("source").info(
        "file_put_away", status=report.status, code=report.code, refused=report.rows
    )
