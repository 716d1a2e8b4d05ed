"""Stage of a campaign: a partnership on small disks, a Kafka, restarted adapters.

Each adapter is a process of its own, started as a service manager does: whenever it ends, it is
started again a moment later. With a state on a server an agency has several adapters. Each agency's
folder is a small file system of its own where that is permitted (tmpfs, as root), so that a full
disk is a full disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from adapters.demo.processes import SETTLE_S, AdapterProcess
from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import Participant, load_participant
from broker.store.database import StatePlace
from broker.transport import guard
from broker.transport.local import LocalKafka
from broker.transport.local_settings import KAFKA_FOLDER
from broker.transport.provisioning import Provisioner
from broker.transport.topics import acl_plans, topic_plans
from tests.fault.fault_states import LEASE_MS, FileStates, States, number_in

INJECTED = ("-P", "-m", "tests.fault.injected")
"""A module of the source tree; `-P`: the product finds what it would find without us."""
SENDERS = ("csu-camden", "council-camden")
READER = "haven-support"
"""It only reads, so its clock may be wrong for long without anybody being told a wrong time."""
AGENCIES = (*SENDERS, READER)
EXPORTING = ("csu-", "council-")
"""Beginnings of the names of those whose systems export in a campaign."""
AGE_MS = 10 * 24 * 3600 * 1000
"""The partnership is that old, so that a clock may go back by days and it is still in force."""
INTERVALS = "\n[intervals]\nheartbeat = 1.0\nreceipt = 0.5\n"
RESTART_S = 0.5
DISK_MIB = 128
KILL_ALL = 0.15
"""Part of the kills that hit all adapters of an agency which share a state."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Supervised(AdapterProcess):
    """An adapter that is started again whenever it ends, on a machine that may have faults.

    Attributes:
        wanted: whether it should run.
        ended: how often it ended without being asked to.
    """

    def __init__(
        self, agency: str, directory: Path, log: Path, clock: Path, *, alone: bool = True
    ) -> None:
        super().__init__(agency, directory, log)
        self._alone = alone
        self.wanted = False
        self.ended = 0
        self.fate = ""
        self._clock = clock
        self._log_path = log
        self._folder = directory
        self._not_before = 0.0
        clock.write_text("0")

    @property
    def off_ms(self) -> int:
        """Error of its clock in milliseconds."""
        return int(self._clock.read_text() or 0)

    @off_ms.setter
    def off_ms(self, value: int) -> None:
        # in one write, and never shorter than before: it is read while it is written
        self._clock.write_text(f"{value:<32}")

    def start(self) -> None:
        """Start it, to die when `fate` says so."""
        self.wanted = True
        if self._alone:  # else the file may be of another adapter that works
            with contextlib.suppress(OSError):
                (self._folder / "state" / "http-port").unlink(missing_ok=True)
        command = [sys.executable, "-I", "-S", str(guard.__file__), str(os.getpid())]
        command += [sys.executable, *INJECTED, "adapter", "run"]
        command += ["--agency", str(self._folder), "--settle", str(SETTLE_S), "--json-logs"]
        command += [] if self._alone else ["--instance", self._log_path.stem]
        environment = {**os.environ, "FAULT_CLOCK": str(self._clock), "FAULT_DIE": self.fate}
        environment.setdefault("FAULT_LEASE_MS", str(LEASE_MS))
        self.fate = ""
        with self._log_path.open("ab") as log:
            self._guard = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        self.pid = int(self._guard.stdout.readline() or b"0") or None

    def tend(self) -> None:
        """Start it again if it has ended."""
        if not self.wanted or self.running:
            return
        if self._guard is not None:
            self._reap()
            self.ended += 1
            self._not_before = time.monotonic() + RESTART_S
        if time.monotonic() >= self._not_before:
            self.start()

    def down(self) -> None:
        """Kill it; it stays down until `start`."""
        self.wanted = False
        self.kill()

    def limit_files(self, size: int) -> None:
        """No file that it writes to may grow above so many bytes; -1 takes the limit away."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                soft = resource.RLIM_INFINITY if size < 0 else size
                resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


class SharingAdapters(Supervised):
    """Several adapters of one agency over one state, in the place of one.

    A kill hits one of them, mostly; the fate of the next start is that of all.
    """

    def __init__(self, number: int, agency: str, directory: Path, log: Path, clock: Path) -> None:
        self.members = [
            Supervised(
                agency, directory, log.with_suffix(f".{one}{log.suffix}"), clock, alone=False
            )
            for one in range(number)
        ]
        self._rng = random.Random(agency)
        super().__init__(agency, directory, log, clock, alone=False)

    @property
    def wanted(self) -> bool:
        """Return whether they should run."""
        return self.members[0].wanted

    @wanted.setter
    def wanted(self, value: bool) -> None:
        for one in self.members:
            one.wanted = value

    @property
    def pid(self) -> int | None:
        """Process of one of them, whichever works; None if none runs."""
        found = [one.pid for one in self.members if one.pid is not None]
        return self._rng.choice(found) if found else None

    @pid.setter
    def pid(self, value: int | None) -> None:
        assert value is None

    @property
    def ended(self) -> int:
        """Return how often one of them ended."""
        return sum(one.ended for one in self.members)

    @ended.setter
    def ended(self, value: int) -> None:
        assert value == 0

    @property
    def running(self) -> bool:
        """Return whether one of them runs."""
        return any(one.running for one in self.members)

    def start(self) -> None:
        """Start all."""
        for one in self.members:
            one.fate = self.fate
            one.start()
        self.fate = ""

    def tend(self) -> None:
        """Start each again that has ended."""
        for one in self.members:
            one.fate, self.fate = self.fate or one.fate, ""
            one.tend()

    def kill(self) -> None:
        """Kill one of them, whichever works; or all, once in a while."""
        hit = self.members if self._rng.random() < KILL_ALL else [self._rng.choice(self.members)]
        for one in hit:
            one.kill()

    def down(self) -> None:
        """Kill all; they stay down until `start`."""
        for one in self.members:
            one.down()

    def limit_files(self, size: int) -> None:
        """See `Supervised`."""
        for one in self.members:
            one.limit_files(size)

    def ask_to_stop(self) -> None:
        """Ask all to stop."""
        for one in self.members:
            one.ask_to_stop()

    def stop(self) -> None:
        """Stop all."""
        for one in self.members:
            one.stop()

    def log_lines(self) -> Iterator[dict[str, object]]:
        """Yield the log entries of each, oldest first."""
        for one in self.members:
            yield from one.log_lines()


class FaultStage:
    """Everything that runs.

    Attributes:
        senders: those of its agencies that export.
        mounted: whether each agency's folder is a file system of its own.
        copies: of each agency's database, with when it was made.
        restored: agencies whose database was replaced by a copy.
        undone: entries of disclosure logs that these copies did not have.
        unheard: of who was restored, the time that its own heartbeat must pass when it comes back.
    """

    def __init__(
        self, root: Path, agencies: tuple[str, ...] = AGENCIES, states: States | None = None
    ) -> None:
        self.root = root.absolute()
        self.agencies = agencies
        self.senders = tuple(one for one in agencies if one.startswith(EXPORTING))
        self.states: States = FileStates() if states is None else states
        self.adapters: dict[str, Supervised] = {}
        self.mounted = False
        self.kafka = LocalKafka(self.root / KAFKA_FOLDER, port=_free_port())
        self.copies: dict[str, tuple[Path, float]] = {}
        self.restored: set[str] = set()
        self.undone = 0
        self.unheard: dict[str, int] = {}

    def prepare(self, *, disks: bool) -> None:
        """Make the partnership and start everything."""
        plans = {plan.id: plan for plan in london_agencies()}
        create_partnership(
            self.root,
            now_ms() - AGE_MS,
            agencies=[plans[agency] for agency in self.agencies],
            bootstrap=self.kafka.bootstrap,
        )
        for name in ("logs", "clocks", "copies"):
            (self.root / name).mkdir()
        for agency in self.agencies:
            config = self.folder(agency) / "agency.toml"
            config.write_text(config.read_text() + INTERVALS)
            self.states.prepare(self.folder(agency))
            self.adapters[agency] = self._adapter(agency)
        if disks:
            self._mount()
        self.kafka.start()
        self.provision()
        for adapter in self.adapters.values():
            adapter.start()

    def _adapter(self, agency: str) -> Supervised:
        log, clock = self.root / "logs" / f"{agency}.jsonl", self.root / "clocks" / agency
        if self.states.adapters == 1:
            return Supervised(agency, self.folder(agency), log, clock)
        return SharingAdapters(self.states.adapters, agency, self.folder(agency), log, clock)

    def provision(self) -> None:
        """Topics and rights, as `concordant kafka apply` makes them."""
        contract = self.participant(self.agencies[0]).contract_in_force(now_ms()).contract
        provisioner = Provisioner(self.kafka.connection)
        plan = provisioner.plan(contract.deployment, topic_plans(contract), acl_plans(contract))
        provisioner.apply(plan)

    def folder(self, agency: str) -> Path:
        return self.root / agency

    def database(self, agency: str) -> StatePlace:
        return self.participant(agency).state

    def participant(self, agency: str) -> Participant:
        return load_participant(self.folder(agency), now_ms())

    def tend(self) -> None:
        """Do the work of a service manager: restart what has ended."""
        for adapter in self.adapters.values():
            adapter.tend()

    # --- faults ----------------------------------------------------------------------------------

    def wipe_kafka(self) -> None:
        """Remove the disk of Kafka. Its host starts again with an empty one."""
        self.kafka.kill()
        shutil.rmtree(self.kafka.folder / "data")

    def copy_state(self, agency: str) -> None:
        """Copy the state as a nightly backup does, beside the running adapter."""
        target = self.root / "copies" / f"{agency}.db"
        target.unlink(missing_ok=True)
        made = time.time()  # before: what is put away from now on may not be in the copy
        self.states.copy(self.database(agency), target)
        self.copies[agency] = (target, made)

    def restore_state(self, agency: str) -> float:
        """Put the copy in the place of the database. Returns when it was made."""
        copy, made = self.copies[agency]
        self.restored.add(agency)
        database = self.database(agency)
        self.undone += _log_size(database) - _log_size(copy)
        # its clock may have been ahead: what it stated then is its last heartbeat to everybody
        stated = [self.stated_ms(one, agency) for one in self.agencies]
        self.unheard[agency] = max(now_ms(), *stated)
        self.states.restore(database, copy)
        return made

    def stated_ms(self, reader: str, agency: str) -> int:
        """The time of the last heartbeat of an agency that a reader holds; 0 if it holds none."""
        asked = "SELECT max(heard_ms) FROM heads WHERE agency = :agency"
        return number_in(self.database(reader), asked, agency=agency) or 0

    def export_again(self, agency: str, since: float) -> int:
        """The files that were put away since then go to the watched folder again."""
        folder = self.folder(agency)
        again = [
            f
            for f in (folder / "processed").iterdir()
            if f.stat().st_ctime >= since
            and not f.name.endswith((".left-out.json", ".results.csv"))
        ]
        for file in sorted(again):
            file.rename(folder / "import" / file.name)
        return len(again)

    def fill_disk(self, agency: str) -> None:
        """Nothing more can be written."""
        if not self.mounted:
            self.adapters[agency].limit_files(0)
            return
        with (self.folder(agency) / "ballast").open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def free_disk(self, agency: str) -> None:
        """Somebody made room."""
        (self.folder(agency) / "ballast").unlink(missing_ok=True)
        self.adapters[agency].limit_files(-1)

    # --- the end ---------------------------------------------------------------------------------

    def __enter__(self) -> FaultStage:
        return self

    def __exit__(self, *_: object) -> None:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for adapter in self.adapters.values():
                adapter.wanted = False
                adapter.ask_to_stop()
            for adapter in self.adapters.values():
                adapter.stop()
        finally:
            self.kafka.stop()
            self.states.end()
            if self.mounted:
                self._unmount()
            signal.signal(signal.SIGINT, before)

    def _mount(self) -> None:
        mount = shutil.which("mount")
        if mount is None or os.geteuid() != 0:
            return
        for agency in self.agencies:
            folder = self.folder(agency)
            kept = folder.rename(folder.with_name(f".{agency}"))
            folder.mkdir()
            command = [mount, "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0755", "tmpfs"]
            done = subprocess.run([*command, str(folder)], capture_output=True, check=False)
            if done.returncode:
                folder.rmdir()
                kept.rename(folder)
                return
            shutil.copytree(kept, folder, dirs_exist_ok=True)
            shutil.rmtree(kept)
            self.mounted = True

    def _unmount(self) -> None:
        for agency in self.agencies:
            folder = self.folder(agency)
            kept = folder.with_name(f"{agency}.kept")
            shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("ballast"))
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
            folder.rmdir()
            kept.rename(folder)


def try_to_write(path: Path, content: bytes) -> bool:
    """Drop a file as an agency's system would: under another name first; False if it is full."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        beside.write_bytes(content)
        beside.rename(path)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        beside.unlink(missing_ok=True)
        return False
    return True


def await_condition(
    condition: Callable[[], bool], meanwhile: Callable[[], object], patience_s: float
) -> bool:
    """Wait for a condition. Return False if the time runs out."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        meanwhile()
        time.sleep(0.1)
    return True


def _log_size(place: StatePlace) -> int:
    return number_in(place, "SELECT count(*) FROM disclosures") or 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
