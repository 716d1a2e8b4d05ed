"""Loop that looks for what people should be told, and tells them by each way.

A cause is told at least once by each way: it is noted as told after the mail server or the receiver
has taken the message. If the adapter ends between the two, or an answer is lost, the same message
goes out again, with the same id, by which a receiver can leave it out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from adapters.notices.message import Message
from adapters.notices.ways import Way
from broker.observing.logs import logger
from broker.observing.metrics import Metrics, NoticeWay
from broker.store.database import Store
from broker.waiting import retry_delay_s, set_within
from contracts.durations import DAY_MS
from contracts.errors import ConcordantError

MOST: Final = 500
"""Most causes of one message."""
KEPT_MS: Final = 400 * DAY_MS
"""Time for which it is known that a notice was sent."""


class Cause(Protocol):
    """A reason to tell people something."""

    @property
    def key(self) -> str:
        """Return an id that stays the same while this cause should be told once."""
        ...


CauseT = TypeVar("CauseT", bound=Cause)
Over: TypeAlias = Callable[[Collection[str]], Collection[str]]
"""Returns those keys whose cause is over: it is told again if it comes back."""


def _never_over(_keys: Collection[str]) -> Collection[str]:
    return ()


class Notices(Generic[CauseT]):
    """Notices of one agency to one group of people.

    Args:
        candidates: () -> what people should be told of now, the most pressing first.
        message: makes the message for some of them.
        ways: how it goes out.
        store: the agency's state.
        clock: () -> ms since the epoch.
        metrics: counts notices and faults.
        every_s: seconds between two looks.
        retry_most_s: longest pause after faults.
        over: asked after ``candidates`` for the causes that are over; none by default.
    """

    def __init__(
        self,
        candidates: Callable[[], Iterable[CauseT]],
        message: Callable[[Sequence[CauseT]], Message],
        ways: Sequence[Way],
        store: Store,
        clock: Callable[[], int],
        metrics: Metrics,
        *,
        every_s: float,
        retry_most_s: float,
        over: Over = _never_over,
    ) -> None:
        self._candidates = candidates
        self._message = message
        self._ways = ways
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._every_s = every_s
        self._retry_most_s = retry_most_s
        self._over = over
        self._faults: dict[str, str] = {}
        self._log = logger("notices")

    def trouble(self) -> str | None:
        """Return the code of a way that does not work now; None if all do."""
        return next(iter(self._faults.values()), None)

    async def run(self, stop: asyncio.Event) -> None:
        """Tell people until ``stop`` is set."""
        try:
            await asyncio.gather(*(self._run(way, stop) for way in self._ways))
        finally:
            for way in self._ways:
                await way.close()

    async def _run(self, way: Way, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            code = await self.round(way)
            failures = 0 if code is None else failures + 1
            pause = self._every_s
            if failures:
                pause = retry_delay_s(failures, first=self._every_s, most=self._retry_most_s)
            await set_within(stop, pause)

    async def round(self, way: Way) -> str | None:
        """Send what was not sent yet; return None, or the code of the fault."""
        try:
            new = await asyncio.to_thread(self._untold, way.name)
            code = None
            if new:
                code = await way.send(self._message(new), " ".join(sorted(one.key for one in new)))
                if code is None:
                    await asyncio.to_thread(self._told, way.name, [one.key for one in new])
        except ConcordantError as error:
            code = error.code
        if code is None:
            self._faults.pop(way.name, None)
            self._metrics.notices_work(way.name)
        else:
            self._faults[way.name] = code
            self._metrics.notice_failed(way.name)
            self._log.warning("notice_not_sent", code=code, kind=way.name)
        return code

    def _untold(self, way: NoticeWay) -> list[CauseT]:
        """Return the next causes that were not told by a way; the others follow in later rounds."""
        with self._store.reading() as tx:
            known = tx.told_notices.known(way)
        untold = list(islice((one for one in self._candidates() if one.key not in known), MOST))
        over = self._over(known)
        if over:
            with self._store.transaction() as tx:
                tx.told_notices.forget(way, over)
        return untold

    def _told(self, way: NoticeWay, keys: Sequence[str]) -> None:
        now = self._clock()
        with self._store.transaction() as tx:
            tx.told_notices.add(way, keys, now)
            tx.told_notices.forget_before(now - KEPT_MS)
        self._metrics.notice_sent(way)
        self._log.info("notice_sent", count=len(keys), kind=way)
