"""Watch for what commands write into this agency's folder (``keys renew``, ``bundle add``).

The command writes a file: a manifest of this agency, a contract, a note, an entry or a document of
an agreement. The running adapter finds, applies and publishes it, so that renewing a key,
suspending a contract or adding a bundle needs no restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from broker.agency.participant import Participant
from broker.keys.durable import files_in
from broker.observing.logs import logger
from broker.operations.agency_entry import ENTRIES_FOLDER
from broker.registry.repository import CONTRACTS_FOLDER
from broker.service.service import BrokerService
from broker.waiting import out_of_descriptors, set_within
from contracts.errors import ConcordantError
from contracts.loading import DOCUMENTS_FOLDER

LOOK_S: Final = 1.0
EVERY_FILE: Final = 10
"""Looks after which each file is looked at, also if no name of a folder has changed."""


async def watch_own_manifest(
    participant: Participant, service: BrokerService, stop: asyncio.Event
) -> None:
    """Look for new manifests, contracts, entries and documents, until ``stop`` is set.

    Entries and documents change nothing that the adapter believes: they are only published. A
    partner can make an agency store them, so their cost must be small.
    """
    log = logger("registry")
    folders: Stamp | None = None
    seen: Stamp | None = None
    exchanged: Stamp | None = None
    unreadable = False
    turn = 0
    while not stop.is_set():
        turn += 1
        try:
            before, folders = folders, _stamp_of_folders(participant)
            if folders != before or turn % EVERY_FILE == 0:
                now, beside = _stamp(participant), _stamp_of_exchanged(participant)
                if seen is not None and now != seen:
                    await service.reload()
                elif exchanged is not None and beside != exchanged:
                    service.publish_changed()
                seen, exchanged = now, beside
            unreadable = False
        except OSError as error:  # the folder was moved or removed: keep what was loaded
            folders = None
            if out_of_descriptors(error):
                service.tell_shortage()
            elif not unreadable:
                log.error("registry_not_reloaded", code="registry_unreadable")
                unreadable = True
        except ConcordantError as error:
            folders = None
            log.error("registry_not_reloaded", code=error.code)
        await set_within(stop, LOOK_S)


Stamp = tuple[tuple[str, int], ...]


def _stamp_of_folders(participant: Participant) -> Stamp:
    """Return the folders by name and time: it changes when a file is renamed into one."""
    names = ("manifests", CONTRACTS_FOLDER, ENTRIES_FOLDER, DOCUMENTS_FOLDER)
    return _times(path for name in names if (path := participant.path(name)).exists())


def _stamp(participant: Participant) -> Stamp:
    """Return own manifests and contracts with their notes, by name and time of change."""
    own = files_in(participant.path("manifests"), f"{participant.agency}.*.note")
    contracts = participant.path(CONTRACTS_FOLDER).iterdir()
    return _times((*own, *contracts))


def _stamp_of_exchanged(participant: Participant) -> Stamp:
    """Return entries and documents by name and time of change."""
    entries = files_in(participant.path(ENTRIES_FOLDER), "*.entry")
    documents = files_in(participant.path(DOCUMENTS_FOLDER), "*.txt")
    return _times((*entries, *documents))


def _times(files: Iterable[Path]) -> Stamp:
    return tuple(sorted((str(path), path.stat().st_mtime_ns) for path in files))
