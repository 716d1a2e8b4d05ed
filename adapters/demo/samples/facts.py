"""Facts of fictitious cases, from which each agency's sample exports are made.

The same seed makes the same people. They are visibly fictitious: surnames say so, postcodes are of
the unused area ZZ, telephone numbers are those that Ofcom reserves for drama, and addresses end in
example.org. The irregularities are those of real exports: missing values, several strands,
incidents that are not crimes, consent to statistics only, narratives over the limit, accents, and
reports to a voluntary service that the police do not know about.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

_T = TypeVar("_T")

GIVEN_NAMES = (
    "Amina", "Ben", "Chloé", "Dafydd", "Eşref", "Fátima", "Grażyna", "Håkon", "Imran", "Jürgen",
    "Keiko", "Lucía", "Mbali", "Ngozi", "Oisín", "Priya", "Renée", "Siân", "Thu Trang", "Zoë",
)  # fmt: skip
SURNAMES = (
    "Testcase", "Sampleton", "Fixture", "Mockridge", "Placeholder", "Demoson", "Exemplar",
    "O'Stubb", "Dummy-Data", "Notreal",
)  # fmt: skip
STREETS = ("Fixture Road", "Sample Street", "Mock Lane", "Example Gardens", "Placeholder Court")
BOROUGHS = ("E09000007", "E09000023")
"""Camden and Lewisham, the two boroughs of the story."""
WARDS = {
    "E09000007": ("E05013653", "E05013656", "E05013662"),
    "E09000023": ("E05013716", "E05013721", "E05013730"),
}
WARDS_DATED = "2022-05-05"
"""Date from which those ward codes are valid."""
STRANDS = ("race", "religion", "sexual_orientation", "transgender", "disability")
SERVICES = ("housing", "emotional_support", "advocacy")
LONG_NARRATIVE = 9_000
"""Number of characters, over the limit of a narrative, so that such a record is refused."""

_AGE_BANDS = ((16, "10_15"), (18, "16_17"), (25, "18_24"), (35, "25_34"), (45, "35_44"),
              (55, "45_54"), (65, "55_64"), (200, "65_plus"))  # fmt: skip
_UNCHARGED = ("under-investigation", "local-resolution")
_WHAT = (
    "Shouted at the victim outside the building and followed them to the door.",
    "Wrote words on the front door during the night.",
    "Threw an object at the window; there was no injury.",
    "Pushed the victim on the bus and used insulting words.",
    "Sent messages over several days, each worse than the last.",
    "Blocked the entrance with a mobility scooter in view and laughed.",
)


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A fictitious victim. None means that the value was not recorded."""

    name: str | None
    date_of_birth: str | None
    age_band: str | None
    gender: str | None
    ethnicity: str | None
    address: str | None
    postcode: str | None
    uprn: str | None
    phone: str | None
    email: str | None
    tenure: str | None
    interpreter_language: str | None
    accessibility_needs: tuple[str, ...]
    safe_contact_method: str | None
    safe_contact_times: str | None
    needs: tuple[str, ...]
    risk_level: str | None
    risk_tool: str | None


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """The reported incident."""

    record_type: str
    strands: tuple[str, ...]
    perceived_by: str
    reporting_channel: str
    occurred_on: str | None
    occurred_time: str | None
    place_kind: str | None
    borough: str
    ward: str | None
    narrative: str
    injury: str | None
    damage: str | None
    previous_incidents: int | None
    known_to_police: bool
    linked_factors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PerpetratorFacts:
    """An alleged perpetrator, as far as known."""

    age_band: str | None
    gender: str | None
    known_to_victim: bool
    relationship: str | None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    """The victim's consent."""

    pass_to_police: bool
    support_contact: bool
    share_identity: bool
    statistics: bool

    @property
    def statistics_only(self) -> bool:
        """Return whether the victim agreed to statistics only."""
        shared = self.pass_to_police or self.support_contact or self.share_identity
        return self.statistics and not shared


