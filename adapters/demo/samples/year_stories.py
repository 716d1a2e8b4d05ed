"""Story of one invented case: what agencies say of it, and what is then true.

Each step says something, and states what the agency that minted the case knows from then on. The
truth follows the agreement: a council is not told of charges, and a charity is not told which
motivation the police recorded.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from adapters.demo.samples.year_truth import Saying, Told, ToldReferral
from broker.event import JSON

__all__ = ["CaseStory", "told_story"]

CAMDEN, LEWISHAM = "E09000007", "E09000023"
NEIGHBOURS: Final[Mapping[str, str]] = {"E09000019": CAMDEN, "E09000011": LEWISHAM}
"""Islington and Greenwich, with the borough whose police unit takes their cases."""
CPS, CHARITY, CENTRE = "cps-london", "haven-support", "lantern-centre"
MADE, CHANGED, UPDATED, CORRECTED = (
    "referral.made", "referral.status-changed", "case.updated", "correction.made",
)  # fmt: skip

Kind: TypeAlias = Literal["police", "council", "charity", "centre"]
_ROLES: Final[Mapping[Kind, str]] = {
    "police": "police", "council": "council", "charity": "support", "centre": "support",
}  # fmt: skip
_CHANNELS: Final[Mapping[Kind, str]] = {
    "police": "police", "council": "council", "charity": "voluntary",
    "centre": "third_party_centre",
}  # fmt: skip
_STRANDS: Final = ("race", "religion", "sexual_orientation", "disability", "transgender")
_STRANDS_OFTEN: Final = (52, 16, 16, 10, 6)
_MEASURES: Final = ("acceptable_behaviour_contract", "tenancy_action", "warning_letter")
_DECISIONS: Final = ("charge", "no_further_action_evidential", "out_of_court_disposal")
_OUTCOMES: Final = ("convicted_plea", "convicted_trial", "acquitted", "discontinued")
_COURSES: Final = (
    (("received", ""), ("accepted", ""), ("completed", "")),
    (("received", ""), ("accepted", "")),
    (("received", ""), ("rejected", "no_capacity")),
)
_ANSWER_DAYS: Final = (1, 1, 3, 1, 7, 1, 2, 13)
"""Days after which an agency answers a referral."""
_DIMENSIONS: Final = (
    "recorded_as", "unit_area", "borough", "channel", "charge", "outcome", "uplift",
)  # fmt: skip


class EndOfYear(Exception):  # noqa: N818  # it is no fault
    """The next thing would be said after the year."""


class CaseStory:
    """A case while its story is told.

    Args:
        rng: decides everything.
        opened: day on which the case is minted.
        end: the first day after the year.

    Attributes:
        sayings: its events. A change of a referral's status comes a day or more after the event
            before, any other event at least 8 days.
        history: its truth, oldest first.
        minted_by: agency that records it first.
    """

    def __init__(self, rng: random.Random, opened: int, end: int) -> None:
        self.sayings: list[Saying] = []
        self.history: list[Told] = []
        self._rng = rng
        self._day, self._end = opened, end
        kinds: tuple[Kind, ...] = ("police", "council", "charity", "centre")
        self._kind = rng.choices(kinds, (46, 18, 15, 21))[0]
        self._borough = rng.choices((CAMDEN, LEWISHAM, *NEIGHBOURS), (44, 38, 10, 8))[0]
        self._unit_area = NEIGHBOURS.get(self._borough, self._borough)
        town = "camden" if self._unit_area == CAMDEN else "lewisham"
        self._unit, self._council = f"csu-{town}", f"council-{town}"
        self.minted_by = {
            "police": self._unit, "council": self._council, "charity": CHARITY, "centre": CENTRE,
        }[self._kind]  # fmt: skip
        self._crime = rng.random() < 0.72
        self._strands = {self.minted_by: self._some_strands()}
        self._measures: dict[str, tuple[str, ...]] = {}
        self._known = dict.fromkeys(_DIMENSIONS, "not-stated")
        self._asked = False
        self._answers: list[bool | None] = []
        self._sent: list[ToldReferral] = []
        self._aware: set[str] = {self.minted_by}

    # --- the steps -------------------------------------------------------------------------------

    def open(self) -> None:
        """The case is minted, by a referral or by a file for the prosecution."""
        if self._kind == "police" and self._crime and self._chance(0.35):
            self._known |= {"recorded_as": "hate_crime", "unit_area": self._unit_area}
            self._known["borough"] = self._borough
            self._say(self._unit, UPDATED, (CPS,), self._record(self._unit))
        else:
            to = self._rng.choices(
                (self._unit, self._council, CHARITY), (0, 4, 6) if self._is("police") else (7, 2, 1)
            )[0]
            self._refer(to if to != self.minted_by else self._unit, self._first_answer())
        if self._chance(0.08):
            self._say_again()

    def referral_runs(self) -> None:
        """The agency that was asked moves the first referral on; no figure counts it."""
        (first, *_) = self.sayings
        if first.type != MADE:
            return
        before = "requested"
        for version, (status, reason) in enumerate(self._rng.choice(_COURSES), 2):
            leaves: dict[str, JSON] = {
                "version": version, "status": status, "previous_status": before,
            }  # fmt: skip
            if reason:
                leaves["reason"] = reason
            self._say(first.recipients[0], CHANGED, (self.minted_by,), leaves, referral=0)
            before = status

    def police_record(self) -> None:
        """A unit that was told of the case records it, and says so to the agency that minted it."""
        if self._is("police") or self._unit not in self._aware:
            return
        if self._chance(0.05):
            self._borough = LEWISHAM if self._borough == CAMDEN else CAMDEN
        self._strands[self._unit] = self._strands[self.minted_by]
        if self._chance(0.15):
            self._strands[self._unit] = self._some_strands()
        kind = "hate_crime" if self._crime else "asb_incident"
        self._known |= {"recorded_as": kind, "unit_area": self._unit_area}
        self._known["borough"] = self._borough
        leaves = self._record(self._unit)
        if not self._is("council"):
            del leaves["strands"], self._strands[self._unit]
        self._say(self._unit, UPDATED, (self.minted_by,), leaves)

    def second_referral(self) -> None:
        """The agency asks another one too; the consent may now be given."""
        others = [one for one in (self._council, CHARITY) if one not in self._aware]
        if others:
            first = self._answers[-1] if self._answers else True
            self._refer(self._rng.choice(others), first or self._rng.choice((True, False, None)))

    def correction(self) -> None:
        """The agency corrects its referral: a motivation, the borough, the channel or consent."""
        first = self.sayings[0]
        if first.type != MADE:
            return
        wrong = self._rng.choice(("strands", "strands", "borough", "reporting_channel", "consent"))
        leaves: dict[str, JSON] = {"reason": "wrong_value", "retracted": [f"incident.{wrong}"]}
        if wrong == "strands":
            self._strands[self.minted_by] = self._some_strands()
            leaves["incident.strands"] = list(self._strands[self.minted_by])
        elif wrong == "borough":
            self._borough = LEWISHAM if self._borough == CAMDEN else CAMDEN
            self._known["borough"] = leaves["incident.borough"] = self._borough
            self._sent[0] = replace(self._sent[0], borough=self._borough)
        elif wrong == "reporting_channel":
            self._known["channel"] = "not-stated"
        else:
            leaves["retracted"] = ["consent.statistics"]
            self._answers[0] = None
        self._say(self.minted_by, CORRECTED, first.recipients, leaves, corrects=0)

    def prosecution(self) -> None:
        """The unit asks for a charge; the prosecution decides, and later reports the outcome."""
        if not self._crime or self._unit not in self._aware:
            return
        if CPS not in self._aware:
            self._say(self._unit, UPDATED, (CPS,), self._record(self._unit))
        # a charity is sometimes told; a council may not read charges and uplifts
        told = not self._is("council") and (self._is("police") or self._chance(0.6))
        to = {self._unit, self.minted_by} if told else {self._unit}
        decision = self._rng.choices(_DECISIONS, (70, 20, 10))[0]
        if told:
            self._known["charge"] = decision
        self._say(CPS, UPDATED, to, {"charging_decision": decision})
        if decision != "charge":
            return
        outcome = self._rng.choices(_OUTCOMES, (45, 20, 20, 15))[0]
        leaves: dict[str, JSON] = {"outcome": outcome}
        if outcome.startswith("convicted"):
            leaves["sentence_uplift"] = self._chance(0.7)
        if told:
            self._known["uplift"] = str(leaves.get("sentence_uplift", "not-stated")).lower()
        if told or (self._is("council") and self._chance(0.5)):
            self._known["outcome"] = outcome
            to = to | {self.minted_by}
        self._say(CPS, UPDATED, to, leaves)
        if outcome.startswith("convicted") and not self._is("police") and self._chance(0.3):
            self._take_measures(self._unit, ("criminal_behaviour_order",))

    def civil_measures(self) -> None:
        """A council that knows the case takes civil measures, and may replace them."""
        if self._council in self._aware:
            for _ in range(self._rng.choice((1, 1, 2))):
                some = self._rng.sample(_MEASURES, self._rng.choice((1, 2)))
                self._take_measures(self._council, tuple(sorted(some)))

    def withdrawal(self) -> None:
        """The victim withdraws the consent; the agency or one that it told says so."""
        first = self.sayings[0]
        ends = (self.minted_by, first.recipients[0])
        sender, to = ends if first.type == UPDATED or self._chance(0.5) else ends[::-1]
        self._answers.append(False)
        leaves: dict[str, JSON] = {"reason": "consent_withdrawn", "consent.statistics": False}
        self._say(sender, CORRECTED, (to,), leaves, corrects=0)

    # --- what they share -------------------------------------------------------------------------

    def _refer(self, to: str, answer: bool | None) -> None:
        first = not self._asked
        record = "hate_crime" if self._crime else "hate_incident"
        if self._is("police") and not self._crime:
            record = "asb_incident"  # the police record no incidents that are not crimes as such
        leaves: dict[str, JSON] = {
            "requested_service": "police_investigation" if to == self._unit else "advocacy",
            "incident.record_type": record,
            "incident.borough": self._borough,
            "incident.strands": list(self._strands[self.minted_by]),
        }
        if not self.sayings and self._chance(0.94):
            leaves["incident.reporting_channel"] = _CHANNELS[self._kind]
            self._known["channel"] = _CHANNELS[self._kind]
        if answer is not None:
            leaves["consent.statistics"] = answer
        self._asked = True
        self._answers.append(answer)
        self._known["borough"] = self._borough
        self._record_own(record, again=not first)
        self._say(self.minted_by, MADE, (to,), leaves, referral=len(self._sent))

    def _record_own(self, record: str, *, again: bool) -> None:
        """State as what the case is recorded, if its own agency says so."""
        if self._kind != "centre":
            areas = {"charity": "several-areas"}
            self._known["recorded_as"] = record
            self._known["unit_area"] = areas.get(self._kind, self._unit_area)
        elif not again and self._known["recorded_as"] == "not-stated":
            self._known["recorded_as"] = "third-party-report"

    def _take_measures(self, agency: str, measures: tuple[str, ...]) -> None:
        self._measures[agency] = measures
        to = self.minted_by if agency != self.minted_by else self.sayings[0].recipients[0]
        self._say(agency, UPDATED, (to,), {"civil_measures": list(measures)})

    def _record(self, agency: str) -> dict[str, JSON]:
        strands = self._strands.get(agency, self._strands[self.minted_by])
        kind = "hate_crime" if self._crime else "asb_incident"
        return {"record_type": kind, "borough": self._borough, "strands": list(strands)}

    def _say(
        self,
        sender: str,
        event_type: str,
        to: set[str] | tuple[str, ...],
        leaves: Mapping[str, JSON],
        *,
        referral: int | None = None,
        corrects: int | None = None,
    ) -> None:
        """Say something, and state what is true from then on.

        Raises:
            EndOfYear: the year is over; nothing is said.
        """
        if self.sayings:
            pause = self._rng.randrange(8, 26)
            self._day += pause if event_type != CHANGED else _ANSWER_DAYS[pause % len(_ANSWER_DAYS)]
        if self._day >= self._end:
            raise EndOfYear
        recipients = tuple(sorted(to))
        self._aware |= {sender, *recipients}
        self._follow_referral(event_type, recipients[0], leaves)
        self.sayings.append(
            Saying(self._day, sender, event_type, recipients, leaves, referral, corrects)
        )
        answers = [one for one in self._answers if one is not None]
        strands = {one for agency in self._strands.values() for one in agency}
        measures = {one for agency in self._measures.values() for one in agency}
        several = {"strand": strands, "civil_measure": measures or {"not-stated"}}
        self.history.append(
            Told(
                self._day,
                answers[-1] if answers else not self._asked,
                {
                    **{name: (value,) for name, value in self._known.items()},
                    **{name: tuple(sorted(codes)) for name, codes in several.items()},
                    "source": (_ROLES[self._kind],),
                },
                tuple(self._sent),
            )
        )

    def _follow_referral(self, event_type: str, recipient: str, leaves: Mapping[str, JSON]) -> None:
        """State what becomes of a referral."""
        if event_type == MADE:
            role = {self._unit: "police", self._council: "council", CHARITY: "support"}[recipient]
            service = str(leaves["requested_service"])
            self._sent.append(ToldReferral(self._day, role, service, self._borough))
        elif event_type == CHANGED:
            status, reason = str(leaves["status"]), str(leaves.get("reason", ""))
            self._sent[0] = self._sent[0].moved(self._day, status, reason)

    def _say_again(self) -> None:
        """Export the first row again, unchanged."""
        first = self.sayings[0]
        self._day += 8
        if self._day >= self._end:
            raise EndOfYear
        self.sayings.append(
            Saying(
                self._day, first.sender, first.type, first.recipients, first.leaves, first.referral,
                repeats=0,
            )
        )  # fmt: skip

    def _first_answer(self) -> bool | None:
        answers: tuple[bool | None, ...] = (True, False, None)
        return self._rng.choices(answers, (88, 8, 4))[0]

    def _some_strands(self) -> tuple[str, ...]:
        number = self._rng.choices((1, 2), (82, 18))[0]
        found = {self._rng.choices(_STRANDS, _STRANDS_OFTEN)[0] for _ in range(number)}
        return tuple(sorted(found))

    def _is(self, kind: Kind) -> bool:
        return self._kind == kind

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share


def told_story(rng: random.Random, opened: int, end: int) -> CaseStory:
    """Tell the story of a case, as far as the year goes.

    Args:
        rng: decides everything.
        opened: day on which the case is minted, from 0.
        end: the first day after the year.
    """
    story = CaseStory(rng, opened, end)
    steps = (
        (1.0, story.open),
        (0.8, story.referral_runs),
        (0.85, story.police_record),
        (0.3, story.second_referral),
        (0.09, story.correction),
        (0.5, story.prosecution),
        (0.4, story.civil_measures),
        (0.05, story.withdrawal),
    )
    with suppress(EndOfYear):
        for share, step in steps:
            if rng.random() < share:
                step()
    return story
