"""Entries of the disclosure log for each action (docs/spec/disclosure-log.md, "Which act").

DPA 2018 s62 requires collection, alteration, consultation, disclosure, combination and erasure.
Refusals are decisions too, so the log also records why something was not shared. Entries hold only
names and codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

from broker.audit.entries import ContractReference, NewLogEntry, Share, is_name
from broker.event import OpenedEvent
from contracts.decision import Decision
from contracts.events import PlainEvent
from contracts.loading import ContractText
from contracts.vocabulary import Vocabulary

OPERATOR: Final = "adapter"
"""Operator name in the log for actions that no person requested."""


def contract_reference(text: ContractText) -> ContractReference:
    """Return a reference to the contract that decided."""
    return ContractReference(text.contract.name, text.contract.version, text.hash.hex())


def collected(
    vocabulary: Vocabulary,
    event_type: str,
    event_id: str,
    case_key: bytes,
    now: int,
    operator: str,
) -> list[NewLogEntry]:
    """Return entries for an item taken from the agency's own export, also for an alteration.

    Its fields are those of the disclosure of the same event, shared and left out.
    """
    taken_item = NewLogEntry(
        kind="collection",
        time_ms=now,
        case_key=case_key,
        event_id=event_id,
        type=event_type,
        operator=operator,
    )
    return [taken_item, *_altered(vocabulary, taken_item)]


def disclosed(
    event: PlainEvent,
    event_id: str,
    decision: Decision,
    contract: ContractReference,
    case_key: bytes,
    now: int,
    operator: str,
    *,
    not_sealed: Mapping[str, str] | None = None,
    record: str | None = None,
) -> NewLogEntry:
    """Return the entry for a sealed event: the recipients of each field, and the clauses.

    Args:
        event: the event.
        event_id: its id.
        decision: decision for each field.
        contract: the contract that decided.
        case_key: key of its case.
        now: ms.
        operator: name of the actor.
        not_sealed: addressed agency to which it was not sealed now -> code of the reason.
        record: the id in the clear of a copy.
    """
    by_readers: dict[frozenset[str], dict[str, str]] = {}
    for field in decision.fields:
        readers = field.readers.difference(not_sealed) if not_sealed else field.readers
        if readers:  # "withheld" applies to only some of the addressed agencies
            by_readers.setdefault(readers, {})[field.path] = field.clause or ""
    return NewLogEntry(
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
        left_out_for=_narrowed(decision),
        not_sealed=not_sealed or {},
        record=record,
        operator=operator,
    )


def _narrowed(decision: Decision) -> Mapping[str, Mapping[str, str]]:
    """Return fields that only some addressed agencies got, for lack of consent to the others."""
    found: dict[str, dict[str, str]] = {}
    for path, agency, reason in decision.left_out:
        if path in decision.flat:
            found.setdefault(agency, {})[path] = reason
    return found


def refused(
    kind_of_event: str | None,
    code: str,
    now: int,
    operator: str,
    *,
    event_id: str | None = None,
    source: str | None = None,
    case_key: bytes | None = None,
    recipients: Iterable[str] = (),
    clause: str | None = None,
) -> NewLogEntry:
    """Return the entry for something that was not shared or not accepted, with the reason.

    Args:
        kind_of_event: its type; None unless it is a type of an agreement.
        code: reason code.
        now: ms.
        operator: name of the actor.
        event_id: id of the event, if it has one.
        source: the agency that sent it; None for our own.
        case_key: key of its case, if known.
        recipients: agencies with which it was not shared; texts that are not names are left out.
        clause: clause of the contract that decided, if one did.
    """
    return NewLogEntry(
        kind="refusal",
        time_ms=now,
        case_key=case_key,
        event_id=event_id,
        source=source,
        type=kind_of_event,
        reason=code,
        operator=operator,
        recipients=tuple(sorted({one for one in recipients if is_name(one)})),
        clause=clause,
    )


def case_of(event: PlainEvent, vocabularies: Iterable[Vocabulary]) -> str | None:
    """Return the shared id of an event's case, also of a refused event; None if it has none.

    Args:
        event: as its author wrote it.
        vocabularies: those of the agreements under which it may have been meant.
    """
    for words in vocabularies:
        case: object = event.data
        for name in words.case.split("."):
            case = case.get(name) if isinstance(case, dict) else None
        try:
            if isinstance(case, str):
                return str(UUID(case))
        except ValueError:
            continue
    return None


def received(
    event: OpenedEvent,
    contract: ContractText,
    agency: str,
    case_key: bytes,
    now: int,
    operator: str,
) -> list[NewLogEntry]:
    """Return entries for an event of another agency that was put into the inbox."""
    entry = consulted(event, contract, agency, case_key, now, operator)
    left_out = {agency: dict.fromkeys(event.replaced, "replaced")} if event.replaced else {}
    collection = replace(entry, kind="collection", left_out_for=left_out)
    return [collection, *_altered(contract.contract.vocabulary, collection)]


def consulted(
    event: OpenedEvent,
    contract: ContractText,
    agency: str,
    case_key: bytes,
    now: int,
    operator: str,
    *,
    reason: str | None = None,
) -> NewLogEntry:
    """Return the entry for an event that was shown to a person or given to a subscriber.

    Args:
        event: the event.
        contract: the agreement under which it was sealed.
        agency: this agency.
        case_key: name of its case in the agency's log.
        now: ms.
        operator: name of the actor.
        reason: code of the reason that a person stated (`broker.audit.reason_codes`).
    """
    fields = contract.contract.event_types[event.type].fields
    return NewLogEntry(
        kind="consultation",
        time_ms=now,
        case_key=case_key,
        event_id=event.id,
        source=event.source,
        type=event.type,
        contract=contract_reference(contract),
        shares=(Share((agency,), {path: fields[path].clause for path in event.flat}),),
        reason=reason,
        operator=operator,
    )


def released(source: str, event_id: str | None, now: int) -> NewLogEntry:
    """Return the entry for a sealed record that was exported for another party or an auditor."""
    return NewLogEntry(
        kind="consultation",
        time_ms=now,
        event_id=event_id,
        source=source,
        about="sealed_record",
    )


def log_read(case_key: bytes | None, asked: Mapping[str, str], now: int) -> NewLogEntry:
    """Return the entry for a query of the disclosure log: the case and the other conditions."""
    return NewLogEntry(
        kind="consultation", time_ms=now, case_key=case_key, about="log", filter=asked
    )


def erased(
    reason: str,
    count: int,
    now: int,
    *,
    case_key: bytes | None = None,
    event_id: str | None = None,
    source: str | None = None,
    kind_of_event: str | None = None,
    operator: str = OPERATOR,
) -> NewLogEntry:
    """Return the entry for removed content: number of items and reason, never the content."""
    return NewLogEntry(
        kind="erasure",
        time_ms=now,
        case_key=case_key,
        event_id=event_id,
        source=source,
        type=kind_of_event,
        reason=reason,
        count=count,
        operator=operator,
    )


def retried(
    item: str,
    now: int,
    *,
    code: str | None = None,
    case_key: bytes | None = None,
    event_id: str | None = None,
    source: str | None = None,
) -> NewLogEntry:
    """Return the entry for an item that a person asked to try again.

    Args:
        item: its id, as `quarantine list` prints it.
        now: ms.
        code: reason for which it was put aside or waited; a text that is not a name is left out.
        case_key: key of its case, if known.
        event_id: id of the event, if it is one and the id is known.
        source: the agency that sent it; None for our own.
    """
    return NewLogEntry(
        kind="retry",
        time_ms=now,
        case_key=case_key,
        event_id=event_id,
        source=source,
        reason=code if code is not None and is_name(code) else None,
        item=item,
        operator=OPERATOR,
    )


def _altered(vocabulary: Vocabulary, entry: NewLogEntry) -> list[NewLogEntry]:
    """Return the same item as an alteration, if its type changes an earlier one."""
    if entry.type not in vocabulary.altering_types:
        return []
    return [replace(entry, kind="alteration", contract=None, shares=())]
