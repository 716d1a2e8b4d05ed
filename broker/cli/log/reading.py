"""Behind ``concordant log``: the disclosure log, verified and then asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import orjson

from broker import pseudonyms
from broker.agency.participant import Participant, load_participant
from broker.audit.entries import ContractReference
from broker.audit.log import LogHead, log_origin, verify_log
from broker.audit.query import entries_of_case, received
from broker.cli.held_state import open_held_state
from broker.cli.times import instant
from broker.cli.wrong_input import WrongInputError
from broker.registry.manifests import ManifestBook
from broker.store.interfaces import Transaction
from broker.tlog.cosignature import SignedCheckpoint, verify_cosignature
from broker.tlog.errors import NoteError
from contracts.events import EVENT_TYPES
from contracts.names import require_known
from contracts.schema import leaves

_HEAD_OF_LOG: Final = "log"
"""How a kept heartbeat marks the head of the disclosure log among those of streams."""


@dataclass(frozen=True, slots=True)
class Received:
    """One field that one agency received. Times in milliseconds."""

    index: int
    time_ms: int
    recipient: str
    path: str
    clause: str
    contract: str
    contract_hash: str
    type: str
    source: str
    event_id: str
    kind: str

    def as_json(self) -> dict[str, object]:
        """For scripts."""
        return {
            "entry": self.index,
            "time": instant(self.time_ms),
            "recipient": self.recipient,
            "field": self.path,
            "clause": self.clause,
            "contract": self.contract,
            "contract_sha256": self.contract_hash,
            "type": self.type,
            "source": self.source,
            "event": self.event_id,
            "kind": self.kind,
        }


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One field that was not shared, and the code of why."""

    index: int
    time_ms: int
    path: str
    reason: str
    type: str

    def as_json(self) -> dict[str, object]:
        """For scripts."""
        return {
            "entry": self.index,
            "time": instant(self.time_ms),
            "field": self.path,
            "reason": self.reason,
            "type": self.type,
        }


@dataclass(frozen=True, slots=True)
class OfCase:
    """What the log has about a case."""

    received: tuple[Received, ...]
    left_out: tuple[LeftOut, ...]

    def as_json(self, head: LogHead) -> dict[str, object]:
        """For scripts; with the head under which it was verified."""
        return {
            "log": {"entries": head.size, "signed": head.signed_size, "root": head.root.hex()},
            "received": [one.as_json() for one in self.received],
            "left_out": [one.as_json() for one in self.left_out],
        }


class DisclosureLog:
    """An agency's own log."""

    def __init__(self, agency: Path, now: int) -> None:
        """Load the agency and open its state.

        Raises:
            ConcordantError: the agency's folder cannot be loaded.
            StoreError: ``state_missing``, or its state cannot be opened.
        """
        self._participant: Participant = load_participant(agency, now)
        self._store = open_held_state(self._participant)

    def verify(self) -> LogHead:
        """Recompute everything.

        Raises:
            DisclosureLogError: it was altered; exit code 1.
        """
        mine = self._participant
        with self._store.reading() as tx:
            return verify_log(
                tx,
                log_origin(mine.deployment, mine.agency),
                partial(_verify_head, mine.manifests, mine.agency, mine.key_name),
                _heard(tx, mine.agency),
            )

    def of_case(self, case: str, field: str) -> OfCase:
        """Who received the fields of a case, and what was left out.

        Args:
            case: its shared id, or this agency's own reference for it.
            field: a field path; those below it count as well. Empty for all.

        Raises:
            WrongInputError: ``case_unknown``: neither an id nor a reference of ours.
            UnknownNameError: ``field_unknown``: no event type has such a field.
            KeyAccessError: the agency's secret cannot be had.
        """
        if field:
            require_known("field", field, _known_fields(self._participant), code="field_unknown")
        secret = self._participant.keyring.secret()
        with self._store.reading() as tx:
            case_key = pseudonyms.case_key(secret, case_id(tx, case))
            shared = tuple(
                Received(
                    index=one.index,
                    time_ms=one.time_ms,
                    recipient=one.recipient,
                    path=one.path,
                    clause=one.clause,
                    contract=_named(one.contract),
                    contract_hash="" if one.contract is None else one.contract.hash,
                    type=one.type or "",
                    source=one.source or self._participant.agency,
                    event_id=one.event_id or "",
                    kind=one.kind,
                )
                for one in received(tx, case_key, field)
            )
            left_out = tuple(
                LeftOut(placed.index, placed.entry.time_ms, path, code, placed.entry.type or "")
                for placed in entries_of_case(tx, case_key)
                for path, code in placed.entry.left_out.items()
                if not field or path == field or path.startswith(f"{field}.")
            )
        return OfCase(shared, left_out)


def _known_fields(participant: Participant) -> frozenset[str]:
    """Every field path that this software or a contract of this agency has."""
    own = {path for name in EVENT_TYPES for path in leaves(name)}
    for signed in participant.contracts.all():
        for terms in signed.contract.event_types.values():
            own.update(terms.fields)
    return frozenset(own)


def _verify_head(book: ManifestBook, agency: str, name: str, signed: SignedCheckpoint) -> None:
    """A stream key of this agency, valid at that time, signed it.

    Raises:
        NoteError: it did not.
    """
    line = signed.line
    key = book.stream_key(agency, line.key_id)
    if line.name != name or key is None or key.at(line.timestamp * 1000) != "valid":
        raise NoteError("No stream key of this agency.", code="cosignature_unknown")
    verify_cosignature(line, key.verifier, signed.body)


def _heard(tx: Transaction, agency: str) -> list[tuple[int, bytes]]:
    """The log's head in this agency's own last heartbeat, as it came back from Kafka."""
    row = tx.heads.get(agency)
    if row is None:
        return []
    return [
        (size, bytes.fromhex(root))
        for kind, _partition, _generation, size, root in orjson.loads(row.heads_json)
        if kind == _HEAD_OF_LOG
    ]


def case_id(tx: Transaction, case: str) -> str:
    """The shared id of a case that is given by it or by this agency's own reference.

    Raises:
        WrongInputError: ``case_unknown``.
    """
    linked = tx.links.case_for(case)
    if linked is not None:
        return linked
    try:
        return str(UUID(case))
    except ValueError:
        raise WrongInputError(
            "The case is neither a shared id nor a reference of this agency.",
            code="case_unknown",
            fix="Give the shared id (a UUID), or the reference of the agency's own system.",
        ) from None


def _named(contract: ContractReference | None) -> str:
    return "" if contract is None else f"{contract.name} {contract.version}"
