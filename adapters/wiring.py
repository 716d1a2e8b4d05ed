"""Construction of a running adapter: all objects and their connections (dependency injection).

``connect_broker`` creates the objects that send, receive and run the loops. ``connect_adapter``
adds the objects that read exports and write received events. An object receives only the objects
that it uses. All connections are made in this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from adapters.base import AgencySystem
from adapters.catalogue import adapter_of
from adapters.mapped import OwnMapping
from adapters.retention import FolderRetention
from adapters.side_faults import SideFaultRecord
from adapters.sides import SideParts, SinkLoop, SourceLoop, sink_named, source_named
from broker.agency.participant import LoadedAgency, Participant
from broker.control.control import Control, Takers
from broker.control.counts_publisher import CountsPublisher
from broker.control.counts_taken import CountsReceiver
from broker.control.named_manifests import awaited_manifests
from broker.control.own_listing import OwnListing
from broker.control.own_reports import OwnReports
from broker.control.own_statements import OwnStatements, SigningKeys
from broker.control.own_unions import OwnUnions
from broker.control.ping_answers import PingAnswers
from broker.control.statement_sender import StatementSender
from broker.control.unions_taken import UnionsTaken
from broker.control.watch import Watch
from broker.judging.key_resolver import TrustStore
from broker.observing.health import Check, HealthServer, Readiness, health_app
from broker.observing.logs import dropped_values
from broker.observing.metrics import Metrics
from broker.observing.side_faults import Side
from broker.operations.agreement_exchange import AgreementExchange
from broker.receiving.position_guard import PositionGuard
from broker.receiving.receiving import Receiving
from broker.sending.copies import CopyRelease
from broker.sending.publishing import Publisher
from broker.sending.relay import Relay, StreamSigning
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from broker.sending.streams import StreamOwner
from broker.service.arrivals import Arrivals
from broker.service.reading import Inbound, Reader
from broker.service.relaying import Relaying
from broker.service.replaying import Replaying
from broker.service.reporting import ServiceStatus
from broker.service.service import BrokerService, Parts
from broker.store.changes import StoreChanges
from broker.store.database import Store
from broker.transport.interfaces import Transport

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint
    from adapters.http_api.server import ApiServer
    from adapters.notices.connected import NoticeLoop


@dataclass(frozen=True, slots=True)
class Outside:
    """Resources of a process: database, Kafka, clock and monitoring.

    `adapters/runner.py` creates it. Only this module uses it whole. Each object that this module
    creates gets only the members that it needs.

    Attributes:
        store: the agency's state.
        transport: Kafka.
        clock: () -> ms since the epoch; never goes back (``broker.clock``).
        metrics: counters and gauges.
        readiness: checks of /readyz.
    """

    store: Store
    transport: Transport
    clock: Callable[[], int]
    metrics: Metrics
    readiness: Readiness


def connect_broker(
    participant: Participant, outside: Outside, on_retry: Callable[[], None]
) -> BrokerService:
    """Create the sending and receiving part of an adapter.

    Args:
        participant: the agency, loaded and verified.
        outside: resources of the process.
        on_retry: called after `concordant quarantine retry`.
    """
    store, transport, clock = outside.store, outside.transport, outside.clock
    metrics = outside.metrics
    with store.reading() as tx:
        metrics.restore(tx)

    # Identity of the agency, trusted keys and contracts, own keys.
    loaded = LoadedAgency(participant)
    status = ServiceStatus(metrics, participant.heartbeat_s(clock()))
    outside.readiness.add("kafka", status.kafka)
    owner = StreamOwner(participant.deployment, participant.agency)
    secret = participant.keyring.secret()
    contracts, manifests = participant.contracts, participant.manifests
    trust = TrustStore(participant.agency, contracts, manifests, participant.keyring)
    signing = SigningKeys(loaded, clock)

    # Sending: check and seal an event, store it in the outbox, sign the stream, send.
    sealing = SealingContext(contracts, manifests)
    with store.reading() as tx:
        sealing.await_manifests(awaited_manifests(tx))
    sealer = EventSealer(*owner, secret, sealing.addressees, sealing.vocabularies)
    publisher = Publisher(sealer)
    stopped = partial(sealing.stopped_topics, participant.agency)
    relay = Relay(owner, store, transport, StreamSigning(signing.stream_cosigner, stopped), clock)
    statements = OwnStatements(signing, store, transport, clock, metrics.notices_left_out)
    statement_sender = StatementSender(signing, store, transport, clock)
    exchange = AgreementExchange(loaded, store, transport, clock)
    relaying = Relaying(relay, trust, statements, status, exchange.publish)

    # Receiving: control records update keys and contracts, which data records are judged with.
    pings = PingAnswers(signing, trust, transport, clock)
    receive_counts = CountsReceiver(store, secret).take
    takers = Takers(pings.hear, UnionsTaken(store, secret).take, receive_counts)
    control = Control(trust, participant.repository, store, exchange.take, takers)
    inbound = Inbound(control, Receiving(store, trust, secret), PositionGuard(store, transport))
    watch = Watch(loaded, store, clock, metrics, trust)
    arrivals = Arrivals(relay, statements, watch, sealing, status)
    reader = Reader(transport, inbound, control.topics.names, arrivals, clock)
    replaying = Replaying(relay, control, clock)

    parts = Parts(
        publisher,
        relay,
        relaying,
        replaying,
        control,
        reader,
        arrivals,
        statements,
        watch,
        CopyRelease(store, sealer),
        pings,
        OwnReports(signing, relay.fenced, sealing, transport, clock),
        OwnListing(participant.agency, store, sealing, statement_sender, clock),
        OwnUnions(store, secret, sealing, statement_sender, clock),
        CountsPublisher(store, secret, sealing, statement_sender, clock),
        StoreChanges(store, (relaying.look, arrivals.look)),
    )
    return BrokerService(loaded, parts, status, clock, on_retry)


class RetryRequests:
    """Passes the request of a person to try again to the source, which is made later."""

    def __init__(self) -> None:
        self._called: list[Callable[[], None]] = []

    def call(self, asked: Callable[[], None]) -> None:
        """Call this at each request."""
        self._called.append(asked)

    def __call__(self) -> None:
        """Try again what waits."""
        for asked in self._called:
            asked()


@dataclass(frozen=True, slots=True)
class Adapter:
    """The parts of an adapter that ``adapters/runner.py`` starts and stops.

    Attributes:
        broker: the sending and receiving part.
        source: takes events of the agency's system.
        sink: hands received events to the agency's system.
        retention: deletes files after their retention period.
        faults: stores what the checks of Kafka, source and sink say.
        notices: tell people of referrals and of troubles, as far as `agency.toml` asks for it.
        server: HTTP server of /livez, /readyz and /metrics.
        api: HTTP interface for the agency's system; None if neither source nor sink has one.
    """

    broker: BrokerService
    source: SourceLoop
    sink: SinkLoop
    retention: FolderRetention
    faults: SideFaultRecord
    notices: tuple[NoticeLoop, ...]
    server: HealthServer
    api: ApiServer | None


def connect_adapter(participant: Participant, outside: Outside, settle_s: float) -> Adapter:
    """Create the complete adapter.

    It consists of the broker, the source and the sink that `agency.toml` names, and the HTTP
    servers.

    Args:
        participant: the agency, loaded and verified.
        outside: resources of the process.
        settle_s: an export is complete if it has not changed for this many seconds.
    """
    store, clock, metrics = outside.store, outside.clock, outside.metrics
    config = participant.config
    adapter = adapter_of(participant.root, config)
    if isinstance(adapter, OwnMapping):
        outside.readiness.add("mapping", adapter.trouble)
    system = AgencySystem(
        adapter,
        participant.agency,
        config.partners,
        config.adapter.encoding,
        leave_out=config.intake.ungranted_fields == "leave_out",
    )
    make_source, make_sink = source_named(config), sink_named(config)
    retry = RetryRequests()
    broker = connect_broker(participant, outside, retry)
    parts = SideParts(
        participant,
        system,
        store,
        broker.parts.publisher,
        broker.published,
        broker.parts.control.known_contracts,
        metrics,
        clock,
        settle_s,
    )
    source, sink = make_source(parts), make_sink(parts)
    retry.call(source.retry_now)
    checks: dict[Side, Check] = {"kafka": broker.kafka_fault}
    if source.trouble is not None:
        outside.readiness.add("import", source.trouble)
        checks["source"] = source.trouble
    if sink.trouble is not None:
        outside.readiness.add("delivery", sink.trouble)
        checks["sink"] = sink.trouble
    notices = notice_loops(broker, outside)
    if notices:
        from adapters.notices.connected import first_fault

        checks["notices"] = partial(first_fault, notices)
    return Adapter(
        broker,
        source,
        sink,
        FolderRetention(participant.root, store, metrics, clock),
        SideFaultRecord(store, clock, checks),
        notices,
        HealthServer(
            health_app(outside.readiness, partial(_exposed, metrics, outside.readiness)),
            host=config.http.host,
            port=config.http.port,
        ),
        api_server(parts, (*source.endpoints, *sink.endpoints)),
    )


def notice_loops(broker: BrokerService, outside: Outside) -> tuple[NoticeLoop, ...]:
    """Return the loops that tell people of referrals and of troubles."""
    if broker.participant.config.notices is None:
        return ()
    from adapters.notices.connected import notices_of

    def participant() -> Participant:
        return broker.participant

    return notices_of(participant, outside.store, outside.clock, outside.metrics)


def api_server(parts: SideParts, endpoints: Sequence[Endpoint]) -> ApiServer | None:
    """Return the server of the HTTP interface; None if source and sink have no endpoint."""
    if not endpoints:
        return None
    from adapters.http_api.complete import complete_app
    from adapters.http_api.server import ApiServer, api_address

    section = parts.participant.config.api
    return ApiServer(complete_app(parts, endpoints), api_address(section, parts.participant.root))


def _exposed(metrics: Metrics, readiness: Readiness) -> bytes:
    """Update the metrics of log and readiness, and return the text of /metrics."""
    metrics.log_values_dropped(dropped_values())
    metrics.ready(readiness.reasons())
    return metrics.text()
