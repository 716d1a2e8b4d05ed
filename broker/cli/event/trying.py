"""Behind ``event types``, ``example`` and ``seal``: trying out on streams that no ACL permits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from broker.agency.participant import Participant, load_participant
from broker.cli.lines import text_of_line
from broker.clock import now_ms
from broker.errors import RegistryError
from broker.record import (
    CONTENT_TYPE_HEADER,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Record,
    format_record,
)
from broker.sending.contract_in_force import event_sealer
from broker.sending.sealing import Sealed
from broker.sending.streams import MAX_BATCH_EVENTS, Stream, append, open_generation
from broker.statements.authorship import cosigner
from broker.store.database import open_store
from contracts.errors import ConcordantError, EventError
from contracts.events import PlainEvent
from contracts.examples import example, permitted_types
from contracts.left_out import FieldLeftOut, fields_left_out
from contracts.names import suggestion
from contracts.suggestions import suggestions

TRIAL_SUFFIX = ".trial"
_PLAIN_KEYS = {"type", "recipients", "data"}


def permitted(directory: Path) -> tuple[str, ...]:
    """Types that the agency may publish."""
    now = now_ms()
    participant = load_participant(directory, now)
    return tuple(permitted_types(participant.contract(now).contract, participant.agency))


def example_of(directory: Path, event_type: str) -> dict[str, object]:
    """One plain event of a type.

    Raises:
        EventError: ``type_unknown`` or ``type_not_permitted``.
    """
    now = now_ms()
    participant = load_participant(directory, now)
    contract = participant.contract(now).contract
    try:
        event = example(contract, participant.agency, event_type)
    except EventError as error:
        may = permitted_types(contract, participant.agency)
        meant = suggestion(event_type, may) if error.code == "type_unknown" else ""
        raise EventError(
            error.detail,
            code=error.code,
            fix=f"{meant} See: concordant event types --agency {directory}".strip(),
        ) from None
    return {"type": event.type, "recipients": list(event.recipients), "data": event.data}


def parse_plain(line: bytes | None) -> PlainEvent:
    """A plain event from a line.

    Raises:
        EventError: ``event_malformed``; names the fault, never a value.
    """
    if line is None:
        raise EventError("the line is longer than 1 MiB", code="event_malformed")
    try:
        text = text_of_line(line)
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
    """Seals into the agency's trial streams; these continue from call to call."""

    def __init__(self, directory: Path) -> None:
        now = now_ms()
        self._participant: Participant = load_participant(directory, now)
        self._participant.contract(now)
        self._sealer = event_sealer(self._participant)
        self._signer = cosigner(self._participant.key_name, self._participant.stream_signer(now))
        self._store = open_store(self._participant.path(self._participant.config.state.database))

    def seal(self, lines: Sequence[bytes | None]) -> tuple[list[bytes], bool]:
        """Records or refusals, one for each line, and whether any was refused.

        Raises:
            RegistryError: nothing can be sealed at the moment, for all lines alike.
        """
        now = now_ms()
        out: list[bytes] = [b""] * len(lines)
        streams: dict[tuple[str, int], list[tuple[int, Sealed]]] = {}
        refused = False
        for at, line in enumerate(lines):
            event: PlainEvent | None = None
            try:
                event = parse_plain(line)
                sealed = self._sealer.seal(event, now)
            except EventError as error:
                out[at] = _refusal(error, self._instead(event, error.code))
                refused = True
                continue
            except RegistryError as error:
                if error.code not in {"exchange_key_missing", "manifest_expired"}:
                    raise
                out[at] = _refusal(error)
                refused = True
                continue
            place = (sealed.topic + TRIAL_SUFFIX, sealed.partition)
            streams.setdefault(place, []).append((at, sealed))
        for (topic, partition), waiting in streams.items():
            for first in range(0, len(waiting), MAX_BATCH_EVENTS):
                self._append(topic, partition, waiting[first : first + MAX_BATCH_EVENTS], out, now)
        return out, refused

    def _instead(self, event: PlainEvent | None, code: str) -> Mapping[str, tuple[str, ...]]:
        """What a refused event may name instead."""
        if event is None:
            return {}
        contracts = [signed.contract for signed in self._participant.contracts.trusted()]
        return suggestions(contracts, self._participant.agency, event, code)

    def _append(
        self,
        topic: str,
        partition: int,
        batch: Sequence[tuple[int, Sealed]],
        out: list[bytes],
        now: int,
    ) -> None:
        stream = Stream(self._participant.deployment, self._participant.agency, topic, partition)
        with self._store.transaction() as tx:
            row = tx.streams.current(topic, partition)
            if row is None:
                row = open_generation(stream, None, None, now, trial=True)
            values = [sealed.value for _, sealed in batch]
            grown, places = append(stream, row, values, self._signer, now)
            tx.streams.save(grown)
        for (at, sealed), place in zip(batch, places, strict=True):
            headers = ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, place.proof))
            record = format_record(Record(topic, partition, headers, sealed.value))
            out[at] = _telling(record, fields_left_out(sealed.decision))


def _telling(record: bytes, left_out: Sequence[FieldLeftOut]) -> bytes:
    """A record's line, and in it what was left out of the event, for whom and why."""
    if not left_out:
        return record
    told = orjson.dumps([one.as_json() for one in left_out])
    return record.removesuffix(b"}") + b',"left_out":' + told + b"}"


def _refusal(error: ConcordantError, instead: Mapping[str, tuple[str, ...]] | None = None) -> bytes:
    told: dict[str, object] = {"refused": error.code, "detail": error.detail}
    if instead:
        told["suggestions"] = [
            {"for": name, "known": list(known)} for name, known in instead.items()
        ]
    return orjson.dumps(told)
