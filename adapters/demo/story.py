"""Story of one fictitious person, from a third-party report to the outcome.

In each part, one agency exports rows, and the demo waits until others have them in their inbox
folders, in their own terms. ``script`` decides for the story's referrals; for all others the clerks
decide.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from adapters.demo import person
from adapters.demo.clerks import DONE, Step
from adapters.demo.desk import Arrival, Referral
from adapters.demo.person import CENTRE, COUNCIL, POLICE, PROSECUTION, SERVICE
from adapters.demo.screen import Screen
from adapters.demo.town import Town

MADE, CHANGED, CASE = "referral.made", "referral.status-changed", "case.updated"
CRITICAL = "critical-incident.declared"


class Story:
    """Runs the story.

    Attributes:
        town: the clerks of all agencies; set before any part runs.
        case_id: shared id of the case, once the report has arrived.
        critical_ms: milliseconds from the declaration's file to each inbox.
    """

    town: Town

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.case_id = ""
        self.critical_ms: dict[str, int] = {}

    def script(self, agency: str, arrival: Arrival) -> list[Step] | None:
        """Return the next steps for a referral of the story; None for any other referral."""
        flat = arrival.flat
        if flat.get("victim.name") == person.NAME and agency == POLICE and not self.case_id:
            self.case_id = str(flat["case_id"])
        if flat["case_id"] != self.case_id:
            return None
        service = flat["requested_service"]
        if service == "advocacy":
            return []  # the service never reads this referral
        if service == "emotional_support" and agency == SERVICE:
            return [("received", ""), ("rejected", "no_capacity")]
        if service == "legal_advice":
            return [("received", "")]
        return list(DONE[:2]) if service == "safeguarding" else list(DONE)

    # --- the parts -------------------------------------------------------------------------------

    def report_and_referrals(self) -> None:
        """The report reaches the unit, which opens a case and refers it."""
        town, say = self.town, self._screen.say
        say(f"{CENTRE} writes a third-party report for {person.NAME} into its spreadsheet.")
        town.clerks[CENTRE].say(person.third_party_report(town[CENTRE]))
        town.until(lambda: self.case_id, "the report reaches the unit of the right borough")
        unit = town.clerks[POLICE]
        case = unit.desk.case_of(town.arrivals(POLICE, MADE, self.case_id)[0])
        say(f"{POLICE} has it, in its own codes, and opens case {case}.", "✓")
        rows = [
            person.police_referral(unit.desk, service, case, self.case_id)
            for service in person.REFERRALS
        ]
        unit.say(*rows, person.case_file(unit.desk, case, self.case_id))
        say(
            f"{POLICE} refers: {COUNCIL} (housing), {SERVICE} (emotional support, advocacy), "
            f"{CENTRE} (legal advice); the file goes to {PROSECUTION}."
        )

    def owned_rejected_replaced(self) -> None:
        """Both take ownership; one rejects with a reason and is replaced."""
        town, say = self.town, self._screen.say
        housing, support = self._made("housing"), self._made("emotional_support")
        town.until(lambda: housing.version >= 2 and support.version >= 2, "both take ownership")
        say(f"{COUNCIL} and {SERVICE} have taken ownership (status received).", "✓")
        town.until(lambda: support.status == "rejected", "the service rejects")
        say(f"{SERVICE} rejects emotional support: no_capacity.", "!")
        replaced = town.clerks[POLICE].replaced
        town.until(lambda: support.own in replaced, "the unit asks another service")
        again = town[POLICE].outgoing
        new = replaced[support.own]
        code = town[POLICE].code_of(CENTRE)
        town.until(lambda: (new, code) in again and again[new, code].version >= 3, "it is accepted")
        say(f"{POLICE} makes a new one, linked to the old: {CENTRE} accepts it.", "✓")

    def cancelled(self) -> None:
        """The unit asks to cancel the legal advice, the centre confirms."""
        town, say = self.town, self._screen.say
        legal = self._made("legal_advice")
        town.until(lambda: legal.status == "received", "the centre owns the legal advice")
        unit = town.clerks[POLICE]
        unit.say(unit.desk.status_row(legal, legal.status, business="cancellation-requested"))
        town.until(lambda: legal.status == "cancelled", "the centre confirms the cancellation")
        say(f"{POLICE} asks to cancel the legal advice; {CENTRE} confirms: cancelled.", "✓")

    def charging_decision(self) -> None:
        """The prosecution decides on a charge."""
        self._case_news(POLICE, "charging_decision", "the charging decision")
        self._screen.say(f"{PROSECUTION} gives its charging decision: charge.", "✓")

    def civil_measure(self) -> None:
        """The council records a civil measure beside the criminal case."""
        town = self.town
        council = town[COUNCIL]
        housing = next(
            r
            for r in council.incoming.values()
            if r.shared_case == self.case_id and r.service == "housing"
        )
        row = person.civil_measure(council, housing.case, self.case_id)
        town.clerks[COUNCIL].say(row)
        self._case_news(POLICE, "civil_measures", "the civil measure")
        self._screen.say(f"{COUNCIL} records civil measures: injunction, tenancy action.", "✓")

    def critical_incident(self) -> None:
        """Every addressed agency is told at once."""
        town = self.town
        told = (POLICE, PROSECUTION, COUNCIL, SERVICE)
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")
        centre = town[CENTRE]
        town.until(lambda: not centre.busy, "the centre's exports are taken")
        name = centre.export([person.critical_incident(centre, moment)], "urgent")

        def known() -> bool:
            return all(town.arrivals(agency, CRITICAL, self.case_id) for agency in told)

        town.until(known, "every agency has the critical incident")
        dropped = centre.dropped[name]
        for agency in told:
            at = town.arrivals(agency, CRITICAL, self.case_id)[0].at
            self.critical_ms[agency] = round((at - dropped) * 1000)
        times = ", ".join(f"{agency} {ms} ms" for agency, ms in self.critical_ms.items())
        self._screen.say(
            f"{CENTRE} declares a critical incident. Time to each inbox: {times}.", "✓"
        )

    def joint_request(self) -> dict[str, Arrival]:
        """One event for police, council and service. Returns it as each received it."""
        town = self.town
        town.clerks[CENTRE].say(person.joint_request(town[CENTRE]))
        told = (POLICE, COUNCIL, SERVICE)

        def here(agency: str) -> list[Arrival]:
            return town.arrivals(agency, MADE, self.case_id, "safeguarding")

        town.until(lambda: all(here(agency) for agency in told), "the joint request arrives")
        return {agency: here(agency)[0] for agency in told}

    def outcome(self) -> None:
        """After the hearing, the outcome reaches police, council and service."""
        town = self.town
        town.clerks[PROSECUTION].results_wait = False
        for agency in (POLICE, COUNCIL, CENTRE):
            self._case_news(agency, "outcome", "the outcome")
        self._screen.say(
            f"{PROSECUTION} reports the outcome to police, council and service: convicted on a "
            "plea of guilty. The council may not receive the sentence uplift, and does not "
            "have it.",
            "✓",
        )

    # --- look-ups ---------------------------------------------------------------------------------

    def overdue_in_s(self) -> float:
        """Return the seconds until the deadline of the referral without an acknowledgement."""
        arrivals = self.town.arrivals(SERVICE, MADE, self.case_id, "advocacy")
        made = arrivals[0].at if arrivals else time.time()
        return made + 60.0 - time.time()

    def _made(self, service: str) -> Referral:
        """Return the unit's own record of the referral that it made to a service."""
        unit = self.town[POLICE]
        own, partner, _ = person.REFERRALS[service]
        key = (own, unit.code_of(partner))
        self.town.until(lambda: key in unit.outgoing, "the unit exports its referrals")
        return unit.outgoing[key]

    def _case_news(self, agency: str, leaf: str, what: str) -> None:
        self.town.until(
            lambda: any(leaf in a.flat for a in self.town.arrivals(agency, CASE, self.case_id)),
            f"{what} reaches {agency}",
        )
