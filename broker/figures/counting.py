"""Counting: the cases of a period as atoms, and their sum over agencies.

An atom is a combination of the values of every dimension (docs/spec/figures.md, "Counts"). Every
table is a sum of atoms, so any agency that has the same counts computes the same figures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final, Literal, TypeAlias

import orjson

from broker.envelope.primitives import hmac_sha256, lp, sha256
from broker.errors import WrongInputError
from broker.figures.case_values import CaseValues
from contracts.vocabulary.figures import SOURCE, UNIT_AREA, Figures

__all__ = [
    "Atom",
    "CountedPart",
    "CountsOf",
    "Period",
    "ReferralCounts",
    "Subject",
    "count",
    "dimension_names",
    "last_quarters",
    "parse_period",
    "quarter_of",
]

Atom: TypeAlias = tuple[tuple[str, ...], ...]
"""Values of each dimension, in the order of the dimensions' names."""
Subject: TypeAlias = Literal["cases", "referrals"]
"""Of what figures are."""
_PERIOD: Final = re.compile(r"(20[0-9]{2})-Q([1-4])")
_MONTHS: Final = 3
_QUARTERS: Final = 4


@dataclass(frozen=True, slots=True)
class Period:
    """A quarter of the calendar, in UTC.

    Attributes:
        name: `YYYY-Qn`.
        first_ms: its first millisecond.
        end_ms: the first millisecond after it.
    """

    name: str
    first_ms: int
    end_ms: int


def parse_period(text: str) -> Period:
    """Return the quarter that a text names.

    Raises:
        WrongInputError: `period_malformed`.
    """
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise WrongInputError(
            "The period is not a quarter such as 2026-Q3, from 2000-Q1 to 2099-Q4.",
            code="period_malformed",
            where="--period",
            fix="Write the year, -Q and the number of the quarter: --period 2026-Q3.",
        )
    year, quarter = int(found[1]), int(found[2])
    first = date(year, (quarter - 1) * _MONTHS + 1, 1)
    after = date(year + quarter // 4, quarter % 4 * _MONTHS + 1, 1)
    return Period(text, _midnight_ms(first), _midnight_ms(after))


def quarter_of(time_ms: int, back: int = 0) -> Period:
    """Return the quarter of a time, or one that is a number of quarters before it."""
    day = datetime.fromtimestamp(time_ms / 1000, UTC)
    number = day.year * _QUARTERS + (day.month - 1) // _MONTHS - back
    return parse_period(f"{number // _QUARTERS}-Q{number % _QUARTERS + 1}")


def last_quarters(now: int, number: int) -> tuple[Period, ...]:
    """Return the quarter of an instant and those before it, the newest first.

    Args:
        now: ms.
        number: number of quarters.
    """
    return tuple(quarter_of(now, back) for back in range(number))


def _midnight_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def dimension_names(figures: Figures) -> tuple[str, ...]:
    """Return the names of every dimension, sorted, with those that follow from the agencies."""
    own = {SOURCE} if figures.recording is None else {SOURCE, UNIT_AREA}
    return tuple(sorted(own | figures.dimensions.keys()))


@dataclass(frozen=True, slots=True)
class ReferralCounts:
    """Referrals that one agency sent in a period, one for each recipient.

    Attributes:
        dimensions: names, sorted.
        atoms: combination of values to the number of referrals that have exactly it, from 1.
        without_consent: referrals that are not counted for want of consent.
    """

    dimensions: tuple[str, ...]
    atoms: Mapping[Atom, int]
    without_consent: int


@dataclass(frozen=True, slots=True)
class CountedPart:
    """Cases or referrals of the counts of one agency.

    Attributes:
        digest: hash of the whole counts.
        dimensions, atoms, without_consent: as those of the counts.
    """

    agency: str
    digest: bytes
    dimensions: tuple[str, ...]
    atoms: Mapping[Atom, int]
    without_consent: int


UNSALTED: Final = "0" * 64
"""Salt of counts that get one only when their agency publishes them."""


@dataclass(frozen=True, slots=True)
class CountsOf:
    """Counts of one agency for a period.

    Attributes:
        agreement: name of the agreement.
        period: `YYYY-Qn`.
        vocabulary: hash of the vocabulary, hexadecimal.
        dimensions: names, sorted.
        atoms: combination of values to the number of cases that have exactly it, from 1.
        without_consent: cases that are not counted for want of consent.
        referrals: the referrals that it sent; None if the agreement counts none.
        salt: 32 bytes, hexadecimal, without which the hash cannot be guessed; see `salted`.
    """

    deployment: str
    agreement: str
    agency: str
    period: str
    vocabulary: str
    dimensions: tuple[str, ...]
    atoms: Mapping[Atom, int]
    without_consent: int
    referrals: ReferralCounts | None = None
    salt: str = UNSALTED

    def salted(self, secret: bytes) -> CountsOf:
        """Return these counts with a salt that only their agency can make, the same each time.

        The hash of counts is published with figures. Few cases could be found by trying all
        counts, so the salt is known to the recipients of the counts alone.

        Args:
            secret: the agency's secret.
        """
        bound = lp(b"concordant/1/counts-salt", replace(self, salt=UNSALTED).canonical())
        return replace(self, salt=hmac_sha256(secret, bound).hex())

    @property
    def cases(self) -> int:
        """Return the number of unique cases."""
        return sum(self.atoms.values())

    def part(self, of: Subject) -> CountedPart | None:
        """Return the cases or the referrals; None if the agreement counts no referrals."""
        found = self if of == "cases" else self.referrals
        if found is None:
            return None
        kept = found.dimensions, found.atoms, found.without_consent
        return CountedPart(self.agency, self.digest, *kept)

    def canonical(self) -> bytes:
        """Return the one form of these counts in bytes."""
        said: dict[str, object] = {
            "format": "concordant.counts/v1",
            "deployment": self.deployment,
            "agreement": self.agreement,
            "agency": self.agency,
            "period": self.period,
            "salt": self.salt,
            "vocabulary": self.vocabulary,
            "dimensions": self.dimensions,
            "atoms": _listed(self.atoms, "cases"),
            "without_consent": self.without_consent,
        }
        if self.referrals is not None:
            said["referrals"] = {
                "dimensions": self.referrals.dimensions,
                "atoms": _listed(self.referrals.atoms, "referrals"),
                "without_consent": self.referrals.without_consent,
            }
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of the canonical form."""
        return sha256(self.canonical())


def _listed(atoms: Mapping[Atom, int], counted: str) -> list[dict[str, object]]:
    return [{"values": values, counted: number} for values, number in sorted(atoms.items())]


def count(
    cases: Iterable[CaseValues | None], dimensions: Sequence[str]
) -> tuple[Mapping[Atom, int], int]:
    """Count cases or referrals by the combination of their values.

    Args:
        cases: values of each one; None if it is not counted for want of consent.
        dimensions: names, sorted.

    Returns:
        The atoms, and the number of those that are not counted.
    """
    atoms: Counter[Atom] = Counter()
    without_consent = 0
    for values in cases:
        if values is None:
            without_consent += 1
        else:
            atoms[tuple(values[name] for name in dimensions)] += 1
    return dict(atoms), without_consent
