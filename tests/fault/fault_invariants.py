"""Invariants after a fault: nothing lost or duplicated, no false alarm, every log verifies.

Read from what is on disk, in the folders and in the state databases; nothing is asked of the
adapters. A sender's streams are recomputed from its archive, and each reader's frontiers must meet
the sender's heads, with no gap left.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.audit.entries import parse_log_entry
from broker.errors import DisclosureLogError
from broker.judging.partition_state import PartitionState, parse_state
from broker.operations.disclosure_log import DisclosureLog
from broker.store.database import open_store
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Place
from broker.tlog.merkle import Frontier
from broker.transport.topics import readable_topics
from tests.fault.fault_stage import FaultStage, now_ms
from tests.fault.fault_traffic import Traffic

KNOWN = "sink_conflict"
"""An event that was delivered before with other content: the first file is kept, the second is held
with this reason. It happens to a reader whose database was restored."""


ENTRIES = 1000
"""Of a disclosure log, read at a time."""

NOT_TAKEN = frozenset({"unlinked", "log_time_fell"})
"""What a reader says to a sender whose restored database does not know its latest generation, until
the sender is shown it; everything is there in the end, and that is what counts."""


class Invariants:
    """Looks at everything that is on disk."""

    def __init__(self, stage: FaultStage, traffic: Traffic) -> None:
        self._stage = stage
        self._traffic = traffic
        contract = stage.participant(stage.agencies[0]).contract_in_force(now_ms()).contract
        self._readable = {a: set(readable_topics(contract, a)) for a in stage.agencies}
        self._databases = {agency: stage.database(agency) for agency in stage.agencies}
        self.kept_first = 0

    # --- has everything come about? --------------------------------------------------------------

    def settled(self) -> bool:
        """Return True if everything arrived, was acknowledged, and no gap is open."""
        return not self.unsettled()

    def unsettled(self) -> str:
        """Short text about what has not arrived yet. Empty when everything has."""
        if self._traffic.busy:
            return "exports are not taken yet"
        missing = self.missing()
        if missing:
            return f"{len(missing)} events have not arrived, for example {missing[0]}"
        for agency in self._stage.agencies:
            with self._reading(agency) as tx:
                counts, inbox = tx.outbox.counts(), tx.inbox.counts()
            if counts.pending or counts.unsent:
                return f"{agency}: {counts.pending} events wait, {counts.unsent} are not known sent"
            if inbox.undelivered:
                return f"{agency}: {inbox.undelivered} events are not delivered"
        for agency, since in self._stage.unheard.items():
            if self._stage.stated_ms(agency, agency) <= since:
                return f"{agency}: no heartbeat of its own has come back since it was restored"
        return next(self._apart(), "")

    def missing(self) -> list[str]:
        """Events that are owed and not in the recipient's inbox folder."""
        there = {agency: self._arrived(agency) for agency in self._stage.agencies}
        return sorted(
            f"{one.event_id} of {one.sender} for {one.recipient}"
            for one in self._traffic.owed
            if one.event_id not in there[one.recipient]
        )

    @property
    def arrived(self) -> int:
        """Events that are owed and there, each for each recipient."""
        return len(self._traffic.owed) - len(self.missing())

    def _apart(self) -> Iterator[str]:
        """Differences between what a reader holds and the sender's newest head."""
        for sender in self._stage.agencies:
            with self._reading(sender) as tx:
                heads = [head for head in tx.streams.heads() if head.size]
            for reader in self._stage.agencies:
                if reader == sender:
                    continue
                with self._reading(reader) as tx:
                    for head in heads:
                        if head.topic not in self._readable[reader]:
                            continue
                        place = f"{sender} to {reader}, {head.topic}/{head.partition}"
                        stored = tx.reader.state(Place(sender, head.topic, head.partition))
                        state = parse_state(stored[1]) if stored else None
                        held = state.generations.get(head.name) if state else None
                        if held is None or (held.size, held.frontier.root()) != (
                            head.size,
                            head.root,
                        ):
                            yield f"{place}: the frontiers do not meet"
                        elif state is not None and _gaps(state):
                            yield f"{place}: {_gaps(state)} gaps are open"

    # --- does everything hold? -------------------------------------------------------------------

    def broken(self) -> list[str]:
        """Everything that must not be, one line each."""
        found: list[str] = [f"lost: {one}" for one in self.missing()]
        self.kept_first = 0
        for agency in self._stage.agencies:
            found += [f"{agency}: {what}" for what in self._of_folder(agency)]
            with self._reading(agency) as tx:
                found += [f"{agency}: {what}" for what in self._of_database(tx)]
            found += [f"{agency}: {what}" for what in self._of_log(agency)]
            found += [f"{agency}: {what}" for what in self._false_alarms(agency)]
        return found

    @property
    def twice(self) -> int:
        """Events that an agency has in its folder under two names."""
        found = 0
        for agency in self._stage.agencies:
            contents = Counter(self._content(agency, file) for file in self._files(agency))
            found += sum(number - 1 for number in contents.values())
        return found

    def _of_folder(self, agency: str) -> Iterator[str]:
        owed = {one.event_id for one in self._traffic.owed if one.recipient == agency}
        names = Counter(file.name.split(".")[0] for file in self._files(agency))
        for name in names.keys() - owed:
            yield f"an event that nobody owes it: {name}"
        for name, number in names.items():
            if number > 1:
                yield f"twice: {name}"
        for file in (self._stage.folder(agency) / "quarantine").iterdir():
            if not file.name.startswith("."):  # begun and not finished: a hidden name is nobody's
                yield f"put aside: {file.name}"
        with self._reading(agency) as tx:
            held = tx.inbox.held(ENTRIES)
        for event in held:
            if event.code == KNOWN and event.event_id in names:
                self.kept_first += 1
            else:
                yield f"held: {event.event_id}, {event.code}"

    def _of_database(self, tx: Transaction) -> Iterator[str]:
        if tx.quarantine.count():
            rows = tx.quarantine.list(limit=5)
            yield f"{tx.quarantine.count()} records in quarantine ({rows[0].code})"
        for noise in tx.quarantine.unauthenticated():
            if not (self._stage.restored and noise.code in NOT_TAKEN):
                yield f"refused as unauthenticated: {noise.code}"
        if tx.evidence.list():
            yield "evidence of equivocation against an honest agency"
        for row in tx.reader.all_deferred():
            yield f"still waits: a record of {row.agency} ({row.reason})"
        for head in tx.streams.heads():
            leaves: list[bytes] = []
            for row in tx.outbox.archived(
                GenerationPlace("us", head.topic, head.partition, head.name), 0, head.size
            ):
                assert row.leaf is not None
                leaves.append(row.leaf)
            if len(leaves) != head.size or Frontier().extend(leaves).root() != head.root:
                yield f"its stream {head.topic}/{head.partition} is not what it signed"

    def _of_log(self, agency: str) -> Iterator[str]:
        log = DisclosureLog.opened(self._stage.folder(agency), now_ms())
        try:
            log.verify()
        except DisclosureLogError as error:
            yield f"its disclosure log does not verify: {error.code} at {error.index}"
        finally:
            log.close()
        yield from self._of_entries(agency)

    def _of_entries(self, agency: str) -> Iterator[str]:
        """Each event has one entry in its sender's log, and one in each recipient's."""
        owed = {
            (one.sender, one.recipient, one.event_id)
            for one in self._traffic.owed
            if agency in (one.sender, one.recipient)
        }
        logged: Counter[tuple[str, str, str]] = Counter()
        with self._reading(agency) as tx:
            rows = tx.disclosures.read(0, ENTRIES)
            while rows:
                for row in rows:
                    entry = parse_log_entry(row.entry)
                    sender = entry.source or agency
                    shared_with = {to for share in entry.shares for to in share.recipients}
                    logged.update((sender, to, entry.event_id or "") for to in shared_with)
                rows = tx.disclosures.read(rows[-1].index + 1, ENTRIES)
        for what, differ in (
            ("lacks", owed - logged.keys()),
            ("has, and nobody owes,", logged.keys() - owed),
            ("has twice", {one for one, number in logged.items() if number > 1}),
        ):
            if differ:
                yield f"its disclosure log {what} {len(differ)} disclosures, as {min(differ)}"

    def _false_alarms(self, agency: str) -> Iterator[str]:
        """Nobody forks here; and only who was restored goes back on what it signed."""
        for line in self._stage.adapters[agency].log_lines():
            code, who = line.get("code"), line.get("agency")
            if line.get("event") != "alarm":
                continue
            if code == "equivocation" or (code == "rollback" and who not in self._stage.restored):
                yield f"a false alarm about {who}: {code}"

    # --- what is on disk -------------------------------------------------------------------------

    def _files(self, agency: str) -> list[Path]:
        inbox = self._stage.folder(agency) / "inbox"
        return [file for file in inbox.iterdir() if not file.name.startswith(".")]

    def _arrived(self, agency: str) -> set[str]:
        return {file.name.split(".")[0] for file in self._files(agency)}

    def _content(self, agency: str, file: Path) -> str:
        """Content of a file, without the id and time of its message and own references."""
        desk = self._traffic.desks[agency]
        roles = desk.mapping.document.roles
        aside = {roles.event_id, roles.sent_at, roles.case, roles.referral}
        (values,) = desk.adapter.read_back(file.read_bytes())
        kept = {name: value for name, value in values.items() if name not in aside and value}
        return json.dumps(kept, sort_keys=True, ensure_ascii=False, default=str)

    @contextmanager
    def _reading(self, agency: str) -> Iterator[Transaction]:
        store = open_store(self._databases[agency])
        try:
            with store.reading() as tx:
                yield tx
        finally:
            store.close()


def _gaps(state: PartitionState) -> int:
    return sum(len(held.gaps) for held in state.generations.values())
