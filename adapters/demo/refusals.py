"""Refusals that the demo shows, each with its step and code. All of them really happen.

Mistakes of agencies go through their own exports and come back in a reason file in quarantine.
Attacks by an outsider or by the Kafka operator are carried out on Kafka.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import count
from uuid import uuid4

from adapters.demo import hosting, person
from adapters.demo.auditing import newest_referral
from adapters.demo.clerks import Clerk
from adapters.demo.desk import Desk
from adapters.demo.hosting import Seen
from adapters.demo.samples.facts import case_list
from adapters.demo.samples.leaves import asked, referral_leaves
from adapters.demo.screen import Screen
from adapters.demo.stage import Stage
from adapters.demo.tampering import Change, unsafe_publish, with_publisher, with_reader
from adapters.demo.town import Town
from adapters.sources.shelving import LEFT_OUT
from broker.agency.own_manifest import suspend_contract
from broker.clock import now_ms
from broker.event import JSON
from broker.held.reason_file import REASON, parse_reason
from broker.record import Record
from contracts.events import PlainEvent
from contracts.model import topic_name

SENDING = "before sealing"
NOTICED_BY = {
    "withheld": "a heartbeat whose head is above what arrived",
    "gap": "the next record of its sender, which leaves a gap before it",
}
"""Signs that a record was withheld; the demo accepts the first of the two."""
WITHHELD_FROM, WITHHELD_SENDER = "council-lewisham", "csu-lewisham"
SUSPENDING, SUSPENDED_SENDER = person.COUNCIL, person.POLICE


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that was refused or noticed.

    Attributes:
        what: description.
        by: the party that refused or noticed it.
        step: number of the opening step, or the place before it.
        code: stable code.
        shown_in: file under the demo's folder that shows it, if any.
    """

    what: str
    by: str
    step: str
    code: str
    shown_in: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the refusal for ``--json``."""
        return asdict(self)


class Refusals:
    """Provokes refusals and collects the results.

    Attributes:
        found: results so far.
    """

    def __init__(self, stage: Stage, town: Town, screen: Screen) -> None:
        self.found: list[Refusal] = []
        self._stage = stage
        self._town = town
        self._screen = screen
        self._numbers = count(1)
        contract = stage.contract()
        self._topics = tuple(topic_name(contract, name) for name in sorted(contract.topics))
        self._cases = case_list(99, 40)

    def _add(self, refusal: Refusal) -> None:
        self.found.append(refusal)
        self._screen.say(
            f"{refusal.what}: {refusal.code}, {refusal.step}, by {refusal.by}"
            + (f"; see {refusal.shown_in}" if refusal.shown_in else ""),
            "⊘",
        )

    # --- attacks on Kafka -------------------------------------------------------------------------

    def no_acl(self, record: Record) -> None:
        """An agency with a certificate and without an ACL: Kafka refuses its writes and reads."""
        stranger = hosting.stranger(self._stage.root, self._stage.operator.bootstrap)
        write = hosting.refusal_of(lambda: hosting.write_as(stranger, record))
        read = hosting.refusal_of(lambda: hosting.read_as(stranger, self._topics))
        for verb, code in (("writes", write), ("reads", read)):
            what = f"{hosting.STRANGER}, which has no ACL, {verb}"
            self._add(Refusal(what, "Kafka", "before step 0", code))

    def altered(self, seen: Seen) -> None:
        """The operator alters a record; every reader refuses it."""
        sent = hosting.alter(self._stage.operator, seen.record)
        readers = self._readers_but(seen)

        def logged() -> dict[str, Mapping[str, object]]:
            return {
                agency: line
                for agency in readers
                for line in self._stage.adapters[agency].log_lines()
                if line.get("event") == "record_refused"
                and (line.get("topic"), line.get("partition")) == (sent.topic, sent.partition)
                and str(line.get("step")) == "3"
            }

        self._town.until(lambda: len(logged()) == len(readers), "the altered record is refused")
        agency, line = min(logged().items())
        self._add(
            Refusal(
                "a record that the Kafka operator altered by one bit",
                f"each of the {len(readers)} readers",
                f"step {line['step']}",
                str(line["code"]),
                f"logs/{agency}.jsonl",
            )
        )

    def _readers_but(self, seen: Seen) -> list[str]:
        origin = seen.proof.signed.checkpoint.origin.split("/")[1]
        return [agency for agency in self._stage.agencies if agency != origin]

    # --- what the contract forbids, in an agency's own export -------------------------------------

    def type_not_permitted(self) -> None:
        """A support service publishes a type that it may not publish."""
        service = self._town["haven-support"]
        known = next(a for a in service.arrivals if a.type == "referral.made")
        leaves: dict[str, JSON] = {"case_status": "under-investigation"}
        row = service.row(
            "case.updated",
            leaves,
            [service.code_of(person.POLICE)],
            case=service.case_of(known),
            shared_case=str(known.flat["case_id"]),
        )
        self._refused_row(service, row, "a support service publishes case.updated")

    def field_not_granted(self) -> None:
        """A unit writes an address into a referral to a support service."""
        unit = self._town[person.POLICE]
        case = self._cases[0]
        leaves = asked(referral_leaves(case, "counselling"), "support")
        leaves["victim.address"] = "Flat 1, 1 Placeholder Court"
        row = unit.row(
            "referral.made",
            leaves,
            [unit.code_of(person.SERVICE)],
            case=f"01/{9_800_000 + next(self._numbers)}/26",
            referral=f"R98{next(self._numbers):03d}-1",
        )
        self._left_out_of_row(unit, row, "victim.address in a referral to a support service")

    def _left_out_of_row(self, desk: Desk, row: Mapping[str, object], what: str) -> None:
        self._town.until(lambda: not desk.busy, "the previous export is taken")
        name = desk.export([row], "refusal")
        report = desk.directory / "processed" / f"{name}{LEFT_OUT}"
        self._town.until(report.exists, f"{what} is left out")
        (first,) = json.loads(report.read_text())["left_out"]
        shown = str(report.relative_to(self._stage.root))
        self._add(Refusal(what, f"{desk.agency}'s own adapter", SENDING, first["reason"], shown))

    def _refused_row(self, desk: Desk, row: Mapping[str, object], what: str) -> None:
        self._town.until(lambda: not desk.busy, "the previous export is taken")
        name = desk.export([row], "refusal")
        reason = desk.directory / "quarantine" / f"{name}{REASON}"
        self._town.until(reason.exists, f"{what} is refused")
        (first,) = parse_reason(reason.read_bytes()).rows
        shown = str(reason.relative_to(self._stage.root))
        self._add(Refusal(what, f"{desk.agency}'s own adapter", SENDING, first.code, shown))

    # --- the same by software without the sender's own checks -------------------------------------

    def unlawful_type(self) -> None:
        """A support service with changed software sends a case update: its readers refuse it."""
        event = PlainEvent(
            "case.updated",
            (person.POLICE,),
            {"case_id": str(uuid4()), "case_status": "under-investigation"},
        )
        self._tampered(person.SERVICE, event, with_publisher("support"), "case.updated sent anyway")

    def unlawful_field(self) -> None:
        """A unit with changed software seals an address for a support service."""
        data: dict[str, JSON] = {
            "case_id": str(uuid4()),
            "referral_id": str(uuid4()),
            "requested_service": "counselling",
            "victim": {"address": "Flat 1, 1 Placeholder Court"},
            "consent": {"pass_to_police": True, "support_contact": True, "share_identity": True},
        }
        event = PlainEvent("referral.made", (person.SERVICE,), data)
        change = with_reader("victim.address", "support")
        self._tampered(person.POLICE, event, change, "victim.address sealed for a service anyway")

    def _tampered(self, sender: str, event: PlainEvent, change: Change, what: str) -> None:
        (reader,) = event.recipients
        adapter = self._stage.adapters[reader]

        def refused() -> list[Mapping[str, object]]:
            return [
                line
                for line in adapter.log_lines()
                if line.get("event") == "record_refused"
                and line.get("agency") == sender
                and line.get("step") not in (0, 1, 2, 3, 4)
            ]

        before = len(refused())
        unsafe_publish(self._stage.participant(sender), event, change)
        self._town.until(lambda: len(refused()) > before, f"{what}: refused")
        line = refused()[-1]
        step = f"step {line['step']}"
        shown = f"logs/{reader}.jsonl"
        self._add(Refusal(f"{what}, by changed software", reader, step, str(line["code"]), shown))

    # --- withheld records -------------------------------------------------------------------------

    def withheld(self) -> Callable[[], None]:
        """The operator deletes a record before its reader has it.

        Returns:
            A function that waits until the loss is noticed and repaired; call it later.
        """
        stage, town = self._stage, self._town
        stage.adapters[WITHHELD_FROM].stop()
        self._screen.say(
            f"{WITHHELD_FROM} is down for a moment; {WITHHELD_SENDER} refers a case to it."
        )
        unit = town.clerks[WITHHELD_SENDER]
        row = self._housing(unit, "R98900-1", WITHHELD_FROM)
        town.until(lambda: not unit.desk.busy, "the previous export is taken")
        sender = stage.participant(WITHHELD_SENDER)
        before = newest_referral(sender, WITHHELD_FROM)
        unit.desk.export([row], "withheld")
        found: list[Seen] = []

        def on_kafka() -> bool:
            made = newest_referral(sender, WITHHELD_FROM)
            if made != before:  # meanwhile its sender continues: this one record, and no other
                taken_apart = (hosting.take_apart(record) for record in self._dump())
                found[:] = [seen for seen in taken_apart if seen and seen.event_id == made]
            return bool(found)

        town.until(on_kafka, "the referral is on Kafka")
        seen = found[0]
        hosting.withhold(stage.operator, seen.record)
        withheld_at = time.time()
        self._screen.say(
            "The Kafka operator deletes that record before the council has read it.", "!"
        )
        stage.adapters[WITHHELD_FROM].start()

        def noticed() -> None:
            self._noticed(seen, withheld_at)

        return noticed

    def _noticed(self, seen: Seen, withheld_at: float) -> None:
        """A heartbeat shows the loss, the council asks again, the sender's archive repairs it."""
        adapter = self._stage.adapters[WITHHELD_FROM]

        def alarms() -> list[Mapping[str, object]]:
            return [
                line
                for line in adapter.log_lines()
                if line.get("event") == "alarm"
                and line.get("agency") == WITHHELD_SENDER
                and line.get("code") in NOTICED_BY
            ]

        self._town.until(alarms, "the withheld record is noticed")
        code = str(alarms()[0]["code"])
        self._add(
            Refusal(
                "a record that the Kafka operator withheld",
                WITHHELD_FROM,
                NOTICED_BY[code],
                code,
                f"logs/{WITHHELD_FROM}.jsonl",
            )
        )
        council = self._town[WITHHELD_FROM]
        self._town.until(
            lambda: any(a.event_id == seen.event_id for a in council.arrivals),
            "the withheld record comes again from the sender's archive",
        )
        seconds = time.time() - withheld_at
        self._screen.say(
            f"{WITHHELD_FROM} asked for it again, and has it {seconds:.0f} s after it was deleted.",
            "✓",
        )

    # --- suspension -------------------------------------------------------------------------------

    def suspended(self) -> None:
        """A council suspends its own part; the sender refuses the next event to it."""
        stage, town = self._stage, self._town
        people = town.clerks[SUSPENDING]
        town.until(lambda: people.idle, f"the people of {SUSPENDING} have answered everything")
        people.away = True
        town.work_for(1.0)  # its last events are on Kafka before the suspension begins
        participant = stage.participant(SUSPENDING)
        contract = participant.contract_in_force(now_ms()).contract
        issued = suspend_contract(participant, contract.name, "technical_fault", now_ms())
        version = issued.manifest.version
        self._screen.say(
            f"{SUSPENDING} suspends its own part of the contract (manifest {version})."
        )
        unit = town.clerks[SUSPENDED_SENDER]

        def known() -> bool:
            newest = stage.participant(SUSPENDED_SENDER).manifests.newest(SUSPENDING)
            return newest is not None and newest.version >= version

        town.until(known, "the suspension reaches the others over Kafka")
        town.work_for(1.0)  # stored; the running adapter applies it within the same second
        row = self._housing(unit, "R98901-1", SUSPENDING)
        self._refused_row(unit.desk, row, f"the next event to {SUSPENDING}, now suspended")

    # --- helpers ----------------------------------------------------------------------------------

    def _housing(self, unit: Clerk, own: str, council: str) -> dict[str, object]:
        number = next(self._numbers)
        case = next(
            c
            for c in self._cases[number:]
            if c.consent.share_identity and c.consent.pass_to_police and c.victim.name
        )
        desk = unit.desk
        leaves = asked(referral_leaves(case, "housing"), "council") | {"urgency": "routine"}
        return desk.row(
            "referral.made",
            {path: v for path, v in leaves.items() if path != "incident.narrative"},
            [desk.code_of(council)],
            case=f"01/{9_700_000 + number}/26",
            referral=own,
        )

    def _dump(self) -> list[Record]:
        return hosting.dump(self._stage.operator, self._topics)
