"""Trial of events without Kafka: types, examples, and sealing into streams that no ACL permits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from broker.agency.participant import Participant, load_participant
from broker.errors import RegistryError
from broker.record import (
    CONTENT_TYPE_HEADER,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    KafkaPartition,
    Record,
)
from broker.sending.addressees import NotSealed
from broker.sending.sealing import Sealed
from broker.sending.sealing_context import event_sealer
from broker.sending.streams import MAX_BATCH_EVENTS, Stream, append, open_generation
from broker.statements.authorship import cosigner
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.examples import example, permitted_types
from contracts.names import suggestion
from contracts.policy import LeftOut
from contracts.suggestions import suggestions

TRIAL_SUFFIX = ".trial"
_PLAIN_KEYS = {"type", "recipients", "data"}


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A record of a sealed event.

    Attributes:
        record: the record.
        left_out: each granted field that an agency does not get.
        not_sealed: addressed agencies that cannot be reached now.
    """

    record: Record
    left_out: Sequence[LeftOut]
    not_sealed: Sequence[NotSealed] = ()


@dataclass(frozen=True, slots=True)
class TrialRefusal:
    """A line that was not sealed: the reason, and suggestions for a misspelt name."""

    code: str
    detail: str
    suggestions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


TrialResult: TypeAlias = TrialRecord | TrialRefusal


def permitted(directory: Path, now: int) -> tuple[str, ...]:
    """Return the types that the agency may publish."""
    participant = load_participant(directory, now)
    return _permitted(participant, now)


def example_of(directory: Path, event_type: str, now: int) -> dict[str, object]:
    """Return one plain event of a type.

    Raises:
        EventError: ``type_unknown`` or ``type_not_permitted``.
    """
    participant = load_participant(directory, now)
    contracts = [one.contract for one in participant.contracts_in_force(now)]
    having = [one for one in contracts if event_type in one.event_types]
    try:
        event = example((having or contracts)[0], participant.agency, event_type)
    except EventError as error:
        may = _permitted(participant, now)
        meant = suggestion(event_type, may) if error.code == "type_unknown" else ""
        raise EventError(
            error.detail,
            code=error.code,
            fix=f"{meant} See: concordant event types --agency {directory}".strip(),
        ) from None
    return {"type": event.type, "recipients": list(event.recipients), "data": event.data}


def _permitted(participant: Participant, now: int) -> tuple[str, ...]:
    """Return the types that an agency may publish under any of its contracts, each once."""
    return tuple(
        dict.fromkeys(
            name
            for one in participant.contracts_in_force(now)
            for name in permitted_types(one.contract, participant.agency)
        )
    )


def parse_plain(line: bytes | None) -> PlainEvent:
    """Parse a plain event from a line.

    Raises:
        EventError: ``event_malformed``; names the fault, never a value.
    """
    if line is None:
        raise EventError("the line is longer than 1 MiB", code="event_malformed")
    try:
        text = _text_of(line)
    except ValueError as error:
        raise EventError(str(error), code="event_malformed") from None
    try:
        plain = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        repeated = isinstance(error, _RepeatedNameError)
        detail = "a name is repeated" if repeated else "the line is not a JSON document"
        raise EventError(detail, code="event_malformed") from None
    if not isinstance(plain, dict) or plain.keys() != _PLAIN_KEYS:
        raise EventError(
            "an event is an object of type, recipients and data", code="event_malformed"
        )
    event_type, recipients, data = plain["type"], plain["recipients"], plain["data"]
    if not isinstance(event_type, str) or not isinstance(data, dict):
        raise EventError("type is a text and data an object", code="event_malformed")
    if not isinstance(recipients, list) or not all(isinstance(r, str) for r in recipients):
        raise EventError("recipients is a list of agency ids", code="event_malformed")
    return PlainEvent(event_type, tuple(recipients), data)


def _text_of(line: bytes) -> str:
    """Return a line as text.

    Raises:
        ValueError: it is not UTF-8; the message says if it looks like UTF-16 or UTF-32.
    """
    if b"\0" in line or line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("the line is not UTF-8: it looks like UTF-16 or UTF-32")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the line is not UTF-8") from None


class _RepeatedNameError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedNameError
    return found


def _no_constant(_name: str) -> None:
    raise ValueError


class Trial:
    """Seals into the agency's trial streams, which continue from call to call."""

    def __init__(self, directory: Path, now: int) -> None:
        self._participant: Participant = load_participant(directory, now)
        self._participant.contracts_in_force(now)  # raises the reason if there is none
        self._sealer = event_sealer(self._participant)
        self._signer = cosigner(self._participant.key_name, self._participant.stream_signer(now))
        from broker.store.database import open_store  # the commands that only answer need none

        self._store = open_store(self._participant.state)

    def seal(self, lines: Sequence[bytes | None], now: int) -> list[TrialResult]:
        """Return a refusal or the records of each line, in order.

        An event has one record, unless it has more recipients than a record can have.

        Raises:
            RegistryError: no line can be sealed at the moment.
        """
        results: dict[int, list[TrialResult]] = {}
        streams: dict[KafkaPartition, list[tuple[int, Sealed, bytes]]] = {}
        for at, line in enumerate(lines):
            event: PlainEvent | None = None
            try:
                event = parse_plain(line)
                sealed = self._sealer.seal(event, now)
            except EventError as error:
                instead = self._instead(event, error.code)
                results[at] = [TrialRefusal(error.code, error.detail, instead)]
                continue
            except RegistryError as error:
                if error.code not in {"exchange_key_missing", "manifest_expired"}:
                    raise
                results[at] = [TrialRefusal(error.code, error.detail)]
                continue
            partition = KafkaPartition(sealed.topic + TRIAL_SUFFIX, sealed.partition)
            waiting = streams.setdefault(partition, [])
            waiting += [(at, sealed, value) for value in sealed.values]
        for partition, waiting in streams.items():
            for first in range(0, len(waiting), MAX_BATCH_EVENTS):
                batch = waiting[first : first + MAX_BATCH_EVENTS]
                for at, result in self._append(partition, batch, now):
                    results.setdefault(at, []).append(result)
        return [result for at in range(len(lines)) for result in results[at]]

    def _instead(self, event: PlainEvent | None, code: str) -> Mapping[str, tuple[str, ...]]:
        """Return suggestions for a refused event."""
        if event is None:
            return {}
        contracts = [signed.contract for signed in self._participant.contracts.trusted()]
        return suggestions(contracts, self._participant.agency, event, code)

    def _append(
        self, partition: KafkaPartition, batch: Sequence[tuple[int, Sealed, bytes]], now: int
    ) -> Iterator[tuple[int, TrialResult]]:
        stream = Stream(self._participant.deployment, self._participant.agency, *partition)
        with self._store.transaction() as tx:
            row = tx.streams.current(partition)
            if row is None:
                row = open_generation(stream, None, None, now, trial=True)
            values = [value for _, _, value in batch]
            grown, places = append(stream, row, values, self._signer, now)
            tx.streams.save(grown)
        for (at, sealed, value), place in zip(batch, places, strict=True):
            headers = ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, place.proof))
            record = Record(*partition, headers, value)
            yield at, TrialRecord(record, sealed.decision.left_out, sealed.not_sealed)
