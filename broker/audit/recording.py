"""From what happened to an entry of the disclosure log (docs/spec/disclosure-log.md).

DPA 2018 s62 asks for disclosure, consultation and erasure with their time, people and recipients;
refusals are decisions too, so why something was not shared is here as well. Names and codes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from broker.audit.entries import ContractReference, Entry, EntryKind, Share
from broker.event import OpenedEvent
from contracts.decision import Decision
from contracts.events import PlainEvent
from contracts.loading import ContractText
from contracts.model import Contract

OPERATOR: Final = "adapter"
"""Who is named in the log when no person asked for it."""


def contract_reference(text: ContractText) -> ContractReference:
    """Which contract decided."""
    return ContractReference(text.contract.name, text.contract.version, text.hash.hex())


def disclosed(
    event: PlainEvent,
    event_id: str,
    decision: Decision,
    contract: ContractReference,
    case_key: bytes,
    now: int,
    operator: str,
) -> Entry:
    """An event was sealed for others: who may read which field, under which clause."""
    by_readers: dict[frozenset[str], dict[str, str]] = {}
    for field in decision.fields:
        if field.readers:  # "withheld" is from some of those addressed only
            by_readers.setdefault(field.readers, {})[field.path] = field.clause or ""
    return Entry(
        kind="disclosure",
        time_ms=now,
        case_key=case_key,
        event_id=event_id,
        type=event.type,
        contract=contract,
        shares=tuple(
            Share(tuple(sorted(readers)), fields) for readers, fields in by_readers.items()
        ),
        left_out={
            field.path: field.reason
            for field in decision.fields
            if field.verdict == "left_out" and field.reason
        },
        operator=operator,
    )


def refused(
    kind_of_event: str | None,
    code: str,
    now: int,
    operator: str,
    *,
    event_id: str | None = None,
    source: str | None = None,
    case_key: bytes | None = None,
) -> Entry:
    """Something was not shared, or not taken, and why."""
    return Entry(
        kind="refusal",
        time_ms=now,
        case_key=case_key,
        event_id=event_id,
        source=source,
        type=kind_of_event,
        reason=code,
        operator=operator,
    )


def taken(
    kind: EntryKind,
    event: OpenedEvent,
    contract: Contract,
    reference: ContractReference,
    agency: str,
    case_key: bytes,
    now: int,
    operator: str,
) -> Entry:
    """An event of another agency was opened here: for the agency's system or for a person."""
    return Entry(
        kind=kind,
        time_ms=now,
        case_key=case_key,
        event_id=event.id,
        source=event.source,
        type=event.type,
        contract=reference,
        shares=(Share((agency,), _clauses(contract, event.type, event.flat)),),
        operator=operator,
    )


def _clauses(contract: Contract, event_type: str, paths: Iterable[str]) -> Mapping[str, str]:
    fields = contract.event_types[event_type].fields
    return {path: fields[path].clause for path in paths}
