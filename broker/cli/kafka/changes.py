"""Behind ``kafka plan`` and ``kafka apply``: Kafka beside what the contracts in force say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from broker.agency.participant import Participant, load_participant
from broker.cli.kafka.local import agencies_of, kafka_folder
from broker.errors import RegistryError, TransportError
from broker.transport.certificates import OPERATOR_NAME, read_certificate
from broker.transport.connection import KafkaConnection, TlsFiles
from broker.transport.provisioning import Change, Provisioner
from broker.transport.topics import AclPlan, TopicPlan, acl_plans, topic_plans
from contracts.model import Contract


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One line of a plan; `note` is the action of a line that changes nothing."""

    change: Change

    @property
    def effective(self) -> bool:
        """Whether Kafka would be changed."""
        return self.change.action != "note"

    def __str__(self) -> str:
        return str(self.change)

    def as_json(self) -> dict[str, object]:
        """For scripts."""
        return {
            "action": self.change.action,
            "subject": self.change.subject,
            "detail": self.change.detail,
        }


class Administration:
    """Kafka as its operator sees it, and what it should be."""

    def __init__(
        self,
        root: Path | None,
        agency: Path | None,
        tls: Path | None,
        bootstrap: str | None,
        now: int,
    ) -> None:
        """Load the contracts in force.

        Args:
            root: a try-out partnership's folder.
            agency: or an agency's folder.
            tls: the operator's TLS identity; a partnership's folder has one.
            bootstrap: Kafka's address, if it is not the one in `agency.toml`.
            now: milliseconds since the epoch.

        Raises:
            typer.BadParameter: exit code 2.
            ConcordantError: the folder cannot be loaded, or no contract is in force.
        """
        if (root is None) == (agency is None):
            raise typer.BadParameter("give either --root DIR or --agency DIR")
        if root is None and tls is None:
            raise typer.BadParameter("--agency goes with --tls DIR, the operator's identity")
        directory = agency if agency is not None else agencies_of(root or Path())[0]
        participant = load_participant(directory, now)
        files = TlsFiles.in_folder(tls if tls is not None else kafka_folder(root or Path()) / "tls")
        self._deployment = participant.deployment
        self._connection = KafkaConnection(
            bootstrap or participant.config.kafka.bootstrap, files, _common_name(files)
        )
        self._topics, self._rights = wanted(participant, now)
        self._changes: tuple[Change, ...] = ()
        self._provisioner: Provisioner | None = None

    def plan(self) -> list[PlannedChange]:
        """What would have to change.

        Raises:
            TransportError: `kafka_unreachable`, `kafka_refused`, `kafka_conflict` or
                `certificate_unreadable`.
        """
        self._provisioner = Provisioner(self._connection)
        self._changes = self._provisioner.plan(self._deployment, self._topics, self._rights)
        return [PlannedChange(change) for change in self._changes]

    def apply(self, replication: int) -> None:
        """Make the changes of the last plan.

        Raises:
            TransportError: what was done before stays done.
        """
        assert self._provisioner is not None, "plan comes first"
        if any(change.action != "note" for change in self._changes):
            self._provisioner.apply(self._changes, replication=replication)


def wanted(participant: Participant, now: int) -> tuple[tuple[TopicPlan, ...], tuple[AclPlan, ...]]:
    """Topics and rights of every contract that is in force, together.

    Raises:
        RegistryError: no contract is in force.
    """
    topics: dict[str, TopicPlan] = {}
    rights: set[AclPlan] = set()
    for contract in _in_force(participant, now):
        for topic in topic_plans(contract):
            known = topics.get(topic.name)  # control topics are shared: the longest life counts
            if known is None or known.retention_ms < topic.retention_ms:
                topics[topic.name] = topic
        left = participant.manifests.departures(contract.name, contract.version)
        rights |= set(
            acl_plans(
                contract,
                _principals(participant, contract),
                without=frozenset(one.agency for one in left if one.state == "left"),
            )
        )
    return tuple(topics.values()), tuple(sorted(rights))


def _in_force(participant: Participant, now: int) -> Sequence[Contract]:
    names = sorted({signed.contract.name for signed in participant.contracts.all()})
    found: list[Contract] = []
    problem: RegistryError | None = None
    for name in names:
        try:
            found.append(participant.contract(now, name).contract)
        except RegistryError as error:
            problem = problem or error
    if not found:
        raise problem or RegistryError("There is no contract.", code="contract_missing")
    return found


def _common_name(files: TlsFiles) -> str:
    """Who we are to Kafka, for its messages; what is wrong with the files is said on connecting."""
    try:
        return read_certificate(files.certificate.read_bytes()).common_name
    except (OSError, TransportError):
        return OPERATOR_NAME


def _principals(participant: Participant, contract: Contract) -> dict[str, str]:
    principals: dict[str, str] = {}
    for party in contract.parties:
        manifest = participant.manifests.newest(party.id)
        if manifest is not None:
            principals[party.id] = manifest.tls_principal
    return principals
