"""Stage of the demo: a partnership in a folder, a Kafka, and one adapter process per agency.

No process remains when the ``with`` block ends, whatever the reason.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final

from adapters.demo.derivation import DerivedKeys
from adapters.demo.processes import AdapterProcess
from adapters.demo.sample_listings import place_listings, publish_listings
from adapters.trial_agencies import CONTRACT, london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import Participant, load_participant
from broker.clock import now_ms
from broker.errors import ConfigError, TransportError
from broker.transport.certificates import OPERATOR_NAME
from broker.transport.connection import KafkaConnection, TlsFiles
from broker.transport.local import LocalKafka, Phase
from broker.transport.local_settings import KAFKA_FOLDER, free_port
from broker.transport.provisioning import Change, Provisioner
from broker.transport.topics import acl_plans, topic_plans
from contracts.loading import shipped_terms
from contracts.model import Contract

START_S: Final = 60.0
INTERVALS: Final = """
[intervals]  # short, so that the demo need not wait for minutes
heartbeat = 3.0
receipt = 3.0
"""
_URGENT: Final = "urgent_acknowledge_within: PT4H"
_URGENT_IN_DEMO: Final = "urgent_acknowledge_within: PT1M"
CSV_COUNCIL: Final = "council-lewisham"

Progress = Callable[[str], None]


def demo_terms() -> str:
    """Return the shipped terms, with one minute to acknowledge an urgent referral.

    All parties of the demo sign this text. A referral without an acknowledgement becomes overdue
    before the demo ends, and no clock has to be changed.
    """
    terms = shipped_terms(CONTRACT)
    assert terms.count(_URGENT) == 1
    return terms.replace(_URGENT, _URGENT_IN_DEMO)


class Stage:
    """Everything that runs.

    Attributes:
        root: the folder that stays.
        agencies: their ids.
        kafka: the Kafka that the demo starts and stops; None when an existing one is used.
        adapters: by agency.
    """

    def __init__(
        self, root: Path, address: str | None, progress: Progress, *, intervals: str = INTERVALS
    ) -> None:
        """Describe the stage; nothing is made before ``prepare``.

        Args:
            root: absent or empty; with ``address``, what ``concordant quickstart`` made there.
            address: ``host:port`` of a Kafka that runs already, with the identities in ``root``.
            progress: called with the current activity.
            intervals: section of `agency.toml`; empty for those that the agreement states.
        """
        self.root = root.absolute()
        self._address = address
        self._progress = progress
        self._intervals = intervals
        self.agencies: tuple[str, ...] = tuple(plan.id for plan in london_agencies())
        self.kafka: LocalKafka | None = None
        self.adapters: dict[str, AdapterProcess] = {}
        self._derive = DerivedKeys()
        self._beside = ThreadPoolExecutor(1)
        self._starting: Future[None] | None = None

    # --- set-up -----------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the partnership; all seven parties have signed its contract when this returns.

        The demo's Kafka starts meanwhile; ``start_kafka`` waits for it.

        Raises:
            ConfigError: the folder is not empty, or it holds no partnership for the existing Kafka.
        """
        if self._address is not None:
            self._require_partnership()
        else:
            folder = self.root / KAFKA_FOLDER
            self.kafka = LocalKafka(folder, port=free_port(), progress=self._kafka_progress)
            create_partnership(
                self.root,
                now_ms(),
                bootstrap=self.kafka.bootstrap,
                terms=demo_terms(),
                derive=self._derive,
                hosted=self._begin_kafka,
            )
        for agency in self.agencies:
            config = self.directory(agency) / "agency.toml"
            text = config.read_text()
            if "[intervals]" not in text:
                text += self._intervals
            if self._address is not None:
                text = _bootstrapped(text, self._address)
            if agency == CSV_COUNCIL:  # the other form of a council's records
                text = text.replace('kind = "council"\n', 'kind = "council-csv"\n')
            config.write_text(text)
        logs = self.root / "logs"
        logs.mkdir(exist_ok=True)
        self.adapters = {
            agency: AdapterProcess(agency, self.directory(agency), logs / f"{agency}.jsonl")
            for agency in self.agencies
        }

    def publish_listings(self) -> None:
        """Publish what each agency offers, before its adapter starts and sends it."""
        place_listings(self.root, self.agencies)
        publish_listings(self.root, self.agencies, now_ms())

    def _require_partnership(self) -> None:
        needed = [KAFKA_FOLDER, *self.agencies]
        if not all((self.root / name).is_dir() for name in needed):
            raise ConfigError(
                "This folder holds no partnership that the existing Kafka can know.",
                code="partnership_missing",
                where=str(self.root),
                fix="Make it with: concordant quickstart DIR; start that Kafka with the files of "
                "DIR/kafka; then: concordant demo --keep DIR --kafka HOST:PORT",
            )

    def _kafka_progress(self, phase: Phase, detail: str) -> None:
        self._progress(f"Kafka: {phase.value} ({detail})")

    def directory(self, agency: str) -> Path:
        """Return an agency's folder."""
        return self.root / agency

    def participant(self, agency: str) -> Participant:
        """Load and verify an agency's folder again."""
        return load_participant(self.directory(agency), now_ms(), derive=self._derive)

    def participants(self) -> dict[str, Participant]:
        """Load and verify the folders of all agencies."""
        return {agency: self.participant(agency) for agency in self.agencies}

    def contract(self) -> Contract:
        """Return the contract in force, as the first agency verifies it."""
        return self.participant(self.agencies[0]).contract_in_force(now_ms()).contract

    # --- Kafka -----------------------------------------------------------------------------------

    @property
    def operator(self) -> KafkaConnection:
        """Return the connection of the Kafka operator."""
        if self.kafka is not None:
            return self.kafka.connection
        assert self._address is not None
        tls = TlsFiles.in_folder(self.root / KAFKA_FOLDER / "tls")
        return KafkaConnection(self._address, tls, OPERATOR_NAME)

    def _begin_kafka(self) -> None:
        if self.kafka is not None:
            self._starting = self._beside.submit(self.kafka.start)

    def start_kafka(self) -> None:
        """Wait until the demo's Kafka has started; do nothing when an existing one is used.

        Raises:
            TransportError: it cannot be started.
        """
        if self._starting is not None:
            self._starting.result()

    def provision(self) -> tuple[Change, ...]:
        """Create topics and rights from the contract. Returns the changes."""
        contract = self.contract()
        provisioner = Provisioner(self.operator)
        changes = provisioner.plan(contract.deployment, topic_plans(contract), acl_plans(contract))
        provisioner.apply(changes)
        return changes

    # --- adapters --------------------------------------------------------------------------------

    def start_adapters(self, *first: str) -> None:
        """Start all adapters.

        Args:
            first: agencies whose adapters start before the others. It waits until these are ready;
                for all agencies if none is named.

        Raises:
            TransportError: ``adapter_not_ready``.
        """
        awaited = first or self.agencies
        for agency in awaited:
            self.adapters[agency].start()
        self.await_adapters(*awaited)
        for agency in self.agencies:
            if agency not in awaited:
                self.adapters[agency].start()

    def await_adapters(self, *agencies: str) -> None:
        """Wait until adapters that were started are ready.

        Raises:
            TransportError: ``adapter_not_ready``.
        """
        deadline = time.monotonic() + START_S
        waiting = set(agencies)
        while waiting:
            waiting = {agency for agency in waiting if not self.adapters[agency].ready()}
            dead = next((a for a in waiting if not self.adapters[a].running), None)
            if dead is not None or (waiting and time.monotonic() > deadline):
                agency = dead or min(waiting)
                raise TransportError(
                    f"The adapter of {agency} is not ready",
                    code="adapter_not_ready",
                    where=str(self.root / "logs" / f"{agency}.jsonl"),
                    fix="Read its log.",
                )
            if waiting:
                time.sleep(0.1)

    def stop_adapters(self) -> None:
        """Stop all adapters in an orderly way."""
        for adapter in self.adapters.values():
            adapter.ask_to_stop()
        for adapter in self.adapters.values():
            adapter.stop()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _no_interruption():
            try:
                self.stop_adapters()
            finally:
                self._beside.shutdown()  # a Kafka that is still starting could not be stopped
                if self.kafka is not None:
                    self.kafka.stop()


@contextlib.contextmanager
def _no_interruption() -> Iterator[None]:
    """Ignore a second Ctrl-C, which would leave half of the processes running."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _bootstrapped(text: str, address: str) -> str:
    lines = [
        f'bootstrap = "{address}"' if line.startswith("bootstrap = ") else line
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n"
