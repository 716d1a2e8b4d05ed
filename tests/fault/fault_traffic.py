"""Exports without end, and what each of them owes to whom.

Every row is of a case of its own, so that an event that came twice under two ids shows. Its event's
id follows from the row and the sender's secret: what is owed is known without asking the adapters.
A council also answers some of what arrives, in the terms of its own system: from then on its own
reference and the partnership's id are tied together, and a restored database does not know it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.base import Context, Row
from adapters.demo.desk import Arrival, Desk
from adapters.demo.samples import council, csu
from adapters.demo.samples.facts import LONG_NARRATIVE, case_facts
from adapters.mapping import MemoryLinks
from broker import pseudonyms
from tests.fault.fault_stage import FaultStage, try_to_write

FILE_ROWS = 6
ANSWERED = 0.4
"""Part of the referrals about which the council has something to say."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One event that one agency owes another."""

    sender: str
    recipient: str
    event_id: str


class Traffic:
    """The agencies' systems, exporting.

    Attributes:
        owed: everything that must arrive.
        events: ids of the events that were exported, with the time of the export in seconds.
    """

    def __init__(self, stage: FaultStage, seed: int) -> None:
        self._stage = stage
        self._rng = random.Random(seed)
        self._cases = 0
        self._files = 0
        self._secrets = {a: stage.participant(a).keyring.secret() for a in stage.agencies}
        self._links = {agency: MemoryLinks() for agency in stage.agencies}
        self._waiting: list[tuple[str, str, bytes]] = []
        self.desks = {agency: Desk(stage.folder(agency)) for agency in stage.agencies}
        self.owed: set[Owed] = set()
        self.events: dict[str, float] = {}

    def warm_up(self, agency: str, cases: int) -> None:
        """A large export: every partition that it writes to has something (docs/faults.md)."""
        rows: list[Mapping[str, object]] = []
        for _ in range(cases):
            new = self._sendable(agency, self._new_rows(agency))
            if self._begins_with_referral(agency, new):
                rows += new
        self._export(agency, rows)

    def drop(self, agency: str) -> int:
        """One more export of an agency. Returns how many rows it has."""
        rows: list[Mapping[str, object]] = []
        wanted = self._rng.randint(1, FILE_ROWS)
        while len(rows) < wanted:
            new = self._sendable(agency, self._new_rows(agency))
            if self._begins_with_referral(agency, new):  # which gives the case its shared id
                rows += new
        self._export(agency, rows)
        return len(rows)

    def answer(self) -> None:
        """The council looks at what arrived, and has something to say about some of it."""
        desk = self.desks["council-camden"]
        found = [a for a in desk.look() if a.type == "referral.made"]
        chosen = [self._answer(desk, a) for a in found if self._rng.random() < ANSWERED]
        rows = self._sendable(desk.agency, chosen)
        if rows:
            self._export(desk.agency, rows)

    def retry(self) -> None:
        """Write what found no room before."""
        waiting, self._waiting = self._waiting, []
        for agency, name, content in waiting:
            self._write(agency, name, content)

    @property
    def busy(self) -> bool:
        """Return True if a file has not been taken yet."""
        return bool(self._waiting) or any(desk.busy for desk in self.desks.values())

    def _new_rows(self, agency: str) -> list[Mapping[str, object]]:
        self._cases += 1
        case = case_facts(self._rng, self._cases)
        if agency.startswith("csu-"):
            return [row.values for row in csu.sample_rows(self._rng, [case], flaws=False)]
        return [row.values for row in council.sample_rows(self._rng, [case], flaws=False)]

    def _begins_with_referral(self, agency: str, rows: Sequence[Mapping[str, object]]) -> bool:
        desk = self.desks[agency]
        kind = desk.mapping.document.roles.kind
        return bool(rows) and rows[0][kind] == desk.form.kind_of("referral.made")

    def _answer(self, desk: Desk, arrival: Arrival) -> Mapping[str, object]:
        return desk.row(
            "case.updated",
            {"civil_measures": ["acceptable_behaviour_contract"]},
            [arrival.sender],
            case=desk.case_of(arrival),
            shared_case=str(arrival.flat["case_id"]),
        )

    def _sendable(
        self, agency: str, rows: Sequence[Mapping[str, object]]
    ) -> list[Mapping[str, object]]:
        """Those whose recipients all take part here, and that nobody would have to shorten."""
        desk = self.desks[agency]
        roles = desk.mapping.document.roles
        known = {code for code, who in desk.partners.items() if who in self._stage.agencies}
        kept = []
        for row in rows:
            to = row[roles.recipients]
            codes = to if isinstance(to, list) else str(to).split(roles.recipients_separator)
            short = all(len(str(value)) < LONG_NARRATIVE for value in row.values())
            if short and {str(code).strip() for code in codes} <= known:
                kept.append(row)
        return kept

    def _export(self, agency: str, rows: Sequence[Mapping[str, object]]) -> None:
        desk = self.desks[agency]
        self._files += 1
        name = f"export-{self._files:05d}{desk.adapter.suffixes[0]}"
        content = desk.form.write(rows)
        context = Context(agency, dict(desk.partners), self._links[agency])
        for item in desk.adapter.read(content):
            assert isinstance(item, Row), item
            outgoing = desk.adapter.to_event(item, context)
            event_id = pseudonyms.event_id(self._secrets[agency], outgoing.key)
            self.events[event_id] = time.time()
            self.owed |= {Owed(agency, to, event_id) for to in outgoing.event.recipients}
        self._write(agency, name, content)

    def _write(self, agency: str, name: str, content: bytes) -> None:
        if not try_to_write(self._stage.folder(agency) / "import" / name, content):
            self._waiting.append((agency, name, content))
