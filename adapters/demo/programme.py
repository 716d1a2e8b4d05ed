"""Programme of the demo: its acts in order, then the expectations. Each act has its own module."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from adapters.demo import hosting, person
from adapters.demo.closing import answers, figures, kafka_memory, sealed_events
from adapters.demo.comparing import ExchangeComparison, compare_folders
from adapters.demo.daily_exports import Export, exports_of_day, flaws_of
from adapters.demo.desk import Arrival
from adapters.demo.desk_opening import open_desk
from adapters.demo.directory_in_use import directory_in_use
from adapters.demo.person import CENTRE, COUNCIL, POLICE, SERVICE
from adapters.demo.quarter_figures import quarter_figures
from adapters.demo.refusals import Refusals
from adapters.demo.report import Result
from adapters.demo.screen import Screen
from adapters.demo.stage import Stage
from adapters.demo.story import Story
from adapters.demo.town import Town, UnmetError, directories
from adapters.demo.views import NOT_SHARED, leaks, operators_view, own_view, side_by_side
from broker.agency.participant import Participant

KILLED: Final = COUNCIL
OUTAGE_S: Final = 3.0
SETTLED_S: Final = 90.0


class Programme:
    """Runs all acts on a stage.

    Args:
        stage: a partnership in a folder.
        screen: where the acts are shown.
        cases: number of cases besides the story's.
        goes_on: whether the adapters are needed after the last act.
    """

    def __init__(self, stage: Stage, screen: Screen, cases: int, *, goes_on: bool) -> None:
        self._goes_on = goes_on
        self.result = Result(stage.root, cases)
        self._stage = stage
        self._screen = screen
        self._cases = cases
        self._story = Story(screen)
        self._outage = (0.0, 0.0)
        self._joint: Mapping[str, Arrival] = {}
        self._participants: dict[str, Participant] = {}

    def play(self) -> Result:
        """Run all acts.

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
        for adapter in self._stage.adapters.values():
            adapter.measure()
        cases = self._story.town.cases()
        quarter_figures(self._stage, self._participants, cases, self._screen, self.result)
        directory_in_use(self._stage, self._screen, self.result)
        self._wait_for_clock()
        answers(self._stage, self._participants, self._screen, self.result)
        figures(self._stage, self._screen, self.result, self._story.town, self._outage)
        return self.result

    def open_desk(self) -> None:
        """Let the support service go on with the desk, for people at its pages.

        Raises:
            TransportError: its adapter did not start again.
        """
        try:
            with self._screen.doing("the desk of the support service"):
                open_desk(self._stage, self._story.town)
        except UnmetError as error:
            self._expect(str(error), held=False)
        else:
            self._screen.say("Haven Support now works with the desk, and has new referrals.", "✓")

    def _expect(self, what: str, held: bool) -> None:
        self.result.expect(self._screen, what, held)

    # --- setting up ------------------------------------------------------------------------------

    def _set_up(self) -> None:
        stage, screen = self._stage, self._screen
        screen.act("Seven agencies, one contract, one Kafka that they do not need to trust")
        with screen.doing("keys, contract, certificates"):
            stage.prepare()
        contract = stage.contract()
        screen.say(
            f"{len(contract.parties)} agencies have signed {contract.name} {contract.version} in "
            "counterparts, each with its own keys; it is in force from today.",
            "✓",
        )
        with screen.doing("Kafka"), ThreadPoolExecutor(1) as beside:
            listed = beside.submit(stage.publish_listings)
            stage.start_kafka()
            changes = stage.provision()
            listed.result()
        screen.say(
            f"Kafka 4.4 at {stage.operator.bootstrap}: TLS 1.3 with client certificates, deny by "
            f"default; {len(changes)} topics and rights, all from the contract.",
            "✓",
        )
        with screen.doing("one adapter process per agency"):
            stage.start_adapters(CENTRE, POLICE)  # the story begins with these two
        pids = ", ".join(f"{agency} {stage.adapters[agency].pid}" for agency in stage.agencies)
        screen.say(f"Seven adapter processes: {pids}.", "✓")
        folders = directories(stage.root, stage.agencies)
        self._story.town = Town(folders, self._story.script, self._watched)
        self._story.town.clerks["cps-london"].results_wait = True

    def _watched(self, arrived: int) -> None:
        self._screen.progress(f"{arrived} records in inbox folders")

    def _say_exports(self, exports: Sequence[Export]) -> None:
        for export in exports:
            about = f": {export.about}" if export.about else ""
            rows = f"{len(export.rows)} row" + ("s" if len(export.rows) > 1 else "")
            self._screen.say(f"{export.agency} exports {export.name}, {rows}{about}.")

    # --- the acts --------------------------------------------------------------------------------

    def _person_and_morning(self) -> None:
        story, screen, town = self._story, self._screen, self._story.town
        morning, afternoon = exports_of_day(self._cases)
        self._afternoon = afternoon
        self.result.flaws = flaws_of(morning + afternoon)
        screen.act(f"The story of {person.NAME}, while {self._cases} other cases are processed")
        with screen.doing("the story"):
            story.report_and_referrals()
            self._stage.await_adapters(*self._stage.agencies)
            town.drop(morning)
            self._say_exports(morning)
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
            self._say_exports(self._afternoon)
            town.work_for(0.5)
            if stage.kafka is not None:
                self.result.kafka_mib = kafka_memory(self._stage)
                stage.kafka.stop()
                screen.say("Kafka is stopped. The agencies continue to export.", "!")
            town.work_for(OUTAGE_S)
            before = town.arrived
            if stage.kafka is not None:
                with ThreadPoolExecutor(1) as beside:
                    started = beside.submit(stage.kafka.start)
                    stage.adapters[KILLED].start()
                    while not started.done():
                        town.work_for(0.5)
                    started.result()
                screen.say("Kafka is back, with every acknowledged record.", "✓")
            else:
                stage.adapters[KILLED].start()
            stage.await_adapters(KILLED)
            town.until(lambda: town.arrived > before, "records arrive again")
            screen.say(f"{KILLED} is back; records arrive again.", "✓")
            self._outage = (began, time.time())

    def _outcome_and_sides(self) -> None:
        screen, story = self._screen, self._story
        screen.act("The outcome, and one event from four sides")
        with screen.doing("the outcome"):
            story.outcome()
            self._joint = story.joint_request()
        town = story.town
        desks = {agency: town[agency] for agency in self._joint}
        screen.say(f"{CENTRE} asks police, council and service for one safeguarding plan.")
        columns, rows = side_by_side(desks, self._joint)
        screen.table("What each has in its inbox folder, in its own terms", columns, rows)
        event_id = self._joint[POLICE].event_id
        self._seen = next(s for s in sealed_events(self._stage) if s.event_id == event_id)
        screen.table(
            "What the Kafka operator sees of the same event",
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
        screen.act("What is refused, by which party and where")
        refusals = Refusals(stage, self._story.town, screen)
        with screen.doing("refusals"):
            noticed = refusals.withheld()
            refusals.no_acl(self._seen.record)
            refusals.type_not_permitted()
            refusals.unlawful_type()
            refusals.field_not_granted()
            refusals.unlawful_field()
            refusals.altered(self._seen)
            hosting.repeat(stage.operator, self._seen.record)
            refusals.suspended()  # another council, while the withheld record is not yet noticed
            noticed()
        self.result.refusals = [refusal.as_json() for refusal in refusals.found]
        self._expect("each of them was refused", all(r["code"] for r in self.result.refusals))

    def _settle(self) -> None:
        screen, town = self._screen, self._story.town
        screen.act("Source files and sink files, compared")
        with screen.doing("the last records"):
            town.until(town.quiet, "every agency has finished", SETTLED_S)
            self._participants = self._stage.participants()
            comparison = self._comparison()
            deadline = time.monotonic() + SETTLED_S
            while comparison.lost and time.monotonic() < deadline:
                town.work_for(2.0)
                comparison = self._comparison()
        self.result.comparison = comparison
        screen.table(
            "",
            ["events sent", "to recipients", "arrived", "refused", "lost", "twice", "unexpected"],
            [
                [
                    f"{comparison.events:,}",
                    f"{comparison.sent:,}",
                    f"{comparison.arrived:,}",
                    comparison.refused,
                    comparison.lost,
                    comparison.twice,
                    comparison.unexpected,
                ]
            ],
        )
        rows = ", ".join(f"{n} {code}" for code, n in sorted(comparison.rows_refused.items()))
        files = ", ".join(f"{n} {code}" for code, n in sorted(comparison.files_refused.items()))
        screen.say(f"Refused with a reason: rows: {rows or 'none'}; files: {files or 'none'}.")
        screen.say(f"Rows exported more than once, sent once: {comparison.repeated_rows}.")
        self._expect(
            f"sent {comparison.sent}, arrived {comparison.arrived}, lost {comparison.lost}, twice "
            f"{comparison.twice}",
            comparison.sent > 0
            and comparison.lost == comparison.twice == 0
            and comparison.unexpected == comparison.aside == 0,
        )

    def _wait_for_clock(self) -> None:
        """Wait until a referral is overdue. Nothing is sent any more, so the adapters can stop."""
        if self._overdue_in_s() > 0 and self._stage.kafka is not None:
            left = self._overdue_in_s()
            self._screen.say(f"{left:.0f} s until the deadline of an urgent referral.")
            if not self._goes_on:
                self._stage.stop_adapters()
            time.sleep(max(self._overdue_in_s(), 0.0))

    def _overdue_in_s(self) -> float:
        return self._story.overdue_in_s() + 0.3

    # --- shared by several acts -------------------------------------------------------------------

    def _comparison(self) -> ExchangeComparison:
        town = self._story.town
        desks = {agency: clerk.desk for agency, clerk in town.clerks.items()}
        return compare_folders(desks, self._participants)
