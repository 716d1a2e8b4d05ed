"""The sink `webhook`: sends each received event to the endpoint of the agency's system.

Delivery is at least once. An event has the same `webhook-id` at each attempt, so the endpoint can
recognise a repeat. It is imported by an answer 2xx, and held by a rejection. A failed attempt is
repeated with growing pauses. After the declared time the event is held as `webhook_gave_up`, which
`status`, the metric `concordant_held` and an alert show, and `quarantine retry` sends it again.
Later events of a case wait behind an earlier one; other cases do not wait for it. The state of the
attempts is stored, so that a restart does not begin the time anew.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from adapters.exchange.caller import side_caller
from adapters.exchange.offering import Reading
from adapters.exchange.results import REJECTED, Rejection
from adapters.webhook.answers import Answer, EndpointGone, Failed, Imported, RejectedRequest
from adapters.webhook.endpoint import WebhookEndpoint
from adapters.webhook.signing import message_id
from broker.errors import StoreError
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.receiving.inbox_payload import parse_payload
from broker.store.database import Store
from broker.store.rows import AttemptsRow, InboxRow
from broker.waiting import retry_delay_s
from contracts.durations import duration_text

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint as ApiEndpoint

IDLE_S: Final = 0.5
PAUSE_FIRST_S: Final = 1.0
PAUSE_MOST_S: Final = 60.0
"""Longest pause for all events after faults of the endpoint."""
TROUBLE_S: Final = 60.0
"""Time after which an endpoint that never answers counts as trouble."""
STOP_S: Final = 5.0
"""Time that requests have to end when the adapter stops."""
GAVE_UP: Final = "webhook_gave_up"
GONE: Final = "webhook_gone"
_NOW_TROUBLE: Final = frozenset({"webhook_secret_unusable", "webhook_certificate_unusable"})
"""Faults of our own settings, which a person must correct."""


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Pauses between the attempts of one event: they double, with a random part, up to a limit.

    Attributes:
        first_s: pause after the first attempt.
        most_s: longest pause, also of one that the endpoint asks for.
        give_up_s: time after the first attempt after which the event is held.
    """

    first_s: float
    most_s: float
    give_up_s: float

    def next_ms(self, tries: int, first_ms: int, now_ms: int, after_s: float | None) -> int:
        """Return the time of the next attempt; the last one is at the end of the declared time.

        Args:
            tries: number of attempts so far.
            first_ms: time of the first one.
            now_ms: the present time.
            after_s: pause that the endpoint asks for.
        """
        whole = retry_delay_s(tries, first=self.first_s, most=self.most_s)
        # The random part keeps events that failed together from coming back together.
        pause = whole * random.uniform(0.5, 1.0)  # noqa: S311 - it protects no secret
        if after_s is not None:
            pause = max(pause, min(after_s, self.most_s))
        last = first_ms + int(self.give_up_s * 1000)
        at = now_ms + int(pause * 1000)
        return min(at, last) if last > now_ms else at

    def given_up(self, first_ms: int, now_ms: int) -> bool:
        """Return whether the declared time is over."""
        return now_ms - first_ms >= int(self.give_up_s * 1000)


class DeliveryRecords:
    """Records of the state database about deliveries of the webhook.

    Args:
        store: the agency's state.
        reading: facts that the JSON of an event needs.
        schedule: pauses between attempts.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self, store: Store, reading: Reading, schedule: RetrySchedule, clock: Callable[[], int]
    ) -> None:
        self._store = store
        self._reading = reading
        self.schedule = schedule
        self._clock = clock
        self._log = logger("delivery")
        self._reference = side_caller("webhook").operator

    def due(self, limit: int) -> list[InboxRow]:
        """Return the next events to send."""
        with self._store.reading() as tx:
            return tx.attempts.due(limit, self._clock(), int(self.schedule.most_s * 1000))

    def body(self, row: InboxRow) -> bytes | None:
        """Return the JSON of an event. An event that cannot be read is held, and gives None."""
        try:
            event = parse_payload(row.payload or b"")
        except StoreError as error:
            self._hold(row, error.code, error.detail)
            return None
        return orjson.dumps(self._reading.read(row.seq, event).as_json())

    def imported(self, row: InboxRow) -> None:
        """Mark an event as delivered; its content is cleared."""
        with self._store.transaction() as tx:
            tx.inbox.mark_delivered(row.seq, self._clock(), self._reference)
            tx.attempts.end(row.seq)
        self._log.info("events_delivered", events=1)

    def rejected(self, row: InboxRow, rejection: Rejection) -> None:
        """Hold an event that the agency's system rejected."""
        self._hold(row, REJECTED, rejection.detail)

    def failed(self, row: InboxRow, failure: Failed, begun_ms: int) -> None:
        """Store a failed attempt, or hold the event if its time is over.

        Args:
            row: the event.
            failure: why it failed.
            begun_ms: time at which the attempt began.
        """
        now = self._clock()
        with self._store.transaction() as tx:
            before = tx.attempts.of_event(row.seq)
            # A later first attempt was stored under a wrong clock.
            first = begun_ms if before is None else min(before.first_ms, begun_ms)
            tries = 1 if before is None else before.tries + 1
            given_up = self.schedule.given_up(first, now)
            if not given_up:
                after = self.schedule.next_ms(tries, first, now, failure.after_s)
                tx.attempts.keep(AttemptsRow(row.seq, tries, first, after, failure.code))
        if given_up:
            within = duration_text(now - first)
            detail = f"The endpoint did not take it in {tries} attempts within {within}. "
            self._hold(row, GAVE_UP, f"{detail}The last one: {failure.detail}")

    def _hold(self, row: InboxRow, code: str, detail: str) -> None:
        with self._store.transaction() as tx:
            tx.inbox.hold(row.seq, code, None, detail, self._clock())
            tx.attempts.end(row.seq)
        self._log.error("event_held", code=code, agency=row.source, event_id=row.event_id)


