"""Codes of legal bases, conditions and gateways: dated data with source, regime and users.

An agreement names a code, or several with a semicolon between them. What is not in the list is
refused by lint, whatever it says in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, TypeAlias

from contracts.parties import Party
from contracts.vocabulary import dated_data

__all__ = ["KINDS", "Kind", "LegalCode", "PartyKind", "codes_in", "legal_codes", "party_kind"]

Kind: TypeAlias = Literal[
    "bases", "article_9", "article_10", "schedule_1", "schedule_8", "gateways"
]
PartyKind: TypeAlias = Literal["competent-authority", "public-authority", "other"]
KINDS: tuple[Kind, ...] = (
    "bases", "article_9", "article_10", "schedule_1", "schedule_8", "gateways",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LegalCode:
    """One legal basis, condition or gateway.

    Attributes:
        code: as an agreement names it.
        label: in words.
        regime: under which it exists; None for a gateway of either.
        who: kinds of parties that may rely on it.
        needs_schedule_1: goes with a condition of DPA 2018 Schedule 1.
        policy_document: needs an appropriate policy document.
        criminal: a condition for criminal offence data too.
    """

    code: str
    label: str
    regime: str | None
    who: frozenset[str]
    needs_schedule_1: bool = False
    policy_document: bool = False
    criminal: bool = False


@cache
def legal_codes(kind: Kind) -> Mapping[str, LegalCode]:
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
            )
            for entry in content[kind]
        }
    )


def codes_in(text: str | None) -> tuple[str, ...]:
    """Return the codes that a text names, with semicolons between them."""
    return tuple(part.strip() for part in (text or "").split(";") if part.strip())


def party_kind(party: Party) -> PartyKind:
    """Return what a party is for the law: it follows from its regime and its own statement."""
    if party.regime == "dpa2018-part3":
        return "competent-authority"
    return "public-authority" if party.public_authority else "other"
