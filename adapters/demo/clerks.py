"""Simulated staff of the agencies: they read the inbox and answer in their own system's terms.

A clerk reads the inbox, decides, and exports answers as one file at a time. A clerk takes ownership
of a referral, accepts or rejects it with a reason, works on it and completes it. The prosecution
decides on a charge and reports an outcome. A rejected referral is made again to another service.
The referral or case seeds each decision, so a run can be repeated. ``script`` decides the referrals
of the story.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapters.demo.desk import Arrival, Desk
from broker.event import JSON

Step = tuple[str, str]
"""(status, reason or empty)."""

Script = Callable[[str, Arrival], "list[Step] | None"]
"""(agency, received referral) -> the next steps of its staff; None lets them choose."""

DONE: list[Step] = [("received", ""), ("accepted", ""), ("in-progress", ""), ("completed", "")]
UNDER_WAY: list[Step] = DONE[:3]
OTHER_SERVICE: Mapping[str, str] = {"VSHAV": "VSLAN"}
"""Own codes: the service that a Community Safety Unit asks when a support service rejects."""

STORY_URN = "01ZZ9900126"
"""Unique Reference Number of the story's case. The defendant is charged and pleads guilty."""
DECISION, RESULT = "ChargingDecision", "HearingResult"
"""The prosecution's own kinds of row."""

_REASONS = ("no_capacity", "out_of_area", "wrong_service")
_CHARGED: dict[str, JSON] = {"cps_stage": "charged", "charging_decision": "charge"}
_NOT_CHARGED: dict[str, JSON] = {
    "cps_stage": "pending_response_further_investigation",
    "charging_decision": "further_investigation",
    "action_plan": "Obtain a further statement.\nReview in two weeks.",
}


@dataclass(slots=True)
class Prosecution:
    """A case in the prosecution's system."""

    arrival: Arrival
    case: str
    decisions: list[tuple[str, dict[str, JSON]]] = field(default_factory=list)


class Clerk:
    """The staff of one agency.

    Attributes:
        desk: their case system.
        replaced: rejected referrals that were made again: own reference -> the new one.
        results_wait: no hearing results are reported while this is set, because the court has not
            sat.
        away: the staff read arriving events but answer nothing more.
    """

    def __init__(self, desk: Desk, script: Script) -> None:
        self.desk = desk
        self.results_wait = False
        self.away = False
        self.replaced: dict[str, str] = {}
        self._script = script
        self._prosecutions: list[Prosecution] = []
        self._to_say: list[dict[str, object]] = []

    def say(self, *rows: Mapping[str, object]) -> None:
        """Add rows to the next export."""
        self._to_say += [dict(row) for row in rows]

    @property
    def idle(self) -> bool:
        """Return whether no work and no untaken export is left."""
        planned = any(referral.plan for referral in self.desk.incoming.values())
        deciding = any(case.decisions for case in self._prosecutions)
        working = not self.away and (planned or deciding or self._to_say)
        return not (working or self.desk.busy)

    def work(self) -> int:
        """Read, decide and export answers. Returns the number of files that arrived."""
        arrived = self.desk.look()
        for arrival in arrived:
            self._consider(arrival)
        if self.away or self.desk.busy:
            return len(arrived)  # one export at a time, so that none overtakes another
        rows = [*self._to_say, *self._next_steps(), *self._next_decisions()]
        self._to_say = []
        if rows:
            self.desk.export(rows, "answers")
        return len(arrived)

    # --- deciding ---------------------------------------------------------------------------------

    def _consider(self, arrival: Arrival) -> None:
        if arrival.type == "referral.made":
            shared = str(arrival.flat["referral_id"])
            referral = next(r for r in self.desk.incoming.values() if r.shared == shared)
            scripted = self._script(self.desk.agency, arrival)
            referral.plan = list(_own_choice(shared) if scripted is None else scripted)
        elif arrival.type == "referral.status-changed":
            self._replace(arrival)
        elif arrival.type == "case.updated" and self.desk.kind == "cps":
            self._prosecute(arrival)

    def _replace(self, arrival: Arrival) -> None:
        """Ask another service when one rejects."""
        reference = str(arrival.values.get(self.desk.mapping.document.roles.referral, ""))
        rejected = self.desk.outgoing.get((reference, arrival.sender))
        other = OTHER_SERVICE.get(arrival.sender)
        if rejected is None or rejected.status != "rejected" or rejected.row is None:
            return
        if other is None or reference in self.replaced:
            return
        roles = self.desk.mapping.document.roles
        new = f"{reference}B"
        self.replaced[reference] = new
        again = {
            **rejected.row,
            roles.recipients: other,
            roles.referral: new,
            self.desk.form.column("previous_referral_id"): reference,
        }
        self.say(again)

    def _prosecute(self, arrival: Arrival) -> None:
        urn = arrival.flat.get("urn")
        if urn is None or any(
            case.arrival.flat["case_id"] == arrival.flat["case_id"] for case in self._prosecutions
        ):
            return
        rng = random.Random(str(urn))  # noqa: S311  # fictitious decisions
        charged = rng.random() < 0.7 or urn == STORY_URN
        decisions: list[tuple[str, dict[str, JSON]]] = [
            (DECISION, {**(_CHARGED if charged else _NOT_CHARGED), "urn": urn})
        ]
        if charged and (rng.random() < 0.6 or urn == STORY_URN):
            plea = "guilty" if urn == STORY_URN else rng.choice(("guilty", "not_guilty"))
            outcome: dict[str, JSON] = {
                "cps_stage": "conviction" if plea == "guilty" else "completed_prosecution",
                "plea": plea,
                "outcome": "convicted_plea" if plea == "guilty" else "acquitted",
                "urn": urn,
            }
            if plea == "guilty":
                outcome["sentence_uplift"] = True
            decisions.append((RESULT, outcome))
        self._prosecutions.append(Prosecution(arrival, self.desk.case_of(arrival), decisions))

    # --- exporting --------------------------------------------------------------------------------

    def _next_steps(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for referral in self.desk.incoming.values():
            if referral.plan:
                status, reason = referral.plan.pop(0)
                rows.append(self.desk.status_row(referral, status, reason=reason))
        return rows

    def _next_decisions(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for case in self._prosecutions:
            if not case.decisions or (case.decisions[0][0] == RESULT and self.results_wait):
                continue
            kind, leaves = case.decisions.pop(0)
            told = [case.arrival.sender]
            if leaves["urn"] == STORY_URN:
                told += [self.desk.code_of("council-camden"), self.desk.code_of("lantern-centre")]
                if kind == DECISION:
                    del told[1]  # the council does not receive charging decisions
            rows.append(
                self.desk.row(
                    "case.updated",
                    leaves,
                    told,
                    case=case.case,
                    shared_case=str(case.arrival.flat["case_id"]),
                    kind=kind,
                )
            )
        return rows


def _own_choice(shared: str) -> list[Step]:
    rng = random.Random(shared)  # noqa: S311  # fictitious decisions
    draw = rng.random()
    if draw < 0.1:
        return [("received", ""), ("rejected", rng.choice(_REASONS))]
    if draw < 0.35:
        return DONE
    return UNDER_WAY if draw < 0.6 else UNDER_WAY[:2]
