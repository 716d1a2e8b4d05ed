"""World of a rehearsal: a partnership with throw-away keys, and its Kafka.

The deployment's name begins with `sandbox-`. So its records, keys and topics differ from real ones.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from adapters.sandbox.copied_settings import SHORT, copy_settings, format_toml
from adapters.sandbox.rehearsed_agreement import VOCABULARY_END, RehearsedAgreement
from adapters.trial_agencies import AgencyPlan
from adapters.trial_partnership import create_partnership
from broker.agency.config import load_config
from broker.agency.kinds import declared_kinds, own_documents
from broker.agency.participant import Participant, load_participant
from broker.keys.durable import make_private_folder
from broker.transport.interfaces import Transport
from broker.transport.kafka import KafkaTransport
from broker.transport.local import LocalKafka, Phase
from broker.transport.local_settings import KAFKA_FOLDER, free_port
from broker.transport.memory import MemoryKafka, MemoryTransport
from broker.transport.provisioning import Provisioner
from broker.transport.topics import acl_plans, inbox_group, topic_plans
from contracts.loading import DOCUMENTS_FOLDER
from contracts.model import Contract

PREFIX: Final = "sandbox-"
KafkaKind: TypeAlias = Literal["memory", "local"]


class SandboxKafka(Protocol):
    """The Kafka of a rehearsal."""

    def start(self, contract: Contract) -> None:
        """Start it, with the topics and rights of an agreement.

        Raises:
            TransportError: it cannot be started.
        """

    def transport(self, participant: Participant) -> Transport:
        """Return the connection of one agency."""

    def stop(self) -> None:
        """Stop it; a second call does no harm."""


@dataclass(slots=True)
class InMemory:
    """Kafka in this process, with the rights of the agreement."""

    kafka: MemoryKafka = field(default_factory=MemoryKafka)

    def start(self, contract: Contract) -> None:
        """See ``SandboxKafka.start``."""
        self.kafka = MemoryKafka.of_agreement(contract)

    def transport(self, participant: Participant) -> Transport:
        """See ``SandboxKafka.transport``."""
        return MemoryTransport(self.kafka, participant.agency)

    def stop(self) -> None:
        """See ``SandboxKafka.stop``."""


@dataclass(slots=True)
class OnThisMachine:
    """A real Kafka that this process starts and stops."""

    local: LocalKafka

    def start(self, contract: Contract) -> None:
        """See ``SandboxKafka.start``."""
        self.local.start()
        provisioner = Provisioner(self.local.connection)
        plan = provisioner.plan(contract.deployment, topic_plans(contract), acl_plans(contract))
        provisioner.apply(plan)

    def transport(self, participant: Participant) -> Transport:
        """See ``SandboxKafka.transport``."""
        return KafkaTransport(
            participant.kafka_connection(),
            group=inbox_group(participant.deployment, participant.agency),
        )

    def stop(self) -> None:
        """See ``SandboxKafka.stop``."""
        self.local.stop()


@dataclass(frozen=True, slots=True)
class SandboxWorld:
    """The partnership of a rehearsal.

    Attributes:
        root: holds one folder for each agency.
        agency: the rehearsed agency.
        partners: ids of the simulated partners.
        kafka: its Kafka, not started yet.
        notes: differences to the agency's own settings.
        found_in: where the agreement was read whose terms are rehearsed.
    """

    root: Path
    agency: str
    partners: tuple[str, ...]
    kafka: SandboxKafka
    notes: tuple[str, ...]
    found_in: str

    def participant(self, agency: str, now: int) -> Participant:
        """Load the folder of an agency of the rehearsal."""
        return load_participant(self.root / agency, now)


def make_world(
    directory: Path,
    agreement: RehearsedAgreement,
    root: Path,
    now: int,
    *,
    kafka: KafkaKind = "memory",
    progress: Callable[[str], None] = lambda _text: None,
) -> SandboxWorld:
    """Found the partnership of a rehearsal.

    Args:
        directory: the agency's own folder; it is only read.
        agreement: terms and parties.
        root: a folder that is absent or empty.
        now: milliseconds since the epoch.
        kafka: `memory`, or `local` for a real one on this machine.
        progress: called with what is being done.

    Raises:
        ConfigError: the folder is not empty, or the agency's settings cannot be used.
    """
    config = load_config(directory)
    used: SandboxKafka = InMemory()
    bootstrap = "localhost:9092"  # no process of a rehearsal in memory connects to it
    if kafka == "local":
        started = LocalKafka(
            root / KAFKA_FOLDER, port=free_port(), progress=_kafka_progress(progress)
        )
        used, bootstrap = OnThisMachine(started), started.bootstrap
    # founding checks that the kind is installed; the agency's own settings then replace it, and no
    # adapter of this kind runs for a partner
    kind = next(iter(declared_kinds()), config.adapter.kind)
    plans = [
        AgencyPlan(
            str(party["id"]),
            kind,
            config.partners if party["id"] == agreement.agency else {},
            party,
        )
        for party in agreement.parties
    ]
    progress(f"making throw-away keys for {len(plans)} agencies")
    create_partnership(
        root,
        now,
        agencies=plans,
        deployment=deployment_of(agreement),
        bootstrap=bootstrap,
        terms=agreement.terms,
        vocabulary=agreement.contract.vocabulary,
        documents=agreement.documents,
    )
    copied = copy_settings(directory, root / agreement.agency)
    _copy_vocabularies(directory, agreement, root / agreement.agency)
    for partner in agreement.partners:
        with (root / partner / "agency.toml").open("a") as settings:
            settings.write(format_toml({"intervals": SHORT}))
    unknown = sorted(set(config.partners.values()) - set(agreement.partners))
    notes = copied.notes + tuple(
        f"agency.toml names the partner {partner}, which is no party of the agreement."
        for partner in unknown
    )
    return SandboxWorld(root, agreement.agency, agreement.partners, used, notes, agreement.found_in)


def _copy_vocabularies(directory: Path, agreement: RehearsedAgreement, sandbox: Path) -> None:
    """Copy own vocabularies beside the agreement, because the mapping names them by file name."""
    folders = (*agreement.documents.folders, *own_documents(directory).folders)
    for folder in folders:
        for path in sorted(folder.glob(f"*{VOCABULARY_END}")):
            target = sandbox / DOCUMENTS_FOLDER / path.name
            if not target.exists():
                make_private_folder(target.parent)
                shutil.copyfile(path, target)


def deployment_of(agreement: RehearsedAgreement) -> str:
    """Return the name of the rehearsal's deployment, which no real partnership has."""
    own = re.sub(r"[^a-z0-9-]", "-", agreement.contract.name)
    return f"{PREFIX}{own}"[:60].rstrip("-")


def _kafka_progress(progress: Callable[[str], None]) -> Callable[[Phase, str], None]:
    def told(phase: Phase, detail: str) -> None:
        progress(f"Kafka: {phase.value} ({detail})")

    return told
