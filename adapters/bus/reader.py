"""Reader of one subject: each message is decided, answered and only then acknowledged.

A refused message is stored in the quarantine folder with its reason before it is acknowledged.
After a crash the bus delivers the message again, and the same message has the same answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, TypeVar

from adapters.bus.clients import Incoming, OutgoingMessage
from adapters.bus.cloud_events import structured
from adapters.bus.held_messages import HeldKind, HeldMessages, Retaken
from adapters.bus.link import BusLink, BusSession
from adapters.exchange.caller import side_caller
from broker.agency.config_bus import BusNames
from broker.observing.logs import logger
from broker.waiting import out_of_descriptors, retry_delay_s
from contracts.errors import ConcordantError

POLL_S: Final = 1.0
RETRY_MOST_S: Final = 30.0
FILE_UNUSABLE: Final = "file_unusable"
CALLER: Final = side_caller("bus")
_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class MessageDecision:
    """Decision about a message.

    Attributes:
        answer: the answer; None if there is nothing to say.
        refusal: why it is refused; None if it is taken.
    """

    answer: OutgoingMessage | None
    refusal: ConcordantError | None = None


Decide: TypeAlias = Callable[[bytes, Mapping[str, str]], MessageDecision]
"""Decides about the bytes and the headers of a message; called in a thread.

It raises ConcordantError if nothing can be decided now.
"""


class MessageReader:
    """Reads the messages of one subject.

    Args:
        link: the connection.
        held: stores refused messages.
        names: names of the subjects.
        kind: what the messages hold. Events are answered; of results only refused ones are.
    """

    def __init__(self, link: BusLink, held: HeldMessages, names: BusNames, kind: HeldKind) -> None:
        self._link = link
        self._held = held
        self._names = names
        self._kind = kind
        self._waits: str | None = None
        self._unusable = 0
        self._log = logger("bus")

    def trouble(self) -> str | None:
        """Return the code of what keeps messages from being taken, else None; see ``Check``."""
        of_files = FILE_UNUSABLE if self._unusable else None
        return self._waits or self._link.trouble() or of_files

    async def run(self, decide: Decide, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        """Take messages until ``stop`` is set.

        Args:
            decide: decides about one message.
            stop: ends the loop.
            turned: called before each round.
        """
        await self._link.run(partial(self._work, decide, turned), stop, turned)

    async def _work(self, decide: Decide, turned: Callable[[], None], session: BusSession) -> None:
        look_s = 0.0
        while True:
            turned()
            if time.monotonic() >= look_s:
                await self._retake_all(decide, session, turned)
                look_s = time.monotonic() + POLL_S
            message = await session.next(POLL_S)
            if message is not None:
                await self._take(message, decide, session, turned)

    async def _take(
        self, message: Incoming, decide: Decide, session: BusSession, turned: Callable[[], None]
    ) -> None:
        decision = await self._until(
            partial(decide, message.body, message.headers), session, turned
        )
        if decision.refusal is not None:
            whole = structured(message.body, message.headers)
            hold = partial(self._held.hold, self._kind, whole, decision.refusal)
            await self._until(hold, session, turned)
        await self._answer(decision, session)
        await session.acknowledge(message)

    async def _retake_all(
        self, decide: Decide, session: BusSession, turned: Callable[[], None]
    ) -> None:
        """Try again what is in the import folder, with one message in memory at a time.

        A file that cannot be read keeps no other message waiting. It is told once, and is trouble
        until it can be read or is gone.
        """
        unusable = 0
        paths = await self._until(partial(self._held.retried, self._kind), session, turned)
        for path in paths:
            try:
                one = await asyncio.to_thread(self._held.read, path, self._kind)
            except OSError as error:
                if out_of_descriptors(error):
                    raise
                unusable += 1
            else:
                if one is not None:
                    await self._retake(one, decide, session, turned)
        if unusable > self._unusable:
            self._log.warning("entries_left", code=FILE_UNUSABLE, files=unusable)
        self._unusable = unusable

    async def _retake(
        self, message: Retaken, decide: Decide, session: BusSession, turned: Callable[[], None]
    ) -> None:
        """Try again what a person moved into the import folder."""
        decision = await self._until(partial(decide, message.body, {}), session, turned)
        await self._answer(decision, session)
        put_away = (
            partial(self._held.taken, message)
            if decision.refusal is None
            else partial(self._held.refused, message, decision.refusal)
        )
        await self._until(put_away, session, turned)

    async def _answer(self, decision: MessageDecision, session: BusSession) -> None:
        if decision.answer is None:
            return
        if decision.refusal is not None:
            await session.publish(self._names.refused, decision.answer)
        if self._kind == "event":
            await session.publish(self._names.answers, decision.answer)

    async def _until(
        self, call: Callable[[], _Done], session: BusSession, turned: Callable[[], None]
    ) -> _Done:
        """Call until the state database and the folders can be used; the bus keeps the message."""
        failures = 0
        while True:
            turned()
            try:
                done = await asyncio.to_thread(call)
            except (ConcordantError, OSError) as error:
                if out_of_descriptors(error):
                    raise
                failures += 1
                self._waits = error.code if isinstance(error, ConcordantError) else FILE_UNUSABLE
                delay = retry_delay_s(failures, most=RETRY_MOST_S)
                self._log.warning("bus_waits", code=self._waits, delay_ms=int(delay * 1000))
                await session.pause(delay)
            else:
                self._waits = None
                return done
