"""Concordant, by the path that the adapter takes, without disk and network.

Produce: decide, validate and seal each event (broker/sending/publishing.py), append the batch to
the stream and sign its checkpoint once (broker/sending/streams.py). Consume: steps 0 to 10 for
each record (broker/judging/judging.py) and what it moved taken up, in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench import measuring
from bench.benchmark_partnership import READER, recipient_ids
from bench.sample_event import SOURCE, TYPE
from broker.agency.participant import Participant
from broker.event import OpenedEvent
from broker.judging.file_context import FileContext
from broker.judging.judgements import Opened
from broker.judging.judging import judge_each
from broker.judging.key_resolver import TrustStore
from broker.judging.partition_state import PartitionState
from broker.judging.verification_cache import VerificationCache
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, SEALED_CONTENT_TYPE, Record
from broker.sending.sealing_context import event_sealer
from broker.sending.streams import Stream, append, open_generation
from broker.statements.authorship import cosigner
from broker.tlog.checkpoint import Place
from contracts.events import PlainEvent
from contracts.model import topic_name
from contracts.policy import group_fields
from contracts.vocabulary import unflatten


class _View(FileContext):
    """The view over a file, that can be told where a stream stands."""

    def adopt(self, place: Place, state: PartitionState) -> None:
        """Take ``state`` as what is held."""
        self._states[place] = state


class Case(measuring.Case):
    """A message is a Kafka record. All batches of a case continue one stream."""

    name = "concordant"

    def __init__(
        self,
        recipients: int,
        load: Callable[[str], Participant],
        clock: Callable[[], int],
        reader: str = READER,
    ) -> None:
        now = clock()
        self._clock = clock
        self._to = recipient_ids(recipients)
        sender = load(SOURCE)
        self._sealer = event_sealer(sender)
        self._signer = cosigner(sender.key_name, sender.stream_signer(now))
        self._contract = sender.contract_in_force(now).contract
        topic = topic_name(self._contract, "a")
        self._stream = Stream(sender.deployment, sender.agency, topic, 0)
        self.row = open_generation(self._stream, None, None, now)
        self._load = load
        self.reader = reader
        self.restart_reader()

    def restart_reader(self) -> None:
        """A new reader, that has met nothing of the stream."""
        now = self._clock()
        me = self._load(self.reader)
        self._cache = VerificationCache()
        self._context = _View(
            TrustStore(me.agency, me.contracts, me.manifests, me.keyring).current,
            lambda *_: False,
            now,
        )

    @property
    def state(self) -> PartitionState:
        """State of the stream at the reader."""
        found = self._context.state(self._place)
        assert found is not None
        return found

    def adopt(self, state: PartitionState) -> None:
        """Let the reader start from ``state``."""
        self._context.adopt(self._place, state)

    @property
    def _place(self) -> Place:
        return Place(self._stream.agency, self._stream.topic, self._stream.partition)

    def produce(self, datas: Sequence[dict[str, Any]]) -> list[Record]:
        now = self._clock()
        stream = self._stream
        sealer, to = self._sealer, self._to
        sealed = sealer.seal_prepared(
            [sealer.prepare(PlainEvent(TYPE, to, data), now) for data in datas]
        )
        values = [value for (value,) in sealed]
        self.row, places = append(stream, self.row, values, self._signer, now)
        return [
            Record(
                stream.topic,
                stream.partition,
                ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, place.proof)),
                value,
            )
            for value, place in zip(values, places, strict=True)
        ]

    def consume(self, messages: Sequence[Record]) -> list[OpenedEvent | None]:
        now = self._clock()
        context = self._context
        opened = []
        for _record, judgement in judge_each(messages, context, self._cache, now):
            context.took(judgement)
            opened.append(judgement.event if isinstance(judgement, Opened) else None)
        return opened

    def data(self, opened: OpenedEvent | None) -> dict[str, Any]:
        return {} if opened is None else dict(opened.data)

    def readable(self, data: dict[str, Any]) -> dict[str, Any]:
        granted = group_fields(self._contract, TYPE, frozenset((self.reader,))).granted[self.reader]
        flat = self._contract.vocabulary.type(TYPE).flatten(data)
        return unflatten({path: value for path, value in flat.items() if path in granted})

    def parts(self, message: Record) -> list[bytes]:
        headers = [part or b"" for header in message.headers for part in header]
        return [message.value or b"", *headers]
