"""The faults of a campaign: each happens while exports go on, and ends with everything started.

The recovery from each fault follows the guides. Kafka's host applies the contract's plan to an
empty Kafka. An agency that restored an old database drops the exports since then again. A machine
whose clock was far ahead starts its adapter only when the time is right.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.fault.fault_stage import READER, SENDERS, FaultStage
from tests.fault.fault_states import ServerStates
from tests.fault.injected import MOMENTS

MINUTE, DAY = 60_000, 86_400_000

Play = Callable[[float], None]
"""(seconds) -> exports go on for so long, and adapters that ended are started again."""


@dataclass
class Faults:
    """Every fault, by the name of its method."""

    stage: FaultStage
    rng: random.Random
    play: Play
    await_ready: Callable[[str], None]

    # --- processes -------------------------------------------------------------------------------

    def kill_sender(self) -> str:
        """`kill -9` at any moment; most events are sent by it."""
        return self._kill(SENDERS[0])

    def kill_reader(self) -> str:
        """`kill -9` of one that reads, and one of them sends as well."""
        return self._kill(self.rng.choice((*SENDERS[1:], READER)))

    def kill_all(self) -> str:
        """The machine that runs all of them loses its power."""
        for adapter in self.stage.adapters.values():
            adapter.kill()
        self.play(self.rng.uniform(0.2, 2))
        return "all at once"

    def kill_again_and_again(self) -> str:
        """One that never gets far: killed while it starts."""
        agency = self.rng.choice(self.stage.agencies)
        times = self.rng.randint(3, 6)
        for _ in range(times):
            self.stage.adapters[agency].kill()
            self.play(self.rng.uniform(0.6, 2.5))
        return f"{agency}, {times} times"

    def _kill(self, agency: str) -> str:
        self.play(self.rng.uniform(0, 1.5))
        self.stage.adapters[agency].kill()
        self.play(self.rng.uniform(0, 2))
        return agency

    def die_at_a_write_or_send(self) -> str:
        """It kills itself at a chosen write, send, file of the sink or file put away."""
        agency = self.rng.choice(self.stage.agencies)
        moment, number = self.rng.choice(MOMENTS), self.rng.randint(1, 12)
        if agency == READER and moment.endswith("shelf"):
            moment = "after_sink"  # it has no exports
        adapter = self.stage.adapters[agency]
        adapter.down()
        adapter.fate = f"{moment}:{number}"
        before = adapter.ended
        adapter.start()
        for _ in range(30):
            self.play(0.5)
            if adapter.ended > before:
                return f"{agency} at {moment} {number}"
        adapter.kill()  # the moment did not come so often; without its fate from now on
        return f"{agency} after less than {number} times {moment}"

    def stand_still(self) -> str:
        """The machine of one stands still, as one that is moved: no answer to anybody."""
        agency = self.rng.choice((*SENDERS, READER))
        self.await_ready(agency)
        pid = self.stage.adapters[agency].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            self.play(self.rng.uniform(2, 20))
        finally:
            os.kill(pid, signal.SIGCONT)
        return agency

    # --- Kafka -----------------------------------------------------------------------------------

    def stop_kafka(self) -> str:
        """An orderly restart of Kafka."""
        self.stage.kafka.stop()
        return self._start_kafka()

    def kill_kafka(self) -> str:
        """Kafka loses its power, and keeps its disk."""
        self.stage.kafka.kill()
        return self._start_kafka()

    def wipe_kafka(self) -> str:
        """Kafka loses its disk; sometimes somebody is killed while it is away."""
        self.stage.wipe_kafka()
        who = self._start_kafka()
        self.stage.provision()
        return who

    def _start_kafka(self) -> str:
        self.play(self.rng.uniform(0, 4))
        killed = ""
        if self.rng.random() < 0.4:
            killed = self.rng.choice((*SENDERS, READER))
            self.stage.adapters[killed].kill()
        self._start_beside()
        return f"and {killed} is killed meanwhile" if killed else ""

    def flap_kafka(self) -> str:
        """Kafka comes and goes: whoever connects is cut off again at once."""
        times = self.rng.randint(3, 5)
        for _ in range(times):
            self.stage.kafka.kill()
            self.play(self.rng.uniform(0.2, 2))
            self._start_beside()
            self.play(self.rng.uniform(0.1, 1))
        return f"{times} times"

    def _start_beside(self) -> None:
        """Start Kafka, while exports go on."""
        with ThreadPoolExecutor(1) as beside:
            started = beside.submit(self.stage.kafka.start)
            while not started.done():
                self.play(0.3)
            started.result()

    # --- state and disk --------------------------------------------------------------------------

    def crash_state_server(self) -> str:
        """The server of all states loses its power, and keeps its disk."""
        self.play(self.rng.uniform(0, 1))
        states = self.stage.states
        assert isinstance(states, ServerStates)
        states.crash(lambda: self.play(self.rng.uniform(0, 3)))
        self.play(self.rng.uniform(0, 2))
        return ""

    def restore_sender(self) -> str:
        """The database of one that sends is that of some faults ago."""
        return self._restore(self.rng.choice(SENDERS))

    def restore_reader(self) -> str:
        """The database of one that only reads is that of some faults ago."""
        return self._restore(READER)

    def _restore(self, agency: str) -> str:
        if agency not in self.stage.copies:
            self.stage.copy_state(agency)
        self.play(self.rng.uniform(1, 4))
        adapter = self.stage.adapters[agency]
        adapter.down()
        since = self.stage.restore_state(agency)
        adapter.start()
        self.await_ready(agency)
        again = self.stage.export_again(agency, since)
        self.stage.copies.pop(agency)
        self.play(1)
        return f"{agency}, {again} files exported again"

    def fill_disk(self) -> str:
        """The disk of one is full for a while; sometimes it is killed meanwhile."""
        agency = self.rng.choice(self.stage.agencies)
        self.stage.fill_disk(agency)
        self.play(self.rng.uniform(1, 4))
        killed = self.rng.random() < 0.5
        if killed:
            self.stage.adapters[agency].kill()
            self.play(self.rng.uniform(1, 4))
        self.stage.free_disk(agency)
        return f"{agency}{', killed while it was full' if killed else ''}"

    # --- clocks ----------------------------------------------------------------------------------

    def clock_minutes(self) -> str:
        """A clock is set by up to four minutes while it runs, and set right."""
        agency, minutes = self.rng.choice(self.stage.agencies), self.rng.randint(1, 4)
        off = self.rng.choice((-1, 1)) * minutes * MINUTE
        return self._clock(agency, off, restarted=False)

    def clock_back_by_days(self) -> str:
        """A clock is set back by days; the adapter is started again and again meanwhile."""
        agency = self.rng.choice(self.stage.agencies)
        return self._clock(agency, -self.rng.randint(1, 9) * DAY, restarted=True)

    def clock_ahead_by_days(self) -> str:
        """A clock is set ahead by days while its adapter runs; who sends waits for the time."""
        agency = self.rng.choice(self.stage.agencies)
        off = self.rng.choice((6 * MINUTE, DAY, 5 * DAY, 40 * DAY))
        return self._clock(agency, off, restarted=agency == READER)

    def _clock(self, agency: str, off: int, *, restarted: bool) -> str:
        adapter = self.stage.adapters[agency]
        self.await_ready(agency)
        adapter.off_ms = off
        if restarted or abs(off) < 5 * MINUTE:
            self.play(self.rng.uniform(2, 6))
        else:
            adapter.wanted = False  # `After=time-sync.target`
            for _ in range(20):
                self.play(0.5)
                if not adapter.running:
                    break
            else:
                raise AssertionError(f"{agency} went on with a clock that was set by {off} ms")
        adapter.off_ms = 0
        adapter.wanted = True
        return f"{agency} by {off / MINUTE:.0f} minutes"


WEIGHTS = {
    "kill_sender": 6,
    "kill_reader": 6,
    "kill_all": 2,
    "kill_again_and_again": 1,
    "die_at_a_write_or_send": 12,
    "stop_kafka": 2,
    "kill_kafka": 2,
    "flap_kafka": 2,
    "stand_still": 2,
    "wipe_kafka": 3,
    "restore_sender": 4,
    "restore_reader": 2,
    "fill_disk": 4,
    "clock_minutes": 3,
    "clock_back_by_days": 3,
    "clock_ahead_by_days": 3,
}
"""How often each fault is chosen; every kind comes once before any comes twice."""

OF_SERVERS = {"crash_state_server": 4}
"""Faults that need states on a server."""
