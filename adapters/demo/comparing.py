"""Comparison of source files and sink files: sent, arrived, lost and duplicated events.

The comparison uses only files, and no statement of the adapters about themselves. The taken exports
(``processed/``), without the rows named in the reason files in quarantine, give the events that
each agency owes to each recipient. An event's id follows from the row and the sender's secret. The
files of the inbox folders show what arrived. Only the ids of cases that a row does not contain are
looked up in the sender's state.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from adapters.base import Context, MappingError, Row
from adapters.demo.desk import Arrival, Desk
from adapters.links import StoreLinks
from adapters.sources.shelving import LEFT_OUT, RESULTS
from broker import pseudonyms
from broker.agency.participant import Participant
from broker.envelope.layout import LayoutError, parse_value
from broker.errors import StoreError
from broker.held.reason_file import REASON, parse_reason
from broker.store.database import open_store


@dataclass(frozen=True, slots=True)
class OwedEvent:
    """One event that an agency owes another, and when its export was complete (s, epoch)."""

    sender: str
    recipient: str
    event_id: str
    dropped: float


@dataclass(slots=True)
class ExchangeComparison:
    """Result of the comparison.

    Attributes:
        events: distinct events sent.
        sent: events times recipients.
        arrived: of those, the number in the recipient's inbox folder.
        refused: of those, the number in the recipient's quarantine.
        lost: owed, and neither arrived nor refused.
        twice: inbox files with the same content as another one.
        unexpected: inbox files that no agency owes.
        aside: events that an adapter holds because it could not write them in its agency's terms.
        repeated_rows: rows exported more than once, and sent once.
        rows_refused, files_refused: number by code.
        seconds: time from export to inbox of each event that arrived.
    """

    events: int = 0
    sent: int = 0
    arrived: int = 0
    refused: int = 0
    lost: int = 0
    twice: int = 0
    unexpected: int = 0
    aside: int = 0
    repeated_rows: int = 0
    rows_refused: Counter[str] = field(default_factory=Counter)
    files_refused: Counter[str] = field(default_factory=Counter)
    seconds: dict[tuple[str, str], float] = field(default_factory=dict)
    missing: list[OwedEvent] = field(default_factory=list)


def compare_folders(
    desks: Mapping[str, Desk], participants: Mapping[str, Participant]
) -> ExchangeComparison:
    """Compare the folders of all agencies.

    Raises:
        ConcordantError: a state database or key cannot be read.
    """
    result = ExchangeComparison()
    owed: dict[tuple[str, str], OwedEvent] = {}
    for agency, desk in desks.items():
        for sent in _sent_by(desk, participants[agency], result):
            owed[sent.recipient, sent.event_id] = sent
    result.sent = len(owed)
    result.events = len({sent.event_id for sent in owed.values()})
    there: dict[tuple[str, str], float] = {}
    held: set[tuple[str, str]] = set()
    for agency, desk in desks.items():
        held |= {(agency, event_id) for event_id in _quarantined(participants[agency])}
        inbox = desk.directory / "inbox"
        files = [path for path in inbox.iterdir() if not path.name.startswith(".")]
        for path in files:
            there[agency, path.name.split(".")[0]] = path.stat().st_mtime
        imported = {arrival.file: arrival for arrival in desk.arrivals}
        contents = Counter(_content(desk, path, imported.get(path)) for path in files)
        result.twice += sum(number - 1 for number in contents.values())
        result.aside += _held(participants[agency])
    for key, sent in owed.items():
        if key in there:
            result.arrived += 1
            result.seconds[key] = there[key] - sent.dropped
        elif key in held:
            result.refused += 1
        else:
            result.missing.append(sent)
    result.lost = len(result.missing)
    result.unexpected = len(there.keys() - owed.keys())
    return result


def _sent_by(
    desk: Desk, participant: Participant, result: ExchangeComparison
) -> Iterator[OwedEvent]:
    refused = _refused_lines(desk.directory / "quarantine", result)
    secret = participant.keyring.secret()
    store = open_store(participant.state)
    seen: set[bytes] = set()
    try:
        with store.reading() as tx:
            context = Context(desk.agency, dict(desk.partners), StoreLinks(tx))
            for path in sorted((desk.directory / "processed").iterdir()):
                if path.name.endswith((LEFT_OUT, RESULTS)):
                    continue
                content = path.read_bytes()
                lines = refused.get(hashlib.sha256(content).hexdigest(), frozenset())
                dropped = desk.dropped.get(path.name, path.stat().st_mtime)
                for item in desk.adapter.read(content):
                    if not isinstance(item, Row) or item.line in lines:
                        continue
                    try:
                        outgoing = desk.adapter.to_event(item, context)
                    except (MappingError, StoreError):
                        continue  # refused before it was sent, and named in a reason file
                    if outgoing is None:
                        continue  # filtered by the mapping
                    if outgoing.key in seen:
                        result.repeated_rows += 1
                        continue
                    seen.add(outgoing.key)
                    event_id = pseudonyms.event_id(secret, outgoing.key)
                    for recipient in outgoing.event.recipients:
                        yield OwedEvent(desk.agency, recipient, event_id, dropped)
    finally:
        store.close()


def _quarantined(participant: Participant) -> set[str]:
    """Return the ids of the events in an agency's quarantine."""
    store = open_store(participant.state)
    found: set[str] = set()
    try:
        with store.reading() as tx:
            for row in tx.quarantine.list(limit=10_000):
                with suppress(LayoutError):
                    found.add(str(UUID(bytes=parse_value(row.value).id)))
    finally:
        store.close()
    return found


def _held(participant: Participant) -> int:
    """Return the number of events that an agency's system did not accept."""
    store = open_store(participant.state)
    try:
        with store.reading() as tx:
            return tx.inbox.counts().held
    finally:
        store.close()


def _refused_lines(quarantine: Path, result: ExchangeComparison) -> Mapping[str, frozenset[int]]:
    """Return refused lines by the SHA-256 of their file; count the codes as well."""
    found: dict[str, frozenset[int]] = {}
    for path in quarantine.glob(f"*{REASON}"):
        reason = parse_reason(path.read_bytes())
        if reason.rows:
            found[reason.sha256] = frozenset(row.line for row in reason.rows)
            result.rows_refused.update(row.code for row in reason.rows)
        else:
            result.files_refused[reason.code] += 1
    return found


def _content(desk: Desk, path: Path, imported: Arrival | None) -> str:
    """Return the content of an inbox file without message id, message time and own references."""
    roles = desk.mapping.document.roles
    aside = {roles.event_id, roles.sent_at, roles.case, roles.referral}
    if imported is not None and imported.at == path.stat().st_mtime:
        values = imported.values  # no process has written to it since it was read
    else:
        (values,) = desk.adapter.read_back(path.read_bytes())
    kept = {name: value for name, value in values.items() if name not in aside and value}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False, default=str)