class WebhookSink:
    """Sends events to the endpoint; see ``SinkLoop``.

    Args:
        records: the state of the deliveries.
        endpoint: the client.
        requests: number of requests at once.
        metrics: counts failed attempts.
        clock: () -> ms since the epoch.
    """

    endpoints: tuple[ApiEndpoint, ...] = ()

    def __init__(
        self,
        records: DeliveryRecords,
        endpoint: WebhookEndpoint,
        requests: int,
        metrics: Metrics,
        clock: Callable[[], int],
    ) -> None:
        self._records = records
        self._endpoint = endpoint
        self._requests = requests
        self._metrics = metrics
        self._clock = clock
        self._log = logger("delivery")
        self._running: dict[int, asyncio.Task[None]] = {}
        self._gone = False
        self._failures = 0
        self._failing_since_s = 0.0
        self._resume_s = 0.0
        self._fault: str | None = None
        self._lasting = False

    def trouble(self) -> str | None:
        """Return a code for /readyz if the endpoint takes nothing at the moment, else None."""
        if self._gone:
            return GONE
        fault = self._fault
        return fault if fault is not None and (fault in _NOW_TROUBLE or self._lasting) else None

    async def run(
        self,
        wait: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None],
    ) -> None:
        """Send events until ``stop`` is set; then let the running requests end for a while."""
        news: asyncio.Future[None] | None = None
        try:
            while not stop.is_set():
                turned()
                await self._begin()
                if news is None or news.done():
                    news = asyncio.ensure_future(wait(IDLE_S))
                await asyncio.wait(
                    {news, *self._running.values()}, return_when=asyncio.FIRST_COMPLETED
                )
                self._collect()
            if self._running:
                await asyncio.wait(self._running.values(), timeout=STOP_S)
                self._collect()
        finally:
            if news is not None:
                news.cancel()
            for task in self._running.values():
                task.cancel()
            await self._endpoint.close()

    async def _begin(self) -> None:
        """Start as many requests as there is room for."""
        free = self._requests - len(self._running)
        now_s = asyncio.get_running_loop().time()
        self._lasting = bool(self._failures) and now_s - self._failing_since_s >= TROUBLE_S
        if self._gone or free <= 0 or now_s < self._resume_s:
            return
        if self._failures:  # one request finds out whether the endpoint answers again
            free = 0 if self._running else 1
        try:
            rows = await asyncio.to_thread(self._records.due, free + len(self._running))
        except StoreError as error:
            self._pause(error.code, None)
            return
        for row in [one for one in rows if one.seq not in self._running][:free]:
            self._running[row.seq] = asyncio.create_task(self._deliver(row))

    def _collect(self) -> None:
        for seq, task in list(self._running.items()):
            if task.done():
                del self._running[seq]
                task.result()  # raises a defect, which ends the adapter as in every loop

    async def _deliver(self, row: InboxRow) -> None:
        """Send one event, and store what became of it."""
        try:
            body = await asyncio.to_thread(self._records.body, row)
            if body is None:
                return
            begun = self._clock()
            answer = await self._endpoint.send(message_id(row.source, row.event_id), body)
            await self._store(row, answer, begun)
        except StoreError as error:
            self._pause(error.code, None)

    async def _store(self, row: InboxRow, answer: Answer, begun_ms: int) -> None:
        match answer:
            case Imported():
                self._answered()
                await asyncio.to_thread(self._records.imported, row)
            case RejectedRequest(rejection):
                self._answered()
                await asyncio.to_thread(self._records.rejected, row, rejection)
            case EndpointGone():
                self._metrics.delivery_failed(GONE)
                if not self._gone:
                    self._gone = True
                    self._log.error("delivery_stopped", code=GONE)
            case Failed():
                self._metrics.delivery_failed(answer.code)
                if answer.endpoint:
                    self._pause(answer.code, answer.after_s)
                else:
                    self._answered()
                    self._log.warning("delivery_failed", code=answer.code)
                await asyncio.to_thread(self._records.failed, row, answer, begun_ms)

    def _answered(self) -> None:
        self._failures, self._fault = 0, None

    def _pause(self, code: str, after_s: float | None) -> None:
        """Let every event wait after a fault that others would meet, too."""
        now_s = asyncio.get_running_loop().time()
        if not self._failures:
            self._failing_since_s = now_s
        self._failures += 1
        self._fault = code
        pause = retry_delay_s(self._failures, first=PAUSE_FIRST_S, most=PAUSE_MOST_S)
        if after_s is not None:
            pause = max(pause, min(after_s, self._records.schedule.most_s))
        self._resume_s = max(self._resume_s, now_s + pause)
        self._log.warning("delivery_waits", code=code, delay_ms=int(pause * 1000))
