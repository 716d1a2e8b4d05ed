"""Composition of a running adapter: every part, and what it is connected to.

Read from top to bottom: ``connect_broker`` makes the parts that send, the parts that take what
Kafka brings and the loops around them; ``connect_adapter`` adds the agency's own system on both
sides. No part receives more than it uses, and nothing is connected afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from adapters.base import AgencySystem
from adapters.catalogue import adapter_named
from adapters.delivery import Delivery
from adapters.intake import Intake, Publication
from adapters.retention import FolderRetention
from adapters.sinks.folder_sink import FolderSink
from adapters.sources.source_file import FileReport
from adapters.sources.watched_folder import FolderSource
from broker.agency.participant import LoadedAgency, Participant
from broker.control.control import Control
from broker.control.own_statements import OwnStatements, SigningKeys
from broker.control.watch import Watch
from broker.judging.key_resolver import TrustStore
from broker.observing.health import HealthServer, Readiness, health_app
from broker.observing.logs import dropped_values, logger
from broker.observing.metrics import Metrics
from broker.receiving.position_guard import PositionGuard
from broker.receiving.receiving import Receiving
from broker.sending.publishing import Publisher
from broker.sending.relay import Relay
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from broker.sending.streams import StreamOwner
from broker.service.arrivals import Arrivals
from broker.service.reading import Inbound, Reader
from broker.service.relaying import Relaying
from broker.service.replaying import Replaying
from broker.service.reporting import Status
from broker.service.service import BrokerService, Parts
from broker.store.database import Store
from broker.transport.interfaces import Transport


@dataclass(frozen=True, slots=True)
class Outside:
    """Resources of a process. Only the functions of this module receive it as a whole.

    Attributes:
        store: the agency's state.
        transport: Kafka.
        clock: () -> ms since the epoch; steady (``broker.clock``).
        metrics, readiness: status of the adapter.
    """

    store: Store
    transport: Transport
    clock: Callable[[], int]
    metrics: Metrics
    readiness: Readiness


def connect_broker(
    participant: Participant, outside: Outside, on_retry: Callable[[], None]
) -> BrokerService:
    """Connect everything of an adapter that is not the agency's own system.

    Args:
        participant: the agency, loaded and verified.
        outside: what the process brings along.
        on_retry: called when a person asked to try again what waits.
    """
    store, transport, clock = outside.store, outside.transport, outside.clock
    metrics = outside.metrics
    with store.reading() as tx:
        metrics.restore(tx)
    status = Status(metrics, participant.config.intervals.heartbeat)
    outside.readiness.add("kafka", status.kafka)

    # The agency: what it is, what it believes, and with which keys it signs and opens.
    loaded = LoadedAgency(participant)
    owner = StreamOwner(participant.deployment, participant.agency)
    secret = participant.keyring.secret()
    contracts, manifests = participant.contracts, participant.manifests
    trust = TrustStore(participant.agency, contracts, manifests, participant.keyring)
    signing = SigningKeys(loaded, clock)

    # Sending: an event is decided and sealed, waits in the outbox, and is signed and sent.
    sealing = SealingContext(contracts, manifests)
    sealer = EventSealer(*owner, secret, sealing.contract_in_force, sealing.exchange_key)
    publisher = Publisher(sealer)
    relay = Relay(owner, store, transport, signing.stream_cosigner, clock)
    statements = OwnStatements(signing, store, transport, clock, metrics.notices_left_out)
    relaying = Relaying(relay, trust, statements, status)

    # Receiving: control records change what is believed, data records are judged by it.
    control = Control(trust, participant.repository, store)
    inbound = Inbound(control, Receiving(store, trust, secret), PositionGuard(store, transport))
    watch = Watch(loaded, store, clock, metrics, trust)
    arrivals = Arrivals(relay, statements, watch, sealing, status)
    reader = Reader(transport, inbound, control.topics.names, arrivals, clock)
    replaying = Replaying(relay, control, clock)

    parts = Parts(
        publisher, relay, relaying, replaying, control, reader, arrivals, statements, watch
    )
    return BrokerService(loaded, parts, status, clock, on_retry)


@dataclass(frozen=True, slots=True)
class Adapter:
    """The parts of an adapter that ``adapters/runner.py`` starts and stops.

    Attributes:
        broker: everything that is not the agency's own system.
        source, intake: take the agency's exports.
        delivery: writes what came for the agency.
        retention: removes files that have had their time.
        server: answers supervisors and monitoring.
    """

    broker: BrokerService
    source: FolderSource
    intake: Intake
    delivery: Delivery
    retention: FolderRetention
    server: HealthServer


def connect_adapter(participant: Participant, outside: Outside, settle_s: float) -> Adapter:
    """Connect an agency's own system, by its folders, with the broker.

    Args:
        participant: the agency, loaded and verified.
        outside: what the process brings along.
        settle_s: seconds without a change after which an export counts as complete.
    """
    store, clock, metrics = outside.store, outside.clock, outside.metrics
    config, folders = participant.config, participant.config.folders
    system = AgencySystem(
        adapter_named(config.adapter.kind),
        participant.agency,
        config.partners,
        config.adapter.encoding,
        leave_out=config.intake.ungranted_fields == "leave_out",
    )
    source = FolderSource(
        participant.path(folders.import_),
        processed=participant.path(folders.processed),
        quarantine=participant.path(folders.quarantine),
        suffixes=system.adapter.suffixes,
        report=partial(report_file, metrics),
        settle_s=settle_s,
        poll_s=config.intervals.poll,
    )
    outside.readiness.add("import", source.trouble)
    broker = connect_broker(participant, outside, source.retry_now)
    publication = Publication(broker.parts.publisher, broker.published)
    return Adapter(
        broker,
        source,
        Intake(system, store, publication, metrics, clock),
        Delivery(system, store, FolderSink(participant.path(folders.inbox)), clock),
        FolderRetention(participant.root, store, metrics, clock),
        HealthServer(
            health_app(outside.readiness, partial(_exposed, metrics, outside.readiness)),
            host=config.http.host,
            port=config.http.port,
        ),
    )


def report_file(metrics: Metrics, report: FileReport) -> None:
    """Log the outcome of a file by its hash, and count a file that is refused as a whole.

    The name is not logged, because a file name may be a person's name.
    """
    if report.status == "quarantined":
        metrics.item_refused(report.code)
    logger("source").info(
        "file_put_away", status=report.status, code=report.code, refused=report.rows
    )


def _exposed(metrics: Metrics, readiness: Readiness) -> bytes:
    """Return the answer of /metrics."""
    metrics.log_values_dropped(dropped_values())
    metrics.ready(readiness.reasons())
    return metrics.text()