@dataclass(frozen=True, slots=True)
class CourseFacts:
    """Further course of the case."""

    case_status: str
    cps_stage: str | None
    charging_decision: str | None
    plea: str | None
    outcome: str | None
    sentence_uplift: bool | None
    offences: tuple[str, ...]
    civil_measures: tuple[str, ...]
    diversion: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """One fictitious case, in codes of the shared vocabulary.

    Attributes:
        number: number of the case in the sample, from 1; own references are made from it.
        victim: the victim.
        incident: the reported incident.
        perpetrators: the alleged perpetrators.
        consent: the victim's consent.
        course: further course of the case.
        services: services requested in referrals, in order.
        witnesses: number of witnesses.
        critical: whether it becomes a critical incident.
    """

    number: int
    victim: PersonFacts
    incident: IncidentFacts
    perpetrators: tuple[PerpetratorFacts, ...]
    consent: ConsentFacts
    course: CourseFacts
    services: tuple[str, ...]
    witnesses: int | None
    critical: bool
    year: int = field(default=26)

    @property
    def crime_reference(self) -> str:
        """Return the crime reference number in the police's form."""
        return f"01/{7_000_000 + self.number}/{self.year}"

    @property
    def urn(self) -> str:
        """Return the prosecution's Unique Reference Number."""
        return f"01ZZ{10_000 + self.number:05d}{self.year}"


def case_facts(
    rng: random.Random, number: int, *, borough: str | None = None, until: date = date(2026, 10, 31)
) -> CaseFacts:
    """Make up one case.

    Args:
        rng: the seeded source of everything.
        number: number of the case, from 1.
        borough: one of ``BOROUGHS``; either when None.
        until: the last possible day of an incident.
    """
    where = borough or rng.choice(BOROUGHS)
    channel = rng.choices(
        ("police", "third_party_centre", "council", "voluntary", "online_national", "self"),
        (45, 18, 12, 10, 10, 5),
    )[0]
    crime = rng.random() < 0.72
    happened = until - timedelta(days=rng.randrange(1, 45))
    incident = IncidentFacts(
        record_type="hate_crime" if crime else "hate_incident",
        strands=tuple(sorted(rng.sample(STRANDS, rng.choices((1, 2, 3), (80, 17, 3))[0]))),
        perceived_by=rng.choices(("victim", "other_person"), (85, 15))[0],
        reporting_channel=channel,
        occurred_on=_maybe(rng, happened.isoformat(), 0.95),
        occurred_time=_maybe(rng, f"{rng.randrange(24):02d}:{rng.randrange(60):02d}", 0.7),
        place_kind=_maybe(rng, rng.choice(("home", "street", "public_transport", "shop")), 0.9),
        borough=where,
        ward=_maybe(rng, rng.choice(WARDS[where]), 0.7),
        narrative=_narrative(rng, number),
        injury=_maybe(rng, rng.choice(("none", "none", "minor", "psychological")), 0.8),
        damage=_maybe(rng, rng.choice(("none", "none", "graffiti", "broken_window")), 0.8),
        previous_incidents=_maybe(rng, rng.choice((0, 0, 1, 2, 6)), 0.7),
        known_to_police=channel == "police" or rng.random() < 0.3,
        linked_factors=_some(rng, ("anti_social_behaviour", "alcohol", "neighbour_dispute"), 0.35),
    )
    return CaseFacts(
        number=number,
        victim=_victim(rng, until),
        incident=incident,
        perpetrators=tuple(_perpetrator(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))),
        consent=_consent(rng),
        course=_course(rng, crime=crime),
        services=tuple(rng.sample(SERVICES, rng.choice((1, 2)))),
        witnesses=_maybe(rng, rng.choice((0, 0, 1, 2)), 0.6),
        critical=rng.random() < 0.03,
    )


def case_list(seed: int, count: int) -> list[CaseFacts]:
    """Return ``count`` cases of a seed, numbered from 1; a longer list begins the same way."""
    rng = random.Random(seed)  # noqa: S311  # fictitious people, not keys
    return [case_facts(rng, number) for number in range(1, count + 1)]


