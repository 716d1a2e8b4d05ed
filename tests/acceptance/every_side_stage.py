"""A partnership whose agencies have a different side each, over a real Kafka, with faults."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from adapters.demo.processes import AdapterProcess
from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.config_bus import BusSection
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.operations.event_status import event_status
from broker.store.database import open_store
from broker.transport.local import LocalKafka
from broker.transport.local_settings import KAFKA_FOLDER, free_port
from broker.transport.provisioning import Provisioner
from broker.transport.topics import acl_plans, topic_plans
from contracts.loading import shipped_terms
from contracts.model import Contract
from tests.acceptance.agreed_state import Order, Traffic, agreed_fields
from tests.acceptance.own_servers import ClientSystem, DatabaseSystem, SftpSystem
from tests.acceptance.own_systems import (
    BusSystem,
    FolderSystem,
    HttpSystem,
    OwnSystem,
    WebhookSystem,
)
from tests.support.bus_servers import NatsServer
from tests.support.command_line import run

FOLDER, HTTP, WEBHOOK = "csu-camden", "council-camden", "haven-support"
BUS, DATABASE = "council-lewisham", "cps-london"
SFTP, CLIENT = "csu-lewisham", "lantern-centre"
FILES = (FOLDER, SFTP)
"""Agencies with a format of their own, which has no column for some fields."""
SYSTEMS: Mapping[str, type[OwnSystem]] = {
    FOLDER: FolderSystem,
    HTTP: HttpSystem,
    WEBHOOK: WebhookSystem,
    BUS: BusSystem,
    DATABASE: DatabaseSystem,
    SFTP: SftpSystem,
    CLIENT: ClientSystem,
}
INTERVALS = "\n[intervals]\npoll = 0.2\nrelay = 0.2\nheartbeat = 1.0\nreceipt = 0.5\n"
REPORTS = "report_every: PT1M\n"
"""The shortest interval that an agreement can state."""
PATIENCE_S = 240.0
LOOK_S = 0.1


class Stage:
    """Everything that runs."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.rng = random.Random(seed)
        self.kafka = LocalKafka(root / "p" / KAFKA_FOLDER, port=free_port())
        self.nats = NatsServer(root / "nats")
        self.adapters: dict[str, AdapterProcess] = {}
        self.systems: dict[str, OwnSystem] = {}
        self.kills = 0

    def folder(self, agency: str) -> Path:
        return self.root / "p" / agency

    @cached_property
    def contract(self) -> Contract:
        participant = load_participant(self.folder(HTTP), now_ms())
        return participant.contract_in_force(now_ms()).contract

    # --- begin and end ---------------------------------------------------------------------------

    def start(self) -> None:
        """Make the partnership, and start servers, adapters and systems."""
        create_partnership(
            self.root / "p",
            now_ms() - 3_600_000,
            agencies=[plan for plan in london_agencies() if plan.id in SYSTEMS],
            bootstrap=self.kafka.bootstrap,
            terms=shipped_terms().replace("summary: >-", f"{REPORTS}summary: >-", 1),
        )
        assert self.contract.report_every_ms == 60_000
        self.nats.start()
        for agency, make in SYSTEMS.items():
            self._prepare(agency, make)
        self.kafka.start()
        provisioner = Provisioner(self.kafka.connection)
        plans = topic_plans(self.contract), acl_plans(self.contract)
        provisioner.apply(provisioner.plan(self.contract.deployment, *plans))
        for adapter in self.adapters.values():
            adapter.start()
        for system in self.systems.values():
            system.start()
        self.traffic = Traffic(self.contract, self.rng)

    def _prepare(self, agency: str, make: type[OwnSystem]) -> None:
        folder = self.folder(agency)
        rng = random.Random(self.rng.getrandbits(32))
        system = make(agency, folder, self.contract.vocabulary, rng)
        if isinstance(system, BusSystem):
            system.bus = BusSection.model_validate(self.nats.settings())
        system.prepare()
        config = folder / "agency.toml"
        head, kind, rest = config.read_text().partition("[adapter]\n")
        assert kind
        text = f"{head}{kind}{system.settings()}{rest}{system.sections()}{INTERVALS}"
        config.write_text(text)
        self.systems[agency] = system
        self.adapters[agency] = AdapterProcess(agency, folder, self.root / f"{agency}.jsonl")

    def stop(self) -> None:
        """Stop everything."""
        for system in self.systems.values():
            with suppress(Exception):
                system.stop()
        for adapter in self.adapters.values():
            adapter.ask_to_stop()
        for adapter in self.adapters.values():
            adapter.stop()
        self.kafka.stop()
        self.nats.kill()

    # --- what happens ----------------------------------------------------------------------------

    def send(self, orders: list[Order]) -> None:
        """Let the systems send events."""
        for order in orders:
            self.systems[order.sender].send([order])

    def round(self) -> None:
        """One case of each agency, all sent at once."""
        for agency in SYSTEMS:
            self.send(self.traffic.case(agency))

    def tend(self) -> None:
        """Restart adapters that have ended, as a service manager does."""
        for adapter in self.adapters.values():
            if not adapter.running:
                adapter.stop()
                adapter.start()

    def until(self, seen: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait for a condition."""
        ends = time.monotonic() + patience_s
        while not seen():
            self.tend()
            assert time.monotonic() < ends, f"{what}\n{self.shown()}"
            time.sleep(LOOK_S)

    def imports(self) -> int:
        return sum(len(system.imported) for system in self.systems.values())

    def after_some_imports(self) -> None:
        """Wait until a few more events were imported somewhere; few enough to be in the middle."""
        least = self.imports() + self.rng.randint(1, 4)
        self.until(lambda: self.imports() >= least or not self.lacking(), "nothing was imported")

    def kill(self, agency: str) -> None:
        """Kill an adapter in the middle of the traffic."""
        self.round()
        self.after_some_imports()
        self.adapters[agency].kill()
        self.kills += 1

    def restart_kafka(self) -> None:
        self.round()
        self.after_some_imports()
        self.kafka.kill()
        self.round()  # accepted while Kafka is away
        self.kafka.start()

    def restart_nats(self) -> None:
        with self._away(BUS, self.nats.kill, self.nats.start):
            pass

    def webhook_down(self) -> None:
        system = self.systems[WEBHOOK]
        assert isinstance(system, WebhookSystem)
        with self._away(WEBHOOK, system.go_down, system.come_up):
            self.adapters[WEBHOOK].kill()
            self.kills += 1

    def database_crashes(self) -> None:
        system = self.systems[DATABASE]
        assert isinstance(system, DatabaseSystem)
        crash = partial(system.server.stop, signal.SIGQUIT)
        with self._away(DATABASE, crash, system.server.start):
            pass

    def sftp_down(self) -> None:
        system = self.systems[SFTP]
        assert isinstance(system, SftpSystem)
        with self._away(SFTP, system.go_down, system.come_up):
            self.adapters[SFTP].kill()
            self.kills += 1

    @contextmanager
    def _away(
        self, agency: str, down: Callable[[], object], up: Callable[[], object]
    ) -> Iterator[None]:
        """Take an agency's own server away until an event waits for it."""
        self.round()
        self.after_some_imports()
        down()
        self.send(self.traffic.updates(HTTP, [agency]))
        self.until(lambda: self.undelivered(agency) > 0, f"nothing waits for {agency}")
        yield
        up()

    # --- what is there ---------------------------------------------------------------------------

    @contextmanager
    def reading(self, agency: str) -> Iterator[Any]:
        store = open_store(self.folder(agency) / "state/concordant.db")
        try:
            with store.reading() as tx:
                yield tx
        finally:
            store.close()

    def undelivered(self, agency: str) -> int:
        with self.reading(agency) as tx:
            return int(tx.inbox.counts().undelivered)

    def command(self, agency: str, *arguments: str) -> Any:
        """Answer of a command as JSON."""
        done = run(*arguments, "--agency", self.folder(agency), "--json")
        assert done.code in (0, 1, 4), (agency, arguments, done.err)
        return done.json

    def accepted(self) -> list[tuple[Order, str]]:
        """Every accepted event, with its id."""
        return [
            (order, answer.id)
            for order in self.traffic.orders
            if (answer := self.systems[order.sender].answers.get(order.marker)) and answer.id
        ]

    def owed(self, *, final: bool) -> dict[str, dict[str, Order]]:
        """Agency -> the events that it must hold: id -> order.

        Args:
            final: also those that a system takes only after a correction, and the ones behind them.
        """
        found: dict[str, dict[str, Order]] = {agency: {} for agency in SYSTEMS}
        for order, event_id in self.accepted():
            for reader in order.recipients:
                if reader in (self.traffic.rejected.get(order.case), self.discarded_by(order)):
                    continue
                if not final and self.traffic.rejected_first.get(order.case) == reader:
                    continue
                found[reader][event_id] = order
        return found

    def discarded_by(self, order: Order) -> str | None:
        """Return the recipient at which a person discards the event, or None."""
        return self.traffic.discarded.get(order.case)

    def agreed(self, order: Order, reader: str) -> dict[str, Any]:
        """Fields of an event that a reader must have, no more and no less."""
        flat = self.systems[order.sender].as_sent.get(order.marker, order.flat)
        return agreed_fields(self.contract, order, reader, flat)

    def sayable(self, event_type: str, flat: Mapping[str, Any]) -> dict[str, Any]:
        """Return the leaves for which the files' own format has a column."""
        system = self.systems[FOLDER]
        assert isinstance(system, FolderSystem)
        document = system.desk.mapping.document
        paths = {path for _, path in document.columns_of(event_type)} | {"case_id", "referral_id"}
        return {path: value for path, value in flat.items() if path in paths}

    def unanswered(self) -> list[Order]:
        return [
            order
            for order in self.traffic.orders
            if order.marker not in self.systems[order.sender].answers
        ]

    def lacking(self, *, final: bool = False) -> list[str]:
        """Return one line for each answer or event that is not there yet."""
        lines = [f"{order.sender}: no answer to {order.marker}" for order in self.unanswered()]
        for reader, events in self.owed(final=final).items():
            held = self.systems[reader].imported
            lines += [
                f"{reader} lacks {event_id}, {order.type} of {order.sender}"
                for event_id, order in events.items()
                if event_id not in held
            ]
        return lines

    def states(self, agency: str) -> dict[str, dict[str, str]]:
        """Event id -> recipient -> state, for every accepted event of an agency."""
        deployment, now = self.contract.deployment, now_ms()
        found: dict[str, dict[str, str]] = {}
        with self.reading(agency) as tx:
            for order, event_id in self.accepted():
                if order.sender == agency:
                    status = event_status(tx, deployment, agency, event_id, now)
                    assert status is not None, event_id
                    found[event_id] = {one.agency: one.state for one in status.recipients}
        return found

    def ends(self, agency: str) -> dict[str, dict[str, str]]:
        """Event id -> recipient -> the state in which each accepted event of an agency must end."""
        found: dict[str, dict[str, str]] = {}
        for order, event_id in self.accepted():
            if order.sender == agency:
                others = {
                    self.traffic.rejected.get(order.case): "put_aside",
                    self.discarded_by(order): "refused",
                }
                found[event_id] = {to: others.get(to, "delivered") for to in order.recipients}
        return found

    def reported(self) -> bool:
        """Return whether every recipient's last decision has come back to the sender.

        An event that was put aside and then taken needs two reports.
        """
        return all(self.states(agency) == self.ends(agency) for agency in SYSTEMS)

    def shown(self) -> str:
        """Return the lines that a person needs to find a fault."""
        lines = [f"kills: {self.kills}", *self.lacking()[:40]]
        for agency in SYSTEMS:
            states = self.states(agency)
            lines += [
                f"{agency}: {event_id} is {states.get(event_id)}, must be {end}"
                for event_id, end in self.ends(agency).items()
                if states.get(event_id) != end
            ][:5]
        for agency, system in self.systems.items():
            lines += system.faults[:5]
            with suppress(Exception), self.reading(agency) as tx:
                lines.append(f"{agency}: {tx.inbox.counts()} {tx.outbox.counts()}")
            log = self.root / f"{agency}.jsonl"
            if log.exists():
                warned = [x for x in log.read_text().splitlines() if '"level": "info"' not in x]
                lines += [f"{agency}: {line[:400]}" for line in warned[-6:]]
        return "\n".join(lines)


def kafka_holds(folder: Path, word: bytes) -> list[str]:
    """Return the segments on Kafka's disk that hold a word in clear."""
    return [str(one) for one in folder.glob("data/*/*.log") if word in one.read_bytes()]
