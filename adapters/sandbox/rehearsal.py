"""One rehearsal, from the agency's folder to the summary."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from adapters.runner import run_adapter
from adapters.sandbox.behaviours import Behaviour, behaviours_of
from adapters.sandbox.copied_settings import require_inside
from adapters.sandbox.happenings import Chronicle, Happening, Summary
from adapters.sandbox.own_adapter import HeardMetrics, OwnAdapterWatch
from adapters.sandbox.rehearsed_agreement import rehearsed_agreement
from adapters.sandbox.sandbox_world import KafkaKind, SandboxWorld, make_world
from adapters.sandbox.simulated_partner import PartnerPlan, SimulatedPartner
from broker.agency.config import load_config
from broker.agency.participant import Participant
from broker.agency.running import API_PORT_FILE, PORT_FILE
from broker.clock import now_ms
from broker.errors import ConfigError
from broker.keys.durable import make_private_folder
from broker.observing import logs
from broker.waiting import run_together, set_within

SETTLE_S: Final = 0.5
EVERY_S: Final = 10.0
LOG_NAME: Final = "sandbox.log"
_READY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """The request for a rehearsal.

    Attributes:
        agency: the agency's own folder; it is only read.
        exports: files that are dropped into the import folder of the rehearsal.
        partners: each `ID=BEHAVIOUR`.
        agreement: a file, or the name of shipped terms; None for the one in the folder.
        folder: folder of the rehearsal, absent or empty; None for a temporary one.
        kafka: `memory`, or `local` for a real one on this machine.
        every_s: seconds between two events of each partner; 0 for none.
        for_s: seconds after which it ends; None to run until it is stopped.
        events: number of done events after which it ends.
        outside: whether source and sink may reach a system outside.
    """

    agency: Path
    exports: Sequence[Path] = ()
    partners: Sequence[str] = ()
    agreement: str | None = None
    folder: Path | None = None
    kafka: KafkaKind = "memory"
    every_s: float = EVERY_S
    for_s: float | None = None
    events: int | None = None
    outside: bool = False


@dataclass(slots=True)
class Shown:
    """Callbacks for the output of a rehearsal.

    Attributes:
        tell: called with each thing that happens.
        progress: called with what is being prepared.
    """

    tell: Callable[[Happening], None]
    progress: Callable[[str], None] = field(default=lambda _text: None)


def rehearse(plan: RehearsalPlan, shown: Shown) -> Summary:
    """Run a rehearsal until its end, Ctrl-C or SIGTERM.

    A temporary folder is removed at the end, because the exports in it may name people.

    Raises:
        ConcordantError: the agency's folder, the agreement or an option cannot be used, or the
            local Kafka cannot be started.
    """
    with contextlib.suppress(ValueError):  # not the main thread: its caller has the signals
        signal.signal(signal.SIGTERM, _interrupted)  # the folder is removed after either signal
    config = load_config(plan.agency)
    require_inside(plan.agency, outside=plan.outside)
    now = now_ms()
    agreement = rehearsed_agreement(plan.agency, config.agency, plan.agreement, now)
    behaviours = behaviours_of(plan.partners, agreement.partners)
    for path in plan.exports:
        if not path.is_file():
            raise ConfigError(
                "There is no such file.",
                code="file_unusable",
                where=str(path),
                fix="Check that it exists, its owner and its permissions.",
            )
    with _folder(plan.folder) as root:
        world = make_world(
            plan.agency, agreement, root, now, kafka=plan.kafka, progress=shown.progress
        )
        with (root / LOG_NAME).open("a") as log:
            logs.configure(json=True, stream=log)
            shown.progress("starting Kafka" if plan.kafka == "local" else "starting the partners")
            contract = world.participant(world.agency, now).contract_in_force(now).contract
            try:
                world.kafka.start(contract)
                summary = asyncio.run(_Run(plan, world, behaviours, shown).play())
            finally:
                world.kafka.stop()
                logs.configure("warning")
    summary.folder = str(root) if plan.folder is not None else ""
    return summary


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    """Yield the folder of a rehearsal; a temporary one is removed at the end."""
    if named is not None:
        yield named.absolute()
        return
    root = Path(tempfile.mkdtemp(prefix="concordant-sandbox-"))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


class _Run:
    """The loops of one rehearsal, in one process."""

    def __init__(
        self,
        plan: RehearsalPlan,
        world: SandboxWorld,
        behaviours: Mapping[str, Behaviour],
        shown: Shown,
    ) -> None:
        self._plan = plan
        self._world = world
        self._behaviours = behaviours
        self._stop = asyncio.Event()
        self._tell = Chronicle(shown.tell, self._enough, plan.events)

    def _enough(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    async def play(self) -> Summary:
        """Run everything until the end."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                self._loop.add_signal_handler(number, self._stop.set)
        world, now = self._world, now_ms()
        own = world.participant(world.agency, now)
        partners = [self._partner(agency, now) for agency in self._running()]
        watch = OwnAdapterWatch(own, now_ms, self._tell)
        adapter = partial(
            run_adapter,
            own.root,
            now_ms,
            settle_s=SETTLE_S,
            stop=self._stop,
            transport=world.kafka.transport(own),
            metrics=HeardMetrics(self._tell),
        )
        loops = [adapter, partial(self._begin, own), partial(watch.run, self._stop)]
        loops += [partial(one.run, self._stop) for one in partners]
        await run_together(loops, self._stop, tell_shortage=lambda: None)
        watch.end()
        return self._tell.summary

    def _running(self) -> list[str]:
        """Return the partners whose adapter runs."""
        return [agency for agency, one in self._behaviours.items() if one.name != "silent"]

    def _partner(self, agency: str, now: int) -> SimulatedPartner:
        participant = self._world.participant(agency, now)
        plan = PartnerPlan(self._world.agency, self._behaviours[agency], self._plan.every_s)
        transport = self._world.kafka.transport(participant)
        return SimulatedPartner(participant, plan, transport, now_ms, self._tell)

    async def _begin(self, own: Participant) -> None:
        """Say where everything is, drop the exports, and end after the asked time."""
        deadline = self._loop.time() + _READY_S
        ports = [PORT_FILE, API_PORT_FILE] if _uses_http(own) else [PORT_FILE]
        while not all(_port(own, name) for name in ports):
            if self._loop.time() >= deadline:
                raise ConfigError(
                    f"The adapter of the rehearsal was not ready within {_READY_S:g} seconds.",
                    code="sandbox_not_ready",
                    where=str(own.root),
                    fix="Rehearse again with --folder FOLDER, and read sandbox.log in it.",
                )
            if await set_within(self._stop, 0.1):
                return
        api = await asyncio.to_thread(self._api, own)
        import_ = own.path(own.config.folders.import_)
        notes = "".join(f" {note}" for note in self._world.notes)
        self._tell(
            "ready",
            f"the rehearsal runs in {own.root}; drop exports into {import_}"
            + (f"; {api[1]}" if api else "")
            + f"; agreement: {self._world.found_in}; partners: {self._described()}.{notes}",
            folder=str(own.root),
            import_folder=str(import_),
            inbox_folder=str(own.path(own.config.folders.inbox)),
            api=api[0] if api else None,
            token=api[2] if api else None,
            agreement=self._world.found_in,
            partners={agency: one.name for agency, one in self._behaviours.items()},
            notes=list(self._world.notes),
        )
        for path in self._plan.exports:
            await asyncio.to_thread(_drop, path, import_, own.config.export_marker)
        if self._plan.for_s is not None and not await set_within(self._stop, self._plan.for_s):
            self._stop.set()

    def _described(self) -> str:
        return ", ".join(f"{agency} ({one.name})" for agency, one in self._behaviours.items())

    def _api(self, own: Participant) -> tuple[str, str, str] | None:
        """Return address, words and a new token of the HTTP interface, if there is one."""
        if not _uses_http(own):
            return None
        from adapters.http_api.tokens import SCOPES, new_token

        _, token = new_token(own.root, "sandbox", list(SCOPES), now_ms(), days=1)
        address = f"http://127.0.0.1:{_port(own, API_PORT_FILE)}"
        return address, f"HTTP interface {address}, token {token}", token


def _uses_http(own: Participant) -> bool:
    return "http" in {own.config.adapter.source, own.config.adapter.sink}


def _port(own: Participant, name: str) -> str:
    """Return the port that the adapter wrote into a file; empty if it has not yet."""
    try:
        return own.path(name).read_text().strip()
    except FileNotFoundError:
        return ""


def _drop(path: Path, folder: Path, done_marker: str | None) -> None:
    """Copy an export into the import folder under its own name, complete as soon as it is seen."""
    make_private_folder(folder)
    part = folder / f"{path.name}.part"
    shutil.copyfile(path, part)
    part.replace(folder / path.name)
    if done_marker is not None:
        (folder / f"{path.name}{done_marker}").touch()
