"""Law as dated data: codes of legal bases, conditions and gateways.

An agreement names a code, or several with a semicolon between them. Lint refuses a text that is not
in the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from contracts.dated_data import dated_data
from contracts.parties import Party
from contracts.phrases import N_, Phrase, joined, phrase

__all__ = [
    "KINDS",
    "KIND_WORDS",
    "LegalCode",
    "LegalKind",
    "PartyKind",
    "codes_dated",
    "codes_in",
    "law_in_words",
    "legal_codes",
    "party_kind",
]  # fmt: skip

LegalKind: TypeAlias = Literal[
    "bases", "article_9", "article_10", "schedule_1", "schedule_8", "gateways"
]
PartyKind: TypeAlias = Literal["competent-authority", "public-authority", "other"]
KINDS: tuple[LegalKind, ...] = (
    "bases", "article_9", "article_10", "schedule_1", "schedule_8", "gateways",
)  # fmt: skip
KIND_WORDS: Mapping[LegalKind, str] = MappingProxyType(
    {
        "bases": "legal bases",
        "article_9": "conditions for special category data (Article 9 UK GDPR)",
        "article_10": "conditions for criminal offence data (Article 10 UK GDPR)",
        "schedule_1": "conditions of Schedule 1 to the Data Protection Act 2018",
        "schedule_8": "conditions of Schedule 8 to the Data Protection Act 2018",
        "gateways": "gateways: laws that allow or require a disclosure",
    }
)


@dataclass(frozen=True, slots=True)
class LegalCode:
    """One legal basis, condition or gateway.

    Attributes:
        code: as an agreement names it.
        label: in words; `docs/texts.py` takes it for the pages from the list.
        regime: under which it exists; None for a gateway of either.
        who: kinds of parties that may rely on it.
        needs_schedule_1: goes with a condition of DPA 2018 Schedule 1.
        policy_document: needs an appropriate policy document.
        criminal: a condition for criminal offence data too.
        first_day: the day from which it exists; None if it is older than UK GDPR.
        until: the first day on which it does not exist any more.
    """

    code: str
    label: str
    regime: str | None
    who: frozenset[str]
    needs_schedule_1: bool = False
    policy_document: bool = False
    criminal: bool = False
    first_day: date | None = None
    until: date | None = None


@cache
def legal_codes(kind: LegalKind) -> Mapping[str, LegalCode]:
    """Return the codes of one kind in the newest dated list."""
    content = dated_data("legal_codes")
    return MappingProxyType(
        {
            entry["code"]: LegalCode(
                code=entry["code"],
                label=entry["label"],
                regime=entry["regime"],
                who=frozenset(entry["who"]),
                needs_schedule_1=entry.get("needs_schedule_1", False),
                policy_document=entry.get("policy_document", False),
                criminal=entry.get("criminal", False),
                first_day=_day(entry.get("from")),
                until=_day(entry.get("until")),
            )
            for entry in content[kind]
        }
    )


def codes_dated() -> str:
    """Return the day of the newest dated list of codes."""
    return str(dated_data("legal_codes")["dated"])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def codes_in(text: str | None) -> tuple[str, ...]:
    """Return the codes that a text names, with semicolons between them."""
    return tuple(part.strip() for part in (text or "").split(";") if part.strip())


_LAWS: Final = (
    ("uk-gdpr:", N_("UK GDPR Article %(number)s")),
    ("dpa2018:sch1:", N_("Data Protection Act 2018, Schedule 1, paragraph %(number)s")),
    ("dpa2018:sch8:", N_("Data Protection Act 2018, Schedule 8, paragraph %(number)s")),
    ("dpa2018:", N_("Data Protection Act 2018, section %(number)s")),
)


def law_in_words(code: str) -> Phrase:
    """Return a code of law as people cite it, with its label.

    For example `UK GDPR Article 6(1)(c): legal obligation`. The label of a gateway names its Act.
    An unknown code is returned as it is.
    """
    known = [each[code] for kind in KINDS if code in (each := legal_codes(kind))]
    if not known:
        return joined("", (code,))
    label = N_(known[0].label)
    if code in legal_codes("gateways"):
        return label
    for prefix, law in _LAWS:
        if code.startswith(prefix):
            return joined(": ", (phrase(law, number=code.removeprefix(prefix)), label))
    return label


def party_kind(party: Party) -> PartyKind:
    """Return the kind of a party under the law, from its regime and its own statement."""
    if party.regime == "dpa2018-part3":
        return "competent-authority"
    return "public-authority" if party.public_authority else "other"
