"""Renewal of this agency's own manifest by the running adapter, without a person.

The adapter renews when its manifest is ten days old or a key needs a successor. First it reads the
manifests topic to its end, so that it knows what other processes of this agency have issued. If
another record has replaced the agency's manifest on Kafka, it publishes the manifest again. If
there is a manifest of this agency that this folder did not make, it issues none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from broker.agency.issuing_guard import foreign_manifests
from broker.agency.own_manifest import manifest_renewal_due, renew_keys
from broker.agency.participant import Participant
from broker.errors import RegistryError
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.registry.manifests import ManifestBook
from broker.service.service import BrokerService
from broker.waiting import first_of, set_within
from contracts.durations import DAY_MS, HOUR_MS
from contracts.errors import ConcordantError

LOOK_S: Final = 5.0
RETRY_MS: Final = HOUR_MS
"""Time between two renewals, and between two attempts of a renewal that fails."""
CLOCK_CONFIRMED_MS: Final = HOUR_MS
"""Maximum age of a heartbeat of another agency, if it shall confirm our clock."""
FOREIGN: Final = "manifest_not_ours"


class ManifestRenewal:
    """Keeps this agency's manifest valid and on Kafka.

    Args:
        service: the running broker of this agency.
        metrics: shows failures, and manifests that this folder did not make.
        clock: () -> ms since the epoch.
    """

    def __init__(self, service: BrokerService, metrics: Metrics, clock: Callable[[], int]) -> None:
        self._service = service
        self._metrics = metrics
        self._clock = clock
        self._log = logger("registry")
        self._looked_at: ManifestBook | None = None
        self._foreign: frozenset[bytes] = frozenset()
        self._again_ms = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Check every few seconds until ``stop``, after the topic was read for the first time."""
        await first_of(self._service.parts.reader.caught_up, stop)
        while not stop.is_set():
            try:
                await self.look(stop)
            except ConcordantError as error:
                self._failed(error)
            await set_within(stop, LOOK_S)

    async def look(self, stop: asyncio.Event) -> None:
        """Publish our manifest again if it was replaced, and renew it if that is due.

        Raises:
            ConcordantError: it cannot be renewed now.
        """
        now = self._clock()
        await asyncio.to_thread(self._look_for_foreign)
        self._put_back(now)
        if not self._due(now):
            return
        reader, arrivals = self._service.parts.reader, self._service.parts.arrivals
        await reader.hear_manifests(stop, arrivals.trouble)
        if stop.is_set():
            return
        known = self._participant.manifests.newest_verified(self._participant.agency)
        heard = self._service.parts.control.manifests.newest_verified(self._participant.agency)
        if heard != known:
            await self._service.reload()  # another process issued a manifest, or a thief did
        await asyncio.to_thread(self._look_for_foreign)
        if not self._due(now):
            return
        self._again_ms = now + RETRY_MS
        try:
            issued = await asyncio.to_thread(renew_keys, self._participant, now)
        except RegistryError as error:
            if error.code != "manifest_changed":
                raise
            self._again_ms = 0  # load the manifest of the other process, and check again
            await self._service.reload()
            return
        self._metrics.manifest_renewal(None)
        left = issued.manifest.expires - now
        self._log.info("manifest_renewed", days_left=int(left / DAY_MS))
        await self._service.reload()

    @property
    def _participant(self) -> Participant:
        return self._service.participant

    def _due(self, now: int) -> bool:
        if self._foreign or now < self._again_ms:
            return False
        return manifest_renewal_due(self._participant, now) and self._clock_confirmed(now)

    def _clock_confirmed(self, now: int) -> bool:
        """Return whether our clock can be trusted with the time of a new manifest.

        If the last manifest has expired, our clock may be ahead. A manifest with a future time
        could not be replaced until that time. So a heartbeat of another agency must confirm the
        clock.
        """
        newest = self._participant.manifests.newest(self._participant.agency)
        if newest is None or now < newest.expires:
            return True
        return self._service.heard_others_since(now - CLOCK_CONFIRMED_MS)

    def _look_for_foreign(self) -> None:
        """Compare new manifests of this agency with the list of those that this folder made."""
        manifests = self._service.parts.control.manifests
        if manifests is self._looked_at and not self._foreign:
            return
        participant = self._participant
        found = foreign_manifests(participant.root, participant.agency, manifests)
        hashes = frozenset(one.hash for one in found)
        for _ in hashes - self._foreign:
            self._metrics.alarm(FOREIGN, participant.agency)
            self._log.error("alarm", agency=participant.agency, code=FOREIGN)
        self._foreign, self._looked_at = hashes, manifests
        self._metrics.manifests_not_ours(len(hashes))

    def _put_back(self, now: int) -> None:
        """Publish our manifest again if another record has replaced it on Kafka."""
        control = self._service.parts.control
        agency = self._participant.agency
        newest = control.manifests.newest_verified(agency)
        if newest is None or not control.own_record.displaced(newest.raw, now):
            return
        history = control.manifests.history(agency)
        if control.own_record.value not in {None, *(one.raw for one in history)}:
            self._metrics.alarm("manifest_displaced", agency)
            self._log.error("alarm", agency=agency, code="manifest_displaced")
        self._log.info("manifest_put_back")
        control.own_record.put_back(now)
        self._service.announce()

    def _failed(self, error: ConcordantError) -> None:
        self._metrics.manifest_renewal(error.code)
        self._log.error("manifest_not_renewed", code=error.code)
