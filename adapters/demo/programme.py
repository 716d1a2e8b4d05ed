"""The demo from beginning to end: the acts in their order, and what must hold after them.

The order of the acts is that of issue 3; what each does is in the modules it calls.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.demo import hosting, person
from adapters.demo.auditing import VerifiedLog, audit, moment, overdue, referrals_of
from adapters.demo.comparing import Comparison, compare
from adapters.demo.desk import Arrival
from adapters.demo.exports import day, flaws_of
from adapters.demo.figures import Figures, distinct, measured
from adapters.demo.hosting import Seen, take_apart
from adapters.demo.person import CENTRE, COUNCIL, POLICE, SERVICE
from adapters.demo.processes import peak_memory
from adapters.demo.refusals import Refusals
from adapters.demo.screen import Screen
from adapters.demo.stage import Stage
from adapters.demo.story import Story
from adapters.demo.town import Town, UnmetError, directories
from broker.participant import Participant
from broker.store.rows import ReferralRow
from contracts.model import topic_name

KILLED: Final = COUNCIL
OUTAGE_S: Final = 3.0
SETTLED_S: Final = 90.0


@dataclass(slots=True)
class Result:
    """What came of a run.

    Attributes:
        root: the folder that stays.
        case_id: shared id of the story's case.
        expectations: (what must hold, whether it did).
        comparison, figures, refusals: what was found, when the demo came so far.
        logs: the verified logs and who received the address.
        referrals: of the story's case, as the unit has them.
    """

    root: Path
    cases: int
    case_id: str = ""
    expectations: list[tuple[str, bool]] = field(default_factory=list)
    comparison: Comparison | None = None
    figures: Figures | None = None
    refusals: list[dict[str, str]] = field(default_factory=list)
    logs: tuple[VerifiedLog, ...] = ()
    referrals: tuple[ReferralRow, ...] = ()
    overdue: tuple[ReferralRow, ...] = ()
    critical_ms: Mapping[str, int] = field(default_factory=dict)
    flaws: Mapping[str, int] = field(default_factory=dict)
    kafka_mib: int = 0

    @property
    def met(self) -> bool:
        """Whether everything held."""
        return all(held for _, held in self.expectations)


class Programme:
    """Plays everything on a stage."""

    def __init__(self, stage: Stage, screen: Screen, cases: int) -> None:
        self.result = Result(stage.root, cases)
        self._stage = stage
        self._screen = screen
        self._cases = cases
        self._story = Story(screen)
        self._outage = (0.0, 0.0)
        self._joint: Mapping[str, Arrival] = {}

    def play(self) -> Result:
        """Play all acts.

        Raises:
            ConcordantError: the environment is at fault.
        """
        self._set_up()
        try:
            self._person_and_morning()
            self._outage_and_afternoon()
            self._outcome_and_sides()
            self._refusals()
            self._settle()
        except UnmetError as error:
            self._screen.say(str(error), "✗")
            self.result.expectations.append((str(error), False))
            return self.result
        self._answers()
        self._figures()
        return self.result

    def _expect(self, what: str, held: bool) -> None:
        self.result.expectations.append((what, held))
        self._screen.say(what, "✓" if held else "✗")

    # --- setting up ------------------------------------------------------------------------------

    def _set_up(self) -> None:
        stage, screen = self._stage, self._screen
        screen.act("Seven agencies, one contract, one Kafka that nobody has to trust")
        with screen.doing("keys, contract, certificates"):
            stage.prepare()
        contract = stage.contract()
        screen.say(
            f"{len(contract.parties)} agencies have signed {contract.name} {contract.version} in "
            "counterparts, each with its own keys; it is in force from today.",
            "✓",
        )
        with screen.doing("Kafka"):
            stage.start_kafka()
            changes = stage.provision()
        screen.say(
            f"Kafka 4.4 at {stage.operator.bootstrap}: TLS 1.3 with client certificates, deny by "
            f"default; {len(changes)} topics and rights, all from the contract.",
            "✓",
        )
        with screen.doing("one adapter process per agency"):
            stage.start_adapters()
        pids = ", ".join(f"{agency} {stage.adapters[agency].pid}" for agency in stage.agencies)
        screen.say(f"Seven adapter processes: {pids}.", "✓")
        folders = directories(stage.root, stage.agencies)
        self._story.town = Town(folders, self._story.script, self._watched)
        self._story.town.clerks["cps-london"].results_wait = True

    def _watched(self, arrived: int) -> None:
        self._screen.progress(f"{arrived} records in inbox folders")

    # --- the acts --------------------------------------------------------------------------------

    def _person_and_morning(self) -> None:
        story, screen, town = self._story, self._screen, self._story.town
        morning, afternoon = day(self._cases)
        self._afternoon = afternoon
        self.result.flaws = flaws_of(morning + afternoon)
        screen.act(f"The story of {person.NAME}, while {self._cases} other cases go their way")
        with screen.doing("the story"):
            story.report_and_referrals()
            town.drop(morning)
            for export in morning:
                screen.say(
                    f"{export.agency} exports {export.name}, {len(export.rows)} rows"
                    + (f": {export.about}" if export.about else "")
                    + "."
                )
            story.owned_rejected_replaced()
            story.cancelled()
            story.charging_decision()
            story.civil_measure()
            story.critical_incident()
        self.result.case_id = story.case_id
        self.result.critical_ms = story.critical_ms

    def _outage_and_afternoon(self) -> None:
        stage, screen, town = self._stage, self._screen, self._story.town
        screen.act(f"The adapter of {KILLED} is killed, and Kafka is stopped")
        with screen.doing("the outage"):
            began = time.time()
            stage.adapters[KILLED].kill()
            screen.say(f"SIGKILL for the adapter of {KILLED}.", "!")
            town.drop(self._afternoon)
            for export in self._afternoon:
                screen.say(
                    f"{export.agency} exports {export.name}, {len(export.rows)} rows"
                    + (f": {export.about}" if export.about else "")
                    + "."
                )
            town.work_for(0.5)
            if stage.kafka is not None:
                self.result.kafka_mib = self._kafka_memory()
                stage.kafka.stop()
                screen.say("Kafka is stopped. Everybody goes on exporting.", "!")
            town.work_for(OUTAGE_S)
            before = town.arrived
            if stage.kafka is not None:
                stage.kafka.start()
                screen.say("Kafka is back, with what it had acknowledged.", "✓")
            stage.start_adapters(KILLED)
            town.until(lambda: town.arrived > before, "records arrive again")
            screen.say(f"{KILLED} is back; records arrive again.", "✓")
            self._outage = (began, time.time())

    def _outcome_and_sides(self) -> None:
        stage, screen, story = self._stage, self._screen, self._story
        screen.act("The outcome, and one event from four sides")
        with screen.doing("the outcome"):
            story.outcome()
            self._joint = story.joint_request()
        from adapters.demo.views import NOT_SHARED, leaks, operators_view, own_view, side_by_side

        town = story.town
        desks = {agency: town[agency] for agency in self._joint}
        screen.say(f"{CENTRE} asks police, council and service for one safeguarding plan.")
        columns, rows = side_by_side(desks, self._joint)
        screen.table("What each has in its inbox folder, in its own terms", columns, rows)
        event_id = self._joint[POLICE].event_id
        self._seen = next(s for s in self._dump() if s.event_id == event_id)
        screen.table(
            "What whoever hosts Kafka sees of the same event",
            ["", ""],
            operators_view(self._seen),
        )
        values = [
            str(value)
            for leaf, value in self._joint[POLICE].flat.items()
            if leaf.startswith(("victim.", "incident.")) and len(str(value)) >= 6
        ]
        found = leaks(self._seen, [*values, *self._joint, story.case_id, "referral"])
        self._expect(
            f"none of {len(values)} values, no recipient, no case and no type can be read on Kafka",
            not found,
        )
        address = {
            agency: own_view(desks[agency], arrival, "victim.address") != NOT_SHARED
            for agency, arrival in self._joint.items()
        }
        self._expect(
            "the address is read by police and council and not by the service",
            address == {POLICE: True, COUNCIL: True, SERVICE: False},
        )

    def _refusals(self) -> None:
        screen, stage = self._screen, self._stage
        screen.act("What is refused, by whom and where")
        refusals = Refusals(stage, self._story.town, screen)
        with screen.doing("refusals"):
            noticed = refusals.withheld()
            refusals.no_acl(self._seen.record)
            refusals.type_not_permitted()
            refusals.field_not_granted()
            refusals.altered(self._seen)
            hosting.repeat(stage.operator, self._seen.record)
            noticed()
            refusals.suspended()
        self.result.refusals = [refusal.as_json() for refusal in refusals.found]
        self._expect("each of them was refused", all(r["code"] for r in self.result.refusals))

    def _settle(self) -> None:
        screen, story, town = self._screen, self._story, self._story.town
        screen.act("Source files and sink files, compared")
        with screen.doing("the last records"):
            town.until(town.quiet, "everybody has finished", SETTLED_S)
            self._wait_for_clock()
            comparison = self._comparison()
            deadline = time.monotonic() + SETTLED_S
            while comparison.lost and time.monotonic() < deadline:
                town.work_for(2.0)
                comparison = self._comparison()
        self.result.comparison = comparison
        screen.table(
            "",
            ["events sent", "to recipients", "arrived", "lost", "twice", "unexpected"],
            [
                [
                    f"{comparison.events:,}",
                    f"{comparison.sent:,}",
                    f"{comparison.arrived:,}",
                    comparison.lost,
                    comparison.twice,
                    comparison.unexpected,
                ]
            ],
        )
        rows = ", ".join(f"{n} {code}" for code, n in sorted(comparison.rows_refused.items()))
        files = ", ".join(f"{n} {code}" for code, n in sorted(comparison.files_refused.items()))
        screen.say(f"Put aside with a reason: rows: {rows or 'none'}; files: {files or 'none'}.")
        screen.say(f"Rows exported more than once, sent once: {comparison.repeated_rows}.")
        self._expect(
            f"sent {comparison.sent}, arrived {comparison.arrived}, lost {comparison.lost}, twice "
            f"{comparison.twice}",
            comparison.sent > 0
            and comparison.lost == comparison.twice == 0
            and comparison.unexpected == comparison.aside == 0,
        )

    def _wait_for_clock(self) -> None:
        left = self._story.overdue_in_s() + 1.5
        if left > 0 and self._stage.kafka is not None:
            self._screen.say(f"{left:.0f} s until the clock of an urgent referral is over.")
            self._story.town.work_for(left)

    # --- afterwards ------------------------------------------------------------------------------

    def _answers(self) -> None:
        stage, screen, result = self._stage, self._screen, self.result
        screen.act(f"Who received victim.address of {person.NAME}, under which clause?")
        for adapter in stage.adapters.values():
            adapter.measure()
        participants = self._participants()
        result.logs = audit(participants, result.case_id, "victim.address")
        entries = sum(log.head.size for log in result.logs)
        witnessed = sum(log.witnessed for log in result.logs)
        self._expect(
            f"seven disclosure logs verified: {entries:,} entries, and {witnessed} heads that other "
            "agencies kept of them",
            entries > 0 and witnessed > 0,
        )
        rows = [
            [log.agency, moment(d.time_ms), d.type, d.source or log.agency, d.recipient, d.clause]
            for log in result.logs
            for d in log.disclosures
        ]
        screen.table("", ["log of", "UTC", "event", "from", "received by", "clause"], rows)
        readers = {d.recipient for log in result.logs for d in log.disclosures}
        self._expect("only police and council received it", readers == {POLICE, COUNCIL})
        result.referrals = referrals_of(participants[POLICE], result.case_id)
        result.overdue = overdue(participants[POLICE])
        late = {row.referral_id for row in result.overdue}
        screen.table(
            f"Referrals of the case, as {POLICE} has them",
            ["with", "side", "status", "version", "clock"],
            [
                [row.counterparty, row.role, row.status, row.version, _clock(row, late)]
                for row in result.referrals
            ],
        )
        self._expect(
            "one referral was cancelled",
            sum(row.status == "cancelled" for row in result.referrals) == 1,
        )
        if stage.kafka is not None:
            unanswered = [row for row in result.referrals if row.referral_id in late]
            self._expect("one was never acknowledged and is overdue", len(unanswered) == 1)

    def _figures(self) -> None:
        stage, screen, result = self._stage, self._screen, self.result
        screen.act("Figures")
        assert result.comparison is not None
        town = self._story.town
        arrivals = [
            (agency, arrival)
            for agency, clerk in town.clerks.items()
            for arrival in clerk.desk.arrivals
        ]
        began, ended = self._outage
        quiet = [
            (agency, arrival.event_id)
            for agency, arrival in arrivals
            if not began - 1 <= self._dropped(agency, arrival) <= ended
            and agency != "council-lewisham"  # it was stopped to show what is withheld
        ]
        data = None if stage.kafka is None else stage.kafka.folder / "data"
        result.kafka_mib = max(result.kafka_mib, self._kafka_memory())
        figures = result.figures = measured(
            distinct(self._dump()),
            result.comparison,
            quiet,
            [arrival.at for _, arrival in arrivals],
            stage.adapters,
            data,
            screen.seconds,
        )
        disk = f"{figures.disk_bytes:,} on disk" if figures.disk_bytes else "on a Kafka elsewhere"
        adapters = ", ".join(f"{name} {mib}" for name, mib in figures.adapter_mib.items())
        for name, value in (
            ("Bytes", f"{figures.record_bytes:,} in {figures.events:,} events, {disk}"),
            (
                "Events per signature",
                f"{figures.events_per_signature} (at most {figures.largest_batch}; "
                f"{figures.signatures:,} signatures)",
            ),
            (
                "Events per second",
                f"{figures.events_per_second} into inboxes in the busiest second",
            ),
            (
                "Export to inbox",
                f"p50 {figures.p50_s} s, p99 {figures.p99_s} s; {figures.longest_s} s with the outage",
            ),
            ("Memory, MiB", f"{adapters}; Kafka {result.kafka_mib}"),
            ("Seconds", f"{figures.seconds}"),
        ):
            screen.say(f"{name}: {value}")

    def _dropped(self, agency: str, arrival: Arrival) -> float:
        assert self.result.comparison is not None
        waited = self.result.comparison.seconds.get((agency, arrival.event_id), 0.0)
        return arrival.at - waited

    # --- what several acts need ------------------------------------------------------------------

    def _participants(self) -> dict[str, Participant]:
        return {agency: self._stage.participant(agency) for agency in self._stage.agencies}

    def _comparison(self) -> Comparison:
        town = self._story.town
        desks = {agency: clerk.desk for agency, clerk in town.clerks.items()}
        return compare(desks, self._participants())

    def _dump(self) -> list[Seen]:
        contract = self._stage.contract()
        topics = [topic_name(contract, name) for name in sorted(contract.topics)]
        records = hosting.dump(self._stage.operator, topics)
        return [seen for record in records if (seen := take_apart(record)) is not None]

    def _kafka_memory(self) -> int:
        kafka = self._stage.kafka
        return 0 if kafka is None or kafka.pid is None else peak_memory(kafka.pid) >> 20


def _clock(row: ReferralRow, late: set[str]) -> str:
    if row.referral_id in late:
        return "overdue: never acknowledged"
    return "closed" if row.closed else "met or running"