def _victim(rng: random.Random, until: date) -> PersonFacts:
    given, surname = rng.choice(GIVEN_NAMES), rng.choice(SURNAMES)
    born = until - timedelta(days=rng.randrange(14 * 365, 85 * 365))
    age = (until - born).days // 365
    number = rng.randrange(1_000)
    ascii_name = given.encode("ascii", "ignore").decode().replace(" ", "").lower()
    return PersonFacts(
        name=_maybe(rng, f"{given} {surname}", 0.96),
        date_of_birth=_maybe(rng, born.isoformat(), 0.85),
        age_band=next(band for limit, band in _AGE_BANDS if age < limit),
        gender=_maybe(rng, rng.choice(("female", "male", "male", "female", "non_binary")), 0.95),
        ethnicity=_maybe(
            rng, rng.choice(("asian_bangladeshi", "black_african", "white_other", "arab")), 0.8
        ),
        address=_maybe(
            rng, f"Flat {rng.randrange(1, 60)}, {rng.randrange(1, 200)} {rng.choice(STREETS)}", 0.9
        ),
        postcode=_maybe(rng, f"ZZ{rng.randrange(1, 10)} {rng.randrange(1, 10)}ZZ", 0.9),
        uprn=_maybe(rng, str(999_000_000_000 + number), 0.5),
        phone=_maybe(rng, rng.choice((f"07700 900{number:03d}", f"020 7946 0{number:03d}")), 0.85),
        email=_maybe(rng, f"{ascii_name}.{number}@example.org", 0.6),
        tenure=_maybe(
            rng, rng.choice(("council_tenant", "council_tenant", "private_rent", "temporary")), 0.8
        ),
        interpreter_language=_maybe(rng, rng.choice(("bn", "so", "pl", "bfi")), 0.15),
        accessibility_needs=_some(rng, ("step_free", "large_print", "someone_present"), 0.12),
        safe_contact_method=_maybe(rng, rng.choice(("phone", "text_message", "email")), 0.8),
        safe_contact_times=_maybe(
            rng, rng.choice(("weekdays after 17:00", "mornings; not Fridays", "any time")), 0.5
        ),
        needs=_some(rng, ("mental_physical_health", "shelter_accommodation"), 0.5),
        risk_level=_maybe(rng, rng.choices(("standard", "medium", "high"), (60, 30, 10))[0], 0.85),
        risk_tool=_maybe(rng, "hate_crime_matrix", 0.6),
    )


def _perpetrator(rng: random.Random) -> PerpetratorFacts:
    known = rng.random() < 0.4
    return PerpetratorFacts(
        age_band=_maybe(rng, rng.choice(("16_17", "18_24", "35_44")), 0.8),
        gender=_maybe(rng, rng.choice(("male", "male", "female")), 0.9),
        known_to_victim=known,
        relationship=rng.choice(("neighbour", "acquaintance")) if known else "stranger",
        name=f"{rng.choice(GIVEN_NAMES)} {rng.choice(SURNAMES)}" if known else None,
    )


def _consent(rng: random.Random) -> ConsentFacts:
    draw = rng.random()
    if draw < 0.06:  # statistics only
        return ConsentFacts(False, False, False, True)
    if draw < 0.14:  # a service may help, but the police may not be told
        return ConsentFacts(False, True, True, True)
    return ConsentFacts(True, True, True, rng.random() < 0.9)


def _course(rng: random.Random, *, crime: bool) -> CourseFacts:
    charged = crime and rng.random() < 0.45
    plea = rng.choice(("guilty", "not_guilty")) if charged else None
    convicted = charged and (plea == "guilty" or rng.random() < 0.5)
    outcome = ("convicted_plea" if plea == "guilty" else "convicted_trial") if convicted else None
    return CourseFacts(
        case_status="charged" if charged else rng.choice(_UNCHARGED),
        cps_stage="charged" if charged else ("legal_decision" if crime else None),
        charging_decision=("charge" if charged else "further_investigation") if crime else None,
        plea=plea,
        outcome=outcome or ("discontinued" if charged else None),
        sentence_uplift=rng.random() < 0.7 if convicted else None,
        offences=("Harassment, Protection from Harassment Act 1997 s2",) if charged else (),
        civil_measures=_some(rng, ("acceptable_behaviour_contract", "tenancy_action"), 0.3),
        diversion=() if crime else _some(rng, ("restorative_justice", "education_programme"), 0.3),
    )


def _narrative(rng: random.Random, number: int) -> str:
    text = " ".join(rng.sample(_WHAT, rng.choice((1, 2))))
    if rng.random() < 0.2:
        text += f"\nThe café at no. {number % 90 + 1} was named too – “about £{number % 7 + 3}0”."
    if rng.random() < 0.012:
        text = (text + " And again. ") * (LONG_NARRATIVE // len(text) + 1)
    return text.strip()


def _maybe(rng: random.Random, value: _T, chance: float) -> _T | None:
    return value if rng.random() < chance else None


def _some(rng: random.Random, values: Sequence[str], chance: float) -> tuple[str, ...]:
    if rng.random() >= chance:
        return ()
    return tuple(sorted(rng.sample(values, rng.choice((1, 1, 2)))))
